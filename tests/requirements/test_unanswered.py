"""Below a condition that nobody answered nothing is told and nothing may be named, however deep it stands."""

from __future__ import annotations

import pytest

from exchange.requirements.masking import mask_sensitive
from exchange.requirements.selection import NotRequired, requestable
from tests.requirements.builders import CATALOGUE, looked, paper, service

# The outer entry's question is open; a paper stands at each depth, also behind an answered condition.
NESTED = [
    "{any_of: [{doc: BUKU_NIKAH}, {doc: SIM}], when: [married]}",
    "{all_of: [{doc: BUKU_NIKAH}, {doc: SIM}], when: [married]}",
    "{group: PROOF_OF_MARRIAGE, when: [married]}",
    "{any_of: [{all_of: [{group: PROOF_OF_MARRIAGE}, {doc: SIM}]}], when: [married]}",
    "{any_of: [{doc: BUKU_NIKAH, when: [renewal]}], when: [married]}",
    "{any_of: [{group: PROOF_OF_MARRIAGE, when: [married]}, {doc: STR}]}",
    "{all_of: [{doc: BUKU_NIKAH}], when: [married, renewal]}",
]
HELD = [paper("budi", "BUKU_NIKAH"), paper("budi", "SIM", until="2030-01-01")]
ANSWERS = {"renewal": True}


@pytest.mark.parametrize("rule", NESTED)
def test_a_composite_tells_the_same_with_and_without_papers(rule: str) -> None:
    """Wrong version: only the outer row is blanked, and its members name document and version."""
    with_them, without = looked(rule, HELD, answers=ANSWERS), looked(rule, answers=ANSWERS)
    assert [row.as_dict() for row in with_them.requirements] == [
        row.as_dict() for row in without.requirements
    ]
    assert mask_sensitive(with_them, CATALOGUE) == with_them
    below = [row for row in with_them.requirements if row.code in {"BUKU_NIKAH", "SIM"}]
    assert below
    assert {(row.state, row.reason, row.paper, row.asks) for row in below} == {
        ("undetermined", "condition_unanswered", None, ("married",))
    }


def test_the_catalogues_own_case() -> None:
    """DISDUKCAPIL.KK_BARU, nobody said whether the applicant is married: ``2/0/0`` is the marriage book."""
    rows = {row.path: row for row in looked("DISDUKCAPIL.KK_BARU", HELD).requirements}
    assert (rows["2"].state, rows["2/0/0"].state) == ("undetermined", "undetermined")
    assert not {"document_id", "version", "valid_until"} & set(rows["2/0/0"].as_dict())


@pytest.mark.parametrize("rule", NESTED)
def test_an_id_below_an_open_question_cannot_be_named(rule: str) -> None:
    of = service(f"{rule}, {{doc: KTP}}")
    evaluation = looked(of, HELD, answers=ANSWERS)
    assert requestable(CATALOGUE, of, evaluation, subject_ref="budi") == ()
    for held in HELD:
        with pytest.raises(NotRequired):
            requestable(CATALOGUE, of, evaluation, subject_ref="budi", choose=[held.document_id])


def test_an_answer_opens_it_again() -> None:
    for rule in NESTED:
        row = next(
            row
            for row in looked(rule, HELD, answers={"married": True, **ANSWERS}).requirements
            if row.code == "BUKU_NIKAH"
        )
        assert (row.state, row.paper) == ("valid", HELD[0])
