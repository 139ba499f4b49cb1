"""The numbers of other papers (``domain.md`` 2.2), phones, masks; no error or repr carries a number."""

from __future__ import annotations

import traceback

import pytest

from exchange.requirements.numbers import (
    NumberError,
    check_about,
    check_number,
    check_phone,
    is_nik,
    mask_email,
    mask_name,
    mask_nik,
    mask_phone,
    parse_family_card,
    parse_nik,
)
from tests.requirements.builders import CATALOGUE, TODAY, fullwidth

# ---- the numbers of other papers


@pytest.mark.parametrize(
    ("code", "text", "normalised", "warnings"),
    [
        ("NPWP", "99.999.999.8-999.000", "0999999998999000", ()),
        ("NPWP", "999999998999000", "0999999998999000", ()),
        ("NPWP", "0999999998999000", "0999999998999000", ()),
        ("NPWP", "99.999.999.7-999.000", "0999999997999000", ("check_digit",)),
        ("NPWP", "6472091708909901", "6472091708909901", ()),
        ("NPWP_BADAN", "99.999.999.8-999.000", "0999999998999000", ()),
        ("NPWP_BADAN", "0999999998999000000000", "0999999998999000000000", ()),
        ("NPWP_BADAN", "0999999998999000000001", "0999999998999000000001", ()),
        ("NPWP_BADAN", "1000000000009901", "1000000000009901", ()),
        ("NIB", "0000000000017", "0000000000017", ()),
        ("PASPOR", "Z0000001", "Z0000001", ()),
        ("PASPOR", "z0000001", "Z0000001", ()),
        ("PASPOR", "ZZ000001", "ZZ000001", ("pattern",)),
        ("PASPOR", "12", "12", ("pattern",)),
        ("KARTU_JKN", "0000000000017", "0000000000017", ()),
        ("KARTU_JKN", "0000 0000 00017", "0000000000017", ()),
        ("KARTU_BPJSTK", "00000009901", "00000009901", ()),
        ("KARTU_BPJSTK", "123", "123", ("pattern",)),
        ("SPPT_PBB", "640101000100199990", "640101000100199990", ()),
        ("SPPT_PBB", "64.01.010.001.001-9999.0", "640101000100199990", ()),
        ("STNK", "KT 1234 ZZ", "KT 1234 ZZ", ()),
        ("STNK", "kt 1234 zz", "KT 1234 ZZ", ()),
        ("STNK", "KT1234ZZ", "KT1234ZZ", ()),
        ("STNK", "L 1", "L 1", ()),
        ("SIM", "9999241126 9901", "99992411269901", ()),
        ("SIM", "1", "1", ("pattern",)),
        ("AKTA_LAHIR", "6472-LU-17082020-9901", "6472-LU-17082020-9901", ()),
        ("AKTA_LAHIR", "6472-LT-17082020-9901", "6472-LT-17082020-9901", ()),
        ("AKTA_LAHIR", "12/Disp/1980", "12/Disp/1980", ("pattern",)),
        ("AKTA_KEMATIAN", "6472-KM-17082020-9901", "6472-KM-17082020-9901", ()),
        ("AKTA_KAWIN", "6472-KW-17082020-9901", "6472-KW-17082020-9901", ()),
        ("SK_DOMISILI", " 470/12/Kel-Contoh ", "470/12/Kel-Contoh", ()),
        ("KTP", "6472 0917 0890 9901", "6472091708909901", ()),
    ],
)
def test_numbers_of_papers(code: str, text: str, normalised: str, warnings: tuple[str, ...]) -> None:
    checked = check_number(CATALOGUE.document_types[code], text, today=TODAY)
    assert (checked.normalised, checked.warnings) == (normalised, warnings)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("NPWP", "99999999899900"),
        ("NPWP", "99999999899900000"),
        ("NPWP_BADAN", "099999999899900000000"),
        ("NIB", "17"),
        ("NIB", fullwidth("0000000000017")),
        ("KARTU_JKN", "000000000001X"),
        ("SPPT_PBB", "64010100010019999"),
        ("STNK", "KTX 1234 ZZ"),
        ("STNK", "KT 12345 ZZ"),
        ("STNK", "1234"),
        ("STNK", "KT 1234 ZZ\n; x"),
    ],
)
def test_strict_numbers_are_refused(code: str, text: str) -> None:
    with pytest.raises(NumberError) as caught:
        check_number(CATALOGUE.document_types[code], text, today=TODAY)
    assert (caught.value.rule, caught.value.field) == ("pattern", "number")


PERSON = ["KTP", "IKD", "KIA", "SUKET_REKAM"]


@pytest.mark.parametrize("code", PERSON)
@pytest.mark.parametrize(
    ("text", "rule"),
    [("647209170890990", "N1"), ("0000000000000000", "N2"), ("6472098108909901", "N5"), ("6472093002909901", "N6"),
     ("6472091708900000", "N7")],
)  # fmt: skip
def test_the_number_of_a_card_is_a_nik(code: str, text: str, rule: str) -> None:
    """Wrong version: sixteen digits are enough."""
    with pytest.raises(NumberError) as caught:
        check_number(CATALOGUE.document_types[code], text, today=TODAY)
    assert (caught.value.rule, caught.value.field) == (rule, "number")


def test_the_types_that_carry_a_nik() -> None:
    assert [code for code, kind in CATALOGUE.document_types.items() if is_nik(kind)] == PERSON


