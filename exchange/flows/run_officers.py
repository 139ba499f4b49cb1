"""Officers: added, suspended, resumed, unlocked, by an operator from the command line or by an administrator (``by``).

What one person could misuse to become somebody else is not here: that takes two (``exchange.flows.four_eyes``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auth.callers import Officer
from auth.grants import first_refusal
from auth.links import code_hash, new_code
from auth.roles import (
    AT_THE_COUNTER,
    CONFIRM,
    OVERSEE,
    ROLES,
    STAFF,
    STOP,
    UNLOCK,
    WHOLE_SITE,
    judge_over_site,
    judge_rank,
    judge_reach_over,
    judge_second_person,
)
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer, demand_right
from exchange.naming import judge_names
from exchange.sessions import end_invitations, end_sessions, forget_factor
from storage.administration import INVITATIONS, Invitation
from storage.agencies import (
    AGENCIES,
    OFFICERS,
    SESSIONS,
    all_officers,
    officer_by_username,
)
from storage.agencies import Officer as Row
from storage.database import Database
from storage.factors import FACTORS, PASSKEYS, TRIES, SignInTries
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Settled

INVITATION_LIFE = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Invited:
    """``code`` is told once: with it the officer chooses a password."""

    officer_id: str
    code: str
    expires_at: datetime


def new_invitation(keyring: Keyring) -> tuple[str, str]:
    """(code, what is kept of it)."""
    key = keyring.site("link")
    code = new_code(key)
    return code, (code_hash(key, code) or b"").hex()


async def add_officer(
    keyring: Keyring,
    appender: Appender,
    *,
    username: str,
    name: str,
    agency_id: str,
    counter: str,
    role: str,
    password_hash: str,
    email: str = "",
    by: Officer | None = None,
) -> str:
    """Returns the officer's id. An administrator adds officers and supervisors of the own agency; every other role is given by two
    persons. Raises ``AccessRefused`` for a taken username, an unfit name, an unknown agency or role.
    """
    officer_id = new_id("off")
    sealed = _sealed(keyring, officer_id, email)
    # One insider alone must not make an officer and be it: somebody else lets in whom an administrator added.
    added_by, at_once = (by.id, False) if by else ("", True)
    officer = Row(
        officer_id,
        username,
        name,
        agency_id,
        counter,
        role,
        password_hash,
        at_once,
        sealed,
        added_by,
        at_once,
    )

    def judge(facts: Facts, _now: datetime) -> Verdict:
        verdicts = [
            judge_names(name, counter),
            ALLOWED if role in ROLES else Refused("role_unknown"),
            Refused("username_taken") if facts.group(OFFICERS, "username", username) else ALLOWED,
            ALLOWED if facts.get(AGENCIES, agency_id) is not None else Refused("agency_unknown"),
        ]
        if by is not None:
            verdicts.insert(0, _over(facts, by, agency_id))
            verdicts.append(ALLOWED if role in AT_THE_COUNTER else Refused("second_person_needed"))
        return first_refusal(*verdicts)

    await administer(
        keyring, appender, "officer", {"act": "add", "officer": officer.id, "agency": agency_id, "role": role},
        [Need(AGENCIES, agency_id), Need(OFFICERS, officer.id), Need(OFFICERS, username, "username")], judge,
        lambda facts, _now, _verdict: facts.put(OFFICERS, officer), by=by, right=STAFF,
    )  # fmt: skip
    return officer_id


def _sealed(keyring: Keyring, officer_id: str, email: str) -> bytes:
    return seal_field(keyring.site_trail(), f"officer-email/{officer_id}", email.encode()) if email else b""


async def set_email(keyring: Keyring, appender: Appender, *, officer_id: str, email: str) -> None:
    """An operator says where an officer is told of what a limit stopped; empty for nowhere. Raises ``AccessRefused``."""
    sealed = _sealed(keyring, officer_id, email)

    def change(facts: Facts, _now: datetime) -> None:
        if (officer := facts.get(OFFICERS, officer_id)) is not None:
            facts.put(OFFICERS, replace(officer, email=sealed))

    await _changed(keyring, appender, officer_id, "set_email", change, None, STAFF)


async def invite(keyring: Keyring, appender: Appender, *, officer_id: str) -> Invited:
    """An operator gives an officer a one-time code to choose a password with. Raises ``AccessRefused``."""
    code, hashed = new_invitation(keyring)

    def change(facts: Facts, now: datetime) -> None:
        facts.put(INVITATIONS, Invitation(hashed, officer_id, now + INVITATION_LIFE, None))

    settled = await _changed(keyring, appender, officer_id, "invite", change, None, STAFF)
    return Invited(officer_id, code, settled.receipt.at + INVITATION_LIFE)


async def let_in(keyring: Keyring, appender: Appender, *, officer_id: str, by: Officer) -> Invited:
    """Whom one administrator added, another person lets in, and is told the code: whoever added the officer never knows it. Raises
    ``AccessRefused``.
    """
    code, hashed = new_invitation(keyring)

    def judge(facts: Facts) -> Verdict:
        officer = facts.get(OFFICERS, officer_id)
        if officer is None or officer.admitted:
            return Refused("officer_admitted")
        return judge_second_person(officer.added_by, by.id)

    def change(facts: Facts, now: datetime) -> None:
        if (officer := facts.get(OFFICERS, officer_id)) is not None:
            facts.put(OFFICERS, replace(officer, admitted=True, active=True))
            facts.put(INVITATIONS, Invitation(hashed, officer_id, now + INVITATION_LIFE, None))

    settled = await _changed(keyring, appender, officer_id, "let_in", change, by, CONFIRM, judge)
    return Invited(officer_id, code, settled.receipt.at + INVITATION_LIFE)


async def set_active(
    keyring: Keyring, appender: Appender, *, officer_id: str, active: bool, by: Officer | None = None
) -> None:
    """Suspend, which ends sessions and invitations too, or resume; effective from the next batch on every replica. Whom somebody
    over the whole site suspended comes back by such a one only. Raises ``AccessRefused``.
    """

    def judge(facts: Facts) -> Verdict:
        officer, own = facts.get(OFFICERS, officer_id), facts.get(OFFICERS, by.id) if by else None
        if officer is None or not active:
            return ALLOWED
        if not officer.admitted:
            return Refused("second_person_needed")
        return judge_over_site(own.role) if own and officer.held_by_site else ALLOWED

    def change(facts: Facts, now: datetime) -> None:
        officer, own = facts.get(OFFICERS, officer_id), facts.get(OFFICERS, by.id) if by else None
        if officer is None:
            return
        held_by_site = not active and (own is None or own.role in WHOLE_SITE)
        facts.put(OFFICERS, replace(officer, active=active, held_by_site=held_by_site))
        if not active:
            end_sessions(facts, officer_id, now)
            end_invitations(facts, officer_id, now)

    act, right = ("resume", STAFF) if active else ("suspend", STOP)
    await _changed(keyring, appender, officer_id, act, change, by, right, judge)


async def unlock(keyring: Keyring, appender: Appender, *, officer_id: str, by: Officer | None = None) -> None:
    """For a name that was locked by failed sign-ins. Raises ``AccessRefused``."""

    def change(facts: Facts, _now: datetime) -> None:
        facts.put(TRIES, SignInTries(officer_id, 0, 0, None))

    await _changed(keyring, appender, officer_id, "unlock", change, by, UNLOCK)


async def take_away_factor(keyring: Keyring, appender: Appender, *, officer_id: str) -> None:
    """An operator, for an officer who lost the authenticator and the codes. Raises ``AccessRefused``."""

    def change(facts: Facts, now: datetime) -> None:
        forget_factor(facts, officer_id, now)

    await _changed(keyring, appender, officer_id, "take_away_factor", change, None, STAFF)


async def appoint(keyring: Keyring, appender: Appender, *, officer_id: str, role: str) -> None:
    """An operator gives a role. Raises ``AccessRefused``."""

    def change(facts: Facts, now: datetime) -> None:
        if (officer := facts.get(OFFICERS, officer_id)) is not None and role in ROLES:
            facts.put(OFFICERS, replace(officer, role=role))
            end_sessions(facts, officer_id, now)
            end_invitations(facts, officer_id, now)

    known = ALLOWED if role in ROLES else Refused("role_unknown")
    await _changed(
        keyring, appender, officer_id, "appoint", change, None, STAFF, lambda _facts: known, role=role
    )


async def _changed(
    keyring: Keyring,
    appender: Appender,
    officer_id: str,
    act: str,
    change: Callable[[Facts, datetime], None],
    by: Officer | None,
    right: str,
    judge: Callable[[Facts], Verdict] = lambda _facts: ALLOWED,
    **more: str,
) -> Settled[Verdict]:
    needs = [
        Need(OFFICERS, officer_id),
        Need(FACTORS, officer_id),
        Need(TRIES, officer_id),
        Need(INVITATIONS, officer_id, "officer_id"),
        Need(PASSKEYS, officer_id, "officer_id"),
        Need(SESSIONS, officer_id, "officer_id"),
    ]
    return await administer(
        keyring, appender, "officer", {"act": act, "officer": officer_id, **more}, needs,
        lambda facts, _now: first_refusal(_known(facts, by, officer_id), judge(facts)),
        lambda facts, now, _verdict: change(facts, now), by=by, right=right,
    )  # fmt: skip


def _known(facts: Facts, by: Officer | None, officer_id: str) -> Verdict:
    """The officer exists; for an administrator: among those that are the administrator's, and not above."""
    officer = facts.get(OFFICERS, officer_id)
    if by is None:
        return ALLOWED if officer is not None else Refused("officer_unknown")
    own = facts.get(OFFICERS, by.id)
    role = own.role if own else ""
    over = judge_reach_over(role, by.agency_id, officer.agency_id if officer else None)
    return over if officer is None else first_refusal(over, judge_rank(role, officer.role))


def _over(facts: Facts, by: Officer, agency_id: str | None) -> Verdict:
    row = facts.get(OFFICERS, by.id)
    return judge_reach_over(row.role if row else "", by.agency_id, agency_id)


async def id_of(database: Database, username: str) -> str:
    """Empty when nobody has this name: the batch refuses it."""
    async with database.reading() as reading:
        row = await officer_by_username(reading, username)
    return row.id if row else ""


async def list_officers(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer | None = None
) -> list[Row]:
    """Those of the own agency, or all for who is over the whole site. Raises ``AccessRefused``."""
    if by is not None:
        await demand_right(keyring, appender, by, OVERSEE, kind="officer", act="look_at_officers")
    async with database.reading() as reading:
        rows = await all_officers(reading)
    if by is None or by.role in WHOLE_SITE:
        return rows
    return [row for row in rows if row.agency_id == by.agency_id]
