"""The receipt as a file: who may have it, what it holds, that it names nobody and is always the same."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from storage.ledger.checkpoint import NoteVerifier
from tests.flows.test_consent_record import revisions, verified
from tests.world import NAME, NIK, OTHER_NIK, PHONE, OfficerAt, World, csrf_of, path_of

LIMIT_BYTES = 50_000
A4_PT = (595.28, 841.89)


@dataclass(frozen=True)
class Decided:
    """A decision, with the browser that made it. ``path`` is the link's."""

    world: World
    officer: OfficerAt
    browser: httpx.AsyncClient
    path: str
    page: httpx.Response
    consent: str

    async def receipt(self, browser: httpx.AsyncClient | None = None) -> httpx.Response:
        return await (browser or self.browser).get(f"{self.path}/receipt.pdf")


async def decides(world: World, keys: list[str] | None = None, nik: str = NIK) -> Decided:
    """None: everything is allowed, []: nothing."""
    officer = await world.officer()
    subject = await world.enrols(officer, nik)
    await world.stores(officer, subject)
    asked = await world.asks(officer, subject)
    browser = world.browser()
    page = await world.allows(asked["link"], keys, browser)
    async with world.parts.database.transaction() as transaction:
        consent = await transaction.raw.fetchval(
            "SELECT consent_id FROM consent_request WHERE id = $1", asked["id"]
        )
    return Decided(world, officer, browser, path_of(asked["link"]), page, consent)


@pytest.fixture
async def decided(world: World) -> Decided:
    return await decides(world)


async def trail_of(world: World) -> str:
    """The path of the newest trail link that was sent."""
    messages = reversed(await world.inbox("notice"))
    return path_of(next(message["link"] for message in messages if message.get("link")))


def read(file: bytes) -> tuple[str, dict[str, bytes], PdfReader]:
    """Text, attachments and the whole, by a library that did not make it and takes no mistake."""
    reader = PdfReader(io.BytesIO(file), strict=True)
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    return text, {name: contents[0] for name, contents in reader.attachments.items()}, reader


def links_in(reader: PdfReader) -> list[str]:
    annotations: Any = reader.pages[0]["/Annots"]
    return [str(annotation.get_object()["/A"]["/URI"]) for annotation in annotations]


async def test_the_deciding_browser_gets_it(decided: Decided) -> None:
    """U12, U16: from the page, by its link, as a file that is one page of A4 below 50 KB."""
    link = re.search(r'href="(/p/[a-z2-7]{45}/receipt\.pdf)"', decided.page.text)
    assert link
    answer = await decided.browser.get(link[1])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r'attachment; filename="PST-\w{4}-\w{4}\.pdf"', answer.headers["content-disposition"])
    assert len(answer.content) < LIMIT_BYTES
    text, _, reader = read(answer.content)
    assert len(reader.pages) == 1
    assert [round(float(side), 2) for side in reader.pages[0].mediabox[2:]] == list(A4_PT)
    reference = re.search(r"PST-\w{4}-\w{4}", decided.page.text)
    assert reference
    for told in (
        "Tanda terima persetujuan Consent receipt", reference[0], "DPMPTSP Kota Samarinda", "Diputuskan / Decided",
        "Diizinkan / Allowed Kartu Tanda Penduduk", "Tidak dibagikan / Not shared", "Berlaku sampai / Valid until",
        "Menurut jadwal retensi arsip instansi", "UU 27/2022 Pasal 20 ayat (2) huruf a", decided.consent,
    ):  # fmt: skip
        assert told in text


async def test_the_signed_record_is_inside(decided: Decided) -> None:
    """U16, L11: the attachment is the record itself, and another library verifies it with the published keys."""
    _, files, _ = read((await decided.receipt()).content)
    assert sorted(files) == ["consent.jws", "log-checkpoint.txt"]
    keys = (await decided.world.client.get("/.well-known/jwks.json")).json()["keys"]
    claims = verified(files["consent.jws"].decode(), keys)
    assert claims["record_id"] == decided.consent
    assert [files["consent.jws"].decode()] == await revisions(decided.world, decided.consent)


