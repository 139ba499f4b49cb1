"""The citizen's own link: leaving, second taps, locks, and a list that says only what happened."""

from __future__ import annotations

import asyncio
import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from exchange.deps import clock
from tests.world import ANSWERS, NAME, NIK, SERVICE, World, csrf_of, path_of


async def _link(world: World) -> str:
    """The path of the newest trail link that was sent."""
    messages = reversed(await world.inbox("notice"))
    return path_of(next(message["link"] for message in messages if message.get("link")))


@pytest.fixture
async def given(world: World) -> tuple[World, Any, str, str]:
    """(world, officer, consent id, path of the trail)"""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    return world, officer, consent, await _link(world)


def _told(page: httpx.Response) -> str:
    """The list as a person reads it."""
    text = re.sub(r"<[^>]+>", " ", page.text)
    return " ".join(html.unescape(text).split()).replace(" ,", ",").replace(" :", ":").replace(" .", ".")


async def _hours_pass(world: World) -> None:
    """Codes may be sent again: three an hour are enough for anybody but a test."""
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE challenge SET sent_at = sent_at - interval '2 hours'")


async def test_leaving_a_shared_phone(given: tuple[World, Any, str, str]) -> None:
    """Seen failing: 400 "Keputusan belum tercatat", and the next person read on and could withdraw."""
    world, _, consent, path = given
    phone = world.browser()
    page = await world.proves(phone, world.origin + path)
    assert NAME[0] in page.text
    kept = dict(phone.cookies)
    left = await phone.post(path, data={"step": "leave", "csrf": csrf_of(page)})
    assert (left.status_code, left.headers["location"]) == (303, path)
    assert dict(phone.cookies) == {}
    thief = world.browser()  # somebody who copied the cookie before
    for name, value in kept.items():
        thief.cookies.set(name, value)
    for next_person in (phone, thief):
        seen = await next_person.get(path)
        assert "Kirim kode ke kontak terdaftar Anda" in seen.text
        assert "Riwayat akses" not in seen.text
        form = {"csrf": csrf_of(seen), "consent": consent}
        for step in ("withdraw", "withdrawn"):
            assert (await next_person.post(path, data={"step": step, **form})).status_code == 403
    code = (await world.inbox("otp"))[-1]["code"]
    again = await thief.post(path, data={"step": "code", "csrf": csrf_of(seen), "code": code})
    assert again.status_code == 422
    async with world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT state FROM consent") == "active"


async def test_leaving_needs_the_forms_token(given: tuple[World, Any, str, str]) -> None:
    world, _, _, path = given
    phone = world.browser()
    await world.proves(phone, world.origin + path)
    assert (await phone.post(path, data={"step": "leave", "csrf": "0"})).status_code == 403
    assert "Riwayat akses" in (await phone.get(path)).text


async def test_a_second_tap_on_the_withdrawal(given: tuple[World, Any, str, str]) -> None:
    """Seen failing: "Keputusan Anda belum tercatat" although it was."""
    world, _, consent, path = given
    phone = world.browser()
    page = await world.proves(phone, world.origin + path)
    form = {"step": "withdrawn", "csrf": csrf_of(page), "consent": consent}
    answers = await asyncio.gather(*(phone.post(path, data=form) for _ in range(5)))
    answers.append(await phone.post(path, data=form))
    answers.append(await phone.post(path, data={**form, "step": "withdraw"}))
    for answer in answers:
        assert answer.status_code == 200
        assert "Persetujuan ditarik kembali" in answer.text
    assert len({re.search(r"paling lambat <b>(.*?)</b>", answer.text)[1] for answer in answers}) == 1  # type: ignore[index]
    done = [e for e in await world.entries() if e["type"] == "withdraw" and e["result"]["allowed"]]
    assert len(done) == 1


