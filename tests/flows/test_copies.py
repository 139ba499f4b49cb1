"""Papers leave with their purpose on them: what the ticket names, what is served, what is on record, what the code says (M06, M41, D12)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import httpx
import pytest

from exchange import copies
from storage.workers import TaskOverran, WorkersBusy
from tests.files import noted
from tests.flows.copying import KEPT, leaves, problem_of, receipt_of
from tests.flows.test_verify import state_of, word_of
from tests.invariants import check_invariants
from tests.renditions.samples import drawn, paper, picture_jpeg, picture_of, reddish, scan, text_of
from tests.world import ANSWERS, JPEG, SERVICE, OfficerAt, World, content_digest

PICTURE = picture_jpeg((620, 877))
BAND = (0, 0.95, 1, 1)


async def _resumes(officer: OfficerAt, ticket: dict[str, Any], asked: str, **headers: str) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {ticket['ticket']}", "Range": asked, **headers}
    return await officer.get(ticket["documents"][0]["content_url"], headers=bearer)


def _breaks(world: World, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    async def failing(*_: object) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(world.parts.copies._workers, "run", failing)


async def _ended(world: World) -> list[dict[str, Any]]:
    await world.outcomes()
    return [entry for entry in await world.entries() if entry["type"] in {"release", "redelivery", "outcome"}]


async def test_a_stamped_picture_from_ticket_to_verification(world: World) -> None:
    """The whole way: readiness and ticket say `stamped` and the source's digest, the copy has its own, receipt and outcome both (D12)."""
    leaves(world)
    officer = await world.officer()
    consent, ticket = await world.consented(officer, content=PICTURE)
    ready = await officer.post(
        "/v1/readiness",
        json={"subject_ref": await world.enrols(officer), "service": SERVICE, "answers": ANSWERS},
    )
    assert [row["rendition"] for row in ready.json()["requirements"] if row["code"] == "KTP"] == ["stamped"]
    [document] = ticket["documents"]
    source = hashlib.sha256(PICTURE).hexdigest()
    assert (document["rendition"], document["sha256"], document["size"]) == ("stamped", source, len(PICTURE))

    answer = await world.fetches(officer, ticket)
    assert answer.status_code == 200
    picture = picture_of(answer.content)
    assert picture.size == (620, 877)
    assert reddish(picture, BAND) > 200
    served = hashlib.sha256(answer.content).hexdigest()
    kept = dict(answer.headers)
    for name in ("date", "x-request-id", "berkas-receipt"):
        kept.pop(name)
    name = f"KTP-{document['document_id']}-{document['version']}.jpg"
    assert kept == KEPT | {
        "content-type": "image/jpeg",
        "content-length": str(len(answer.content)),
        "content-digest": content_digest(answer.content),
        "etag": f'"{served}"',
        "accept-ranges": "bytes",
        "content-disposition": f'attachment; filename="{name}"',
        "link": f'</v1/receipts/{receipt_of(answer)["jti"]}/bundle>; rel="describedby"',
    }
    told = receipt_of(answer)["doc"]
    assert (told["source_sha256"], told["served_sha256"], told["rendition"]) == (source, served, "stamped")
    release, outcome = await _ended(world)
    assert (release["rendition"], release["doc"]["sha256"]) == ("stamped", source)
    assert (outcome["outcome"], outcome["bytes"]) == ("sent", len(answer.content))
    assert (outcome["source_sha256"], outcome["served_sha256"]) == (source, served)

    code = told["copy_code"]
    for typed in (code, code.lower().replace("-", ""), f" {code[:4]} {code[5:9]} {code[10:]} "):
        page = await world.client.post("/verify", data={"code": typed})
        assert (word_of(page), state_of(page)) == ("genuine", "valid")
        assert "salinan dokumen yang kami serahkan" in page.text
        assert "DPMPTSP Kota Samarinda" in page.text
        assert "KTP" not in page.text
    assert word_of(await world.client.get(f"/verify/{code}")) == "genuine"
    other = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert word_of(await world.client.get(f"/verify/{other}")) == "unknown"
    await officer.post(f"/v1/consents/{consent}/withdrawal")
    gone = await world.client.get(f"/verify/{code}")
    assert word_of(gone) == "withdrawn"
    assert "Persetujuannya sudah ditarik kembali" in gone.text
    await check_invariants(world)


