"""An officer chooses a password with the one-time code that an administrator handed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from auth.links import code_hash
from auth.sign_in import judge_invitation, judge_password
from auth.verdict import AccessRefused, Verdict
from exchange.passwords import hash_password
from exchange.sessions import end_invitations, end_sessions
from storage.administration import INVITATIONS
from storage.agencies import AGENCIES, OFFICERS, SESSIONS
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.refusals import RefusalBudget
from storage.ledger.work import Event, Work


async def accept(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    attempts: RefusalBudget,
    *,
    code: str,
    password: str,
    now: datetime,
) -> str:
    """Returns the username to sign in with. Raises ``AccessRefused``, which reads the same for a code that is unknown, used or over,
    and ``TooManyRefusals``. Such a code leaves no entry and costs no hash: whoever kept an old one could have many of both.
    """
    hashed = code_hash(keyring.site("link"), code)
    if hashed is None:
        raise AccessRefused("invitation_unknown")
    invitation_id = hashed.hex()
    attempts.check(invitation_id)
    attempts.note(invitation_id)
    async with database.reading() as reading:
        found = await INVITATIONS.load(reading.raw, "id", [invitation_id])
        if not found or found[0].used_at is not None or now >= found[0].expires_at:
            raise AccessRefused("invitation_unknown")
        officer = (await OFFICERS.load(reading.raw, "id", [found[0].officer_id]))[0]
    judge_password(password, officer.username).enforce()
    password_hash = await hash_password(password)
    trail = keyring.site_trail()

    def judge(facts: Facts, now: datetime) -> Verdict:
        row, agency = facts.get(OFFICERS, officer.id), facts.get(AGENCIES, officer.agency_id)
        return judge_invitation(facts.get(INVITATIONS, invitation_id), row, agency, now)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        row = facts.get(OFFICERS, officer.id)
        if row is not None:
            facts.put(OFFICERS, replace(row, password_hash=password_hash))
        end_invitations(facts, officer.id, now)
        end_sessions(facts, officer.id, now)

    settled = await appender.submit(
        Work(
            kind="officer",
            caller="",  # not yet the officer: what fails here must not keep the officer from working
            trail=trail,
            load=[
                Need(OFFICERS, officer.id),
                Need(AGENCIES, officer.agency_id),
                Need(INVITATIONS, officer.id, "officer_id"),
                Need(SESSIONS, officer.id, "officer_id"),
            ],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event(
                    "officer",
                    trail,
                    f"officer:{officer.id}",
                    {"act": "choose_password", "agency": officer.agency_id, "counter": officer.counter},
                )
            ],
        )
    )
    settled.verdict.enforce()
    return officer.username
