"""Keys that take the place of others, prepared outside of the batch: nothing slow happens under the ledger's lock.

The root key turns: a citizen's two keys are wrapped by another root key, and stay what they are. A document key turns: a fresh one
wraps the data keys again; the objects stay as they are. An erasure turns it too and leaves out what is erased, so that a data key
that was copied before opens nothing any more. What is prepared here is put into the working copy by ``put_fresh`` and
``put_rewrapped``, which compare with what was read: a row that changed meanwhile is left as it is.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from storage.citizen_keys import CITIZEN_KEYS, CitizenKey, next_key_id
from storage.database import Database
from storage.documents import ERASED, GONE, VERSIONS, DocumentVersion
from storage.errors import SealBroken
from storage.keyring import Keyring, bound_keys, site_key_ad
from storage.keys.provider import Bare, Bound, WrappedKey
from storage.ledger.facts import Facts
from storage.sealing import dek_ad, kek_ad, new_data_key, unwrap, wrap


@dataclass(frozen=True, slots=True)
class Fresh:
    """A document key in the place of another. ``wrapped``: version's id -> (its data key as it was read, and under the fresh key)."""

    before: CitizenKey
    after: CitizenKey
    wrapped: Mapping[str, tuple[bytes, bytes]] = field(repr=False)


async def rewrapped(keyring: Keyring, rows: Sequence[CitizenKey]) -> list[CitizenKey]:
    """The same keys under the root key that wraps now. Raises ``SealBroken``, ``RootKeyRefused`` and ``RootKeyAway``."""
    bound = {(row.id, column): each for row in rows for column, each in bound_keys(row).items()}
    turned = dict(zip(bound, await keyring.provider.rewrap_all(list(bound.values())), strict=True))
    made = []
    for row in rows:
        document, trail = turned.get((row.id, "document_key")), turned.get((row.id, "trail_key"))
        root = document or trail
        if root is not None:
            made.append(_under(row, root, document, trail))
    return made


def put_rewrapped(facts: Facts, before: CitizenKey, after: CitizenKey) -> bool:
    """False when the row changed meanwhile: nothing is put, so that a key that was destroyed stays destroyed."""
    if facts.get(CITIZEN_KEYS, before.id) != before:
        return False
    facts.put(CITIZEN_KEYS, after)
    return True


async def fresh_keys(
    keyring: Keyring, held: Mapping[CitizenKey, Sequence[DocumentVersion]], now: datetime
) -> list[Fresh]:
    """For each citizen a document key of its own, with the data keys of those versions under it.

    A version whose data key does not open under the key that there is stays as it is: it is lost already, and must not hold up the
    others or an erasure. Raises ``SealBroken`` when a citizen's key does not open under the root key.
    """
    bound = {(row.id, column): each for row in held for column, each in bound_keys(row).items()}
    opened = dict(zip(bound, await keyring.provider.unwrap_all(list(bound.values())), strict=True))
    fresh = {row.id: new_data_key() for row in held}
    bare = {(row.id, "document_key"): Bare(fresh[row.id], kek_ad(row.id)) for row in held}
    # One row names one root key: what it also holds is wrapped by the same.
    bare |= {
        name: Bare(key, bound[name].associated_data) for name, key in opened.items() if name[1] == "trail_key"
    }
    wrapped = dict(zip(bare, await keyring.provider.wrap_all(list(bare.values())), strict=True))
    made = []
    for row, versions in held.items():
        document, trail = wrapped[row.id, "document_key"], wrapped.get((row.id, "trail_key"))
        after = replace(_under(row, document, document, trail), key_id=next_key_id(row), document_key_at=now)
        old = opened.get((row.id, "document_key"))
        pairs = {
            version.id: (version.wrapped_key, _again(version, row, old, after, fresh[row.id]))
            for version in versions
            if old is not None and version.state not in GONE
        }
        made.append(Fresh(row, after, pairs))
    return made


def still_fits(facts: Facts, fresh: Fresh) -> bool:
    """Whether key and versions are those that were read; the work declares the citizen's key and versions (by ``subject_ref``)."""
    read = {version: old for version, (old, _) in fresh.wrapped.items()}
    living = [v for v in facts.group(VERSIONS, "subject_ref", fresh.before.id) if v.state not in GONE]
    return facts.get(CITIZEN_KEYS, fresh.before.id) == fresh.before and read == {
        version.id: version.wrapped_key for version in living
    }


def put_fresh(facts: Facts, fresh: Fresh, erased: Container[str] = (), *, leaves: str = ERASED) -> None:
    """The old key is overwritten, and with it what opens the ``erased`` versions; their sealed words go too, and they are left in the
    state ``leaves``. Only after
    ``still_fits``: otherwise a version would be left under a key that is gone.
    """
    facts.put(CITIZEN_KEYS, fresh.after)
    for version in facts.group(VERSIONS, "subject_ref", fresh.before.id):
        if version.id in erased:
            facts.put(VERSIONS, replace(version, state=leaves, wrapped_key=b"", number=None, about=None))
        elif version.id in fresh.wrapped:
            facts.put(VERSIONS, replace(version, wrapped_key=fresh.wrapped[version.id][1]))


async def rewrap_site_keys(database: Database, keyring: Keyring) -> int:
    """The site's own secrets under the root key that wraps now; how many. One that was destroyed meanwhile stays so."""
    provider = keyring.provider
    async with database.reading() as reading:
        rows = await reading.raw.fetch(
            "SELECT purpose, kid, wrapped, root_key_id, root_key_version FROM site_key "
            "WHERE (root_key_id, root_key_version) <> ($1, $2)",
            provider.root_key_id,
            provider.version,
        )
    bound = [
        Bound(
            WrappedKey(row["root_key_id"], row["root_key_version"], row["wrapped"]),
            site_key_ad(row["purpose"], row["kid"]),
        )
        for row in rows
    ]
    turned = await provider.rewrap_all(bound) if bound else []
    for row, after in zip(rows, turned, strict=True):
        async with database.transaction() as transaction:
            await transaction.raw.execute(
                "UPDATE site_key SET wrapped = $4, root_key_id = $5, root_key_version = $6 "
                "WHERE purpose = $1 AND kid = $2 AND wrapped = $3",
                row["purpose"],
                row["kid"],
                row["wrapped"],
                after.blob,
                after.root_key_id,
                after.root_key_version,
            )
    return len(turned)


def _under(
    row: CitizenKey, root: WrappedKey, document: WrappedKey | None, trail: WrappedKey | None
) -> CitizenKey:
    return replace(
        row,
        document_key=document.blob if document else None,
        trail_key=trail.blob if trail else None,
        root_key_id=root.root_key_id,
        root_key_version=root.root_key_version,
    )


def _again(version: DocumentVersion, row: CitizenKey, old: bytes, after: CitizenKey, fresh: bytes) -> bytes:
    document, number = version.document_id, version.version
    try:
        data_key = unwrap(old, version.wrapped_key, dek_ad(document, number, row.key_id))
    except SealBroken:
        return version.wrapped_key
    return wrap(fresh, data_key, dek_ad(document, number, after.key_id))
