"""Keys in use: the site's own secrets and each citizen's two keys, all at rest only as wrapped by the root key.

A citizen has a *document key* (it wraps the data keys of the papers) and a *trail key* (it seals identity, contacts,
messages and the bodies of ledger entries), so that papers can be erased while the trail is kept as long as the law
says (D4). Unwrapped keys stay in memory for at most 60 s a process; erasure is judged in the batch, not here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.citizen_keys import CitizenKey, keys_of
from storage.database import Database
from storage.errors import KeyMissing
from storage.ids import number_of, ulid_of
from storage.keys.local_file import create as create_root_key
from storage.keys.opening import provider_for
from storage.keys.provider import Bare, Bound, KeyProvider, WrappedKey
from storage.ledger.work import Trail
from storage.sealing import kek_ad, new_data_key, permuted, trail_ad, unwrap, wrap

__all__ = ["Keyring", "SiteKey", "create_root_key", "provider_for", "seal_field"]

CACHE_LIFE_S = 60.0
CACHE_ENTRIES = 20_000
SITE = "site"
NONCE_PERIOD_S = 300
NONCE_CHARACTERS = 32
KEY_BYTES = 32

# One secret per use, so that none of them says anything about another.
SITE_PURPOSES = ("nik-index", "pseudonym", "link", "one-time-code", "trail")


class SiteKey(SQLModel, table=True):
    """A secret of the deployment, wrapped. ``kid`` tells several keys of one purpose apart."""

    __tablename__ = "site_key"
    purpose: str = Field(primary_key=True, sa_type=sa.Text)
    kid: str = Field(primary_key=True, sa_type=sa.Text)
    wrapped: bytes
    root_key_id: str = Field(sa_type=sa.Text)
    root_key_version: int
    created_at: datetime = Field(sa_type=sa.DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class _Unwrapped:
    key_id: str
    document_key: bytes | None
    trail: Trail | None
    until_s: float


class Keyring:
    def __init__(self, database: Database, provider: KeyProvider) -> None:
        self._database = database
        self._provider = provider
        self._site: dict[str, bytes] = {}
        self._cache: dict[str, _Unwrapped] = {}

    @property
    def provider(self) -> KeyProvider:
        return self._provider

    async def open(self, now: datetime) -> None:
        """Load the site's secrets, making those that do not exist yet (several replicas may start at once)."""
        for purpose in SITE_PURPOSES:
            self._site[purpose] = await self.site_secret(purpose, purpose, new_data_key(), now)

    async def open_existing(self) -> None:
        """Load the site's secrets and make none: for who only reads. Raises ``KeyMissing``."""
        async with self._database.reading() as reading:
            rows = await reading.raw.fetch(
                "SELECT purpose, kid, wrapped, root_key_id, root_key_version FROM site_key WHERE purpose = kid"
            )
        for row in rows:
            bound = site_key_ad(row["purpose"], row["kid"])
            self._site[row["purpose"]] = await self._provider.unwrap(_wrapped(row, "wrapped"), bound)
        if missing := set(SITE_PURPOSES) - set(self._site):
            raise KeyMissing(f"the site has no secret for {', '.join(sorted(missing))}")

    async def site_secret(self, purpose: str, kid: str, fresh: bytes, now: datetime) -> bytes:
        """The stored secret of this purpose and kid; ``fresh`` becomes it when there is none."""
        wrapped = await self._provider.wrap(fresh, site_key_ad(purpose, kid))
        async with self._database.transaction() as transaction:
            await transaction.raw.execute(
                "INSERT INTO site_key (purpose, kid, wrapped, root_key_id, root_key_version, created_at) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                purpose,
                kid,
                wrapped.blob,
                wrapped.root_key_id,
                wrapped.root_key_version,
                now,
            )
            row = await transaction.raw.fetchrow(
                "SELECT wrapped, root_key_id, root_key_version FROM site_key WHERE purpose = $1 AND kid = $2",
                purpose,
                kid,
            )
        return await self._provider.unwrap(_wrapped(row, "wrapped"), site_key_ad(purpose, kid))

    async def forget_site_secret(self, purpose: str, kid: str) -> None:
        async with self._database.transaction() as transaction:
            await transaction.raw.execute(
                "DELETE FROM site_key WHERE purpose = $1 AND kid = $2", purpose, kid
            )

    async def stored_secret(self, purpose: str, kid: str) -> bytes:
        """Raises ``KeyMissing``."""
        async with self._database.reading() as reading:
            row = await reading.raw.fetchrow(
                "SELECT wrapped, root_key_id, root_key_version FROM site_key WHERE purpose = $1 AND kid = $2",
                purpose,
                kid,
            )
        if row is None:
            raise KeyMissing(f"{purpose} {kid}")
        return await self._provider.unwrap(_wrapped(row, "wrapped"), site_key_ad(purpose, kid))

    def site(self, purpose: str) -> bytes:
        return self._site[purpose]

    def site_trail(self) -> Trail:
        """The trail of entries that concern no citizen."""
        return Trail(SITE, SITE, self._site["trail"])

    def nik_index(self, nik: str) -> bytes:
        """Sixteen digits are guessed in seconds: found through a keyed HMAC, never a plain hash (D10)."""
        return hmac.new(self._site["nik-index"], b"nik\x00" + nik.encode(), hashlib.sha256).digest()

    def keyed_hash(self, kind: str, text: str) -> str:
        """A stable, keyed name for a contact, a plate or a land parcel."""
        return hmac.new(self._site["nik-index"], f"{kind}\x00{text}".encode(), hashlib.sha256).hexdigest()

    def nonces(self, now: datetime) -> tuple[str, str]:
        """The server's nonce of these five minutes and of those before (RFC 9449 8): the same on every replica, kept nowhere."""
        number = int(now.timestamp()) // NONCE_PERIOD_S
        current, before = (self.keyed_hash("nonce", str(n))[:NONCE_CHARACTERS] for n in (number, number - 1))
        return current, before

    def pseudonym(self, agency_id: str, subject_ref: str) -> str:
        """The citizen's reference as this agency knows it, everywhere (D10): two agencies that compare what they were given
        cannot match their citizens. Turned back by ``meant``; no table holds the pairs.
        """
        return self._paired(agency_id, subject_ref, back=False)

    def meant(self, agency_id: str, pseudonym: str) -> str:
        """Whom an agency means. Another agency's reference, or an invented one, is that of nobody. Raises ``KeyMissing`` for
        what is no reference.
        """
        return self._paired(agency_id, pseudonym, back=True)

    def _paired(self, agency_id: str, reference: str, *, back: bool) -> str:
        key = hmac.new(self._site["pseudonym"], b"pair\x00" + agency_id.encode(), hashlib.sha256).digest()
        prefix, _, text = reference.partition("_")
        try:
            block = number_of(text).to_bytes(16, "big")
        except ValueError:
            raise KeyMissing("no reference") from None
        return f"{prefix}_{ulid_of(int.from_bytes(permuted(key, block, back=back), 'big'))}"

    def _name_in_the_log(self, subject_ref: str) -> str:
        digest = hmac.new(self._site["pseudonym"], f"log\x00{subject_ref}".encode(), hashlib.sha256).digest()
        return "pw:" + base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")

    async def fresh_citizen(self, subject_ref: str, now: datetime) -> tuple[CitizenKey, Trail]:
        """Two fresh keys: the row to insert together with the citizen, and the trail to seal with."""
        document_key, trail_key = new_data_key(), new_data_key()
        bare = [Bare(document_key, kek_ad(subject_ref)), Bare(trail_key, trail_ad(subject_ref))]
        wrapped, wrapped_trail = await self._provider.wrap_all(bare)
        row = CitizenKey(
            id=subject_ref,
            key_id=f"{subject_ref}/1",
            document_key=wrapped.blob,
            trail_key=wrapped_trail.blob,
            root_key_id=wrapped.root_key_id,
            root_key_version=wrapped.root_key_version,
            document_key_at=now,
        )
        return row, Trail(subject_ref, self._name_in_the_log(subject_ref), trail_key)

    async def trail(self, subject_ref: str) -> Trail:
        """Raises ``KeyMissing`` for an unknown citizen or after the trail was erased."""
        if subject_ref == SITE:
            return self.site_trail()
        trail = (await self._unwrapped(subject_ref)).trail
        if trail is None:
            raise KeyMissing("trail key")
        return trail

    async def document_key(self, subject_ref: str) -> tuple[str, bytes]:
        """(key id, key). Raises ``KeyMissing``."""
        unwrapped = await self._unwrapped(subject_ref)
        if unwrapped.document_key is None:
            raise KeyMissing("document key")
        return unwrapped.key_id, unwrapped.document_key

    async def seal(self, subject_ref: str, purpose: str, plain: bytes) -> bytes:
        """Seal small data of a citizen under the trail key; ``purpose`` keeps fields from being swapped."""
        trail = await self.trail(subject_ref)
        return seal_field(trail, purpose, plain)

    async def unseal(self, subject_ref: str, purpose: str, sealed: bytes) -> bytes:
        """Raises ``SealBroken`` and ``KeyMissing``."""
        trail = await self.trail(subject_ref)
        return unwrap(trail.key, sealed, _field_ad(subject_ref, purpose))

    def holds(self, subject_ref: str, key_id: str) -> bool:
        """Is this document key still unwrapped here? What it opened may be used as long as it is."""
        cached = self._cache.get(subject_ref)
        return cached is not None and cached.key_id == key_id and cached.until_s > time.monotonic()

    def forget(self, subject_ref: str) -> None:
        """Unwrap anew the next time: the keys turned, or were destroyed."""
        self._cache.pop(subject_ref, None)

    def forget_old(self) -> None:
        """Let go of keys that may not be used any more; called every 20 s."""
        now_s = time.monotonic()
        for subject_ref in [ref for ref, cached in self._cache.items() if cached.until_s <= now_s]:
            del self._cache[subject_ref]

    async def _unwrapped(self, subject_ref: str) -> _Unwrapped:
        cached = self._cache.get(subject_ref)
        if cached is not None and cached.until_s > time.monotonic():
            return cached
        async with self._database.reading() as reading:
            row = await keys_of(reading, subject_ref)
        if row is None:
            raise KeyMissing("citizen")
        bound = bound_keys(row)
        keys = dict(zip(bound, await self._provider.unwrap_all(list(bound.values())), strict=True))
        trail_key = keys.get("trail_key")
        trail = Trail(subject_ref, self._name_in_the_log(subject_ref), trail_key) if trail_key else None
        fresh = _Unwrapped(row.key_id, keys.get("document_key"), trail, time.monotonic() + CACHE_LIFE_S)
        if len(self._cache) >= CACHE_ENTRIES:
            self._cache.clear()
        self._cache[subject_ref] = fresh
        return fresh


def seal_field(trail: Trail, purpose: str, plain: bytes) -> bytes:
    """``Keyring.seal`` for who has the trail in hand (inside a batch nothing may wait)."""
    return wrap(trail.key, plain, _field_ad(trail.subject_ref, purpose))


def bound_keys(row: CitizenKey) -> dict[str, Bound]:
    """Column -> what it holds, with what it is bound to; without those that were destroyed."""
    kept = {
        "document_key": (row.document_key, kek_ad(row.id)),
        "trail_key": (row.trail_key, trail_ad(row.id)),
    }
    return {
        column: Bound(WrappedKey(row.root_key_id, row.root_key_version, blob), associated_data)
        for column, (blob, associated_data) in kept.items()
        if blob is not None
    }


def _wrapped(row: asyncpg.Record, column: str) -> WrappedKey:
    return WrappedKey(row["root_key_id"], row["root_key_version"], bytes(row[column]))


def site_key_ad(purpose: str, kid: str) -> bytes:
    return f"berkas-site|{purpose}|{kid}".encode()


def _field_ad(subject_ref: str, purpose: str) -> bytes:
    return f"berkas-field|{subject_ref}|{purpose}".encode()
