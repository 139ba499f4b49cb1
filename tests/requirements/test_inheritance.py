"""What an outer entry passes on to its members, and what a member keeps; each test names the version it fails."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.requirements.catalogue import Requirement
from exchange.requirements.masking import mask_sensitive
from exchange.requirements.selection import requestable
from tests.requirements.builders import CATALOGUE, TODAY, first, looked, paper, service

# ---- every modifier through every kind of entry

INHERITED = [
    ("must_be_valid: true", "must_be_valid", True),
    ("max_age_months: 3", "max_age_months", 3),
    ("tax_year: current", "tax_year", "current"),
    ("levels: [SMA]", "levels", ("SMA",)),
    ("background: red", "background", "red"),
    ("subject: father", "subject", "father"),
    ("original: shown", "original", "shown"),
]
COMPOSITES = [
    "{any_of: [{doc: IJAZAH}, {doc: AKTA_LAHIR}], %s}",
    "{all_of: [{doc: IJAZAH}, {doc: AKTA_LAHIR}], %s}",
    "{group: PROOF_OF_IDENTITY, %s}",
    "{any_of: [{all_of: [{group: PROOF_OF_IDENTITY}]}], %s}",
]


def leaves(requirement: Requirement) -> list[Requirement]:
    if not requirement.members:
        return [requirement]
    return [leaf for member in requirement.members for leaf in leaves(member)]


@pytest.mark.parametrize(("written", "name", "value"), INHERITED, ids=[row[1] for row in INHERITED])
@pytest.mark.parametrize("composite", COMPOSITES)
def test_each_modifier_reaches_each_leaf(composite: str, written: str, name: str, value: object) -> None:
    """Wrong version: one modifier is left out of the list that is passed on."""
    assert {getattr(leaf, name) for leaf in leaves(service(composite % written).requirements[0])} == {value}


OWN = [
    ("doc: SIM, must_be_valid: false", "must_be_valid: true", "must_be_valid", False),
    ("doc: SKCK, max_age_months: 2", "max_age_months: 6", "max_age_months", 2),
    ("doc: IJAZAH, levels: [SD]", "levels: [S1]", "levels", ("SD",)),
    ("doc: PASFOTO, background: blue", "background: red", "background", "blue"),
    ("doc: KTP, subject: mother", "subject: father", "subject", "mother"),
    ("doc: KTP, original: submitted", "original: shown", "original", "submitted"),
]


@pytest.mark.parametrize(("member", "outer", "name", "value"), OWN, ids=[row[2] for row in OWN])
@pytest.mark.parametrize("head", ["any_of", "all_of"])
def test_a_member_keeps_its_own(head: str, member: str, outer: str, name: str, value: object) -> None:
    of = service(f"{{{head}: [{{{member}}}, {{doc: STR}}], {outer}}}")
    assert getattr(of.requirements[0].members[0], name) == value


def test_a_member_of_a_group_keeps_its_levels() -> None:
    """PROOF_OF_BIRTH_PARENTS names SD, SMP and SMA; an outer level does not make a diploma good."""
    of = service("{group: PROOF_OF_BIRTH_PARENTS, levels: [S1]}")
    assert first(looked(of, [paper("budi", "IJAZAH", level="S1")])).state == "missing"
    assert first(looked(of, [paper("budi", "IJAZAH", level="SD")])).state == "valid"


def test_conditions_and_optional_stay_with_the_entry() -> None:
    of = service("{any_of: [{doc: KTP}, {doc: SIM}], when: [married], optional: true}")
    assert [(leaf.when, leaf.optional) for leaf in leaves(of.requirements[0])] == [((), False)] * 2


def test_inherited_must_be_valid_decides() -> None:
    late = [paper("budi", "SIM", until="2026-11-23")]
    of = service("{any_of: [{doc: SIM}, {doc: STR}], must_be_valid: true}", output=["SIM"])
    assert first(looked(of, late)).state == "expired"
    of = service("{group: PROOF_OF_IDENTITY_BROAD, must_be_valid: true}", output=["SIM"])
    assert first(looked(of, late)).state == "expired"


# ---- whose paper


@pytest.mark.parametrize(
    ("code", "attributes"),
    [("STNK", {"until": "2030-01-01"}), ("SERTIPIKAT_TANAH", {}), ("SPPT_PBB", {"tax_year": 2026})],
)
def test_a_named_subject_of_a_thing(code: str, attributes: dict[str, Any]) -> None:
    """Then it is that role's paper, not anybody's. Wrong version: the applicant's own title serves for the seller's."""
    rule = f"{{doc: {code}, subject: seller}}"
    own, sold = paper("budi", code, **attributes), paper("siti", code, **attributes)
    row = first(looked(rule, [own], parties={"seller": ["siti"]}))
    assert (row.state, row.party) == ("missing", "seller")
    assert first(looked(rule, [own, sold], parties={"seller": ["siti"]})).paper == sold
    assert first(looked(rule, [own])).state == "party_missing"


def test_the_thing_of_the_request_can_be_named() -> None:
    rule = "{doc: STNK}"
    held = [paper("budi", "STNK", until="2030-01-01")]
    assert first(looked(rule, held, parties={"vehicle": ["siti"]})).state == "missing"
    assert first(looked(rule, held, parties={"vehicle": ["budi"]})).state == "valid"


HEIRS = [("applicant", "stale"), ("heirs", "stale"), ("proxy", "stale"), ("deceased", "old_copy")]


@pytest.mark.parametrize(("role", "state"), HEIRS)
def test_the_old_copy_where_an_heir_comes(role: str, state: str) -> None:
    """The deceased's card is used up; the heirs' own must be good."""
    of = service(f"{{doc: KTP, subject: {role}}}", makes_stale=["KTP"], applicant="heir")
    held = [paper("sari", "KTP", stale="marry"), paper("budi", "KTP", stale="marry")]
    parties = {} if role == "applicant" else {role: ["sari"]}
    assert first(looked(of, held, parties=parties)).state == state


def test_the_old_copy_where_the_person_comes() -> None:
    of = service("{doc: KTP}, {doc: KTP, subject: proxy}", makes_stale=["KTP"])
    held = [paper("sari", "KTP", stale="marry"), paper("budi", "KTP", stale="marry")]
    rows = looked(of, held, parties={"proxy": ["sari"]}).entries
    assert [row.state for row in rows] == ["old_copy", "stale"]


# ---- days


def test_the_tax_year_ends_with_december() -> None:
    """Wrong version: the first of December, or the day after."""
    held = [paper("budi", "SPPT_PBB", tax_year=2026)]
    for day, state in (("2026-12-31", "valid"), ("2027-01-01", "expired")):
        row = first(looked("{doc: SPPT_PBB}", held, today=type(TODAY).fromisoformat(day)))
        assert (row.state, str(row.valid_until)) == (state, "2026-12-31")


@pytest.mark.parametrize(
    ("rule", "until", "shown"),
    [
        ("{doc: SKCK, max_age_months: 18}", None, "2027-12-01"),
        ("{doc: SKCK}", None, "2026-12-01"),
        ("{doc: SKCK, max_age_months: 18, must_be_valid: true}", None, "2026-12-01"),
        ("{doc: SKCK, max_age_months: 6, must_be_valid: true}", None, "2026-12-01"),
        ("{doc: SIM, max_age_months: 7}", "2030-01-01", "2027-01-01"),
        ("{doc: SIM, max_age_months: 7, must_be_valid: true}", "2026-12-24", "2026-12-24"),
        ("{doc: KTP}", None, "None"),
    ],
)
def test_the_last_day_is_the_receivers(rule: str, until: str | None, shown: str) -> None:
    """``valid_until`` is the last day on which the paper serves this entry: the window, where there is one."""
    code = rule[6:].split(",", maxsplit=1)[0].rstrip("}")
    assert str(first(looked(rule, [paper("budi", code, "2026-06-01", until=until)])).valid_until) == shown


def test_an_expiry_that_was_not_read_is_not_passed_over() -> None:
    """A SIM always has a date, so none on file proves nothing; a STR has none and is for life."""
    assert first(looked("{doc: SIM, must_be_valid: true}", [paper("budi", "SIM")])).state == "unverified"
    assert first(looked("{doc: STR, must_be_valid: true}", [paper("budi", "STR")])).state == "valid"


# ---- questions


def test_beside_an_old_copy_nothing_is_asked() -> None:
    """It satisfies the entry. Wrong version: only ``valid`` ends the questions."""
    of = service("{any_of: [{doc: KK}, {doc: SIM, when: [renewal]}]}", output=["KK"])
    row = first(looked(of, [paper("budi", "KK", stale="marry")]))
    assert (row.state, row.asks) == ("old_copy", ())
    row = first(looked(of, [paper("budi", "SIM", until="2030-01-01")]))
    assert (row.state, row.asks) == ("undetermined", ("renewal",))


def test_masking_keeps_what_is_open() -> None:
    of = service("{any_of: [{doc: KK}, {doc: SKTM, when: [renewal]}]}", output=["KK"])
    evaluation = looked(of, [paper("budi", "SKTM")])
    assert first(mask_sensitive(evaluation, CATALOGUE)).asks == ("renewal",)
    assert requestable(CATALOGUE, of, evaluation, subject_ref="budi") == ()
