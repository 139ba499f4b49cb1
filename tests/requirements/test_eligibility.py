"""Whether the service is for this citizen at all: ``eligibility`` must hold, nothing of ``excludes`` may."""

from __future__ import annotations

import pytest

from exchange.requirements.masking import mask_sensitive
from exchange.requirements.rules import Evaluation
from exchange.requirements.selection import requestable
from tests.requirements.builders import CATALOGUE, looked, paper, service

RENEWAL = "POLRI.SKCK_PERPANJANG"
PASSPORT = "IMIGRASI.PASPOR_GANTI"
HELD = [paper("budi", "PASPOR", until="2026-01-01"), paper("budi", "KTP"), paper("budi", "KK")]


def told(evaluation: Evaluation) -> list[tuple[str, str | None, str, str | None, tuple[str, ...]]]:
    rows = [row for row in evaluation.requirements if row.head == "eligibility"]
    return [(row.path, row.code, row.state, row.reason, row.asks) for row in rows]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"lost": False, "damaged": False}, []),
        ({"lost": True, "damaged": False}, [("x0", "lost", "missing", "excluded", ())]),
        ({"lost": False, "damaged": True}, [("x1", "damaged", "missing", "excluded", ())]),
        ({"damaged": False}, [("x0", "lost", "undetermined", "condition_unanswered", ("lost",))]),
    ],
)  # fmt: skip
def test_what_excludes_a_service(answers: dict[str, bool], expected: list[object]) -> None:
    """PASPOR_GANTI of a lost passport. Wrong version: complete, and the citizen travels in vain."""
    evaluation = looked(PASSPORT, HELD, answers=answers)
    assert told(evaluation) == expected
    assert evaluation.complete is (expected == [])
    assert mask_sensitive(evaluation, CATALOGUE) == evaluation


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"expired_less_than_1_year": True}, []),
        ({"expired_less_than_1_year": False}, [("e0", "expired_less_than_1_year", "missing", "not_eligible", ())]),
        ({}, [("e0", "expired_less_than_1_year", "undetermined", "condition_unanswered", ("expired_less_than_1_year",))]),
    ],
)  # fmt: skip
def test_what_a_service_needs_to_be_used(answers: dict[str, bool], expected: list[object]) -> None:
    """A SKCK is renewed within a year of its end. Wrong version: nobody asks."""
    assert told(looked(RENEWAL, answers=answers)) == expected


def test_the_row_in_the_answer() -> None:
    row = looked(service("{doc: KTP}", eligibility=["married"]), HELD).requirements[-1]
    assert row.as_dict() == {
        "path": "e0", "head": "eligibility", "code": "married", "party": "applicant", "state": "undetermined",
        "reason": "condition_unanswered", "asks": ["married"],
    }  # fmt: skip


def test_nothing_is_requested_for_a_service_that_is_not_for_the_citizen() -> None:
    """Nor while it is open only because nobody answered: an open question holds up what depends on it, no more."""
    of = CATALOGUE.services[PASSPORT]

    def count(answers: dict[str, bool]) -> int:
        return len(requestable(CATALOGUE, of, looked(of, HELD, answers=answers), subject_ref="budi"))

    assert count({"lost": False, "damaged": False}) == 3
    assert count({"damaged": True}) == 0
    assert count({}) == 3


def test_as_the_api_shows_them() -> None:
    assert CATALOGUE.services[PASSPORT].as_dict()["excludes"] == ["lost", "damaged"]
    assert CATALOGUE.services[RENEWAL].as_dict()["eligibility"] == ["expired_less_than_1_year"]
    assert not {"excludes", "eligibility"} & set(CATALOGUE.services["POLRI.SKCK_BARU"].as_dict())
