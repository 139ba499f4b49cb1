"""A citizen takes the own data along (UU 27/2022 art. 7, 13, 32): everything that is kept, as JSON, or the list of accesses as CSV.

The download is an entry of its own, written before the first byte. The NIK and the contacts are masked: who holds the phone holds the
file, and the citizen knows them. Files of papers are not part of it: what is told of them is what they are.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

from auth.verdict import Verdict
from exchange.citizen import Holder, actor_of, by_needs, counted_as, judged_by
from exchange.requirements.numbers import mask_email, mask_nik, mask_phone
from exchange.spreadsheets import csv_line
from storage.consents import ITEMS, Consent, consents_of
from storage.database import Database, Reading
from storage.documents import VERSIONS, DocumentVersion
from storage.keyring import Keyring
from storage.ledger.facts import Facts
from storage.ledger.history import events_of
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.rights import RightsCase, Withdrawal, cases_of, withdrawals_of
from storage.subjects import contacts_of, subject_identity

SCHEMA = "berkas-export/1"
ENTRIES_A_LOOK = 200
COLUMNS = (
    "no", "t", "type", "act", "agency", "counter", "actor", "document_types", "service", "lawful_basis", "consent", "allowed", "reason",
)  # fmt: skip


async def announce(keyring: Keyring, appender: Appender, *, by: Holder, form: str) -> None:
    """``form`` is json or csv. Raises ``AccessRefused``."""
    trail = await keyring.trail(by.link.subject_ref)

    def judge(facts: Facts, now: datetime) -> Verdict:
        return judged_by(facts, by, now)

    settled = await appender.submit(
        Work(
            kind="rights",
            caller=counted_as("rights", by),
            trail=trail,
            load=by_needs(by),
            judge=judge,
            events=lambda _facts, _now, _verdict: [
                Event("rights", trail, actor_of(by), {"act": "export", "format": form})
            ],
        )
    )
    settled.verdict.enforce()


async def as_json(
    database: Database, keyring: Keyring, *, subject_ref: str, site: str, now: datetime
) -> AsyncIterator[bytes]:
    """One JSON object in pieces; its last member is the list of entries, newest first."""
    trail = await keyring.trail(subject_ref)
    async with database.reading() as reading:
        head = {
            "schema": SCHEMA,
            "site": site,
            "exported_at": now.isoformat(),
            "holder": await _holder(reading, keyring, subject_ref),
            "consents": [
                await _consent(reading, keyring, row) for row in await consents_of(reading, subject_ref)
            ],
            "withdrawals": [_withdrawal(row) for row in await withdrawals_of(reading, subject_ref)],
            "cases": [await _case(keyring, row) for row in await cases_of(reading, subject_ref)],
            "papers": [
                _paper(row)
                for row in sorted(
                    await VERSIONS.load(reading.raw, "subject_ref", [subject_ref]), key=lambda row: row.id
                )
            ],
        }
    yield json.dumps(head, ensure_ascii=False).encode()[:-1] + b', "entries": ['
    first = True
    async for number, body in _entries(database, trail):
        yield (b"" if first else b",\n") + json.dumps({"no": number, **body}, ensure_ascii=False).encode()
        first = False
    yield b"]}\n"


async def as_csv(database: Database, keyring: Keyring, *, subject_ref: str) -> AsyncIterator[bytes]:
    """RFC 4180, UTF-8; newest first."""
    trail = await keyring.trail(subject_ref)
    yield csv_line(COLUMNS)
    async for number, body in _entries(database, trail):
        result = body["result"]
        types = body.get("document_types") or body.get("granted") or [body.get("document_type") or ""]
        yield csv_line(
            [
                str(number),
                *(str(body.get(name, "")) for name in ("t", "type", "act", "agency", "counter", "actor")),
                " ".join(types),
                *(str(body.get(name, "")) for name in ("service", "lawful_basis", "consent")),
                "yes" if result["allowed"] else "no",
                result.get("reason", ""),
            ]
        )


async def _entries(database: Database, trail: Trail) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """In looks of 200, so that a long list is never in memory as a whole and no connection waits for a slow reader."""
    before: int | None = None
    while True:
        async with database.reading() as reading:
            events = await events_of(reading, trail, limit=ENTRIES_A_LOOK, before=before)
        for number, body in events:
            yield number, body
        if len(events) < ENTRIES_A_LOOK:
            return
        before = events[-1][1]["subject_seq"]


async def _holder(reading: Reading, keyring: Keyring, subject_ref: str) -> dict[str, Any]:
    identity = json.loads(
        await keyring.unseal(subject_ref, "identity", await subject_identity(reading, subject_ref) or b"")
    )
    contacts = []
    for row in await contacts_of(reading, subject_ref):
        value = (await keyring.unseal(subject_ref, "contact", row.value)).decode()
        masked = mask_email(value) if row.channel == "email" else mask_phone(value)
        contacts.append({"channel": row.channel, "value": masked, "since": row.set_at.isoformat()})
    return {
        "name": identity["name"],
        "nik": mask_nik(identity["nik"]),
        "birth_date": identity.get("birth_date"),
        "contacts": contacts,
    }


async def _consent(reading: Reading, keyring: Keyring, row: Consent) -> dict[str, Any]:
    items = sorted(await ITEMS.load(reading.raw, "consent_id", [row.id]), key=lambda item: item.id)
    record = await keyring.unseal(row.subject_ref, "consent", row.record)
    return {
        **_plain(
            row, "id", "agency_id", "service", "state", "mode", "lawful_basis", "valid_from", "valid_until"
        ),
        "items": [{"type": item.document_type, "decision": item.decision} for item in items],
        "record": record.decode().splitlines(),
    }


def _withdrawal(row: Withdrawal) -> dict[str, Any]:
    return _plain(
        row, "id", "kind", "consent_id", "agency_id", "received_at", "deadline", "answer", "article", "answered_at"
    )  # fmt: skip


async def _case(keyring: Keyring, row: RightsCase) -> dict[str, Any]:
    async def text(purpose: str, sealed: bytes) -> str:
        return (await keyring.unseal(row.subject_ref, purpose, sealed)).decode() if sealed else ""

    return {
        **_plain(
            row, "id", "kind", "reason", "about", "about_id", "agency_id", "opened_at", "deadline", "state", "outcome",
            "answered_at", "closed_at",
        ),
        "text": await text(f"case/{row.id}", row.text),
        "answer": await text(f"case-answer/{row.id}", row.answer),
    }  # fmt: skip


def _paper(row: DocumentVersion) -> dict[str, Any]:
    return _plain(
        row, "document_id", "version", "type", "state", "sha256", "size", "media_type", "provenance", "issued_on", "valid_until",
        "taken_at",
    )  # fmt: skip


def _plain(row: object, *names: str) -> dict[str, Any]:
    members = {name: getattr(row, name) for name in names}
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in members.items()
    }