async def test_it_names_nobody(decided: Decided) -> None:
    """U16, L36: no name, no initials, no number, no contact, no link that opens anything; in no stream of the file either."""
    answer = await decided.receipt()
    text, files, reader = read(answer.content)
    whole = text + repr(reader.metadata) + answer.content.decode("latin-1")
    trail = (await trail_of(decided.world)).rpartition("/")[2]
    for secret in (NIK, NIK[-4:] + " ", NAME, NAME.split()[0], "W****", PHONE, decided.path, trail):
        assert secret not in whole
    claims = verified(
        files["consent.jws"].decode(),
        (await decided.world.client.get("/.well-known/jwks.json")).json()["keys"],
    )
    for secret in (NIK, NAME, PHONE):
        assert secret not in repr(claims)


async def test_the_same_record_and_head_are_the_same_file(decided: Decided) -> None:
    """U16: also from the citizen's own link, in another language of the pages, and later; its only time is that of the decision."""
    world = decided.world
    phone, trail = world.browser(), await trail_of(world)
    await world.proves(phone, world.origin + trail)
    await world.parts.publisher.sign_head()  # from here on nothing is written
    files = {(await decided.receipt()).content for _ in range(2)}
    files.add((await decided.browser.get(f"{decided.path}/receipt.pdf?lang=en")).content)
    files.add((await phone.get(f"{trail}/receipts/{decided.consent}.pdf")).content)
    assert len(files) == 1


async def test_it_bears_the_logs_head(decided: Decided) -> None:
    """M36: the published checkpoint that covers the decision, whole, as a file; signed by the log's key, and the head of now on a later
    copy. Wrong version: the head of when the record was made, which is before it.
    """
    world = decided.world
    await world.parts.publisher.sign_head()
    first = read((await decided.receipt()).content)[1]["log-checkpoint.txt"].decode()
    assert first == (await world.client.get("/log/checkpoint")).text
    verifier = NoteVerifier((await world.client.get("/log/vkey")).text.strip())
    async with world.parts.database.reading() as reading:
        head = await reading.raw.fetchval("SELECT size FROM log_head")
    assert verifier.open(first).size == head
    await decided.officer.post("/v1/readiness", json={"nik": NIK, "service": "DPMPTSP.NIB"})
    await world.parts.publisher.sign_head()
    text, files, _ = read((await decided.receipt()).content)
    assert verifier.open(files["log-checkpoint.txt"].decode()).size > head
    assert f"{verifier.open(files['log-checkpoint.txt'].decode()).size} entri / entries" in text


async def test_strangers_get_what_a_dead_link_gives(decided: Decided) -> None:
    """A21: another browser, an unknown code, a pending request and garbage read the same 410."""
    world, officer = decided.world, decided.officer
    pending = await world.asks(officer, await world.enrols(officer))
    answers = [
        await decided.receipt(world.browser()),
        await decided.browser.get(f"{path_of(pending['link'])}/receipt.pdf"),
        await decided.browser.get("/p/" + "a" * 45 + "/receipt.pdf"),
        await decided.browser.get("/p/x/receipt.pdf"),
    ]
    dead = await world.browser().get("/p/" + "a" * 45)
    assert {(answer.status_code, answer.text) for answer in answers} == {(410, dead.text)}


async def test_a_request_that_ended_without_a_decision_has_none(decided: Decided) -> None:
    world, officer = decided.world, decided.officer
    subject = await world.enrols(officer)
    first = await world.asks(officer, subject)
    browser = world.browser()
    await browser.get(path_of(first["link"]))
    await world.asks(officer, subject)  # takes its place
    assert (await browser.get(f"{path_of(first['link'])}/receipt.pdf")).status_code == 410


async def test_nothing_is_written_and_nothing_is_indexed(decided: Decided) -> None:
    """A24: a GET changes nothing, whoever asks."""
    before = len(await decided.world.entries())
    answer = await decided.receipt()
    await decided.receipt(decided.world.browser())
    assert answer.headers["x-robots-tag"] == "noindex"
    assert len(await decided.world.entries()) == before


async def test_a_refusal_has_a_receipt(world: World) -> None:
    """U12, L11: a "no" can be shown as well."""
    decided = await decides(world, [])
    text, files, _ = read((await decided.receipt()).content)
    assert "Tanda terima penolakan Receipt of a refusal" in text
    assert "Diizinkan / Allowed Tidak ada None" in text
    assert "Berlaku sampai" not in text
    assert list(files) == ["consent.jws", "log-checkpoint.txt"]


