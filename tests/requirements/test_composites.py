"""What an "or" and an "and" make of their members."""

from __future__ import annotations

import pytest

from exchange.requirements.selection import requestable
from tests.requirements.builders import CATALOGUE, first, looked, paper, service

# ---- a form or a thing shown at the counter among papers

MIXED = "{any_of: [{all_of: [{doc: KTP}, {form: FORM_F102}]}, {doc: SIM}]}"


def test_an_and_with_a_form_is_a_good_alternative() -> None:
    """Wrong version: the form makes the "and" ``at_counter``, and as such it is left out: missing, all being there."""
    held = [paper("budi", "KTP")]
    assert (first(looked(MIXED, held)).state, looked(MIXED, held).complete) == ("valid", True)
    of = service(MIXED)
    items = requestable(CATALOGUE, of, looked(of, held), subject_ref="budi")
    assert [item.document_id for item in items] == [held[0].document_id]


def test_a_form_does_not_stand_for_the_paper_beside_it() -> None:
    for rule in (
        MIXED,
        "{all_of: [{doc: KTP}, {form: FORM_F102}]}",
        "{any_of: [{doc: KTP}, {form: FORM_F102}]}",
    ):
        assert first(looked(rule)).state == "missing"
    assert first(looked(MIXED, [paper("budi", "SIM", until="2030-01-01")])).state == "valid"


@pytest.mark.parametrize(
    "rule",
    [
        "{all_of: [{form: FORM_F102}, {doc: DOK_LAIN}]}",
        "{any_of: [{all_of: [{form: FORM_F102}]}]}",
        "{any_of: [{form: FORM_F102}, {doc: IKD}]}",
        "{all_of: [{doc: KTP, optional: true}, {form: FORM_F102}]}",
    ],
)
def test_where_everything_is_at_the_counter(rule: str) -> None:
    """At the counter as the only alternative it is all that is asked."""
    row = first(looked(rule))
    assert (row.state, row.satisfied, row.paper) == ("at_counter", True, None)


def test_an_and_of_which_no_part_applies() -> None:
    rule = "{all_of: [{doc: SIM, when: [renewal]}, {doc: STR, when: [lost]}]}"
    row = first(looked(rule, answers={"renewal": False, "lost": False}))
    assert (row.state, row.reason, row.satisfied) == ("valid", None, True)
