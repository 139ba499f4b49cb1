"""Whose paper it is, which attributes it needs, and what an outer entry passes on (``domain.md`` 5)."""

from __future__ import annotations

import pytest

from tests.requirements.builders import CATALOGUE, first, looked, paper, service

FATHER_AND_MOTHER = {"parents": ["budi", "sari"]}


# ---- parties and holders


def test_an_absent_role() -> None:
    row = first(looked("{doc: KTP, subject: child}", [paper("budi", "KTP")]))
    assert (row.state, row.party, row.reason) == ("party_missing", "child", "no_party_in_this_role")
    assert first(looked("{doc: KTP, subject: child}", parties={"child": []})).state == "party_missing"
    assert first(looked("{status: JKN_ACTIVE, subject: buyer}")).state == "party_missing"
    assert first(looked("{doc: KK, subject: family}", [paper("budi", "KK")])).state == "party_missing"


def test_every_person_of_the_role_needs_one() -> None:
    one, two = paper("budi", "KTP"), paper("sari", "KTP")
    assert first(looked("{doc: KTP, subject: parents}", [one], parties=FATHER_AND_MOTHER)).state == "missing"
    assert (
        first(looked("{doc: KTP, subject: parents}", [one, two], parties=FATHER_AND_MOTHER)).state == "valid"
    )
    stale = paper("sari", "KTP", stale="marry")
    assert (
        first(looked("{doc: KTP, subject: parents}", [one, stale], parties=FATHER_AND_MOTHER)).state
        == "stale"
    )


@pytest.mark.parametrize("code", ["KK", "BUKU_NIKAH", "NIB", "AKTA_KEMATIAN", "SERTIPIKAT_TANAH", "BPKB"])
def test_one_copy_serves_the_whole_role(code: str) -> None:
    """Holders family, couple, business, deceased, land and vehicle."""
    row = first(
        looked(f"{{doc: {code}, subject: heirs}}", [paper("sari", code)], parties={"heirs": ["budi", "sari"]})
    )
    assert (row.state, row.paper.subject_ref if row.paper else None) == ("valid", "sari")


def test_every_child_needs_one() -> None:
    twins = {"child": ["ayu", "ani"]}
    assert (
        first(
            looked("{doc: KIA, subject: child}", [paper("ayu", "KIA", until="2030-01-01")], parties=twins)
        ).state
        == "missing"
    )


def test_parents_are_father_and_mother() -> None:
    """Both, not the first of them."""
    parties = {"father": ["budi"], "mother": ["sari"]}
    assert (
        first(looked("{doc: KTP, subject: parents}", [paper("budi", "KTP")], parties=parties)).state
        == "missing"
    )
    both = [paper("budi", "KTP"), paper("sari", "KTP")]
    assert first(looked("{doc: KTP, subject: parents}", both, parties=parties)).state == "valid"


def test_persons_of_a_role_may_show_different_members_of_a_group() -> None:
    """One parent has a KTP, the other a suket: each has a proof of identity."""
    held = [paper("budi", "KTP"), paper("sari", "SUKET_REKAM", "2026-10-01")]
    evaluation = looked("{group: PROOF_OF_IDENTITY, subject: parents}", held, parties=FATHER_AND_MOTHER)
    assert (first(evaluation).state, evaluation.complete) == ("valid", True)
    late = [paper("budi", "KTP"), paper("sari", "SUKET_REKAM", "2026-01-01")]
    evaluation = looked("{group: PROOF_OF_IDENTITY, subject: parents}", late, parties=FATHER_AND_MOTHER)
    assert first(evaluation).state == "expired"


def test_alternatives_of_different_persons() -> None:
    """PASPOR_ANAK: the KTP of either parent."""
    parties = {"father": ["budi"], "mother": ["sari"]}
    rule = "{any_of: [{doc: KTP, subject: father}, {doc: KTP, subject: mother}]}"
    assert first(looked(rule, [paper("sari", "KTP")], parties=parties)).state == "valid"


def test_absent_subject_is_the_applicant() -> None:
    assert first(looked("{doc: KTP}", [paper("sari", "KTP")], parties={"child": ["sari"]})).state == "missing"


