"""Papers come in: every malformed body is refused with its code, keeps nothing, and leaves its entry."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from exchange.flows import tidy_up
from storage.errors import DocumentMissing, OutcomeUnknown, StoreUnavailable
from tests.files import noted
from tests.tampering import swept
from tests.world import JPEG, PDF, OfficerAt, World, content_digest


async def nothing_kept(world: World) -> None:
    """I2: no version, no pending row, no object."""
    async with world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT count(*) FROM document_version") == 0
        assert await transaction.raw.fetchval("SELECT count(*) FROM intake") == 0
    assert await world.parts.vault._blobs.list() == []


async def test_a_paper_that_may_have_been_kept_is_never_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1, I2, F24: the batch committed, its answer was lost. Wrong version: the object is discarded whenever the call
    fails, and a ready version points at nothing. Sending it again is safe: 200, the same version."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    appender = world.parts.appender
    submit = appender.submit

    async def answer_lost(work: Any, **more: Any) -> Any:
        settled = await submit(work, **more)
        if work.kind == "intake":
            raise OutcomeUnknown("lost")
        return settled

    with monkeypatch.context() as patch:
        patch.setattr(appender, "submit", answer_lost)
        answer = await world.stores(officer, subject)
    assert (answer.status_code, answer.json()["code"]) == (503, "BK-5005")
    again = await world.stores(officer, subject)
    assert again.status_code == 200
    _, ticket = await world.consented(officer)
    assert (await world.fetches(officer, ticket)).content == JPEG


async def test_a_cancelled_intake_leaves_no_version_without_its_object(world: World) -> None:
    """F36: the process is told to stop while the batch holds the paper. Wrong version: the cancelled caller discards
    the object of an item that commits all the same."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    blocker = await asyncpg.connect(world.parts.settings.database_url.get_secret_value())  # type: ignore[union-attr]
    async with blocker.transaction():
        await blocker.fetchrow("SELECT FROM log_head WHERE id = 1 FOR UPDATE")
        sending = asyncio.create_task(world.stores(officer, subject))
        for _ in range(100):
            await asyncio.sleep(0.05)
            if await world.parts.vault._blobs.list():
                break
        await asyncio.sleep(0.3)
        flows = [task for task in asyncio.all_tasks() if "run_asgi" in repr(task.get_coro())]
        assert flows
        for flow in flows:
            flow.cancel()
        await asyncio.sleep(0.2)
    await blocker.close()
    await asyncio.gather(sending, return_exceptions=True)
    await asyncio.sleep(0.5)
    async with world.parts.database.transaction() as transaction:
        keys = [
            row["object_key"]
            for row in await transaction.raw.fetch("SELECT object_key FROM document_version")
        ]
    assert keys == await world.parts.vault._blobs.list()


