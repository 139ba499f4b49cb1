"""What takes two persons: one proposes, another approves (A63). Whatever could make one insider somebody else is here.

    appoint           another role
    reset_password    the officer chooses a new one with a one-time code, which the approver is told
    take_away_factor  for a lost phone: the officer's authenticator and recovery codes are gone
    resume_agency     an agency that was suspended takes part again

Proposal and decision are entries each. Nothing is judged from the proposal: the second person's rights, the first one's, and
whoever it is about are looked at again when it takes effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from auth.callers import Officer
from auth.grants import first_refusal
from auth.links import code_hash, new_code
from auth.roles import (
    GOVERN,
    INSPECT,
    STAFF,
    WHOLE_SITE,
    judge_appointment,
    judge_reach_over,
    judge_right,
    judge_second_person,
)
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer, demand_right
from exchange.sessions import end_invitations, end_sessions, forget_factor
from storage.administration import INVITATIONS, PROPOSALS, Invitation, Proposal, newest_proposals
from storage.agencies import AGENCIES, OFFICERS, SESSIONS
from storage.agencies import Officer as Row
from storage.database import Database
from storage.factors import FACTORS, PASSKEYS
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender

PROPOSAL_LIFE = timedelta(hours=24)
RESET_LIFE = timedelta(hours=1)
SHOWN = 100
ACTS = ("appoint", "reset_password", "take_away_factor", "resume_agency")


class Wanted(NamedTuple):
    """``target`` is an officer's id, or an agency's; ``role`` what ``appoint`` gives, else empty."""

    act: str
    target: str
    role: str


@dataclass(frozen=True, slots=True)
class Decided:
    """``code`` is told once, after a ``reset_password``; empty otherwise."""

    proposal: Proposal
    code: str


async def propose(keyring: Keyring, appender: Appender, *, wanted: Wanted, by: Officer) -> Proposal:
    """Raises ``AccessRefused``."""
    proposal_id = new_id("pr")
    kept: list[Proposal] = []

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        agency_id = _agency_of(facts, wanted) or ""
        kept[:] = [
            Proposal(
                proposal_id, wanted.act, agency_id, wanted.target, wanted.role, by.id, now, "open", "", None
            )
        ]
        facts.put(PROPOSALS, kept[0])

    details = {"act": "propose", "proposal": proposal_id, **_about(wanted)}
    await administer(
        keyring, appender, "officer", details, _needs(wanted),
        lambda facts, _now: _judge(facts, wanted, by.id), apply, by=by, right=STAFF,
    )  # fmt: skip
    return kept[0]


async def decide(
    database: Database, keyring: Keyring, appender: Appender, *, proposal_id: str, approve: bool, by: Officer
) -> Decided:
    """Approve, by another person than proposed it; or reject, which the proposer may too, and whoever could have proposed it, but not
    the officer it is about. Raises ``AccessRefused``.
    """
    async with database.reading() as reading:
        rows = await PROPOSALS.load(reading.raw, "id", [proposal_id])
    found = Wanted(rows[0].act, rows[0].target, rows[0].role) if rows else None
    key = keyring.site("link")
    code = new_code(key)
    hashed = (code_hash(key, code) or b"").hex()
    kept: list[Proposal] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        proposal = facts.get(PROPOSALS, proposal_id)
        own = facts.get(OFFICERS, by.id)
        if proposal is None or found is None or own is None:
            return Refused("proposal_unknown")
        if not judge_reach_over(own.role, by.agency_id, proposal.agency_id).allowed:
            return Refused("proposal_unknown")
        if proposal.state != "open" or now - proposal.proposed_at > PROPOSAL_LIFE:
            return Refused("proposal_closed")
        if not approve and proposal.proposed_by == by.id:
            return ALLOWED
        if not approve:
            own_case = Refused("second_person_needed") if found.target == by.id else ALLOWED
            return first_refusal(own_case, _judge(facts, found, by.id))
        return first_refusal(
            judge_second_person(proposal.proposed_by, by.id),
            judge_second_person(found.target, by.id),
            _judge(facts, found, by.id),
            _judge(facts, found, proposal.proposed_by),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        proposal = facts.get(PROPOSALS, proposal_id)
        if proposal is None or found is None:
            return
        state = "approved" if approve else "rejected"
        kept[:] = [replace(proposal, state=state, decided_by=by.id, decided_at=now)]
        facts.put(PROPOSALS, kept[0])
        if approve:
            _carry_out(facts, found, hashed, now)

    needs = [Need(PROPOSALS, proposal_id), Need(INVITATIONS, hashed)]
    details = {"act": "approve" if approve else "reject", "proposal": proposal_id}
    if found is not None:
        needs += [*_needs(found), Need(OFFICERS, rows[0].proposed_by)]
        details |= _about(found)
    await administer(keyring, appender, "officer", details, needs, judge, apply, by=by, right=STAFF)
    return Decided(kept[0], code if approve and kept[0].act == "reset_password" else "")


def _judge(facts: Facts, wanted: Wanted, person: str) -> Verdict:
    """May this person have it done, as things stand?"""
    row = facts.get(OFFICERS, person)
    if row is None or not row.active:
        return Refused("role_missing")
    if wanted.act == "resume_agency":
        known = facts.get(AGENCIES, wanted.target) is not None
        return first_refusal(judge_right(row.role, GOVERN), ALLOWED if known else Refused("agency_unknown"))
    if wanted.act not in ACTS:
        return Refused("act_unknown")
    target = facts.get(OFFICERS, wanted.target)
    verdicts = [
        judge_right(row.role, STAFF),
        judge_reach_over(row.role, row.agency_id, target.agency_id if target else None),
    ]
    if target is not None and target.role in WHOLE_SITE:
        verdicts.append(judge_right(row.role, GOVERN))
    if wanted.act == "reset_password" and target is not None and not target.admitted:
        verdicts.append(Refused("officer_admitted"))
    if wanted.act == "appoint":
        verdicts.append(judge_appointment(row.role, wanted.role))
    return first_refusal(*verdicts)


def _carry_out(facts: Facts, wanted: Wanted, hashed: str, now: datetime) -> None:
    if wanted.act == "resume_agency":
        if (agency := facts.get(AGENCIES, wanted.target)) is not None:
            facts.put(AGENCIES, replace(agency, active=True))
    elif (officer := facts.get(OFFICERS, wanted.target)) is not None:
        _to_officer(facts, officer, wanted, hashed, now)


def _to_officer(facts: Facts, officer: Row, wanted: Wanted, hashed: str, now: datetime) -> None:
    if wanted.act == "appoint":
        facts.put(OFFICERS, replace(officer, role=wanted.role))
        end_invitations(facts, officer.id, now)
    elif wanted.act == "reset_password":
        facts.put(OFFICERS, replace(officer, password_hash=""))
        end_invitations(facts, officer.id, now)
        facts.put(INVITATIONS, Invitation(hashed, officer.id, now + RESET_LIFE, None))
    else:
        forget_factor(facts, officer.id, now)
    end_sessions(facts, officer.id, now)


def _agency_of(facts: Facts, wanted: Wanted) -> str | None:
    if wanted.act == "resume_agency":
        return wanted.target
    officer = facts.get(OFFICERS, wanted.target)
    return officer.agency_id if officer else None


def _needs(wanted: Wanted) -> list[Need]:
    target = wanted.target
    if wanted.act == "resume_agency":
        return [Need(AGENCIES, target)]
    return [
        Need(OFFICERS, target),
        Need(FACTORS, target),
        Need(PASSKEYS, target, "officer_id"),
        Need(SESSIONS, target, "officer_id"),
        Need(INVITATIONS, target, "officer_id"),
    ]


def _about(wanted: Wanted) -> dict[str, str]:
    whom = {"of_agency" if wanted.act == "resume_agency" else "officer": wanted.target}
    return {"wanted": wanted.act} | whom | ({"role": wanted.role} if wanted.role else {})


async def list_proposals(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer
) -> list[Proposal]:
    """The newest of the own agency, or of all for who is over the whole site. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, INSPECT, kind="officer", act="look_at_proposals")
    async with database.reading() as reading:
        return await newest_proposals(reading, None if by.role in WHOLE_SITE else by.agency_id, SHOWN)


def shown(proposal: Proposal) -> dict[str, str | None]:
    return {
        "id": proposal.id,
        "act": proposal.act,
        "agency": proposal.agency_id,
        "target": proposal.target,
        "role": proposal.role or None,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at.isoformat(),
        "state": proposal.state,
        "decided_by": proposal.decided_by or None,
    }