@pytest.mark.parametrize("code", ["SERTIPIKAT_TANAH", "STNK"])
def test_absent_subject_of_a_thing_is_the_thing_of_the_request(code: str) -> None:
    """The buyer's request finds the title in the seller's folder, never in the proxy's."""
    row = first(
        looked(f"{{doc: {code}}}", [paper("siti", code, until="2030-01-01")], parties={"seller": ["siti"]})
    )
    assert (row.state, row.party) == ("valid", CATALOGUE.document_types[code].holder)
    row = first(
        looked(f"{{doc: {code}}}", [paper("lina", code, until="2030-01-01")], parties={"proxy": ["lina"]})
    )
    assert row.state == "missing"


# ---- attributes


def test_levels() -> None:
    """A passport takes an SMA certificate but no bachelor's diploma: the parents' names are missing."""
    rule = "{group: PROOF_OF_BIRTH_PARENTS}"
    assert first(looked(rule, [paper("budi", "IJAZAH", level="SMA")])).state == "valid"
    assert not looked(rule, [paper("budi", "IJAZAH", level="S1")]).complete
    assert first(looked(rule, [paper("budi", "BUKU_NIKAH")])).state == "valid"
    row = first(looked("{doc: IJAZAH, levels: [D3]}", [paper("budi", "IJAZAH")]))
    assert (row.state, row.reason, row.paper) == ("missing", "other_level", None)


def test_background() -> None:
    rule = "{doc: PASFOTO, background: red}"
    assert first(looked(rule, [paper("budi", "PASFOTO", background="red")])).state == "valid"
    assert first(looked(rule, [paper("budi", "PASFOTO", background="blue")])).reason == "other_background"
    assert first(looked(rule, [paper("budi", "PASFOTO")])).state == "missing"
    assert first(looked("{doc: PASFOTO}", [paper("budi", "PASFOTO")])).state == "valid"


def test_inherited_attributes_touch_only_types_that_have_them() -> None:
    rule = "{any_of: [{doc: IJAZAH}, {doc: AKTA_LAHIR}], levels: [SMA], background: red}"
    assert first(looked(rule, [paper("budi", "AKTA_LAHIR")])).state == "valid"


# ---- modifiers of the outer entry


def test_modifiers_reach_every_member() -> None:
    evaluation = looked(
        "{any_of: [{doc: KTP}, {group: PROOF_OF_MARRIAGE}], subject: father, original: shown}"
    )
    assert {row.party for row in evaluation.requirements if row.head != "any_of"} == {"father"}
    assert {row.original for row in evaluation.requirements} == {"shown"}


def test_a_member_keeps_its_own_modifier() -> None:
    rule = "{any_of: [{doc: SKCK, max_age_months: 2}, {doc: SK_SEHAT}], max_age_months: 6}"
    assert first(looked(rule, [paper("budi", "SKCK", "2026-08-01")])).state == "expired"
    assert first(looked(rule, [paper("budi", "SK_SEHAT", "2026-08-01")])).state == "valid"
    assert first(looked(rule, [paper("budi", "SK_SEHAT", "2026-05-01")])).state == "expired"
    rule = "{any_of: [{doc: SIM, must_be_valid: false}], must_be_valid: true}"
    late = [paper("budi", "SIM", until="2020-01-01")]
    assert first(looked(service(rule, output=["SIM"]), late)).state == "old_copy"


def test_modifiers_of_a_group() -> None:
    held = [paper("budi", "SUKET_REKAM", "2026-07-01")]
    assert first(looked("{group: PROOF_OF_IDENTITY}", held)).state == "valid"
    assert first(looked("{group: PROOF_OF_IDENTITY, max_age_months: 3}", held)).state == "expired"


def test_an_inherited_tax_year_touches_only_types_that_have_one() -> None:
    """Wrong version: a deed is asked for its tax year and is unverified for ever."""
    rule = "{any_of: [{doc: AJB}, {doc: SPPT_PBB}], tax_year: current}"
    assert first(looked(rule, [paper("budi", "AJB")])).state == "valid"
    assert first(looked(rule, [paper("budi", "SPPT_PBB", tax_year=2025)])).state == "expired"
    assert first(looked(rule, [paper("budi", "SPPT_PBB", tax_year=2026)])).state == "valid"