async def test_a_late_older_copy_does_not_replace_a_newer_one(world: World) -> None:
    """Wrong version: whoever ends last supersedes, so a slow upload of yesterday's card hides today's. 409, kept: the
    newer one only; the entry says why."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    begun = asyncio.Event()

    async def slowly() -> Any:
        yield JPEG[:5000]
        begun.set()
        await released.wait()
        yield JPEG[5000:]

    released = asyncio.Event()
    headers = {
        "Content-Type": "image/jpeg",
        "Content-Digest": content_digest(JPEG),
        "Content-Length": str(len(JPEG)),
    }
    slow = asyncio.create_task(
        officer.post(f"/v1/subjects/{subject}/documents?type=KTP", content=slowly(), headers=headers)
    )
    await begun.wait()
    for _ in range(100):
        await asyncio.sleep(0.05)
        async with world.parts.database.transaction() as transaction:
            if await transaction.raw.fetchval("SELECT count(*) FROM intake"):
                break
    newer = await world.stores(officer, subject, content=noted(JPEG, b"newer"))
    released.set()
    answer = await slow
    assert newer.status_code == 201
    assert (answer.status_code, answer.json()["code"]) == (409, "BK-3011")
    assert await _reason(world) == ("intake", "intake_overtaken")
    async with world.parts.database.transaction() as transaction:
        rows = await transaction.raw.fetch("SELECT version, state FROM document_version")
    assert [(row["version"], row["state"]) for row in rows] == [(newer.json()["version"], "ready")]
    assert len(await world.parts.vault._blobs.list()) == 1


async def _reason(world: World) -> tuple[str, str | None]:
    entry = (await world.entries())[-1]
    return entry["type"], entry["result"].get("reason")


async def _send(officer: OfficerAt, subject: str, content: bytes, **headers: str | None) -> Any:
    sent = {"Content-Type": "image/jpeg", "Content-Digest": content_digest(content)} | headers
    kept = {name: value for name, value in sent.items() if value is not None}
    return await officer.post(f"/v1/subjects/{subject}/documents?type=KTP", content=content, headers=kept)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code", "reason"),
    [
        (JPEG, {"Content-Digest": content_digest(noted(JPEG, b"x"))}, 422, "BK-3003", "digest_mismatch"),
        (JPEG, {"Content-Digest": None}, 400, "BK-3002", None),
        (JPEG, {"Content-Digest": "sha-256=:abc:"}, 400, "BK-3002", None),
        (JPEG, {"Content-Digest": "md5=:" + "A" * 43 + "=:"}, 400, "BK-3002", None),
        (PDF, {}, 422, "BK-3007", "content_mismatch"),
        (b"GIF89a" + b"x" * 100, {}, 422, "BK-3007", "content_unknown"),
        (b"\x00\x00\x00\x18ftypheic" + b"x" * 100, {}, 422, "BK-3021", "content_heic"),
        (JPEG, {"Content-Type": "application/zip"}, 415, "BK-3006", "media_type_unsupported"),
        (JPEG, {"Content-Type": "image/heic"}, 415, "BK-3006", "media_type_unsupported"),
        (JPEG * 120, {}, 413, "BK-3005", "too_large"),
        (b"", {}, 422, "BK-3010", "empty"),
    ],
)
async def test_bodies_that_are_turned_away(
    world: World, content: bytes, headers: dict[str, str | None], status: int, code: str, reason: str | None
) -> None:
    """A39, A42, A46."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    answer = await _send(officer, subject, content, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    await nothing_kept(world)
    if reason is not None:
        assert await _reason(world) == ("intake", reason)
    assert (await _send(officer, subject, JPEG)).status_code == 201


@pytest.mark.parametrize(
    ("headers", "query", "said"),
    [
        ([("Content-Type", "application/pdf")], {}, "/content-type"),
        ([("Content-Digest", content_digest(noted(JPEG, b"x")))], {}, "/content-digest"),
        ([("Content-Encoding", "gzip")], {}, "/content-encoding"),
        ([("Content-Encoding", "identity"), ("Content-Encoding", "gzip")], {}, "/content-encoding"),
        ([("Berkas-Number", "1"), ("Berkas-Number", "2")], {}, "/berkas-number"),
        ([], {"type": ["KTP", "KK"]}, "/type"),
        ([], {"type": ["KTP", "KTP"]}, "/type"),
        ([], {"type": "KTP", "issued_on": ["2026-01-02", "2020-01-02"]}, "/issued_on"),
    ],
)
async def test_a_request_that_can_be_read_in_two_ways(
    world: World, headers: list[tuple[str, str]], query: dict[str, Any], said: str
) -> None:
    """A46: what a proxy or a scanner before us reads one way is not read another way here. Wrong version: the first header counts, the last
    parameter, and a body that says it is packed is taken as it is."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    sent = [
        ("X-CSRF-Token", officer.csrf),
        ("Content-Type", "image/jpeg"),
        ("Content-Digest", content_digest(JPEG)),
    ]
    path, params = f"/v1/subjects/{subject}/documents", query or {"type": "KTP"}
    before = len(await world.entries())
    answer = await officer.client.post(path, params=params, content=JPEG, headers=[*sent, *headers])
    assert (answer.status_code, answer.json()["code"]) == (400, "BK-3039")
    assert {error["pointer"] for error in answer.json()["errors"]} == {said}
    await nothing_kept(world)
    assert len(await world.entries()) == before
    plain = [*sent, ("Content-Encoding", "identity")]
    answer = await officer.client.post(path, params={"type": "KTP"}, content=JPEG, headers=plain)
    assert answer.status_code == 201


async def test_a_digest_that_says_two_things(world: World) -> None:
    """RFC 9530: another algorithm beside it is looked past, a second sha-256 is not. Wrong version: the first one counts."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    right, wrong = content_digest(JPEG), content_digest(noted(JPEG, b"x"))
    for digests in (f"{right}, {wrong}", f"{right},{right}", f"{wrong}, sha-512=:eA==:, {right}"):
        answer = await _send(officer, subject, JPEG, **{"Content-Digest": digests})
        assert (answer.status_code, answer.json()["code"]) == (400, "BK-3039")
    await nothing_kept(world)
    answer = await _send(officer, subject, JPEG, **{"Content-Digest": f"sha-512=:eA==:, {right}"})
    assert answer.status_code == 201


