"""What the deciding phone is told: the same decision on a second tap, nothing after a withdrawal, only what was offered."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import re
from typing import Any

import httpx
import pytest

from tests.world import NIK, OTHER_NIK, World, csrf_of, path_of

SIM = "POLRI.SIM_PERPANJANG"  # asks for SK_SEHAT and SK_PSIKOLOGI, on file or not
UNKNOWN = "/p/" + "a" * 45


@pytest.fixture
async def asked(world: World) -> tuple[World, Any, dict[str, Any]]:
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    return world, officer, await world.asks(officer, subject)


async def _decisions(world: World) -> list[dict[str, Any]]:
    return [e for e in await world.entries() if e["type"] in {"grant", "refuse"}]


def _seen(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """All that a stranger can compare."""
    changing = {"date", "x-request-id"}
    return (
        answer.status_code,
        answer.text,
        {k: v for k, v in answer.headers.items() if k not in changing},
    )


async def test_after_a_withdrawal_the_deciding_browser_sees_a_dead_link(
    asked: tuple[World, Any, dict[str, Any]],
) -> None:
    """Seen failing: "Persetujuan tercatat ... dapat membukanya sampai ..." although nobody could any more."""
    world, officer, request = asked
    phone = world.browser()
    done = await world.allows(request["link"], browser=phone)
    assert "Persetujuan tercatat" in done.text
    state = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()
    await officer.post(f"/v1/consents/{state['consent_id']}/withdrawal")
    unknown = await world.browser().get(UNKNOWN)
    path = path_of(request["link"])
    assert _seen(await phone.get(path)) == _seen(unknown)
    assert _seen(await phone.post(path, data={"step": "decide", "decision": "grant"})) == _seen(unknown)


async def test_the_receipt_seen_again_has_no_dead_link(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, _, request = asked
    phone = world.browser()
    first = await world.allows(request["link"], browser=phone)
    assert "Simpan tautan ini" in first.text
    again = await phone.get(path_of(request["link"]))
    assert again.status_code == 200
    assert 'href=""' not in again.text
    assert "Simpan tautan ini" not in again.text
    assert "pesan yang kami kirim ke kontak terdaftar Anda" in again.text


async def test_every_dead_code_answers_alike(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """A21: status, body and headers, GET and POST: unknown, expired, used, refused, withdrawn, replaced."""
    world, officer, first = asked
    subject = await world.enrols(officer)
    replaced = await world.asks(officer, subject)
    dead = {"unknown": UNKNOWN, "malformed": "/p/x", "replaced": path_of(first["link"])}
    await world.allows(replaced["link"])
    dead["used"] = path_of(replaced["link"])
    refused = await world.asks(officer, subject)
    await world.allows(refused["link"], [])
    dead["refused"] = path_of(refused["link"])
    withdrawn = await world.asks(officer, subject)
    await world.allows(withdrawn["link"])
    state = (await officer.get(f"/v1/consent-requests/{withdrawn['id']}")).json()
    await officer.post(f"/v1/consents/{state['consent_id']}/withdrawal")
    dead["withdrawn"] = path_of(withdrawn["link"])
    expired = await world.asks(officer, subject)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent_request SET expires_at = created_at WHERE id = $1", expired["id"]
        )
    dead["expired"] = path_of(expired["link"])
    dead["of a trail"] = path_of(expired["link"]).replace("/p/", "/w/")
    before = len(await world.entries())
    seen = {
        (name, method): _seen(
            await world.browser().request(method, path, data={"step": "send"} if method == "POST" else None)
        )
        for name, path in dead.items()
        for method in ("GET", "POST")
    }
    status, _, headers = seen["unknown", "GET"]
    assert status == 410
    assert "set-cookie" not in headers
    assert {name: found for name, found in seen.items() if found != seen["unknown", "GET"]} == {}
    assert len(await world.entries()) == before


async def test_a_paper_that_is_not_on_file_is_not_told_as_refused(world: World) -> None:
    """Seen failing: "Anda mengizinkan 1 dari 3", "tidak Anda izinkan", and a code text for papers nobody has."""
    officer = await world.officer("POLRI")
    subject = await world.enrols(officer, OTHER_NIK)
    await world.stores(officer, subject)
    request = await world.asks(officer, subject, SIM)
    assert [item["type"] for item in request["items"]] == ["KTP", "SK_SEHAT", "SK_PSIKOLOGI"]
    phone = world.browser()
    page = await world.proves(phone, request["link"])
    assert "meminta 1 dokumen Anda" in page.text
    code = (await world.inbox("otp"))[-1]["text"]
    assert "KTP-el" in code
    assert "Surat Sehat" not in code
    done = await phone.post(
        path_of(request["link"]),
        data={"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"},
    )
    again = await phone.get(path_of(request["link"]))
    for receipt in (done, again):
        assert "Anda mengizinkan 1 dari 1 dokumen." in receipt.text
        assert "idak diizinkan" not in receipt.text
        assert "tidak Anda izinkan" not in receipt.text
        assert "Belum tersimpan; bawa ke loket: Surat Keterangan Sehat" in receipt.text
    notice = (await world.inbox("notice"))[-1]["text"]
    assert "Tidak diizinkan" not in notice
    entry = (await _decisions(world))[-1]
    assert (entry["granted"], entry["refused"]) == (["KTP"], [])
    # Toward the officer "refused" and "not there" read the same: which it is, is what the type must not tell.
    state = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()
    assert [item["decision"] for item in state["items"]] == ["granted", "refused", "refused"]


async def test_nothing_to_decide_has_a_page_of_its_own(world: World) -> None:
    """Seen failing: an empty list of ticks under "meminta 0 dokumen Anda", and "Anda menolak permintaan ini"."""
    officer = await world.officer("POLRI")
    subject = await world.enrols(officer, OTHER_NIK)
    request = await world.asks(officer, subject, SIM)
    phone = world.browser()
    page = await world.proves(phone, request["link"])
    assert "Belum ada dokumen yang dapat dibagikan" in page.text
    assert "Surat Keterangan Sehat" in page.text
    assert "Izinkan yang dicentang" not in page.text
    code = (await world.inbox("otp"))[-1]["text"]
    assert "membaca" not in code
    form = {"step": "decide", "csrf": csrf_of(page)}
    path = path_of(request["link"])
    granted = await phone.post(path, data={**form, "decision": "grant", "document": "0"})
    assert granted.status_code == 422
    assert "Belum ada dokumen yang dapat dibagikan" in granted.text
    assert await _decisions(world) == []
    closed = await phone.post(path, data={**form, "decision": "refuse"})
    again = await phone.get(path)
    for receipt in (closed, again):
        assert receipt.status_code == 200
        assert "Permintaan ditutup" in receipt.text
        assert "menolak" not in receipt.text
    assert "menolak" not in (await world.inbox("notice"))[-1]["text"]
    state = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()
    assert state["state"] == "refused"


@pytest.mark.parametrize("ticked", [["99"], ["99", "x"], ["\x00"], ["0 "]])
async def test_an_unknown_tick_is_no_refusal(
    asked: tuple[World, Any, dict[str, Any]], ticked: list[str]
) -> None:
    world, _, request = asked
    phone = world.browser()
    page = await world.proves(phone, request["link"])
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant"}
    answer = await phone.post(path_of(request["link"]), data={**form, "document": ticked})
    assert answer.status_code == 422
    assert "Centang sekurang-kurangnya satu dokumen" in answer.text
    assert await _decisions(world) == []
    good = await phone.post(path_of(request["link"]), data={**form, "document": ["0", *ticked]})
    assert "Persetujuan tercatat" in good.text


async def test_a_ticked_paper_that_is_no_longer_there(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """Seen failing: recorded as "Anda menolak permintaan ini". Nothing is recorded, and the page says how it stands."""
    world, _, request = asked
    phone = world.browser()
    page = await world.proves(phone, request["link"])
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE document_version SET state = 'voided'")
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
    answer = await phone.post(path_of(request["link"]), data=form)
    assert answer.status_code == 422
    assert "Belum ada dokumen yang dapat dibagikan" in answer.text
    assert await _decisions(world) == []


async def _record(world: World) -> dict[str, Any]:
    """The first revision of the only consent record; its signature is checked elsewhere."""
    async with world.parts.database.transaction() as transaction:
        row = await transaction.raw.fetchrow("SELECT * FROM consent")
    record = await world.parts.keyring.unseal(row["subject_ref"], "consent", row["record"])
    claims = record.decode().split("\n")[0].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(claims + "==")))


async def test_the_record_proves_what_was_shown_and_when(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """L11: hash and time are of the page that was read, not of the moment of the tap."""
    world, _, request = asked
    phone = world.browser()
    await world.proves(phone, request["link"])
    page = await phone.get(path_of(request["link"]))
    shown = re.sub(r'(name="csrf" value=")[0-9a-f]+', r"\1", page.text)
    await asyncio.sleep(1.1)
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
    assert (await phone.post(path_of(request["link"]), data=form)).status_code == 200
    record = await _record(world)
    shown = re.sub(r'(href=")/p/[^"]*(/dokumen/)', r"\1\2", shown)  # the link of a preview is a secret too
    assert record["notice"]["sha256"] == hashlib.sha256(shown.encode()).hexdigest()
    assert record["notice"]["shown_at"] < record["event"]["time"]
    assert record["authn"]["at"] <= record["notice"]["shown_at"]
    from exchange.pages import TEXT_VERSION

    assert record["notice"]["text_version"] == TEXT_VERSION
    assert record["controller"] == {"id": "6472", "name": world.parts.site_name}
    assert record["purpose"]["text"] == "Pendampingan penerbitan NIB (OSS) usaha mikro perorangan"
    assert record["granted_by"]["id"] == record["pii_principal_id"]
    assert record["granted_by"]["relation_evidence"] == []
    assert record["assist"] is None


async def test_a_page_that_changed_meanwhile_is_shown_again(
    asked: tuple[World, Any, dict[str, Any]],
) -> None:
    """A newer copy came in between: what would be recorded is not what was read, so nothing is."""
    world, _, request = asked
    phone = world.browser()
    page = await world.proves(phone, request["link"])
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE document_version SET issued_on = '2020-02-02'")
    path = path_of(request["link"])
    form = {"step": "decide", "decision": "grant", "document": "0"}
    answer = await phone.post(path, data={**form, "csrf": csrf_of(page)})
    assert answer.status_code == 409
    assert "berubah" in answer.text
    assert await _decisions(world) == []
    good = await phone.post(path, data={**form, "csrf": csrf_of(await phone.get(path))})
    assert "Persetujuan tercatat" in good.text


async def test_a_forged_time_of_showing(asked: tuple[World, Any, dict[str, Any]]) -> None:
    world, _, request = asked
    phone = world.browser()
    page = await world.proves(phone, request["link"])
    token = csrf_of(page)
    path = path_of(request["link"])
    start = csrf_of(await world.browser().get(path))
    for forged in (f"{int(token[:8], 16) - 60:08x}{token[8:]}", token[:-1], "f" * 200, start, "zz"):
        form = {"step": "decide", "csrf": forged, "decision": "grant", "document": "0"}
        assert (await phone.post(path, data=form)).status_code in {403, 409, 422}
    assert await _decisions(world) == []


async def test_the_words_of_the_paper(asked: tuple[World, Any, dict[str, Any]]) -> None:
    """Art. 21 d: a retention schedule may also say "permanent"; the page promises no deletion."""
    world, _, request = asked
    page = await world.proves(world.browser(), request["link"])
    told = html.unescape(page.text)
    assert "disimpan atau dimusnahkan menurut jadwal retensi arsip DPMPTSP Kota Samarinda" in told
    assert NIK not in told
