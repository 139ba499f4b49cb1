"""An officer signs in with a password.

1. a name that was tried too often this minute is turned away, known or not
2. verify the password in a bounded pool (argon2id is slow on purpose)
3. one batch item: the lock, the password's verdict and the second factor judged, the session, the entry
Ten failures in a row lock a name, on every replica: then nothing is right, and nobody is told. An unknown username costs
the same time and leaves no entry: anonymous callers must not grow the ledger. Tries are counted apart from what the
officer does: who guesses a password must not lock its owner out of a session.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime

from auth.callers import Officer, csrf_of, new_session_secret, session_of
from auth.sign_in import Shown, asks_for_code, judge_sign_in, locked_until, step_of
from auth.verdict import AccessRefused, Verdict
from exchange.acts import recovery_hash
from exchange.passwords import verified
from exchange.sessions import SignedIn, admit, officer_of, refused_alike
from storage.agencies import AGENCIES, OFFICERS, officer_by_username
from storage.agencies import Officer as Row
from storage.database import Database
from storage.factors import FACTORS, PASSKEYS, TRIES, SecondFactor, SignInTries, has_passkey
from storage.keyring import SITE, Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.refusals import RefusalBudget
from storage.ledger.work import Event, Settled, Work

ATTEMPTS_PER_MINUTE = 10


async def sign_in(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    attempts: RefusalBudget,
    *,
    username: str,
    password: str,
    code: str = "",
) -> SignedIn:
    """``code`` of the authenticator, or one of the recovery codes, once there is a second factor or a passkey. Raises ``AccessRefused``,
    which reads the same and comes after the same time for every cause, and ``TooManyRefusals``.
    """
    name = hashlib.sha256(username.encode()).hexdigest()
    attempts.check(name)
    attempts.note(name)  # before the answer, so that parallel guesses count one by one
    async with refused_alike():
        async with database.reading() as reading:
            row = await officer_by_username(reading, username)
        matches = await verified(row.password_hash if row else None, password)
        if row is None:
            raise AccessRefused("sign_in_failed")
        secret = new_session_secret()
        session = session_of(secret)
        settled = await _tried(database, keyring, appender, row, matches, code, "sign_in", session)
    attempts.forgive(name)
    return SignedIn(secret, csrf_of(secret), await officer_of(database, session, now=settled.receipt.at))


async def reauthenticate(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    attempts: RefusalBudget,
    *,
    officer: Officer,
    password: str,
    code: str,
) -> None:
    """Before a sensitive act: whoever sits at an open session is its owner. Counted with the sign-ins. Raises ``AccessRefused`` and
    ``TooManyRefusals``.
    """
    attempts.check(officer.id)
    attempts.note(officer.id)
    async with database.reading() as reading:
        row = (await OFFICERS.load(reading.raw, "id", [officer.id]))[0]
    matches = await verified(row.password_hash, password)
    await _tried(database, keyring, appender, row, matches, code, "reauthenticate", None)
    attempts.forgive(officer.id)


async def _tried(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    row: Row,
    matches: bool,
    code: str,
    act: str,
    session_id: str | None,
) -> Settled[Verdict]:
    """One try, in the order of the ledger: tries are counted there, on whatever replica they were made."""
    shown, used = await _shown(database, keyring, row, matches, code)
    trail = keyring.site_trail()

    def judge(facts: Facts, now: datetime) -> Verdict:
        tries, factor = facts.get(TRIES, row.id), facts.get(FACTORS, row.id)
        known = shown if factor is None or used is None or used in json.loads(factor.recovery) else unused
        officer, agency = facts.get(OFFICERS, row.id), facts.get(AGENCIES, row.agency_id)
        if officer is None or officer.password_hash != row.password_hash:
            known = replace(known, password=False)  # another one was chosen while this one was verified
        passkey = has_passkey(facts, row.id)
        return judge_sign_in(officer, agency, tries, factor, known, now, has_passkey=passkey)

    unused = replace(shown, recovery=False)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        factor = facts.get(FACTORS, row.id)
        asked = asks_for_code(factor, has_passkey=has_passkey(facts, row.id))
        admit(facts, row, session_id, now, strong=asked)
        if factor is not None and asked:
            facts.put(FACTORS, _after(factor, shown, used, now))

    def count(facts: Facts, now: datetime, verdict: Verdict) -> None:
        tries = facts.get(TRIES, row.id) or SignInTries(row.id, 0, 0, None)
        if verdict.reason == "sign_in_locked":
            return
        until = locked_until(tries.failed + 1, tries.locks, now)
        if until is None:
            facts.put(TRIES, replace(tries, failed=tries.failed + 1))
        else:
            facts.put(TRIES, SignInTries(row.id, 0, tries.locks + 1, until))

    settled = await appender.submit(
        Work(
            kind="officer",
            caller="",  # counted by ``attempts`` and TRIES
            trail=trail,
            load=[
                Need(OFFICERS, row.id),
                Need(AGENCIES, row.agency_id),
                Need(TRIES, row.id),
                Need(FACTORS, row.id),
                Need(PASSKEYS, row.id, "officer_id"),
            ],
            judge=judge,
            apply=apply,
            apply_refused=count,
            events=lambda _facts, _now, _verdict: [
                Event(
                    "officer",
                    trail,
                    f"officer:{row.id}",
                    {"act": act, "agency": row.agency_id, "counter": row.counter},
                )
            ],
        )
    )
    settled.verdict.enforce()
    return settled


async def _shown(
    database: Database, keyring: Keyring, row: Row, matches: bool, code: str
) -> tuple[Shown, str | None]:
    """What was typed, and the hash of the recovery code that it is."""
    async with database.reading() as reading:
        factors = await FACTORS.load(reading.raw, "id", [row.id])
    if not factors:
        return Shown(matches, code, None, recovery=False), None
    sealed, left = factors[0].secret, json.loads(factors[0].recovery)
    secret = (await keyring.unseal(SITE, f"totp/{row.id}", sealed)).decode() if sealed else None
    hashed = recovery_hash(keyring, row.id, code)
    known = hashed in left
    return Shown(matches, code, secret, recovery=known), hashed if known else None


def _after(factor: SecondFactor, shown: Shown, used: str | None, now: datetime) -> SecondFactor:
    """A code is used up: the recovery code, or the step of the authenticator."""
    if used is not None:
        left = [code for code in json.loads(factor.recovery) if code != used]
        return replace(factor, recovery=Json(json.dumps(left)))
    step = step_of(shown.secret or "", shown.code, factor.last_step, now)
    return factor if step is None else replace(factor, last_step=step)
