"""Short ways to write papers, services and evaluations; nobody here exists, references are first names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import count
from typing import Any

import yaml

from exchange.requirements import entries, loader
from exchange.requirements.catalogue import DATA, Catalogue, Service, load_catalogue
from exchange.requirements.reading import Entry, read
from exchange.requirements.rules import Evaluation, Paper, RequirementState, evaluate

TODAY = date(2026, 11, 24)
CATALOGUE: Catalogue = load_catalogue()
_numbers = count(1)


def paper(subject_ref: str, code: str, issued: str | None = "2026-01-15", **attributes: Any) -> Paper:
    """``until`` is the date printed on it; ``stale`` the event that made it stale."""
    until = attributes.pop("until", None)
    return Paper(
        document_id=f"doc_{subject_ref}_{code}_{next(_numbers)}",
        version=1,
        type=code,
        subject_ref=subject_ref,
        issued_on=date.fromisoformat(issued) if issued else None,
        valid_until=date.fromisoformat(until) if until else None,
        stale_event=attributes.pop("stale", None),
        **attributes,
    )


def service(requirements: str, **fields: Any) -> Service:
    """A service of the rule language: ``service("{doc: KTP}, {doc: KK}", output=["KK"])``."""
    entry = {
        "code": "DISDUKCAPIL.UJI",
        "agency": "DISDUKCAPIL",
        "name_id": "Uji",
        "name_en": "Test",
        "requirements": yaml.safe_load(f"[{requirements}]"),
        "output": [],
        "source": {"kind": "memory", "confidence": "low"},
        **fields,
    }
    made: Service = _world().service(_entry(entry))
    return made


def looked(
    of: Service | str,
    papers: Iterable[Paper] = (),
    *,
    parties: Mapping[str, Sequence[str]] | None = None,
    answers: Mapping[str, bool] | None = None,
    today: date = TODAY,
    chosen: Sequence[str] = (),
) -> Evaluation:
    """Evaluated for the applicant ``budi``; ``of`` is a service, its code, or the requirements of one."""
    if isinstance(of, str):
        of = CATALOGUE.services[of] if of in CATALOGUE.services else service(of)
    return evaluate(
        CATALOGUE,
        of,
        papers=list(papers),
        parties={"applicant": ["budi"], **(parties or {})},
        answers=answers or {},
        today=today,
        chosen=chosen,
    )


def first(evaluation: Evaluation) -> RequirementState:
    return evaluation.requirements[0]


def states(evaluation: Evaluation) -> str:
    """``0:valid 1:missing``: the top-level entries."""
    return " ".join(f"{row.path}:{row.state}" for row in evaluation.entries)


def fullwidth(digits: str) -> str:
    """Digits that are digits to ``str.isdigit`` but no ASCII."""
    return "".join(chr(ord(digit) + 0xFEE0) for digit in digits)


@cache
def _world() -> Any:
    types = read(DATA / "document-types.yaml")
    world = entries.World(CATALOGUE.document_types, CATALOGUE.never_shared, read(DATA / "services.yaml"))
    world.groups = loader._by_code(types, "groups", world.group)
    return world


def _entry(value: Any) -> Any:
    if isinstance(value, dict):
        return Entry({key: _entry(member) for key, member in value.items()})
    return [_entry(item) for item in value] if isinstance(value, list) else value