@pytest.mark.parametrize(
    ("text", "rule"), [("", "N1"), ("9999999999999999", "N2"), ("6400091503209901", "N3")]
)
def test_the_number_of_a_family_card(text: str, rule: str) -> None:
    with pytest.raises(NumberError) as caught:
        check_number(CATALOGUE.document_types["KK"], text, today=TODAY)
    assert (caught.value.rule, caught.value.field) == (rule, "number")


@pytest.mark.parametrize(
    ("code", "text", "nik", "warnings"),
    [
        ("KK", "6472091503209901", "6472091708909901", ()),
        ("KK", "6472095708929902", None, ("N11",)),
        ("KK", "6472.0917.0890.9901", "6472091708909901", ("N11",)),
        ("KK", "6404011503209901", None, ("N4",)),
        ("KTP", "6404011708909901", None, ("N4",)),
    ],
)
def test_numbers_that_warn(code: str, text: str, nik: str | None, warnings: tuple[str, ...]) -> None:
    """N4 and N11: a woman's NIK, or the citizen's own, typed as the number of the family card."""
    assert check_number(CATALOGUE.document_types[code], text, today=TODAY, nik=nik).warnings == warnings


@pytest.mark.parametrize(
    ("code", "text", "thing"),
    [
        ("STNK", "kt1234zz", "KT 1234 ZZ"),
        ("BPKB", " KT 1234 ZZ ", "KT 1234 ZZ"),
        ("SK_BPKB_BANK", "L 1", "L 1"),
        ("SERTIPIKAT_TANAH", "64.01.010.001.001-9999.0", "640101000100199990"),
        ("AJB", "640101000100199990", "640101000100199990"),
    ],
)
def test_what_a_paper_is_about(code: str, text: str, thing: str) -> None:
    """The same however it was typed: otherwise one vehicle is two."""
    assert check_about(CATALOGUE.document_types[code], text) == thing


@pytest.mark.parametrize(
    ("code", "text", "rule"),
    [
        ("STNK", "640101000100199990", "plate"),
        ("BPKB", "KT 12345 ZZ", "plate"),
        ("BPKB", "mobil", "plate"),
        ("AJB", "KT 1234 ZZ", "nop"),
        ("SPPT_PBB", "64010100010019999", "nop"),
        ("SPPT_PBB", fullwidth("640101000100199990"), "nop"),
        ("KTP", "KT 1234 ZZ", "not_for_type"),
        ("SK_WARIS", "640101000100199990", "not_for_type"),
    ],
)
def test_what_a_paper_cannot_be_about(code: str, text: str, rule: str) -> None:
    with pytest.raises(NumberError) as caught:
        check_about(CATALOGUE.document_types[code], text)
    assert (caught.value.rule, caught.value.field) == (rule, "about")
    assert text not in str(caught.value)


# ---- phones


@pytest.mark.parametrize(
    "text",
    ["081000009901", "0810-0000-9901", "0810 0000 9901", "(0810) 0000.9901", "+6281000009901", "+62 810 0000 9901",
     "6281000009901", "62 810-0000-9901"],
)  # fmt: skip
def test_phones_as_people_write_them(text: str) -> None:
    assert check_phone(text) == "+6281000009901"


@pytest.mark.parametrize(
    "text",
    ["", "081", "0810000099010000000", "0541 123456", "+1 202 555 0100", "+60 12 345 6789", "0812FLOWERS", "bukan",
     "081000009901 ext 5", "tel:081000009901", fullwidth("081000009901"), "+", "112"],
)  # fmt: skip
def test_what_is_no_indonesian_mobile(text: str) -> None:
    with pytest.raises(NumberError) as caught:
        check_phone(text)
    assert (caught.value.rule, caught.value.field) == ("phone", "contact")


# ---- masks, errors and reprs


def test_masks() -> None:
    assert mask_nik("6472091708909901") == "•••• •••• •••• 9901"
    assert mask_phone("+6281000009901") == "+62 810-••••-9901"
    assert mask_name("Warga Contoh") == "W**** C*****"
    assert mask_name("Contohwati") == "C*********"
    assert mask_name("") == ""
    assert mask_email("warga@contoh.example") == "w•••@contoh.example"


@pytest.mark.parametrize("district", ["6472", "1708", "0917"])
def test_the_mask_gives_away_neither_district_nor_birth_date(district: str) -> None:
    assert district not in mask_nik("6472091708909901")


WRONG = [
    "6472091708900000",
    "6472098108909901",
    "9972091708909901",
    "647209170890990",
    "6400091708909901",
    "6472093002909901",
]


@pytest.mark.parametrize("number", WRONG)
def test_no_error_carries_the_number(number: str) -> None:
    """Errors end in logs; not in the text, the repr, the arguments or what they were raised from."""
    for attempt in (
        lambda: parse_nik(number, birth_date=None, today=TODAY),
        lambda: parse_family_card(number + "99999"),
        lambda: check_number(CATALOGUE.document_types["NIB"], number, today=TODAY),
        lambda: check_phone(number),
    ):
        with pytest.raises(NumberError) as caught:
            attempt()
        told = "".join(traceback.format_exception_only(caught.value))
        for piece in (
            str(caught.value),
            repr(caught.value),
            str(caught.value.args),
            told,
            str(vars(caught.value)),
        ):
            assert number[4:12] not in piece
        assert caught.value.__cause__ is None


def test_no_repr_carries_the_number() -> None:
    nik = parse_nik("6472091708909901", birth_date=None, today=TODAY)
    assert repr(nik) == str(nik) == "Nik(•••• •••• •••• 9901)"
    assert repr(parse_family_card("6472091503209901")) == "CheckedNumber()"
