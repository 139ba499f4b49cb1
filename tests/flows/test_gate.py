"""The gate over HTTP: what is unfit leaves nothing but its entry, and where there is no verdict nothing comes in (A39 to A43, A45, F34)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from storage import clamd
from storage.clamd import Scanner
from storage.workers import WorkerLost, WorkersBusy
from tests.conftest import StoreServer
from tests.files import noted
from tests.flows.test_take_in import nothing_kept
from tests.hostile import hostile_files
from tests.photographs import photograph, tells_a_place
from tests.scanner import EICAR, Said, clamd_binary, real_clamd, scripted
from tests.signing import long_lived
from tests.world import JPEG, PDF, OfficerAt, World, running_world

# One of each kind; tests/storage/test_gate.py has all of them.
UNFIT = {
    "jpeg 12/24": ("BK-3022", "file_broken"),
    "jpeg with php in a comment": ("BK-3023", "file_disguised"),
    "jpeg + one byte": ("BK-3024", "file_trailing"),
    "png flood 50000x50000": ("BK-3025", "file_pixels"),
    "pdf 51 pages": ("BK-3026", "file_pages"),
    "png a bomb behind 10x10": ("BK-3027", "file_too_heavy"),
    "pdf forms of forms": ("BK-3027", "file_too_heavy"),
    "pdf page: a crop outside": ("BK-3038", "file_page_size"),
    "png moving": ("BK-3028", "file_kind"),
    "pdf encrypted 4 ": ("BK-3029", "pdf_encrypted"),
    "pdf open script": ("BK-3030", "pdf_script"),
    "pdf program": ("BK-3031", "pdf_launch"),
    "pdf program, its kind elsewhere": ("BK-3031", "pdf_launch"),
    "pdf attachment": ("BK-3032", "pdf_embedded"),
    "pdf XFA": ("BK-3033", "pdf_xfa"),
    "pdf movie": ("BK-3034", "pdf_media"),
    "pdf content from outside": ("BK-3035", "pdf_external"),
    "pdf address at once": ("BK-3036", "pdf_action"),
}


async def _refused(world: World, answer: Any, status: int, code: str, reason: str | None) -> None:
    """A problem document, nothing kept, the room in the spool given back; with ``reason`` an entry that says it."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    await nothing_kept(world)
    assert world.parts.gate is not None
    assert world.parts.gate.spool.used_bytes == 0
    if reason is not None:
        entry = (await world.entries())[-1]
        assert (entry["type"], entry["result"]["reason"]) == ("intake", reason)


async def _counter(world: World) -> tuple[OfficerAt, str]:
    officer = await world.officer()
    return officer, await world.enrols(officer)


@pytest.mark.parametrize("name", UNFIT)
async def test_unfit_files_leave_an_entry_only(world: World, name: str) -> None:
    """A39, A40, A41: each with the sentence that helps; an honest file of the same citizen comes in."""
    content = next(file.content for file in hostile_files() if file.name == name)
    officer, subject = await _counter(world)
    code, reason = UNFIT[name]
    answer = await world.stores(officer, subject, content=content)
    await _refused(world, answer, 422, code, reason)
    assert len(answer.json()["detail"]) > 20
    assert (await world.stores(officer, subject)).status_code == 201


async def test_heic_comes_with_advice(world: World) -> None:
    officer, subject = await _counter(world)
    answer = await world.stores(officer, subject, content=b"\0\0\0\x18ftypheic" + bytes(100))
    await _refused(world, answer, 422, "BK-3021", "content_heic")
    assert "Paling Kompatibel" in answer.json()["detail"]


