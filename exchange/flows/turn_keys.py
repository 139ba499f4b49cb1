"""Signing keys turn: introduced, active, retired (``protocols.md`` 1.1). Each step is a batch item with its entry.

1. introduce: the new key is published and every replica can verify it; the old one signs
2. from its moment on the new key signs; what the old one signed for minutes runs out
3. retire: the private half is destroyed, the public one stays in the archive, so that a receipt can be checked for ever
A key that somebody else may hold is revoked at once: nothing that it signed is accepted any more, and a new one signs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from auth.key_life import judge_introduction, judge_retirement
from auth.keys import (
    PURPOSES,
    KeySet,
    Purpose,
    VerificationKey,
    bare_jwk,
    generate_signing_key,
    private_bytes,
    public_key_from_jwk,
    signing_key_from_bytes,
)
from auth.verdict import AccessRefused, Refused, Verdict
from storage.database import Database
from storage.errors import JudgeFailed, KeyMissing
from storage.keyring import Keyring
from storage.ledger.checkpoint import SEED_BYTES, NoteSigner, public_of, vkey_of
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.publisher import log_origin
from storage.ledger.reopening import reopenings
from storage.ledger.work import Event, Work
from storage.signing_keys import SIGNING_KEYS, SigningKeyRow, all_signing_keys

# Replicas look every second, and who keeps our keys may do so for five minutes (``Cache-Control`` of jwks.json).
OVERLAP = timedelta(minutes=10)
ADOPTED = "first"  # the name of the keys that were made before their life was kept
# Ed25519 (RFC 8032), for checkpoints. Who watches the log from outside needs longer to learn a new one.
LEDGER = "ledger"
LEDGER_OVERLAP = timedelta(days=1)
ALL_PURPOSES = (*PURPOSES, LEDGER)


async def listed(database: Database) -> list[SigningKeyRow]:
    async with database.reading() as reading:
        return await all_signing_keys(reading)


async def loaded(keyring: Keyring, rows: Sequence[SigningKeyRow]) -> KeySet:
    """Raises ``KeyRefused`` when a purpose has nothing to sign with, and ``KeyMissing``."""
    signing = [
        signing_key_from_bytes(
            await keyring.stored_secret(_secret(row.purpose), row.label),
            _purpose(row.purpose),
            row.active_from,
        )
        for row in rows
        if row.retired_at is None and row.purpose != LEDGER
    ]
    retired = [row for row in rows if row.retired_at is not None and row.purpose != LEDGER]
    return KeySet(signing, [_public(row) for row in retired])


async def log_signers(keyring: Keyring, rows: Sequence[SigningKeyRow], origin: str) -> list[NoteSigner]:
    """The ledger's keys that live, oldest first: each signs every checkpoint. Raises ``KeyMissing``."""
    living = [row for row in rows if row.retired_at is None and row.purpose == LEDGER]
    return [
        NoteSigner(origin, await keyring.stored_secret(_secret(row.purpose), row.label)) for row in living
    ]


async def known_log_vkeys(database: Database) -> dict[str, str]:
    """Verifier key (C2SP signed note) -> kid of the keys that the ledger ever had, oldest first, under each name that it had. Not of one
    that was revoked: what somebody else may have signed proves nothing.
    """
    async with (
        database.transaction() as reading
    ):  # of the pool: who opens a log anew may leave no other connection behind
        rows = await all_signing_keys(reading)
        origins = [*(one.previous for one in await reopenings(reading)), await log_origin(reading)]
    ours = [row for row in rows if row.purpose == LEDGER and not row.revoked]
    return {vkey_of(origin, _raw(row)): row.id for origin in origins for row in ours}


def _raw(row: SigningKeyRow) -> bytes:
    encoded = json.loads(row.jwk)["x"]
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


async def first_keys(database: Database, keyring: Keyring, appender: Appender, now: datetime) -> None:
    """At the first start each purpose gets its key. Of two replicas that start at the same time one is refused."""
    known = {row.purpose for row in await listed(database)}
    made = [
        introduce(keyring, appender, purpose=purpose, overlap=timedelta(0), now=now, first=True)
        for purpose in ALL_PURPOSES
        if purpose not in known
    ]
    for outcome in await asyncio.gather(*made, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, AccessRefused):
            raise outcome


async def introduce(
    keyring: Keyring,
    appender: Appender,
    *,
    purpose: str,
    overlap: timedelta,
    now: datetime,
    first: bool = False,
) -> SigningKeyRow:
    """A new key that signs after ``overlap``. Raises ``AccessRefused`` where one waits already (or, for the ``first``, is)."""
    fresh = await _fresh(keyring, purpose, now, adopt=first)
    made = fresh

    def judge(facts: Facts, now: datetime) -> Verdict:
        known = facts.group(SIGNING_KEYS, "purpose", purpose)
        return Refused("key_waits") if first and known else judge_introduction(known, now)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        nonlocal made
        made = replace(fresh, introduced_at=now, active_from=_second(now + overlap))
        facts.put(SIGNING_KEYS, made)

    try:
        await _record(keyring, appender, "introduce", purpose, fresh.id, judge, apply)
    except (AccessRefused, JudgeFailed):
        if fresh.label != ADOPTED:  # the replica that was first has that very key
            await _forget(keyring, fresh)
        raise
    return made