async def test_a_pdf_says_for_what_where_when_and_its_code(world: World) -> None:
    leaves(world)
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=scan(2, noise=3))
    answer = await world.fetches(officer, ticket)
    assert answer.headers["content-type"] == "application/pdf"
    said = " ".join(text_of(answer.content).split())
    service = world.parts.catalogue.services[SERVICE]
    assert f"HANYA UNTUK KEPERLUAN {service.name_id} DI DPMPTSP Kota Samarinda" in said
    assert "tanggal " in said
    assert "nomor PST-" in said
    assert f"Kode salinan {receipt_of(answer)['doc']['copy_code']}. Periksa di {world.origin}/verify" in said
    assert all(reddish(drawn(answer.content, page), BAND) > 500 for page in range(2))


async def test_each_fetch_has_a_code_of_its_own(world: World) -> None:
    leaves(world)
    officer = await world.officer()
    consent, ticket = await world.consented(officer, content=PICTURE)
    other = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
    answers = [await world.fetches(officer, one) for one in (ticket, other)]
    codes = [receipt_of(answer)["doc"]["copy_code"] for answer in answers]
    assert len(set(codes)) == 2
    assert answers[0].content != answers[1].content
    async with world.parts.database.reading() as reading:
        kept = [dict(row) for row in await reading.raw.fetch("SELECT * FROM copy_code")]
    assert len(kept) == 2
    assert all(code.replace("-", "") not in str(kept) for code in codes)


async def test_burned_in_for_who_asks_for_it(world: World) -> None:
    leaves(world, KTP="burned_in")
    officer = await world.officer()
    content = paper([b"BT /F1 20 Tf 60 700 Td (Nomor rahasia 12345) Tj ET"])
    _, ticket = await world.consented(officer, content=content)
    assert ticket["documents"][0]["rendition"] == "stamped"
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, text_of(answer.content).strip()) == (200, "")
    assert receipt_of(answer)["doc"]["rendition"] == "burned_in"


async def test_an_original_has_no_code(world: World) -> None:
    """Only where the catalogue says so; then nothing of a copy is on record."""
    leaves(world, KTP="original")
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=PICTURE)
    answer = await world.fetches(officer, ticket)
    assert answer.content == PICTURE
    assert {"rendition", "copy_code"}.isdisjoint(receipt_of(answer)["doc"])
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM copy_code") == 0


async def test_a_file_that_cannot_be_drawn_is_not_sent_unmarked(world: World) -> None:
    """A clear problem, an `aborted` outcome, no byte of the original; and the delivery may be repeated, three times in all. What the gate
    lets in can be drawn, so it came in without."""
    leaves(world)
    world.app.state.parts = replace(world.parts, gate=None)
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=JPEG[:5_000])
    for _ in range(4):
        answer = await world.fetches(officer, ticket)
        assert problem_of(answer) == (422, "BK-4021")
        assert JPEG[:50] not in answer.content
        assert (await _ended(world))[-1]["outcome"] == "aborted"
    assert problem_of(await world.fetches(officer, ticket)) == (409, "BK-4003")
    assert all("served_sha256" not in entry for entry in await _ended(world))


@pytest.mark.parametrize(
    ("error", "told"),
    [(WorkersBusy("none"), (429, "BK-4022")), (TaskOverran("memory"), (422, "BK-4021"))],
    ids=["busy", "overran"],
)
async def test_a_worker_that_is_not_there_or_dies(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, told: tuple[int, str]
) -> None:
    """The paper stays redeliverable, as the same bytes."""
    leaves(world)
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=PICTURE)
    with monkeypatch.context() as patch:
        _breaks(world, patch, error)
        answer = await world.fetches(officer, ticket)
    assert problem_of(answer) == told
    assert ("retry-after" in answer.headers) == (told[0] == 429)
    assert (await _ended(world))[-1]["outcome"] == "aborted"
    again = await world.fetches(officer, ticket)
    assert again.status_code == 200
    assert [entry["type"] for entry in await _ended(world)] == ["release", "outcome", "redelivery", "outcome"]


