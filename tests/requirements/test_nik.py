"""NIK and Nomor KK, N1 to N11: the tables of ``domain.md`` 2 and 3, boundary by boundary."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some
from lokal import parse_nik as lokal_parse_nik
from lokal import wilayah

from exchange.requirements.numbers import (
    OLD_REGIONS,
    CheckedNumber,
    NumberError,
    likely_birth_date,
    old_region,
    parse_family_card,
    parse_nik,
)
from tests.requirements.builders import TODAY, fullwidth

# Section 3: code, male of 17-08-1990, female of 17-08-1992, Nomor KK.
DISTRICTS = [
    ("64.01", "6401041708909901", "6401045708929902", "6401041503209901"),
    ("64.02", "6402061708909901", "6402065708929902", "6402061503209901"),
    ("64.03", "6403051708909901", "6403055708929902", "6403051503209901"),
    ("64.07", "6407071708909901", "6407075708929902", "6407071503209901"),
    ("64.08", "6408041708909901", "6408045708929902", "6408041503209901"),
    ("64.09", "6409011708909901", "6409015708929902", "6409011503209901"),
    ("64.11", "6411011708909901", "6411015708929902", "6411011503209901"),
    ("64.71", "6471061708909901", "6471065708929902", "6471061503209901"),
    ("64.72", "6472091708909901", "6472095708929902", "6472091503209901"),
    ("64.74", "6474011708909901", "6474015708929902", "6474011503209901"),
]


def refused(text: str) -> str:
    with pytest.raises(NumberError) as caught:
        parse_nik(text, birth_date=None, today=TODAY)
    assert caught.value.field == "nik"
    return caught.value.rule


@pytest.mark.parametrize(("code", "male", "female", "card"), DISTRICTS, ids=[row[0] for row in DISTRICTS])
def test_the_ten_districts(code: str, male: str, female: str, card: str) -> None:
    """All rows pass N1 to N7, and N4 knows today's kecamatan."""
    man = parse_nik(male, birth_date=date(1990, 8, 17), sex="L", today=TODAY)
    woman = parse_nik(female, birth_date=date(1992, 8, 17), sex="P", today=TODAY)
    assert (man.number, man.sex, man.warnings) == (male, "L", ())
    assert (woman.number, woman.sex, woman.warnings) == (female, "P", ())
    assert parse_family_card(card, nik=male) == CheckedNumber(card, ())
    assert wilayah.get_wilayah(code) is not None


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("", "N1"),
        ("647209170890990", "N1"),
        ("64720917089099011", "N1"),
        ("647209170890990X", "N1"),
        (fullwidth("6472091708909901"), "N1"),
        ("٦٤٧٢٠٩١٧٠٨٩٠٩٩٠١", "N1"),
        ("6472_0917_0890_9901", "N1"),
        ("6472091708909901\n", "N1"),
        ("1072091708909901", "N2"),
        ("2072091708909901", "N2"),
        ("9772091708909901", "N2"),
        ("9972091708909901", "N2"),
        ("0072091708909901", "N2"),
        ("6400091708909901", "N3"),
        ("6472001708909901", "N3"),
        ("6472090008909901", "N5"),
        ("6472093208909901", "N5"),
        ("6472094008909901", "N5"),
        ("6472097208909901", "N5"),
        ("6472098108909901", "N5"),
        ("6472099908909901", "N5"),
        ("6472091700909901", "N6"),
        ("6472091713909901", "N6"),
        ("6472093002909901", "N6"),
        ("6472093104909901", "N6"),
        ("6472092902919901", "N6"),
        ("6472096902919901", "N6"),
        ("6472091708900000", "N7"),
    ],
)
def test_what_cannot_be_a_nik(number: str, rule: str) -> None:
    assert refused(number) == rule


@pytest.mark.parametrize("province", [11, 19, 21, 31, 36, 51, 53, 61, 65, 71, 76, 81, 82, 91, 92, 93, 95, 96])
def test_n2_all_38_provinces(province: int) -> None:
    """The newest ones included, which other libraries refuse."""
    assert parse_nik(f"{province}01011708909901", birth_date=None, today=TODAY).sex == "L"


@pytest.mark.parametrize(
    "number", ["6472 0917 0890 9901", "64.72.09.170890.9901", "647209-170890-9901", " 6472091708909901 "]
)
def test_n1_separators(number: str) -> None:
    assert parse_nik(number, birth_date=None, today=TODAY).number == "6472091708909901"


@pytest.mark.parametrize(
    ("number", "today_code"),
    [
        ("6404011708909901", "65.01"),
        ("6405011708909901", "65.03"),
        ("6406011708909901", "65.02"),
        ("6410011708909901", "65.04"),
        ("6473011708909901", "65.71"),
        ("6407011708909901", "64.11"),
        ("6407041708909901", "64.11"),
    ],
)
def test_n4_old_codes_warn(number: str, today_code: str) -> None:
    """Most adults of Mahakam Ulu and many neighbours of North Kalimantan carry such a number."""
    assert parse_nik(number, birth_date=None, today=TODAY).warnings == ("N4",)
    assert old_region(number) == today_code
    assert wilayah.get_wilayah(today_code) is not None


def test_n4_codes_of_today() -> None:
    for number in ("6501011708909901", "6407051708909901", "6472091708909901"):
        assert parse_nik(number, birth_date=None, today=TODAY).warnings == ()
        assert old_region(number) is None
    assert all(wilayah.get_wilayah(code) is None for code in OLD_REGIONS), (
        "an old code that came back is not old"
    )