async def test_a_photograph_loses_its_place_and_not_a_pixel(world: World) -> None:
    """A45: both digests are told, and what is handed out is what ``sha256`` says. Wrong version: only the bytes that came are kept."""
    sent = photograph("6.2088 S")
    officer = await world.officer()
    stored = (await world.stores(officer, await world.enrols(officer), content=sent)).json()
    assert stored["received_sha256"] == hashlib.sha256(sent).hexdigest() != stored["sha256"]
    entry = next(entry for entry in await world.entries() if entry["type"] == "intake")
    assert entry["doc"]["received_sha256"] == stored["received_sha256"]
    _, ticket = await world.consented(officer, content=sent)
    got = await world.fetches(officer, ticket)
    assert hashlib.sha256(got.content).hexdigest() == stored["sha256"] == ticket["documents"][0]["sha256"]
    assert len(got.content) == ticket["documents"][0]["size"]
    assert tells_a_place(sent)
    assert not tells_a_place(got.content)


async def test_the_same_photograph_again(world: World) -> None:
    """M09, A48: by what was sent, and by what is kept: another place of the same picture is the same version."""
    officer, subject = await _counter(world)
    first = await world.stores(officer, subject, content=photograph("6.2088 S"))
    again = await world.stores(officer, subject, content=photograph("6.2088 S"))
    elsewhere = await world.stores(officer, subject, content=photograph("0.5022 S"))
    assert [answer.status_code for answer in (first, again, elsewhere)] == [201, 200, 200]
    assert {(answer.json()["version"], answer.json()["sha256"]) for answer in (first, again, elsewhere)} == {
        (1, first.json()["sha256"])
    }
    assert len(await world.parts.vault._blobs.list()) == 1


async def test_a_signed_pdf_is_not_altered(world: World) -> None:
    officer = await world.officer()
    signed = await asyncio.to_thread(long_lived)
    stored = (await world.stores(officer, await world.enrols(officer), content=signed)).json()
    assert stored["received_sha256"] == stored["sha256"] == hashlib.sha256(signed).hexdigest()
    _, ticket = await world.consented(officer, content=signed)
    assert (await world.fetches(officer, ticket)).content == signed


@pytest.mark.parametrize(
    ("said", "status", "code", "reason"),
    [
        (Said(), 201, None, None),
        (Said(answer=b"stream: Jahat.Sekali FOUND\0"), 422, "BK-3037", "malware_found"),
        (Said(answer=b"stream: Can't allocate memory ERROR\0"), 503, "BK-5022", None),
        (Said(answer=b"<html>OK</html>"), 503, "BK-5022", None),
        (Said(version=b"HTTP/1.1 200 OK"), 503, "BK-5022", None),
        (Said(hang=True), 503, "BK-5022", None),
        (Said(deaf_after=1_000), 503, "BK-5022", None),
    ],
    ids=["clean", "found", "error", "garbage", "no scanner", "hangs", "hangs up"],
)
async def test_a_scanner_is_believed_only_when_it_says_ok(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    said: Said,
    status: int,
    code: str | None,
    reason: str | None,
) -> None:
    """A43, F34. Wrong version: a scanner that cannot be asked is passed by."""
    monkeypatch.setattr(clamd, "CONNECT_LIMIT_S", 0.3)
    officer, subject = await _counter(world)
    assert world.parts.gate is not None
    async with scripted(said):
        world.parts.gate.scanner = Scanner(said.address, None)
        answer = await world.stores(officer, subject, content=PDF)
        health = (await world.client.get("/health/ready")).json()
    if code is None:
        assert (answer.status_code, said.heard) == (status, [PDF])
        assert health["intake"] == {"files": "parsed", "malware_scan": "ok"}
        return
    await _refused(world, answer, status, code, reason)
    assert ("retry-after" in answer.headers) == (status == 503)
    world.parts.gate.scanner = None
    assert (await world.stores(officer, subject, content=PDF)).status_code == 201


