"""The synthetic world: numbers by the rules, papers by the catalogue, and the same world for the same day."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
import yaml
from lokal import wilayah

import exchange.requirements
from exchange.cli.sandbox.families import AGENCIES, OFFICERS, World, sandbox_world
from exchange.cli.sandbox.register import make_nik

DATA = Path(exchange.requirements.__file__).parent / "data"
DAYS = [date(2026, 11, 24), date(2027, 1, 2), date(2028, 2, 29)]
PROVINCES = {
    *range(11, 20),
    21,
    *range(31, 37),
    *range(51, 54),
    *range(61, 66),
    *range(71, 77),
    81,
    82,
    *range(91, 97),
}
FORMATS = {
    "scan": {"jpg"},
    "photo": {"jpg"},
    "portrait": {"jpg"},
    "page": {"pdf"},
    "pages": {"pdf"},
}


def catalogue(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((DATA / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


TYPES = {entry["code"]: entry for entry in catalogue("document-types.yaml")["documents"]}


@pytest.fixture(params=DAYS, ids=str)
def world(request: pytest.FixtureRequest) -> World:
    return sandbox_world(request.param)


def test_counts(world: World) -> None:
    assert len(world.agencies) >= 6
    assert len(world.officers) == 12
    assert len(world.citizens) == 20
    assert sum(len(citizen.papers) for citizen in world.citizens) >= 80


def test_the_same_day_gives_the_same_world() -> None:
    assert sandbox_world(DAYS[0]) == sandbox_world(DAYS[0])
    assert sandbox_world(DAYS[0]) != sandbox_world(DAYS[1])


def test_adults_keep_their_number_in_every_world() -> None:
    first, later = (sandbox_world(day).citizens for day in DAYS[:2])
    changed = [old.name for old, new in zip(first, later, strict=True) if old.nik != new.nik]
    assert changed == ["Melati Contoh", "Adi Percobaan"]
    assert first[0].nik == "6472091708909901"
    assert first[1].nik == "6472095708929902"


def test_agencies_are_of_the_catalogue() -> None:
    known = catalogue("services.yaml")["agencies"]
    assert {agency.code for agency in AGENCIES} <= set(known)
    assert all(agency.id == f"{agency.code}@6472" for agency in AGENCIES)


def test_officers_belong_to_agencies_and_some_supervise() -> None:
    ids = {agency.id for agency in AGENCIES}
    assert {officer.agency for officer in OFFICERS} == ids
    assert (
        len({officer.username for officer in OFFICERS}) == len({officer.name for officer in OFFICERS}) == 12
    )
    assert Counter(officer.role for officer in OFFICERS) == {"officer": 9, "supervisor": 3}


def test_every_nik_follows_the_rules_and_the_person(world: World) -> None:
    """Rules N1 to N9 of domain.md, written down a second time."""
    for citizen in world.citizens:
        assert re.fullmatch(r"[0-9]{16}", citizen.nik, re.ASCII)
        province, district, area = (int(citizen.nik[at : at + 2]) for at in (0, 2, 4))
        assert province in PROVINCES
        assert district
        assert area
        day, month, year = (int(citizen.nik[at : at + 2]) for at in (6, 8, 10))
        assert (day > 40) == (citizen.sex == "P")
        assert (day % 40, month, year) == (
            citizen.birth_date.day,
            citizen.birth_date.month,
            citizen.birth_date.year % 100,
        )
        assert citizen.nik[12:14] == "99", "serial 99xx marks a synthetic number"
        assert citizen.nik[12:] != "0000"
        assert citizen.nik != citizen.family_card


def test_numbers_and_contacts_are_unique(world: World) -> None:
    for field in ("nik", "name", "phone"):
        assert len({getattr(citizen, field) for citizen in world.citizens}) == 20
    emails = [citizen.email for citizen in world.citizens if citizen.email]
    assert len(set(emails)) == len(emails) == 19
    assert all(email.endswith("@contoh.example") for email in emails)


def test_phone_numbers_are_indonesian_mobile_numbers(world: World) -> None:
    for citizen in world.citizens:
        assert citizen.phone.startswith("+6281")
        assert phonenumbers.is_valid_number(phonenumbers.parse(citizen.phone))


def test_family_cards_are_synthetic_and_never_look_like_a_womans_nik(world: World) -> None:
    for citizen in world.citizens:
        assert re.fullmatch(r"6472(0[1-9]|10)[0-3][0-9][01][0-9][0-9]{2}99[0-9]{2}", citizen.family_card)
        assert citizen.name in citizen.household
    families = Counter(citizen.family_card for citizen in world.citizens)
    assert sorted(families.values()) == [1, 1, 1, 1, 1, 2, 2, 3, 4, 4]


def test_areas_exist_except_the_old_code_that_is_there_on_purpose(world: World) -> None:
    unknown = [
        citizen.name
        for citizen in world.citizens
        if wilayah.get_wilayah(".".join((citizen.nik[:2], citizen.nik[2:4], citizen.nik[4:6]))) is None
    ]
    assert unknown == ["Yusuf Model"]


def test_ages_that_services_turn_on(world: World) -> None:
    ages = {citizen.name: (world.today - citizen.birth_date).days for citizen in world.citizens}
    assert ages["Melati Contoh"] <= 28, "a newborn may be registered for 28 days"
    assert 17 * 365.25 <= ages["Adi Percobaan"] < 18 * 365
    assert ages["Contohwati"] > 70 * 365


def test_papers_fit_the_catalogue(world: World) -> None:
    """Right format, right number, and the attributes without which validity cannot be judged."""
    for citizen in world.citizens:
        assert len(set(citizen.holds)) == len(citizen.holds)
        for paper in citizen.papers:
            kind = TYPES[paper.type]
            assert FORMATS[paper.shape] & set(kind["formats"]), paper
            assert citizen.birth_date <= paper.issued_on <= world.today, paper
            if paper.number is not None:
                assert re.fullmatch(kind["number"]["pattern"].strip("^$"), paper.number), paper
            validity = kind["validity"]["kind"]
            assert (paper.valid_until is not None) == (validity == "printed_expiry"), paper
            assert (paper.tax_year is not None) == (validity == "tax_year"), paper
            assert (paper.level is not None) == (paper.type == "IJAZAH"), paper
            assert (paper.background is not None) == (paper.type == "PASFOTO"), paper
            assert (paper.about is not None) == (kind["holder"] in {"vehicle", "land"}), paper


def test_no_paper_that_is_never_shared(world: World) -> None:
    never = set(catalogue("document-types.yaml")["never_shared"])
    assert not never & {code for citizen in world.citizens for code in citizen.holds}


def test_what_is_there_on_purpose(world: World) -> None:
    papers = {(citizen.name, paper.type): paper for citizen in world.citizens for paper in citizen.papers}
    today = world.today
    assert (papers["Rudi Percobaan", "SIM"].valid_until or today) < today
    assert (papers["Joko Sintetis", "SIM"].valid_until or today) > today
    assert papers["Rina Simulasi", "PASFOTO"].issued_on < today - timedelta(days=365)
    assert papers["Yusuf Model", "SPPT_PBB"].tax_year == today.year - 1
    assert papers["Hendra Purwarupa", "SPPT_PBB"].tax_year == today.year
    assert papers["Tono Simulasi", "IJAZAH"].level == "S1"
    assert ("Wulan Ujicoba", "SK_SEHAT") not in papers
    assert papers["Agus Peraga", "SK_SEHAT"].issued_on > today - timedelta(days=28)
    assert papers["Sari Contoh", "SK_SEHAT"].issued_on > today - timedelta(days=28)


def test_a_woman_is_born_forty_days_later_in_her_number() -> None:
    assert make_nik("647209", date(1992, 8, 17), "P", 2) == "6472095708929902"
    assert make_nik("647209", date(1990, 8, 17), "L", 1) == "6472091708909901"


def test_children_have_parents_of_their_household(world: World) -> None:
    """M19: what the sandbox writes down of its family papers; nobody below 17 is without a parent."""
    by_nik = {citizen.nik: citizen for citizen in world.citizens}
    children = [citizen for citizen in world.citizens if citizen.parents]
    assert len(children) == 5
    for child in children:
        assert {by_nik[nik].family_card for nik in child.parents} == {child.family_card}
        assert all(by_nik[nik].birth_date < child.birth_date for nik in child.parents)
    young = [one for one in world.citizens if world.today.year - one.birth_date.year < 17]
    assert set(young) <= set(children)
