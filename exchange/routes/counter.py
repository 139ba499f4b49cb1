"""At the counter: an officer's session, a withdrawal for a citizen; and for back ends too: enrolment, readiness."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from auth.callers import Caller
from exchange.answers import checked_contact, limits_of, parties_meant, withdrawal_text
from exchange.contacts import NewContact
from exchange.deps import CurrentOfficer, Wired, clock, today_at
from exchange.errors import ProblemRaised
from exchange.flows import check_requirements, enrol, exercise_rights
from exchange.holdings import misnamed
from exchange.machine import officer_or_machine
from exchange.provenance import told
from exchange.requirements.masking import mask_sensitive
from exchange.requirements.numbers import parse_nik
from exchange.requirements.renditions import told_rendition
from exchange.schemas import Answers, ConsentId, ContactIn, Parties, Reference, Strict

router = APIRouter(prefix="/v1", tags=["Agency"])

Enroller = Annotated[Caller, Depends(officer_or_machine("subjects.enrol"))]
Looker = Annotated[Caller, Depends(officer_or_machine("readiness.check"))]

NAME_LIMIT = 200


class CitizenIn(Strict):
    nik: str = Field(max_length=40)
    name: str = Field(min_length=1, max_length=NAME_LIMIT)
    birth_date: date | None = None
    contacts: list[ContactIn] = Field(default_factory=list, max_length=5)


class ReadinessIn(Strict):
    nik: str | None = Field(default=None, max_length=40)
    subject_ref: Reference | None = None
    service: str = Field(max_length=60)
    parties: Parties = Field(default_factory=dict)
    answers: Answers = Field(default_factory=dict)
    queue_ticket: str | None = Field(default=None, max_length=40)


@router.post("/subjects", status_code=201, operation_id="enrolCitizen", summary="Enrol a citizen")
async def enrol_citizen(
    parts: Wired, caller: Enroller, body: CitizenIn, response: Response
) -> dict[str, Any]:
    """An officer, or a client with `subjects.enrol`. A known NIK answers 200 with the same reference and changes nothing. One entry on the citizen's trail."""
    now = clock()
    nik = parse_nik(body.nik, birth_date=body.birth_date, today=today_at(parts.zone))
    for number, contact in enumerate(body.contacts):
        checked_contact(contact, f"/contacts/{number}/value")
    enrolled = await enrol.enrol(
        parts.database,
        parts.keyring,
        parts.appender,
        caller=caller,
        nik=nik,
        name=body.name,
        birth_date=body.birth_date,
        contacts=[NewContact(contact.channel, contact.value) for contact in body.contacts],
        limits=limits_of(parts),
        now=now,
    )
    if not enrolled.created:
        response.status_code = 200
    subject_ref = parts.keyring.pseudonym(caller.agency_id, enrolled.subject_ref)
    return {"subject_ref": subject_ref, "warnings": list(nik.warnings)}


@router.post("/readiness", operation_id="checkReadiness", summary="Is what a service requires on file?")
async def readiness(parts: Wired, caller: Looker, body: ReadinessIn) -> dict[str, Any]:
    """An officer, or a client with `readiness.check`. Own agency's services only. Opens no document. One entry on the trail of each citizen looked at; each of them
    counts against the caller's hourly budget.
    """
    if (body.nik is None) == (body.subject_ref is None):
        raise ProblemRaised("BK-2001", errors=[{"pointer": "/nik", "code": "nik_or_subject_ref"}])
    if errors := misnamed(parts.catalogue, body.answers, body.parties):
        raise ProblemRaised("BK-2001", errors=errors)
    subject_ref = body.subject_ref and parts.keyring.meant(caller.agency_id, body.subject_ref)
    typed = None
    if body.nik is not None:
        nik = parse_nik(body.nik, birth_date=None, today=today_at(parts.zone))
        typed = nik.number
        subject_ref = await check_requirements.find_subject(parts.database, parts.keyring, typed)
    ready = await check_requirements.check(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.catalogue,
        caller=caller,
        subject_ref=subject_ref,
        service_code=body.service,
        parties=parties_meant(parts, caller, body.parties),
        answers=body.answers,
        limit_per_hour=parts.settings.readiness_per_officer_hour,
        limits=limits_of(parts),
        typed=typed,
        today=today_at(parts.zone),
        now=clock(),
    )
    shown = mask_sensitive(ready.evaluation, parts.catalogue)
    return {
        "subject_ref": parts.keyring.pseudonym(caller.agency_id, ready.subject_ref),
        "service": ready.service.code,
        "complete": shown.complete,
        "requirements": [
            row.as_dict()
            | ({"rendition": told_rendition(ready.service.rendition_of(row.paper.type))} if row.paper else {})
            | (told(row.paper.provenance, row.paper.taken_by) if row.paper else {})
            for row in shown.requirements
        ],
    }


@router.post(
    "/consents/{consent_id}/withdrawal", operation_id="withdrawConsent", summary="Withdraw for a citizen"
)
async def withdraw(parts: Wired, officer: CurrentOfficer, consent_id: ConsentId) -> dict[str, Any]:
    """An officer of the asking agency records the withdrawal of a citizen at the counter (UU 27/2022 art. 40)."""
    withdrawn = await exercise_rights.withdraw(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        consent_id=consent_id,
        by=officer,
        notice=withdrawal_text(parts),
        now=clock(),
    )
    return {
        "consent_id": consent_id,
        "state": "withdrawn",
        "withdrawal_id": withdrawn.id,
        "stop_before": withdrawn.deadline.isoformat(),
    }
