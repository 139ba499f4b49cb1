"""Families as tests say them: people of an age, what their papers name."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx

from exchange.deps import today_at
from tests.files import noted
from tests.world import PDF, OfficerAt, World

CHILD_SERVICE = "IMIGRASI.PASPOR_ANAK"


def years_ago(years: int, days: int = 0) -> date:
    """``days`` after the day that is ``years`` before today."""
    today = today_at("Asia/Makassar")
    day = date(today.year - years, today.month, min(today.day, 28))
    return day + timedelta(days=days)


def nik_of(born: date, serial: int) -> str:
    return f"647209{born:%d%m%y}99{serial:02d}"


async def person(
    world: World, officer: OfficerAt, name: str, born: date, serial: int, *, phone: bool = True
) -> str:
    """Enrolled; the agency's reference."""
    contacts = [{"channel": "whatsapp", "value": f"+62812000099{serial:02d}"}] if phone else []
    body = {
        "nik": nik_of(born, serial),
        "name": name,
        "birth_date": born.isoformat(),
        "contacts": contacts,
    }
    answer = await officer.post("/v1/subjects", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.json()["subject_ref"])


async def names(
    officer: OfficerAt, document: str, reference: str, role: str, child_of: tuple[str, ...] = (), **more: Any
) -> httpx.Response:
    body = {"subject_ref": reference, "role": role, "child_of": list(child_of), **more}
    return await officer.post(f"/v1/documents/{document}/subjects", json=body)


async def paper(
    world: World, officer: OfficerAt, holder: str, kind: str, text: bytes = b"", **query: str
) -> str:
    """A document id."""
    stored = await world.stores(officer, holder, kind, noted(PDF, kind.encode() + text), **query)
    assert stored.status_code == 201, stored.text
    return str(stored.json()["document_id"])


async def birth_certificate(world: World, officer: OfficerAt, child: str, *parents: str) -> str:
    """The child's own, naming its parents."""
    document = await paper(world, officer, child, "AKTA_LAHIR")
    for parent in parents:
        assert (await names(officer, document, parent, "parent")).status_code == 201
    assert (await names(officer, document, child, "holder", parents)).status_code == 201
    return document


def decided_by(reference: str, relation: str, *evidence: str) -> dict[str, Any]:
    return {"subject_ref": reference, "relation": relation, "evidence": list(evidence)}


async def asks_for(
    officer: OfficerAt, child: str, who: dict[str, Any] | None, service: str = CHILD_SERVICE, **more: Any
) -> httpx.Response:
    body = {"subject_ref": child, "service": service, **more}
    if service == CHILD_SERVICE:
        body["parties"] = {"child": [child]}
    if who is not None:
        body["decided_by"] = who
    return await officer.post("/v1/consent-requests", json=body)
