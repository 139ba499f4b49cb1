"""What somebody with the bucket or the database may do to stored papers (attacks 4.8, F20, F22), and how tests look at it."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from minio import Minio

from exchange.deps import clock
from exchange.flows import tidy_up
from exchange.flows.check_store import Check, Report, Wish
from storage.blobs import new_object_key
from storage.keyring import SITE
from storage.sealing import dek_ad, new_data_key, wrap
from tests.world import NIK, SERVICE, OfficerAt, World


class Bucket:
    """The store as its own administrator sees it."""

    def __init__(self, world: World) -> None:
        settings = world.parts.settings
        assert settings.s3_access_key
        assert settings.s3_secret_key
        self._name = settings.s3_bucket
        self._s3 = Minio(
            urlsplit(settings.s3_endpoint or "").netloc,
            settings.s3_access_key.get_secret_value(),
            settings.s3_secret_key.get_secret_value(),
            secure=False,
        )

    def names(self) -> list[str]:
        return [str(item.object_name) for item in self._s3.list_objects(self._name, recursive=True)]

    def get(self, key: str) -> bytes:
        answer = self._s3.get_object(self._name, key)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def put(self, key: str, content: bytes) -> None:
        self._s3.put_object(self._name, key, io.BytesIO(content), len(content))

    def remove(self, key: str) -> None:
        self._s3.remove_object(self._name, key)

    def flip(self, key: str, at: float) -> None:
        """One bit, at a fraction of the object."""
        content = bytearray(self.get(key))
        content[min(int(len(content) * at), len(content) - 1)] ^= 1
        self.put(key, bytes(content))


async def rows(world: World) -> list[Any]:
    async with world.parts.database.reading() as reading:
        return list(await reading.raw.fetch("SELECT * FROM document_version ORDER BY taken_at, version"))


async def change(world: World, statement: str, *values: Any) -> None:
    """Somebody who writes to the database without us."""
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(statement, *values)
    world.parts.vault._places.clear()
    world.parts.keyring._cache.clear()


async def swept(world: World) -> int:
    parts = world.parts
    return await tidy_up.sweep_intakes(parts.database, parts.keyring, parts.appender, parts.vault)


async def fsck(world: World, *, deep: bool = False, repair: bool = False, **more: Any) -> Report:
    parts = world.parts
    check = Check(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        Wish(deep, repair),
        **{"now": clock(), **more},
    )
    return await check.run()


async def readiness_of(world: World, officer: OfficerAt, code: str = "KTP", nik: str = NIK) -> dict[str, Any]:
    """The row of one paper in what the counter is told."""
    answer = await officer.post(
        "/v1/readiness",
        json={
            "nik": nik,
            "service": SERVICE,
            "answers": {"legal_entity": False, "represented": False},
        },
    )
    assert answer.status_code == 200, answer.text
    return next(row for row in answer.json()["requirements"] if row["code"] == code)


async def _flip(bucket: Bucket, _world: World, mine: Any, _other: Any, at: float) -> None:
    bucket.flip(mine["object_key"], at)


async def _cut(bucket: Bucket, _world: World, mine: Any, _other: Any) -> None:
    bucket.put(mine["object_key"], bucket.get(mine["object_key"])[:-1])


async def _lost(bucket: Bucket, _world: World, mine: Any, _other: Any) -> None:
    bucket.remove(mine["object_key"])


async def _longer(bucket: Bucket, _world: World, mine: Any, _other: Any) -> None:
    bucket.put(mine["object_key"], bucket.get(mine["object_key"]) + b"x")


async def _swapped_object(bucket: Bucket, _world: World, mine: Any, other: Any) -> None:
    """Another citizen's paper of the same length."""
    bucket.put(mine["object_key"], bucket.get(other["object_key"]))


async def _other_length(bucket: Bucket, _world: World, mine: Any, other: Any) -> None:
    """Another citizen's paper, which is longer or shorter: two objects are changed for one another."""
    one, two = bucket.get(mine["object_key"]), bucket.get(other["object_key"])
    bucket.put(mine["object_key"], two + b"x")
    bucket.put(other["object_key"], one)


async def _swapped_row(_bucket: Bucket, world: World, mine: Any, other: Any) -> None:
    """Everything that says where and what is another citizen's paper: only the name of the document is ours."""
    await change(
        world, "UPDATE document_version SET object_key = $2 WHERE id = $1", other["id"], new_object_key()
    )
    await change(
        world,
        "UPDATE document_version SET object_key = $2, wrapped_key = $3, sha256 = $4, cipher_sha256 = $5 WHERE id = $1",
        mine["id"], other["object_key"], other["wrapped_key"], other["sha256"], other["cipher_sha256"],
    )  # fmt: skip
    await change(
        world,
        "UPDATE document_version SET object_key = $2, wrapped_key = $3, sha256 = $4, cipher_sha256 = $5 WHERE id = $1",
        other["id"], mine["object_key"], mine["wrapped_key"], mine["sha256"], mine["cipher_sha256"],
    )  # fmt: skip


async def without_rule(owner_url: str) -> None:
    """The owner of the database lets every object key in."""
    connection = await asyncpg.connect(owner_url)
    for table in ("document_version", "intake"):
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_object_key")
    await connection.close()


async def _old_key(_bucket: Bucket, world: World, mine: Any, _other: Any) -> None:
    """A wrapped key of before the citizen's key was turned: bound to the key that wrapped it, and the same for another data key."""
    key_id, key = await world.parts.keyring.document_key(mine["subject_ref"])
    assert key_id != SITE
    old = wrap(key, new_data_key(), dek_ad(mine["document_id"], mine["version"], "an older key"))
    await change(world, "UPDATE document_version SET wrapped_key = $2 WHERE id = $1", mine["id"], old)


async def _old_data_key(_bucket: Bucket, world: World, mine: Any, _other: Any) -> None:
    """A key that opens, but is that of an earlier intake of this very version."""
    key_id, key = await world.parts.keyring.document_key(mine["subject_ref"])
    old = wrap(key, new_data_key(), dek_ad(mine["document_id"], mine["version"], key_id))
    await change(world, "UPDATE document_version SET wrapped_key = $2 WHERE id = $1", mine["id"], old)


async def _other_citizens(_bucket: Bucket, world: World, mine: Any, other: Any) -> None:
    await change(
        world, "UPDATE document_version SET subject_ref = $2 WHERE id = $1", mine["id"], other["subject_ref"]
    )


Attack = Callable[[Bucket, World, Any, Any], Awaitable[None]]


def flip_at(at: float) -> Attack:
    async def attack(bucket: Bucket, world: World, mine: Any, other: Any) -> None:
        await _flip(bucket, world, mine, other, at)

    return attack


# What is done -> the fault that a deep check names. A fetch finds each of them too.
ATTACKS: dict[str, tuple[Attack, str]] = {
    "a bit of the header": (flip_at(0.0), "cipher"),
    "a bit of the salt": (flip_at(0.001), "cipher"),
    "a bit in the middle": (flip_at(0.5), "cipher"),
    "a bit of the tag": (flip_at(1.0), "cipher"),
    "a swapped object": (_swapped_object, "cipher"),
    "a lost object": (_lost, "missing"),
    "a cut object": (_cut, "length"),
    "a longer object": (_longer, "length"),
    "another's object of another length": (_other_length, "length"),
    "a swapped row": (_swapped_row, "key"),
    "an old wrapped key": (_old_key, "key"),
    "an old data key": (_old_data_key, "seal"),
}
