"""Jejak Data Saya, made from consents and ledger entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from exchange.answers import agency_code, reference, site_of
from exchange.deps import Parts
from exchange.flows import exercise_rights
from exchange.flows.exercise_rights import OwnTrail
from exchange.pages.views import Access, Actor, LiveConsent, Trail, WithdrawDone


def trail_page(parts: Parts, own: OwnTrail, csrf: str, *, first_page: bool) -> str:
    oldest = own.events[-1][1]["subject_seq"] if own.events else 0
    view = Trail(
        site=site_of(parts),
        csrf=csrf,
        holder=own.holder,
        consents=tuple(live_consent(parts, row) for row in own.consents),
        accesses=tuple(_access(parts, own, index, body) for index, body in own.events),
        newer=None if first_page else "?",
        older=f"?before={oldest}" if oldest > 1 else None,
    )
    return parts.pages.trail(view)


def withdrawn_page(parts: Parts, found: exercise_rights.LiveConsent, withdrawn_at: datetime) -> str:
    view = WithdrawDone(
        site=site_of(parts),
        reference=reference(found.consent.request_id),
        agency=agency_code(found.consent.agency_id),
        documents=_names(parts, found.types),
        withdrawn_at=withdrawn_at,
        deadline=withdrawn_at + exercise_rights.STOP_WITHIN,
    )
    return parts.pages.withdraw_done(view)


def live_consent(parts: Parts, row: exercise_rights.LiveConsent) -> LiveConsent:
    service = parts.catalogue.services.get(row.consent.service)
    return LiveConsent(
        consent_id=row.consent.id,
        reference=reference(row.consent.request_id),
        agency=agency_code(row.consent.agency_id),
        service=service.name_id if service else row.consent.service,
        documents=_names(parts, row.types),
        use_until=row.consent.valid_until,
    )


def _access(parts: Parts, own: OwnTrail, index: int, body: Mapping[str, Any]) -> Access:
    service = parts.catalogue.services.get(body.get("service", ""))
    agency = body.get("agency")
    request_id = own.requests.get(body.get("consent", ""))
    return Access(
        entry_no=index,
        at=datetime.fromisoformat(body["t"]),
        event=body["type"],
        act=_act(body),
        actor=_actor(body["actor"]),
        agency=agency_code(agency) if agency else None,
        counter=body.get("counter"),
        allowed=body["result"]["allowed"],
        reason=body["result"].get("reason"),
        documents=_names(parts, _types(body)),
        purpose=service.name_id if service else None,
        consent_reference=reference(request_id) if request_id else None,
        lawful_basis=body.get("lawful_basis"),
        machine=body["actor"].startswith("client:"),
    )


def _actor(actor: str) -> Actor:
    return "citizen" if actor == "citizen" else "system" if actor == "system" else "officer"


def _act(body: Mapping[str, Any]) -> str | None:
    """What sets entries of one type apart."""
    if body["type"] == "refuse" and not body.get("refused"):
        return "closed"
    if body["type"] == "contact" and body.get("known"):
        return "known"
    return body.get("outcome") if body["type"] == "outcome" else body.get("act")


def _types(body: Mapping[str, Any]) -> tuple[str, ...]:
    if "document_type" in body:
        return (body["document_type"],) if body["document_type"] else ()
    told = {"grant": "granted", "refuse": "refused"}.get(body["type"], "document_types")
    return tuple(body.get(told, ()))


def _names(parts: Parts, types: tuple[str, ...]) -> tuple[str, ...]:
    known = parts.catalogue.document_types
    return tuple(known[code].name_id if code in known else code for code in types)
