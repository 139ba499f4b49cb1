"""Jejak Data Saya, made from consents and ledger entries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from exchange.answers import agency_code, name_in, reference, site_of
from exchange.deps import Parts
from exchange.flows import exercise_rights
from exchange.flows.exercise_rights import Chosen, OwnTrail
from exchange.pages.messages import WHOSE
from exchange.pages.rights_views import OwnRights, TrailFilter
from exchange.pages.views import Access, Actor, LiveConsent, Trail, Whose, WithdrawDone
from exchange.pages.wording import year_of
from exchange.taking_back import STOP_WITHIN


def trail_page(
    parts: Parts,
    own: OwnTrail,
    csrf: str,
    rights: OwnRights,
    filtered: TrailFilter,
    passkey: str | None,
    *,
    first_page: bool,
) -> str:
    """``passkey`` is where the own passkeys are."""
    view = Trail(
        site=site_of(parts),
        csrf=csrf,
        holder=own.holder,
        consents=tuple(live_consent(parts, row, rights.here) for row in own.consents),
        accesses=tuple(_access(parts, own, index, body) for index, body in own.events),
        passkey=passkey,
        newer=None if first_page else f"?{filtered.query}",
        older=f"?{filtered.query}before={own.next}" if own.next is not None else None,
        rights=rights,
        filtered=filtered,
    )
    return parts.pages.trail(view)


def chosen_of(parts: Parts, agency: str, year: str) -> Chosen:
    """The entries of one agency and one year of the site's calendar; empty for all."""
    return Chosen(agency, *year_of(year, parts.zone))


def filter_view(parts: Parts, own: OwnTrail, agency: str, year: str, now: datetime) -> TrailFilter:
    """What can be chosen: every agency, so that nothing is told by which are missing; the years from the first entry on."""
    zone = ZoneInfo(parts.zone)
    this_year = now.astimezone(zone).year
    began = own.began_at.astimezone(zone).year if own.began_at else this_year
    query = "".join(
        f"{name}={quote(value)}&" for name, value in (("instansi", agency), ("tahun", year)) if value
    )
    return TrailFilter(
        agencies=tuple((one, agency_code(one)) for one in own.agencies),
        years=tuple(str(one) for one in range(this_year, began - 1, -1)),
        agency=agency,
        year=year,
        query=query,
    )


def withdrawn_page(
    parts: Parts, found: exercise_rights.LiveConsent, withdrawn_at: datetime, here: str
) -> str:
    view = WithdrawDone(
        site=site_of(parts),
        reference=reference(found.consent.request_id),
        agency=agency_code(found.consent.agency_id),
        documents=_names(parts, found.types),
        withdrawn_at=withdrawn_at,
        deadline=withdrawn_at + STOP_WITHIN,
        pdf=_pdf(here, found.consent.id),
    )
    return parts.pages.withdraw_done(view)


def live_consent(parts: Parts, row: exercise_rights.LiveConsent, here: str) -> LiveConsent:
    """``here`` is the address of the own link."""
    service = parts.catalogue.services.get(row.consent.service)
    return LiveConsent(
        consent_id=row.consent.id,
        reference=reference(row.consent.request_id),
        agency=agency_code(row.consent.agency_id),
        service=name_in(parts, service) if service else row.consent.service,
        documents=_names(parts, row.types),
        use_until=row.consent.valid_until,
        basis=None if row.consent.lawful_basis == "consent" else row.consent.lawful_basis,
        whose=Whose(WHOSE[row.behalf.relation], row.behalf.name) if row.behalf else None,
        pdf=_pdf(here, row.consent.id),
        proof=f"{here}/receipts/{row.consent.id}.zip",
    )


def _pdf(here: str, consent_id: str) -> str:
    return f"{here}/receipts/{consent_id}.pdf"


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
        purpose=name_in(parts, service) if service else None,
        consent_reference=reference(request_id) if request_id else None,
        lawful_basis=body.get("lawful_basis"),
        machine=body["actor"].startswith("client:"),
        relation=body.get("relation"),
        for_another="for_another" in body,
        names_you=bool(body.get("names_you")),
        received_by=tuple(agency_code(one) for one in body.get("received_by", ())),
    )


def _actor(actor: str) -> Actor:
    known: dict[str, Actor] = {
        "citizen": "citizen",
        "system": "system",
        "representative": "representative",
        "represented": "represented",
    }
    return known.get(actor, "officer")


def _act(body: Mapping[str, Any]) -> str | None:
    """What sets entries of one type apart."""
    if body.get("act") == "assisted":
        return "assisted"
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
    return tuple(name_in(parts, known[code]) if code in known else code for code in types)