@pytest.mark.parametrize(("day", "sex"), [("01", "L"), ("31", "L"), ("41", "P"), ("71", "P")])
def test_n5_first_and_last_days(day: str, sex: str) -> None:
    assert parse_nik(f"647209{day}08909901", birth_date=None, today=TODAY).sex == sex


def test_n6_the_29th_of_february_of_one_century() -> None:
    nik = parse_nik("6472092902009901", birth_date=None, today=TODAY)
    assert nik.birth_dates == (date(2000, 2, 29),)
    assert parse_nik("6472092902049901", birth_date=None, today=TODAY).birth_dates == (
        date(1904, 2, 29),
        date(2004, 2, 29),
    )


@pytest.mark.parametrize(
    ("number", "today", "likely"),
    [
        ("6472090101159901", TODAY, date(2015, 1, 1)),  # a child, not somebody of 111 years
        ("6472091708909901", TODAY, date(1990, 8, 17)),
        ("6472092411269901", TODAY, date(2026, 11, 24)),  # born today
        ("6472092511269901", TODAY, date(1926, 11, 25)),  # not born tomorrow
        ("6472090101169901", date(2126, 12, 31), date(2016, 1, 1)),  # 110 years
        ("6472093112159901", date(2126, 12, 30), date(2015, 12, 31)),  # 110 until tomorrow
        ("6472092902009901", TODAY, date(2000, 2, 29)),
    ],
)
def test_n8_the_century(number: str, today: date, likely: date) -> None:
    assert likely_birth_date(parse_nik(number, birth_date=None, today=today), today) == likely


def test_n8_older_than_110_is_not_guessed() -> None:
    later = date(2130, 1, 1)
    nik = parse_nik("6472090101159901", birth_date=None, today=later)
    assert likely_birth_date(nik, later) is None


@pytest.mark.parametrize(
    ("born", "sex", "warnings"),
    [
        (date(1990, 8, 17), "L", ()),
        (date(1890, 8, 17), None, ("N9",)),
        (date(2090, 8, 17), None, ("N9",)),
        (date(1990, 8, 18), None, ("N9",)),
        (None, "P", ("N9",)),
        (date(1990, 8, 18), "P", ("N9",)),
        (None, None, ()),
    ],
)
def test_n9_differences_only_warn(born: date | None, sex: str | None, warnings: tuple[str, ...]) -> None:
    """A NIK is not issued anew after a correction."""
    assert parse_nik("6472091708909901", birth_date=born, sex=sex, today=TODAY).warnings == warnings


def test_n9_the_form_decides_the_century() -> None:
    for born in (date(1915, 1, 1), date(2015, 1, 1)):
        assert parse_nik("6472090101159901", birth_date=born, today=TODAY).warnings == ()


def test_n4_and_n9_together() -> None:
    assert parse_nik("6404011708909901", birth_date=date(1991, 8, 17), today=TODAY).warnings == ("N4", "N9")


def test_n10_a_nik_says_nothing_about_registration_or_citizenship() -> None:
    assert set(parse_nik("6472091708909901", birth_date=None, today=TODAY).__slots__) == {
        "number", "sex", "birth_dates", "warnings",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("card", "nik", "warnings"),
    [
        ("6472091503209901", "6472091708909901", ()),
        ("6472091708909901", "6472091708909901", ("N11",)),
        ("6472091708909901", "6472 0917 0890 9901", ("N11",)),
        ("6472095708929902", None, ("N11",)),
        ("6472094108929902", None, ("N11",)),
        ("6472097108929902", None, ("N11",)),
        ("6472094008929902", None, ()),
        ("6472097208929902", None, ()),
        ("6404011503209901", None, ("N4",)),
        ("6404015703209901", None, ("N4", "N11")),
    ],
)
def test_n11_family_cards(card: str, nik: str | None, warnings: tuple[str, ...]) -> None:
    assert parse_family_card(card, nik=nik).warnings == warnings


@pytest.mark.parametrize(
    ("card", "rule"), [("647209150320990", "N1"), ("9972091503209901", "N2"), ("6472001503209901", "N3")]
)
def test_what_cannot_be_a_family_card(card: str, rule: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_family_card(card)
    assert (caught.value.rule, caught.value.field) == (rule, "family_card")


# ---- cross-check with lokal-id (domain.md 2.3: its NIK rules are right)


@given(some.from_regex(r"[1-9][0-9]{15}", fullmatch=True))
def test_lokal_agrees_on_any_sixteen_digits(number: str) -> None:
    assert _ours(number) == lokal_parse_nik(number, reference_date=TODAY).valid


@given(
    place=some.sampled_from(["647209", "640401", "650101", "640001", "997209", "910101"]),
    day=some.integers(0, 99),
    month=some.integers(0, 13),
    year=some.integers(0, 99),
    serial=some.sampled_from(["0000", "9901"]),
)
def test_lokal_agrees_around_the_boundaries(place: str, day: int, month: int, year: int, serial: str) -> None:
    number = f"{place}{day:02d}{month:02d}{year:02d}{serial}"
    theirs = lokal_parse_nik(
        number,
        reference_date=TODAY,
        lookup_wilayah=lambda code: getattr(wilayah.get_wilayah(code), "name", None),
    )
    assert _ours(number) == theirs.valid
    if theirs.valid:
        nik = parse_nik(number, birth_date=None, today=TODAY)
        assert nik.sex == theirs.gender
        assert ("N4" in nik.warnings) == bool(theirs.warnings)
        assert date.fromisoformat(theirs.birth_date or "") in nik.birth_dates or year == TODAY.year % 100


def _ours(number: str) -> bool:
    try:
        parse_nik(number, birth_date=None, today=TODAY)
    except NumberError:
        return False
    return True
