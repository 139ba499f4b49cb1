"""Data protection officers: the breach register, whom it touched, the letters (UU 27/2022 art. 46)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, Field

from auth.breaches import TELL_WITHIN
from exchange.answers import agency_code, page, reference, site_of
from exchange.deps import CurrentOfficer, Parts, Wired, clock
from exchange.errors import ProblemRaised
from exchange.flows import keep_breaches, tell_breach
from exchange.flows.keep_breaches import Breach, Report
from exchange.pages import messages as words
from exchange.pages.breach_views import BreachLetter
from exchange.schemas import AgencyId, BreachId, Reference, Strict

router = APIRouter(prefix="/v1/breaches", tags=["Data protection"])

Told = Annotated[str, Field(min_length=20, max_length=600)]
Actor = Annotated[str, Field(pattern=r"^((officer|client):[!-~]{1,120})?$")]
LETTERS_A_CALL = 100
_LAST_ENTRY = 2**63 - 1


class BreachIn(Strict):
    """``noticed_at`` starts the 72 hours; ``from`` and ``to`` are the time searched; three items as art. 46(2) has them."""

    noticed_at: AwareDatetime
    from_at: AwareDatetime = Field(alias="from")
    to_at: AwareDatetime = Field(alias="to")
    of_agency: AgencyId | Literal["*"] | None = None
    actor: Actor = ""
    data: Told
    how: Told
    handling: Told


class PersonsIn(Strict):
    subject_refs: list[Reference] = Field(min_length=1, max_length=LETTERS_A_CALL)


class AuthorityIn(Strict):
    told_at: AwareDatetime
    reference: str = Field(min_length=1, max_length=100)


@router.post("", status_code=201, operation_id="openBreach", summary="Put a breach on record")
async def open_breach(parts: Wired, officer: CurrentOfficer, body: BreachIn) -> dict[str, Any]:
    """The data protection officer (what the own agency did) or the site's administrator (another agency, `*`: all), with a second factor."""
    if not body.from_at < body.to_at:
        raise ProblemRaised("BK-2001", errors=[{"pointer": "/to", "code": "before_from"}])
    of_agency = "" if body.of_agency == "*" else body.of_agency or officer.agency_id
    report = Report(
        body.noticed_at, body.from_at, body.to_at, of_agency, body.actor, body.data, body.how, body.handling
    )
    row = await keep_breaches.open_breach(
        parts.keyring, parts.appender, report=report, by=officer, now=clock()
    )
    return _shown(row, 0, 0)


