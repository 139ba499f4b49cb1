"""What every act of an agency shares: the facts to load, the caller judged live, the members of the entry."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from auth.callers import Caller, Machine, Officer, counter_of
from auth.grants import first_refusal, judge_machine, judge_purpose, judge_session
from auth.roles import GOVERN, SERVE, judge_right, judge_strong
from auth.sign_in import RECOVERY_CODES
from auth.verdict import ALLOWED, Verdict
from storage.agencies import AGENCIES, OFFICERS, SESSIONS
from storage.agencies import Officer as OfficerRow
from storage.clients import CLIENTS, Client
from storage.database import Reading
from storage.keyring import Keyring
from storage.ledger.facts import Facts, FactTable, Json, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Settled, Trail, Work

# A session's last use is written at most once a minute: an update for each request would double the writes.
TOUCH_PERIOD = timedelta(minutes=1)


def caller_needs(caller: Caller) -> list[Need]:
    agency = Need(AGENCIES, caller.agency_id)
    if isinstance(caller, Machine):
        return [Need(CLIENTS, caller.id), agency]
    return [Need(SESSIONS, caller.session_id), Need(OFFICERS, caller.id), agency]


def judged_caller(
    facts: Facts, caller: Caller, now: datetime, right: str | None = SERVE, *, service: str | None = None
) -> Verdict:
    """Still there, still active, still allowed to ask for this, and for this ``service`` where the act names one; the agency too.
    ``right`` is what an officer's role must allow, as it stands now; None for what every officer may.
    """
    if isinstance(caller, Machine):
        client, agency = facts.get(CLIENTS, caller.id), facts.get(AGENCIES, caller.agency_id)
        may_act = judge_machine(client, agency, caller.agency_id, caller.scope, now)
        return may_act if service is None else first_refusal(may_act, judge_purpose(client, service))
    row = facts.get(OFFICERS, caller.id)
    may = ALLOWED if right is None else judge_right(row.role if row else "", right)
    return first_refusal(_judged_officer(facts, caller, row, now), may)


def _judged_officer(facts: Facts, officer: Officer, row: OfficerRow | None, now: datetime) -> Verdict:
    """Notes the use of the session."""
    session = facts.get(SESSIONS, officer.session_id)
    verdict = judge_session(session, row, facts.get(AGENCIES, officer.agency_id), now)
    if verdict.allowed and session is not None and now - session.last_seen_at > TOUCH_PERIOD:
        facts.put(SESSIONS, replace(session, last_seen_at=now))
    return verdict


async def may_look(reading: Reading, caller: Caller, service: str) -> Verdict:
    """For a look at what belongs to a service, which changes nothing and needs no batch."""
    if not isinstance(caller, Machine):
        return ALLOWED
    clients = await CLIENTS.load(reading.raw, "id", [caller.id])
    return judge_purpose(clients[0] if clients else None, service)


def caller_details(caller: Caller, **members: Any) -> dict[str, Any]:
    """The members of an entry that say who acted where; members that are None are left out."""
    details = {"agency": caller.agency_id, "counter": counter_of(caller), **members}
    return {name: value for name, value in details.items() if value is not None}


async def name_of(reading: Reading, actor: str) -> str:
    """Who asks: an officer, or an agency's system."""
    kind, _, row_id = actor.partition(":")
    table: FactTable[OfficerRow] | FactTable[Client] = CLIENTS if kind == "client" else OFFICERS
    rows = await table.load(reading.raw, "id", [row_id])
    return rows[0].name


def refusal(
    kind: str, trail: Trail, caller: Caller, verdict: Verdict, details: Mapping[str, Any]
) -> Work[Verdict]:
    """What was refused before the batch: nothing is judged again, the entry is written."""
    return Work(
        kind=kind,
        caller=caller.actor,
        trail=trail,
        load=(),
        judge=lambda _facts, _now: verdict,
        events=lambda _facts, _now, _verdict: [Event(kind, trail, caller.actor, details)],
    )


async def administer(
    keyring: Keyring,
    appender: Appender,
    kind: str,
    details: Mapping[str, Any],
    load: Sequence[Need],
    judge: Callable[[Facts, datetime], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None],
    *,
    by: Officer | None = None,
    right: str = GOVERN,
) -> Settled[Verdict]:
    """What an operator does from the command line (``by`` None), or an officer whose role has ``right`` and who showed a second
    factor: one batch item, one entry. Raises ``AccessRefused``.
    """
    trail = keyring.site_trail()
    actor = by.actor if by else "operator"

    def judged(facts: Facts, now: datetime) -> Verdict:
        if by is None:
            return judge(facts, now)
        session = facts.get(SESSIONS, by.session_id)
        strong = judge_strong(shown=session is not None and session.strong)
        return first_refusal(judged_caller(facts, by, now, right), strong, judge(facts, now))

    settled = await appender.submit(
        Work(
            kind=kind,
            caller=actor,
            trail=trail,
            load=[*load, *(caller_needs(by) if by else [])],
            judge=judged,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event(kind, trail, actor, {**(caller_details(by) if by else {}), **details})
            ],
        )
    )
    settled.verdict.enforce()
    return settled


async def demand_right(
    keyring: Keyring, appender: Appender, officer: Officer, right: str, *, kind: str, act: str | None = None
) -> None:
    """At the door, by the role that the session was looked up with; what changes anything is judged once more in its batch. Who may
    not stands in the ledger. Raises ``AccessRefused``.
    """
    verdict = judge_right(officer.role, right)
    if not verdict.allowed:
        details = caller_details(officer, act=act)
        await appender.submit(refusal(kind, keyring.site_trail(), officer, verdict, details))
        verdict.enforce()


async def change_own_account(
    keyring: Keyring,
    appender: Appender,
    officer: Officer,
    details: Mapping[str, str],
    load: Sequence[Need],
    judge: Callable[[Facts, datetime], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None],
) -> None:
    """What an officer does to the own ways in: one batch item, one entry; the officer is judged first. Raises ``AccessRefused``."""
    trail = keyring.site_trail()
    settled = await appender.submit(
        Work(
            kind="officer",
            caller=officer.actor,
            trail=trail,
            load=[*caller_needs(officer), *load],
            judge=lambda facts, now: first_refusal(
                judged_caller(facts, officer, now, None), judge(facts, now)
            ),
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("officer", trail, officer.actor, caller_details(officer, **details))
            ],
        )
    )
    settled.verdict.enforce()


def new_recovery_codes(keyring: Keyring, officer_id: str) -> tuple[list[str], Json]:
    """The codes, to be shown once, and what is kept of them."""
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]
    return codes, Json(json.dumps([recovery_hash(keyring, officer_id, code) for code in codes]))


def recovery_hash(keyring: Keyring, officer_id: str, code: str) -> str:
    """What is kept of a recovery code, whatever way it is typed."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return keyring.keyed_hash("recovery", f"{officer_id}/{plain}")