async def test_after_a_withdrawal_it_says_so(decided: Decided) -> None:
    """U14, U16: the request's link is dead; behind the own link is the newest revision, with the one before it."""
    world = decided.world
    trail = await trail_of(world)
    phone = world.browser()
    page = await world.proves(phone, world.origin + trail)
    assert f"{trail}/receipts/{decided.consent}.pdf" in page.text
    form = {"csrf": csrf_of(page), "consent": decided.consent}
    done = await phone.post(trail, data={"step": "withdrawn", **form})
    assert f"{trail}/receipts/{decided.consent}.pdf" in done.text
    assert (await decided.receipt()).status_code == 410
    answer = await phone.get(f"{trail}/receipts/{decided.consent}.pdf")
    text, files, _ = read(answer.content)
    assert "Persetujuan ditarik kembali Consent withdrawn" in text
    assert "Ditarik kembali / Withdrawn" in text
    assert list(files) == ["consent-revision-1.jws", "consent.jws", "log-checkpoint.txt"]
    first, second = await revisions(world, decided.consent)
    assert (files["consent-revision-1.jws"].decode(), files["consent.jws"].decode()) == (first, second)
    assert len(answer.content) < LIMIT_BYTES


async def test_the_own_link_asks_for_the_factor_first(decided: Decided) -> None:
    """A22: without it the file is not there; a dead link is dead here too."""
    world = decided.world
    trail = await trail_of(world)
    answer = await world.browser().get(f"{trail}/receipts/{decided.consent}.pdf")
    assert (answer.status_code, answer.headers["location"]) == (303, trail)
    dead = await world.browser().get("/w/" + "a" * 45 + f"/receipts/{decided.consent}.pdf")
    assert (dead.status_code, dead.text) == (410, (await world.browser().get("/w/x")).text)


async def test_another_citizens_consent_is_not_there(decided: Decided) -> None:
    """A33: like one that does not exist."""
    world = decided.world
    trail = await trail_of(world)
    other = await decides(world, nik=OTHER_NIK)
    phone = world.browser()
    await world.proves(phone, world.origin + trail)
    theirs = await phone.get(f"{trail}/receipts/{other.consent}.pdf")
    nobodys = await phone.get(f"{trail}/receipts/c_01JD0000000000000000000000.pdf")
    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text)
    assert theirs.status_code == 404
    assert (await phone.get(f"{trail}/receipts/x.pdf")).status_code == 422
    own = await phone.get(f"{trail}/receipts/{decided.consent}.pdf")
    assert own.status_code == 200


async def test_its_code_leads_to_the_public_page(decided: Decided) -> None:
    """U16: the QR's address, and the same code below it to be typed."""
    text, _, reader = read((await decided.receipt()).content)
    [link] = links_in(reader)
    assert link.startswith(f"{decided.world.origin}/verify/")
    code = link.rpartition("/")[2]
    assert code in text.replace(" ", "")
    answer = await decided.world.browser().get(path_of(link))
    assert 'data-result="genuine"' in answer.text


async def test_the_drawn_codes_are_that_address_and_that_head(decided: Decided) -> None:
    """U16, U05: module by module what segno makes of the address, and of the log's head below it, 5 cm wide, on white."""
    import segno

    _, files, reader = read((await decided.receipt()).content)
    [link] = links_in(reader)
    for content, error, top_mm in ((link, "m", 46), (files["log-checkpoint.txt"].decode(), "l", 140)):
        code = segno.make(content, error=error, micro=False, boost_error=False)
        expected = [[int(bool(module)) for module in row] for row in code.matrix]
        assert _drawn(reader, top_mm, len(expected)) == expected


def _drawn(reader: PdfReader, top_mm: float, modules: int) -> list[list[int]]:
    """What is black in a square of 5 cm that begins ``top_mm`` below the page's edge."""
    drawing = reader.pages[0].get_contents()
    assert drawing is not None
    rectangles = [
        tuple(map(float, found))
        for found in re.findall(
            r"([\d.]+) ([\d.]+) ([\d.]+) -([\d.]+) re f", drawing.get_data().decode("latin-1")
        )
    ]
    point = 72 / 25.4
    side_pt, top = 50 * point / modules, A4_PT[1] - top_mm * point
    drawn = [[0] * modules for _ in range(modules)]
    for x, y, width, height in rectangles:
        if top - 50 * point < y <= top + 0.1:
            assert height == pytest.approx(side_pt, abs=0.02)
            down, start = round((top - y) / side_pt), round((x - 142 * point) / side_pt)
            for module in range(round(width / side_pt)):
                drawn[down][start + module] = 1
    return drawn