async def test_a_copy_is_resumed_where_it_broke_off(world: World) -> None:
    """DESIGN 7: the same bytes again, Range included; each attempt has its entry, and the end of the paper ends it."""
    leaves(world)
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=PICTURE)
    first = await _resumes(officer, ticket, "bytes=0-999")
    size = int(first.headers["content-range"].rpartition("/")[2])
    assert (first.status_code, first.headers["content-range"]) == (206, f"bytes 0-999/{size}")
    assert first.headers["content-digest"] == content_digest(first.content)
    await world.outcomes()
    rest = await _resumes(officer, ticket, "bytes=1000-", **{"If-Range": first.headers["etag"]})
    assert (rest.status_code, rest.headers["content-range"]) == (206, f"bytes 1000-{size - 1}/{size}")
    whole = first.content + rest.content
    assert f'"{hashlib.sha256(whole).hexdigest()}"' == rest.headers["etag"] == first.headers["etag"]
    assert rest.headers["repr-digest"] == content_digest(whole)
    assert picture_of(whole).size == (620, 877)
    entries = await _ended(world)
    assert [(entry["type"], entry["range"]) for entry in entries] == [
        ("release", "bytes=0-999"),
        ("outcome", "bytes=0-999"),
        ("redelivery", "bytes=1000-"),
        ("outcome", "bytes=1000-"),
    ]
    assert [entry["bytes"] for entry in entries if entry["type"] == "outcome"] == [1000, size - 1000]
    assert problem_of(await _resumes(officer, ticket, "bytes=1000-")) == (409, "BK-4003")


@pytest.mark.parametrize(
    ("asked", "if_range"),
    [
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(1_000)), None),
        ("bytes=999999999-", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("pages=1-2", None),
        ("bytes=10-", '"another"'),
    ],
    ids=["a_thousand", "behind", "none", "backwards", "pages", "another_copy"],
)
async def test_other_ranges_are_answered_with_all_of_it(
    world: World, asked: str, if_range: str | None
) -> None:
    """A49, CVE-2025-62727: never more than one part."""
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=PICTURE)
    headers = {"If-Range": if_range} if if_range else {}
    answer = await _resumes(officer, ticket, asked, **headers)
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert "content-range" not in answer.headers


async def test_a_range_of_a_large_original_is_cut_out_of_its_segments(world: World) -> None:
    officer = await world.officer()
    content = noted(JPEG, bytes(range(256)) * 9_000)
    world.app.state.parts.settings.__dict__["upload_limit_bytes"] = 10_000_000
    _, ticket = await world.consented(officer, content=content)
    answer = await _resumes(officer, ticket, "bytes=1048570-2097160")
    assert (answer.status_code, answer.content) == (206, content[1_048_570:2_097_161])
    assert answer.headers["repr-digest"] == content_digest(content)
    await world.outcomes()
    tail = await _resumes(officer, ticket, "bytes=-7")
    assert (tail.status_code, tail.content) == (206, content[-7:])


async def test_fifty_at_once_are_one_copy(world: World) -> None:
    """G-single use holds for copies too."""
    leaves(world)
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=PICTURE)
    answers = await asyncio.gather(*(world.fetches(officer, ticket) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers)[:2] == [200, 409]


async def test_too_large_for_a_copy_is_not_even_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves(world)
    world.app.state.parts.settings.__dict__["upload_limit_bytes"] = 10_000_000
    monkeypatch.setattr(copies, "SOURCE_LIMIT_BYTES", 2_000_000)
    officer = await world.officer()
    _, ticket = await world.consented(officer, content=noted(PICTURE, bytes(2_000_000)))
    assert problem_of(await world.fetches(officer, ticket)) == (422, "BK-4021")


def test_a_service_that_is_none_is_refused_at_the_start() -> None:
    """BERKAS_ORIGINAL_SERVICES."""
    from exchange.settings import Settings

    assert Settings(original_services="A.B C.D").unstamped == {"A.B", "C.D"}
