"""All 39 services over three families: the state of every top-level entry, and whether the service is complete."""

from __future__ import annotations

import pytest

from exchange.requirements.rules import evaluate
from tests.requirements.builders import CATALOGUE, TODAY, states
from tests.requirements.expected_states import TABLE
from tests.requirements.families import FAMILIES

ROWS = [line.split(maxsplit=3) for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(
    ("code", "family", "complete", "expected"), ROWS, ids=[f"{r[0]}-{r[1]}" for r in ROWS]
)
def test_states_of_all_services(code: str, family: str, complete: str, expected: str) -> None:
    """M01 to M05: what is there, what is missing and what does not apply."""
    home = FAMILIES[family]
    evaluation = evaluate(
        CATALOGUE,
        CATALOGUE.services[code],
        papers=home.papers,
        parties=home.parties,
        answers=home.answers,
        today=TODAY,
    )
    assert states(evaluation) == expected
    assert evaluation.complete is (complete == "complete")


def test_the_table_has_every_service_with_every_family() -> None:
    assert {(row[0], row[1]) for row in ROWS} == {
        (code, name) for code in CATALOGUE.services for name in FAMILIES
    }
    assert len(ROWS) == 39 * 3


def test_the_order_of_papers_does_not_matter() -> None:
    for home in FAMILIES.values():
        for service in CATALOGUE.services.values():
            there, back = (
                evaluate(
                    CATALOGUE, service, papers=papers, parties=home.parties, answers=home.answers, today=TODAY
                )
                for papers in (home.papers, list(reversed(home.papers)))
            )
            assert there == back