@pytest.mark.skipif(clamd_binary() is None, reason="no clamd (Debian: apt-get install clamav-daemon)")
async def test_a_real_clamd(tmp_path: Path, database_url: str, store: StoreServer, bucket_name: str) -> None:
    """A43, F34: named by its setting; then stopped: 503, and nothing unscanned comes in."""
    binary = clamd_binary()
    assert binary is not None
    with tempfile.TemporaryDirectory() as folder, real_clamd(binary, Path(folder)) as address:
        async with running_world(
            tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, clamd=address
        ) as world:
            officer, subject = await _counter(world)
            for content in (noted(JPEG, EICAR), noted(PDF, EICAR)):
                answer = await world.stores(officer, subject, content=content)
                await _refused(world, answer, 422, "BK-3037", "malware_found")
            assert (await world.stores(officer, subject)).status_code == 201
            os.unlink(address.removeprefix("unix:"))  # noqa: PTH108 - nothing waits for it
            answer = await world.stores(officer, subject, content=noted(JPEG, b"2"))
            assert (answer.status_code, answer.json()["code"]) == (503, "BK-5022")


@pytest.mark.parametrize("error", [WorkersBusy("no worker"), WorkerLost("killed")])
async def test_no_worker_is_no_verdict(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """F37: come again; the file is not to blame and nothing of it is kept."""
    officer, subject = await _counter(world)
    assert world.parts.gate is not None

    async def run(*_arguments: Any) -> dict[str, Any]:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(world.parts.gate.workers, "run", run)
        answer = await world.stores(officer, subject)
    await _refused(world, answer, 503, "BK-5021", None)
    assert int(answer.headers["retry-after"]) > 0
    assert (await world.stores(officer, subject)).status_code == 201


async def test_a_spool_that_is_full(world: World) -> None:
    """A64: memory has a bound; the next one comes in when there is room."""
    officer, subject = await _counter(world)
    assert world.parts.gate is not None
    spool = world.parts.gate.spool
    with spool.room(spool.limit_bytes - len(JPEG) + 1):
        answer = await world.stores(officer, subject)
        assert (answer.status_code, answer.json()["code"]) == (503, "BK-5021")
        await nothing_kept(world)
    assert (await world.stores(officer, subject)).status_code == 201


async def test_a_caller_who_leaves_takes_the_spool_along(world: World) -> None:
    """F36: half of a paper, then nothing; the room is given back."""
    officer, subject = await _counter(world)
    assert world.parts.gate is not None
    host, port = world.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    cookie = "; ".join(f"{name}={value}" for name, value in officer.client.cookies.items())
    head = (
        f"POST /v1/subjects/{subject}/documents?type=KTP HTTP/1.1", f"Host: {host}:{port}", f"Cookie: {cookie}",
        f"X-CSRF-Token: {officer.csrf}", "Content-Type: image/jpeg", f"Content-Length: {len(JPEG)}",
        f"Content-Digest: sha-256=:{'A' * 43}=:", "", "",
    )  # fmt: skip
    writer.write("\r\n".join(head).encode() + JPEG[:5_000])
    await writer.drain()
    for _ in range(100):
        if world.parts.gate.spool.used_bytes:
            break
        await asyncio.sleep(0.02)
    assert world.parts.gate.spool.used_bytes == len(JPEG)
    writer.close()
    for _ in range(100):
        if not world.parts.gate.spool.used_bytes:
            break
        await asyncio.sleep(0.05)
    assert world.parts.gate.spool.used_bytes == 0
    for _ in range(100):
        if not await world.parts.vault._blobs.list():
            break
        await asyncio.sleep(0.05)
    await nothing_kept(world)
    del reader


async def test_with_the_gate_off_first_bytes_decide(
    tmp_path: Path, database_url: str, store: StoreServer, bucket_name: str
) -> None:
    """For the measure of 200 MB only, and it says so; production refuses it (tests/cli/test_sandbox.py)."""
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, inspect_files=False
    ) as world:
        officer, subject = await _counter(world)
        stored = await world.stores(officer, subject, content=JPEG[:3_000])
        assert stored.status_code == 201
        assert stored.json()["received_sha256"] == stored.json()["sha256"]
        health = (await world.client.get("/health/ready")).json()
        assert health["intake"] == {"files": "by first bytes only", "malware_scan": "off"}


async def test_health_tells_how_files_are_looked_at(world: World) -> None:
    health = (await world.client.get("/health/ready")).json()
    assert health["intake"] == {"files": "parsed", "malware_scan": "off"}