async def test_a_type_that_does_not_take_this_format(world: World) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer)
    answer = await world.stores(officer, subject, "IJAZAH", b"\x89PNG\r\n\x1a\n" + b"x" * 99)
    assert answer.status_code in {415, 422}
    await nothing_kept(world)


@pytest.mark.parametrize("kind", ["SIDIK_JARI", "FORM_F102", "DOK_LAIN", "TIDAK_ADA"])
async def test_types_that_are_never_stored(world: World, kind: str) -> None:
    """``never_shared``: bound to one request; biometrics are not kept (L36)."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    answer = await world.stores(officer, subject, kind)
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-3008")
    await nothing_kept(world)


@pytest.mark.parametrize(
    "query",
    [{"issued_on": "2999-01-01"}, {"issued_on": "2026-01-02", "valid_until": "2026-01-01"}, {"level": "S9"},
     {"issued_on": "kemarin"}, {"tax_year": "12"}, {"background": "green"}],
)  # fmt: skip
async def test_metadata_that_cannot_be(world: World, query: dict[str, str]) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer)
    answer = await world.stores(officer, subject, "KTP", JPEG, **query)
    assert answer.status_code == 422
    assert answer.json()["code"] in {"BK-3009", "BK-2001"}
    await nothing_kept(world)


async def test_an_unknown_citizen(world: World) -> None:
    officer = await world.officer()
    answer = await world.stores(officer, "sbj_01JD0000000000000000000000")
    assert (answer.status_code, answer.json()["code"]) == (404, "BK-2002")
    assert await _reason(world) == ("intake", "subject_unknown")


async def test_the_same_file_twice(world: World) -> None:
    """A48, M09: 200, the same version, one object."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    first = await world.stores(officer, subject)
    second = await world.stores(officer, subject)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert len(await world.parts.vault._blobs.list()) == 1


async def test_the_same_file_ten_times_at_once(world: World) -> None:
    """One version, whatever the order; the losers' objects are gone."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    answers = await asyncio.gather(*(world.stores(officer, subject) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({(answer.json()["document_id"], answer.json()["version"]) for answer in answers}) == 1
    assert len(await world.parts.vault._blobs.list()) == 1


async def test_a_newer_scan_supersedes(world: World) -> None:
    """M09: one current version; both entries."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    newer = await world.stores(officer, subject, content=noted(JPEG, b"2"))
    assert newer.status_code == 201
    assert [entry["type"] for entry in await world.entries()][-2:] == ["intake", "supersede"]
    async with world.parts.database.transaction() as transaction:
        rows = await transaction.raw.fetch("SELECT version, state FROM document_version ORDER BY version")
    assert [row["state"] for row in rows] == ["superseded", "ready"]


async def test_two_diplomas_are_two_papers(world: World) -> None:
    """The level tells papers of one type apart: a diploma does not supersede a school certificate."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    school = await world.stores(officer, subject, "IJAZAH", PDF, level="SMA")
    diploma = await world.stores(officer, subject, "IJAZAH", noted(PDF, b"2"), level="S1")
    assert (school.status_code, diploma.status_code) == (201, 201)
    assert school.json()["document_id"] != diploma.json()["document_id"]


async def _raw(
    world: World, officer: OfficerAt, subject: str, head: list[str], body: bytes, wait_s: float
) -> bytes:
    """Speak HTTP by hand: what a proper client cannot say."""
    host, port = world.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    cookie = "; ".join(f"{name}={value}" for name, value in officer.client.cookies.items())
    lines = [
        f"POST /v1/subjects/{subject}/documents?type=KTP HTTP/1.1",
        f"Host: {host}:{port}",
        f"Cookie: {cookie}",
        f"X-CSRF-Token: {officer.csrf}",
        "Content-Type: image/jpeg",
        f"Content-Digest: {content_digest(JPEG)}",
        *head,
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()
    try:
        async with asyncio.timeout(wait_s):
            return await reader.read(-1)
    except TimeoutError:
        return b""
    finally:
        writer.close()


async def test_a_body_that_stops(world: World) -> None:
    """A46, A47: 408 after the idle limit when the client still listens; the connection ends; nothing is kept."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    answer = await _raw(world, officer, subject, [f"Content-Length: {len(JPEG)}"], JPEG[:5000], 8)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"BK-3004" in answer
    assert b"connection: close" in answer.lower()
    await nothing_kept(world)
    assert await _reason(world) == ("intake", "upload_broken")