@router.get("", operation_id="listBreaches", summary="The breach register and its clocks")
async def list_breaches(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """The data protection officer or the site's administrator: the newest hundred."""
    rows = await keep_breaches.list_breaches(parts.database, parts.keyring, parts.appender, by=officer)
    return {"breaches": [_shown(*row) for row in rows]}


@router.get("/{breach_id}/persons", operation_id="findBreachPersons", summary="Whom a breach touched")
async def find_persons(
    parts: Wired,
    officer: CurrentOfficer,
    breach_id: BreachId,
    after: Annotated[int, Query(ge=-1, le=_LAST_ENTRY)] = -1,
) -> dict[str, Any]:
    """One window of the ledger; go on with ``after`` = ``next`` until it is null. References and document types, no names."""
    look = await tell_breach.find_touched(
        parts.database, parts.keyring, parts.appender, breach_id=breach_id, by=officer, after=after
    )
    persons = [
        {
            "subject_ref": parts.keyring.pseudonym(officer.agency_id, row.subject_ref),
            "entries": list(row.entries),
            "document_types": list(row.types),
        }
        for row in look.persons
    ]
    return {"persons": persons, "scanned": look.scanned, "erased": look.erased, "next": look.next}


@router.post("/{breach_id}/letters", operation_id="tellBreachPersons", summary="Tell whom a breach touched")
async def tell_persons(
    parts: Wired, officer: CurrentOfficer, breach_id: BreachId, body: PersonsIn
) -> dict[str, Any]:
    """At most 100 a call. Each outcome: message, letter (no contact on record: print it), told_before, not_touched."""
    meant = {parts.keyring.meant(officer.agency_id, ref): ref for ref in body.subject_refs}

    def text(breach: Breach) -> str:
        return words.breach_notice(
            site=parts.site_name,
            agency=agency_code(breach.agency_id),
            data=breach.data,
            how=breach.how,
            handling=breach.handling,
            zone=parts.zone,
            noticed_at=breach.noticed_at,
        )

    told = await tell_breach.tell(
        parts.database,
        parts.keyring,
        parts.appender,
        breach_id=breach_id,
        subject_refs=list(meant),
        text=text,
        by=officer,
        now=clock(),
    )
    return {"told": [{"subject_ref": meant[ref], "outcome": outcome} for ref, outcome in told.items()]}


@router.get(
    "/{breach_id}/letters/{subject_ref}",
    operation_id="printBreachLetter",
    summary="The letter to one person",
    response_class=HTMLResponse,
)
async def print_letter(
    parts: Wired, officer: CurrentOfficer, breach_id: BreachId, subject_ref: Reference
) -> Response:
    """For who was told, with the name on it; printing it is an entry on that person's trail."""
    found = await tell_breach.letter(
        parts.database,
        parts.keyring,
        parts.appender,
        breach_id=breach_id,
        subject_ref=parts.keyring.meant(officer.agency_id, subject_ref),
        by=officer,
    )
    return _letter(parts, found.breach, name=found.name)


@router.get(
    "/{breach_id}/authority-letter",
    operation_id="printAuthorityLetter",
    summary="The letter to the authority",
    response_class=HTMLResponse,
)
async def print_authority_letter(parts: Wired, officer: CurrentOfficer, breach_id: BreachId) -> Response:
    """Names nobody; the authority is the one of ``BERKAS_AUTHORITY``."""
    breach, persons = await keep_breaches.breach_of(
        parts.database, parts.keyring, parts.appender, breach_id=breach_id, by=officer
    )
    return _letter(parts, breach, authority=parts.settings.authority, persons=persons)


@router.post(
    "/{breach_id}/authority",
    status_code=204,
    operation_id="noteAuthorityTold",
    summary="The authority was told",
)
async def note_authority(
    parts: Wired, officer: CurrentOfficer, breach_id: BreachId, body: AuthorityIn
) -> None:
    """When, and under which of its numbers."""
    await keep_breaches.note_authority(
        parts.keyring,
        parts.appender,
        breach_id=breach_id,
        told_at=body.told_at,
        reference=body.reference,
        by=officer,
    )


@router.post("/{breach_id}/closure", status_code=204, operation_id="closeBreach", summary="Close a breach")
async def close_breach(parts: Wired, officer: CurrentOfficer, breach_id: BreachId) -> None:
    """After the authority was told (BK-2114)."""
    await keep_breaches.close_breach(parts.keyring, parts.appender, breach_id=breach_id, by=officer)


def _shown(row: Breach, by_message: int, by_letter: int) -> dict[str, Any]:
    deadline = row.noticed_at + TELL_WITHIN
    return {
        "id": row.id,
        "agency": row.agency_id,
        "of_agency": row.of_agency,
        "actor": row.actor,
        "noticed_at": row.noticed_at.isoformat(),
        "from": row.from_at.isoformat(),
        "to": row.to_at.isoformat(),
        "tell_before": deadline.isoformat(),
        "overdue": row.authority_told_at is None and clock() > deadline,
        "told_by_message": by_message,
        "told_by_letter": by_letter,
        "authority_told_at": _moment(row.authority_told_at),
        "authority_reference": row.authority_reference or None,
        "closed_at": _moment(row.closed_at),
        "data": row.data,
        "how": row.how,
        "handling": row.handling,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _letter(
    parts: Parts, breach: Breach, *, name: str = "", authority: str = "", persons: int = 0
) -> Response:
    view = BreachLetter(
        site=site_of(parts),
        agency=agency_code(breach.agency_id),
        reference=reference(breach.id),
        written_at=clock(),
        noticed_at=breach.noticed_at,
        from_at=breach.from_at,
        to_at=breach.to_at,
        data=breach.data,
        how=breach.how,
        handling=breach.handling,
        name=name,
        authority=authority,
        persons=persons,
    )
    return page(parts, None, parts.pages.breach_letter(view))