async def test_another_citizens_consent_is_not_shown(given: tuple[World, Any, str, str]) -> None:
    world, officer, _, path = given
    subject = await world.enrols(officer, "6472095708929902", "+6281200009902")
    await world.stores(officer, subject)
    request = await world.asks(officer, subject)
    await world.allows(request["link"])
    other = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()["consent_id"]
    await officer.post(f"/v1/consents/{other}/withdrawal")
    phone = world.browser()
    page = await world.proves(phone, world.origin + path)
    for step in ("withdraw", "withdrawn"):
        answer = await phone.post(path, data={"step": step, "csrf": csrf_of(page), "consent": other})
        assert answer.status_code in {303, 403}
        assert "Persetujuan ditarik kembali" not in answer.text


@pytest.mark.parametrize("where", ["/p/", "/w/"])
async def test_the_code_in_a_second_tab(world: World, where: str) -> None:
    """Seen failing: "Kode sudah tidak berlaku" in a browser that had passed."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    request = await world.asks(officer, subject)
    path = path_of(request["link"])
    if where == "/w/":
        await world.allows(request["link"])
        path = await _link(world)
    phone = world.browser()
    page = await phone.get(path)
    await phone.post(path, data={"step": "send", "csrf": csrf_of(page)})
    code = (await world.inbox("otp"))[-1]["code"]
    form = {"step": "code", "csrf": csrf_of(page), "code": code}
    answers = await asyncio.gather(*(phone.post(path, data=form) for _ in range(3)))
    answers.append(await phone.post(path, data=form))
    answers.append(await phone.post(path, data={**form, "step": "send"}))
    assert [(a.status_code, a.headers.get("location")) for a in answers] == [(303, path)] * 5
    sent = [e for e in await world.entries() if e.get("act") == "code_sent"]
    assert len(sent) == (2 if where == "/w/" else 1)


async def test_a_locked_link_sends_no_code_and_says_until_when(given: tuple[World, Any, str, str]) -> None:
    """Seen failing: three more codes went out that could not work, and "Mintalah tautan baru" for a link of a year."""
    world, _, _, path = given
    phone = world.browser()
    page = await phone.get(path)
    await phone.post(path, data={"step": "send", "csrf": csrf_of(page)})
    messages = await world.inbox("otp")
    wrong = f"{(int(messages[-1]['code']) + 1) % 1_000_000:06d}"
    form = {"csrf": csrf_of(page)}
    for _ in range(5):
        last = await phone.post(path, data={"step": "code", "code": wrong, **form})
    await _hours_pass(world)
    sent = await phone.post(path, data={"step": "send", **form})
    for locked in (last, sent, await phone.get(path), await world.browser().get(path)):
        assert locked.status_code == 403
        assert "Coba lagi setelah" in locked.text
        assert "di loket" in locked.text
        assert "tautan baru" not in locked.text
    assert len(await world.inbox("otp")) == len(messages)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE challenge SET sent_at = sent_at - interval '23 hours'")
    assert "Riwayat akses" in (await world.proves(phone, world.origin + path)).text


async def test_the_time_of_a_lock() -> None:
    """The tries come back one challenge after the other, each a day after its code was sent."""
    from auth.grants import tries_left, tries_return_at
    from storage.consents import Challenge

    now = clock()

    def challenge(hours_ago: int, tries: int) -> Challenge:
        sent = now - timedelta(hours=hours_ago)
        return Challenge("c", "t", "s", "b", "sms", b"", sent, sent, tries, None)

    spent = [challenge(1, 3), challenge(20, 1), challenge(5, 1), challenge(30, 5)]
    assert tries_left(spent, now, for_ever=False) == 0
    at = tries_return_at(spent, now)
    assert at == now + timedelta(hours=4)
    assert tries_left(spent, at, for_ever=False) == 1


async def test_the_list_says_what_happened(world: World) -> None:
    """Seen failing: "Dibuka 0 kali", "mengubah kontak Anda", "mencatat kegiatan", a basis under what had none."""
    officer = await world.officer()
    consent, ticket = await world.consented(officer)
    fetched = await world.fetches(officer, ticket)
    assert fetched.status_code == 200
    await world.enrols(officer)
    path = await _link(world)
    phone = world.browser()
    told = _told(await world.proves(phone, world.origin + path))
    assert "Dibuka" not in told
    assert "Loket 3, mendaftarkan Anda" in told
    assert "Loket 3, mencari data Anda dengan NIK" in told
    assert "mengubah kontak" not in told
    assert "mencatat kegiatan" not in told
    assert "Kode sekali pakai dikirim ke kontak terdaftar Anda." in told
    assert "Kode sekali pakai diketik dengan benar." in told
    assert "selesai menerima dokumen" in told
    reference = f"persetujuan PST-{(await _request_of(world, consent))[-8:-4]}"
    # ticket, release, outcome; neither the question nor the answer rests on a consent
    assert told.count(f"Dasar: {reference}") == told.count("Dasar:") == 3


async def _request_of(world: World, consent: str) -> str:
    async with world.parts.database.transaction() as transaction:
        return str(await transaction.raw.fetchval("SELECT request_id FROM consent WHERE id = $1", consent))


async def test_a_withdrawal_at_the_counter_is_told_as_the_officers(
    given: tuple[World, Any, str, str],
) -> None:
    """Seen failing: "Anda menarik kembali persetujuan"."""
    world, officer, consent, path = given
    await officer.post(f"/v1/consents/{consent}/withdrawal")
    refused = await officer.post("/v1/tickets", json={"consent_id": consent})
    assert refused.status_code == 403
    told = _told(await world.proves(world.browser(), world.origin + path))
    assert "DPMPTSP, Loket 3, mencatat penarikan kembali persetujuan Anda: Kartu Tanda Penduduk" in told
    assert "Anda menarik kembali" not in told
    assert "Ditolak: Persetujuan sudah ditarik kembali." in told
    assert told.count("Dasar:") == 1  # the ticket of before; the refused one rests on nothing


async def test_deliveries_that_did_not_end_well(given: tuple[World, Any, str, str]) -> None:
    """Seen failing: "selesai menerima dokumen" for an aborted and for an unknown outcome."""
    from exchange.flows import tidy_up

    world, officer, _, path = given
    subject_ticket = await _ticket(officer, given[2])
    assert (await world.fetches(officer, subject_ticket)).status_code == 200
    await world.outcomes()  # as it is written by itself, before it is made undone
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE ticket_use SET open = true, due_at = released_at")
    parts = world.parts
    assert await tidy_up.close_abandoned(parts.database, parts.keyring, parts.appender) == 1
    told = _told(await world.proves(world.browser(), world.origin + path))
    assert "Tidak diketahui apakah dokumen sampai" in told
    assert told.count("selesai menerima dokumen") == 1


async def _ticket(officer: Any, consent: str) -> dict[str, Any]:
    return dict((await officer.post("/v1/tickets", json={"consent_id": consent})).json())


async def test_somebody_elses_tries_are_told(given: tuple[World, Any, str, str]) -> None:
    world, officer, _, path = given
    stranger = world.browser()
    page = await stranger.get(path)
    await stranger.post(path, data={"step": "send", "csrf": csrf_of(page)})
    right = (await world.inbox("otp"))[-1]["code"]
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    await stranger.post(path, data={"step": "code", "csrf": csrf_of(page), "code": wrong})
    await _hours_pass(world)
    told = _told(await world.proves(world.browser(), world.origin + path))
    assert "Ada percobaan kode sekali pakai lewat tautan Anda." in told
    assert "Ditolak: Kode sekali pakai salah." in told
    readiness = await officer.post("/v1/readiness", json={"nik": NIK, "service": SERVICE, "answers": ANSWERS})
    assert readiness.status_code == 200