async def test_a_client_that_hangs_up(world: World) -> None:
    """F36: nothing is kept."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await _raw(world, officer, subject, [f"Content-Length: {len(JPEG)}"], JPEG[:5000], 0.3)
    for _ in range(60):
        await asyncio.sleep(0.05)
        if (await _reason(world))[1] == "upload_broken":
            break
    await nothing_kept(world)


async def test_a_body_longer_than_announced(world: World) -> None:
    """The surplus is ignored and the connection closed; the announced bytes are stored."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    answer = await _raw(
        world, officer, subject, [f"Content-Length: {len(JPEG)}"], JPEG + b"surplus\r\n\r\n", 8
    )
    assert answer.startswith(b"HTTP/1.1 201")
    assert answer.count(b"HTTP/1.1 201") == 1


async def test_no_length(world: World) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer)
    chunked = await _raw(
        world, officer, subject, ["Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n", 4
    )
    assert chunked.startswith(b"HTTP/1.1 411")
    assert b"BK-3001" in chunked
    none = await _raw(world, officer, subject, [], b"", 4)
    assert none.startswith(b"HTTP/1.1 411")
    await nothing_kept(world)


async def test_the_store_is_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F18, I2: 503; the pending row waits for ``tidy_up`` when even the clean-up cannot reach the store."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    blobs = world.parts.vault._blobs

    async def down(*_: object) -> None:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "digest", down)
        patch.setattr(blobs, "delete", down)
        answer = await world.stores(officer, subject)
        assert (answer.status_code, answer.json()["code"]) == (503, "BK-5002")
    assert len(await blobs.list()) == 1
    parts = world.parts
    assert await tidy_up.sweep_intakes(parts.database, parts.keyring, parts.appender, parts.vault) == 0
    await _age_intakes(world)
    assert await tidy_up.sweep_intakes(parts.database, parts.keyring, parts.appender, parts.vault) == 1
    await nothing_kept(world)


async def test_the_store_keeps_other_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F20, I1: what is read back differs, so it is not acknowledged (no ETag is trusted)."""
    officer = await world.officer()
    subject = await world.enrols(officer)

    async def other(*_: object) -> str:
        return "0" * 64

    monkeypatch.setattr(world.parts.vault._blobs, "digest", other)
    answer = await world.stores(officer, subject)
    assert (answer.status_code, answer.json()["code"]) == (503, "BK-5002")
    assert await world.parts.vault._blobs.list() == []
    await _age_intakes(world)  # the row stays for ten minutes: a PUT that was late may still end in the store
    await swept(world)
    await nothing_kept(world)


async def test_the_store_does_not_have_what_it_took(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """F19: nodes come back one after the other, and the read-back finds nothing. Wrong version: "the stored file is broken" (502) for a
    paper that was never kept."""
    officer = await world.officer()
    subject = await world.enrols(officer)

    async def missing(*_: object) -> str:
        raise DocumentMissing("not in the store")

    monkeypatch.setattr(world.parts.vault._blobs, "digest", missing)
    answer = await world.stores(officer, subject)
    assert (answer.status_code, answer.json()["code"]) == (503, "BK-5002")
    await _age_intakes(world)
    await swept(world)
    await nothing_kept(world)


async def _age_intakes(world: World) -> None:
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE intake SET started_at = started_at - interval '11 minutes'")


async def test_what_rests_is_sealed(world: World) -> None:
    """I7, A58: no plaintext of the paper, the number, the name or the NIK in bucket or database."""
    from tests.world import NAME, NIK

    officer = await world.officer()
    subject = await world.enrols(officer)
    marker = noted(JPEG, b"PENANDA-RAHASIA")
    answer = await officer.post(
        f"/v1/subjects/{subject}/documents?type=KTP",
        content=marker,
        headers={
            "Content-Type": "image/jpeg",
            "Content-Digest": content_digest(marker),
            "Berkas-Number": NIK,
        },
    )
    assert answer.status_code == 201
    blobs = world.parts.vault._blobs
    key = (await blobs.list())[0]
    async with world.parts.database.transaction() as transaction:
        size = await transaction.raw.fetchval("SELECT cipher_size FROM document_version")
        tables = await transaction.raw.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        dump = "".join(
            [str(await transaction.raw.fetch(f'SELECT * FROM "{row["table_name"]}"')) for row in tables]
        )
    assert b"PENANDA-RAHASIA" not in await blobs.get(key, size)
    for secret in (NIK, NAME, "PENANDA-RAHASIA", "6281200009901"):
        assert secret not in dump
