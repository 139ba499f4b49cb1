"""Administrators: who works at an agency, and what takes two persons."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field, model_validator

from exchange.deps import CurrentOfficer, Wired, clock, current_officer
from exchange.entrance import Again, shown_again
from exchange.flows import (
    accept_invitation,
    four_eyes,
    inspect_acts,
    run_officers,
    run_site,
    tell_supervisors,
)
from exchange.flows.four_eyes import Wanted, shown
from exchange.schemas import AgencyId, OfficerId, ProposalId, Strict

public = APIRouter(prefix="/v1", tags=["Administrator"])
router = APIRouter(prefix="/v1", tags=["Administrator"], dependencies=[Depends(current_officer)])

Role = Literal["officer", "supervisor", "agency_admin", "dpo", "auditor", "operator", "site_admin"]


class Acceptance(Strict):
    code: str = Field(max_length=60)
    password: str = Field(max_length=500)


class NewOfficer(Strict):
    """``agency`` only by who is over the whole site."""

    username: str = Field(min_length=3, max_length=100, pattern=r"^[A-Za-z0-9._@-]+$")
    name: str = Field(min_length=1, max_length=200)
    counter: str = Field(min_length=1, max_length=100)
    role: Role = "officer"
    email: str = Field(default="", max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")
    agency: AgencyId | None = None


class NewProposal(Again):
    """``target`` is an officer's id; for ``resume_agency`` an agency's. ``role`` only for ``appoint``."""

    act: Literal["appoint", "reset_password", "take_away_factor", "resume_agency"]
    target: OfficerId | AgencyId
    role: Role | None = None

    @model_validator(mode="after")
    def _role_where_one_is_given(self) -> NewProposal:
        if (self.role is not None) != (self.act == "appoint"):
            raise ValueError("a role belongs to appoint, and to nothing else")
        return self


@public.post("/invitation", operation_id="acceptInvitation", summary="Choose a password")
async def accept(parts: Wired, body: Acceptance) -> dict[str, Any]:
    """Anyone with a one-time code that an administrator handed over. The username to sign in with."""
    username = await accept_invitation.accept(
        parts.database, parts.keyring, parts.appender, parts.sign_ins,
        code=body.code, password=body.password, now=clock(),
    )  # fmt: skip
    return {"username": username}


@router.get("/officers", operation_id="listOfficers", summary="Who works here")
async def list_officers(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """Whoever oversees: the officers of the own agency; of all agencies for who is over the whole site."""
    rows = await run_officers.list_officers(parts.database, parts.keyring, parts.appender, by=officer)
    officers = [
        {
            "id": row.id, "username": row.username, "name": row.name, "agency": row.agency_id,
            "counter": row.counter, "role": row.role, "active": row.active, "invited": not row.password_hash, "admitted": row.admitted,
        }
        for row in rows
    ]  # fmt: skip
    return {"officers": officers}


@router.post("/officers", status_code=201, operation_id="addOfficer", summary="Add an officer")
async def add_officer(parts: Wired, officer: CurrentOfficer, body: NewOfficer) -> dict[str, Any]:
    """An administrator. The new officer waits until another person lets them in (`POST /v1/officers/{id}/admission`)."""
    officer_id = await run_officers.add_officer(
        parts.keyring,
        parts.appender,
        username=body.username,
        name=body.name,
        agency_id=body.agency or officer.agency_id,
        counter=body.counter,
        role=body.role,
        password_hash="",
        email=body.email,
        by=officer,
    )
    return {"officer_id": officer_id}


@router.post(
    "/officers/{officer_id}/admission", status_code=201, operation_id="admitOfficer", summary="Let an officer in"
)  # fmt: skip
async def let_in(
    parts: Wired, officer: CurrentOfficer, officer_id: OfficerId, response: Response
) -> dict[str, Any]:
    """A supervisor or an administrator, but not who added the officer. The one-time code with which the new officer chooses a password
    is shown once, and only here.
    """
    invited = await run_officers.let_in(parts.keyring, parts.appender, officer_id=officer_id, by=officer)
    response.headers["Cache-Control"] = "no-store"
    return {
        "officer_id": invited.officer_id,
        "code": invited.code,
        "expires_at": invited.expires_at.isoformat(),
    }


@router.post(
    "/officers/{officer_id}/suspension", status_code=204, operation_id="suspendOfficer", summary="Suspend"
)
async def suspend(parts: Wired, officer: CurrentOfficer, officer_id: OfficerId) -> None:
    """An administrator or the operator, alone: ends every act of this officer with the next request."""
    await run_officers.set_active(
        parts.keyring, parts.appender, officer_id=officer_id, active=False, by=officer
    )


@router.delete(
    "/officers/{officer_id}/suspension", status_code=204, operation_id="resumeOfficer", summary="Resume"
)
async def resume(parts: Wired, officer: CurrentOfficer, officer_id: OfficerId) -> None:
    """An administrator; whom somebody over the whole site suspended, only such a one."""
    await run_officers.set_active(
        parts.keyring, parts.appender, officer_id=officer_id, active=True, by=officer
    )


@router.post(
    "/officers/{officer_id}/unlocking", status_code=204, operation_id="unlockOfficer", summary="Unlock a name"
)
async def unlock(parts: Wired, officer: CurrentOfficer, officer_id: OfficerId) -> None:
    """A supervisor or an administrator, for a name that ten failed sign-ins have locked."""
    await run_officers.unlock(parts.keyring, parts.appender, officer_id=officer_id, by=officer)


@router.post(
    "/agencies/{agency_id}/suspension", status_code=204, operation_id="suspendAgency", summary="Suspend an agency"
)  # fmt: skip
async def suspend_agency(parts: Wired, officer: CurrentOfficer, agency_id: AgencyId) -> None:
    """The site's administrator or the operator, alone. Its officers, machines, tokens and tickets are refused from the next
    request on.
    """
    await run_site.set_agency_active(
        parts.keyring, parts.appender, agency_id=agency_id, active=False, by=officer
    )


@router.get("/alerts", operation_id="listAlerts", summary="Whom a limit stopped")
async def list_alerts(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """Whoever oversees: officers and back ends that reached too many citizens, the newest hundred."""
    rows = await tell_supervisors.list_alerts(parts.database, parts.keyring, parts.appender, by=officer)
    return {"alerts": [tell_supervisors.shown(row) for row in rows]}


@router.get("/proposals", operation_id="listProposals", summary="What waits for a second person")
async def list_proposals(parts: Wired, officer: CurrentOfficer) -> dict[str, Any]:
    """Administrators, the data protection officer, auditors: the newest hundred, decided ones too."""
    rows = await four_eyes.list_proposals(parts.database, parts.keyring, parts.appender, by=officer)
    return {"proposals": [shown(row) for row in rows]}


@router.post("/proposals", status_code=201, operation_id="propose", summary="Propose what takes two persons")
async def propose(parts: Wired, officer: CurrentOfficer, body: NewProposal) -> dict[str, Any]:
    """An administrator, who gives the password (and code) again. Open for a day."""
    await shown_again(parts, officer, body)
    wanted = Wanted(body.act, body.target, body.role or "")
    return shown(await four_eyes.propose(parts.keyring, parts.appender, wanted=wanted, by=officer))


@router.post("/proposals/{proposal_id}/approval", operation_id="approve", summary="Approve a proposal")
async def approve(
    parts: Wired, officer: CurrentOfficer, proposal_id: ProposalId, body: Again, response: Response
) -> dict[str, Any]:
    """Another administrator than proposed it, who gives the password (and code) again. It takes effect at once."""
    await shown_again(parts, officer, body)
    decided = await four_eyes.decide(
        parts.database, parts.keyring, parts.appender, proposal_id=proposal_id, approve=True, by=officer
    )
    response.headers["Cache-Control"] = "no-store"
    return shown(decided.proposal) | ({"code": decided.code} if decided.code else {})


@router.post("/proposals/{proposal_id}/rejection", operation_id="reject", summary="Reject a proposal")
async def reject(parts: Wired, officer: CurrentOfficer, proposal_id: ProposalId) -> dict[str, Any]:
    """Any administrator, also who proposed it."""
    decided = await four_eyes.decide(
        parts.database, parts.keyring, parts.appender, proposal_id=proposal_id, approve=False, by=officer
    )
    return shown(decided.proposal)


@router.get("/administration", operation_id="listAdministration", summary="What administrators did")
async def administration(parts: Wired, officer: CurrentOfficer, before: int | None = None) -> dict[str, Any]:
    """Administrators, the data protection officer, auditors. Entries of the ledger about officers, agencies and keys, newest first;
    ``before`` is the ``next`` of the page before.
    """
    page = await inspect_acts.acts(parts.database, parts.keyring, parts.appender, by=officer, before=before)
    return {"entries": page.entries, "next": page.next}