async def retire(
    database: Database, keyring: Keyring, appender: Appender, *, kid: str, revoked: bool, now: datetime
) -> list[SigningKeyRow]:
    """The keys as they stand then. Raises ``AccessRefused`` for a key that is unknown, or needed still. ``revoked``: at once,
    whatever depends on it; where no other key signs, a new one does.
    """
    known = next((row for row in await listed(database) if row.id == kid), None)
    if known is None:
        raise AccessRefused("key_unknown")
    purpose = known.purpose
    spare = await _fresh(keyring, purpose, now) if revoked else None

    def judge(facts: Facts, now: datetime) -> Verdict:
        return judge_retirement(kid, facts.group(SIGNING_KEYS, "purpose", purpose), now, revoked=revoked)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        living = [row for row in facts.group(SIGNING_KEYS, "purpose", purpose) if row.retired_at is None]
        for row in living:
            if row.id == kid:
                facts.put(SIGNING_KEYS, replace(row, retired_at=_second(now), revoked=revoked))
        if spare is not None and not any(row.active_from <= now for row in living if row.id != kid):
            facts.put(SIGNING_KEYS, replace(spare, introduced_at=now, active_from=_second(now)))

    try:
        await _record(keyring, appender, "revoke" if revoked else "retire", purpose, kid, judge, apply)
    except (
        AccessRefused,
        JudgeFailed,
    ):  # a definite no; after anything else the act may stand, and its key is needed
        if spare is not None:
            await _forget(keyring, spare)
        raise
    rows = await listed(database)
    living = {row.id for row in rows if row.retired_at is None}
    for row in (known, spare):
        if row is not None and row.id not in living:
            await _forget(keyring, row)
    return rows


async def _fresh(keyring: Keyring, purpose: str, now: datetime, *, adopt: bool = False) -> SigningKeyRow:
    """A key with its private half kept; nobody knows it yet."""
    if purpose == LEDGER:
        return await _fresh_for_the_log(keyring, now, adopt=adopt)
    return await _fresh_for_tokens(keyring, _purpose(purpose), now, adopt=adopt)


async def _fresh_for_the_log(keyring: Keyring, now: datetime, *, adopt: bool) -> SigningKeyRow:
    seed, label = secrets.token_bytes(SEED_BYTES), ""
    if adopt:
        with contextlib.suppress(KeyMissing):
            seed, label = await keyring.stored_secret("log-seed", "log-seed"), ADOPTED
    x = base64.urlsafe_b64encode(public_of(seed)).rstrip(b"=").decode()
    jwk = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, sort_keys=True, separators=(",", ":"))
    kid = base64.urlsafe_b64encode(hashlib.sha256(jwk.encode()).digest()).rstrip(b"=").decode()  # RFC 7638
    await keyring.site_secret(_secret(LEDGER), label or kid, seed, now)
    return SigningKeyRow(kid, LEDGER, label or kid, Json(jwk), now, now, None, revoked=False)


async def _fresh_for_tokens(
    keyring: Keyring, purpose: Purpose, now: datetime, *, adopt: bool
) -> SigningKeyRow:
    key, label = generate_signing_key(purpose, now), ""
    if adopt:
        with contextlib.suppress(KeyMissing):
            stored = await keyring.stored_secret(_secret(purpose), ADOPTED)
            key, label = signing_key_from_bytes(stored, purpose, now), ADOPTED
    label = label or key.kid
    await keyring.site_secret(_secret(purpose), label, private_bytes(key), now)
    jwk = Json(json.dumps(bare_jwk(key.private_key.public_key()), sort_keys=True))
    return SigningKeyRow(key.kid, purpose, label, jwk, now, now, None, revoked=False)


async def _forget(keyring: Keyring, row: SigningKeyRow) -> None:
    await keyring.forget_site_secret(_secret(row.purpose), row.label)
    if row.purpose == LEDGER and row.label == ADOPTED:
        await keyring.forget_site_secret("log-seed", "log-seed")  # where it was adopted from


async def _record(
    keyring: Keyring,
    appender: Appender,
    act: str,
    purpose: str,
    kid: str,
    judge: Callable[[Facts, datetime], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None],
) -> None:
    trail = keyring.site_trail()
    details = {"act": act, "purpose": purpose, "kid": kid}
    settled = await appender.submit(
        Work(
            kind="key",
            caller="operator",
            trail=trail,
            load=[Need(SIGNING_KEYS, purpose, "purpose")],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("key", trail, "operator", details)],
        )
    )
    settled.verdict.enforce()


def _public(row: SigningKeyRow) -> VerificationKey:
    key = public_key_from_jwk(json.loads(row.jwk))
    return VerificationKey(row.id, _purpose(row.purpose), key, row.active_from, row.retired_at, row.revoked)


def _purpose(text: str) -> Purpose:
    return next(purpose for purpose in PURPOSES if purpose == text)


def _secret(purpose: str) -> str:
    return f"sign-{purpose}"


def _second(moment: datetime) -> datetime:
    """Times in tokens are whole seconds."""
    return moment.replace(microsecond=0)
