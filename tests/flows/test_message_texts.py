"""What citizens are told: every kind of message of the whole story, and never a paper or a personal number in one (ux.md 2.3)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from exchange.flows import run_officers, tell_supervisors
from exchange.pages import messages
from tests import message_wire
from tests.backend import Backend
from tests.files import noted
from tests.flows.test_administration import signed_in
from tests.flows.test_decision import SIM
from tests.message_wire import gives_away
from tests.outgoing import rows
from tests.world import (
    JPEG,
    NAME,
    NIK,
    OTHER_NIK,
    PHONE,
    SITE,
    OfficerAt,
    World,
    content_digest,
    csrf_of,
    path_of,
)

# What stands inside of the papers: no message may repeat it.
CONTENT = noted(JPEG, b"NAMA IBU KANDUNG SITI CONTOH, GOLONGAN DARAH AB")
NPWP = "012345678012000"
# Of every text that the story makes, something that stands in no other.
KINDS = {
    "link": "meminta persetujuan Anda untuk",
    "code to agree": "untuk MENYETUJUI",
    "code where there is nothing to agree to": "untuk MEMBUKA permintaan",
    "code of the own trail": "untuk MEMBUKA Jejak Data",
    "granted": "Anda mengizinkan",
    "refused": "Anda menolak permintaan",
    "closed": "ditutup",
    "an officer's access": "melihat KTP-el",
    "a machine's access": "mengambil KTP-el",
    "withdrawn": "ditarik kembali.",
    "to a supervisor": "dihentikan sementara",
}


async def _payloads(world: World) -> list[dict[str, Any]]:
    await world.inbox()
    keyring = world.parts.keyring
    return [
        json.loads(await keyring.unseal(row["subject_ref"], "message", bytes(row["payload"])))
        for row in await rows(world)
    ]


async def _papers(world: World, officer: OfficerAt, subject: str) -> None:
    assert (await world.stores(officer, subject, content=CONTENT)).status_code == 201
    number = {"Berkas-Number": NPWP}
    posted = await officer.post(
        f"/v1/subjects/{subject}/documents",
        params={"type": "NPWP"},
        content=noted(CONTENT, b"."),
        headers={
            "Content-Type": "image/jpeg",
            "Content-Digest": content_digest(noted(CONTENT, b".")),
            **number,
        },
    )
    assert posted.status_code == 201, posted.text


async def _consent_of(officer: OfficerAt, asked: dict[str, Any]) -> str:
    return str((await officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"])


async def _through_everything(world: World) -> None:
    """Every act that writes a message."""
    boss = await signed_in(world, "penyelia", "supervisor")
    officer, backend = await world.officer(), await Backend(world).registered(scopes=["tickets.issue"])
    subject = await world.enrols(officer)
    police = await world.officer("POLRI")
    # A sensitive paper may be asked for where there is none: there is nothing to agree to.
    nothing = await world.asks(police, await world.enrols(police, OTHER_NIK, "+6281200009902"), SIM)
    await world.allows(nothing["link"], [])
    await _papers(world, officer, subject)
    await world.allows((await world.asks(officer, subject))["link"], [])
    asked = await world.asks(officer, subject, channel="whatsapp")
    await world.allows(asked["link"])
    consent = await _consent_of(officer, asked)
    assert (await officer.post("/v1/tickets", json={"consent_id": consent})).status_code == 201
    await backend.ticket(consent)
    trail = next(one["link"] for one in reversed(await world.inbox("notice")) if one.get("link"))
    phone = world.browser()
    page = await world.proves(phone, trail)
    form = {"csrf": csrf_of(page), "consent": consent}
    sure = await phone.post(path_of(trail), data={"step": "withdraw", **form})
    done = await phone.post(path_of(trail), data={"step": "withdrawn", **form, "csrf": csrf_of(sure)})
    assert done.status_code == 200
    await _stopped(world, boss, officer)


async def _stopped(world: World, boss: OfficerAt, officer: OfficerAt) -> None:
    """A limit stops an officer, and the supervisor hears of it."""
    parts = world.parts
    officer_id = await run_officers.id_of(parts.database, boss.username)
    await run_officers.set_email(
        parts.keyring, parts.appender, officer_id=officer_id, email="penyelia@contoh.invalid"
    )
    object.__setattr__(parts.settings, "citizens_per_officer_hour", 1)
    answer: httpx.Response = await officer.post(
        "/v1/readiness", json={"nik": OTHER_NIK, "service": "DPMPTSP.NIB"}
    )
    assert answer.status_code == 429
    await tell_supervisors.tell(
        parts.database, parts.keyring, parts.appender,
        site=parts.site_name, zone=parts.zone, now=datetime.now(UTC),
    )  # fmt: skip


async def test_every_kind_of_message(world: World) -> None:
    await _through_everything(world)
    payloads = await _payloads(world)
    texts = [payload["text"] for payload in payloads]
    missing = [kind for kind, words in KINDS.items() if not any(words in text for text in texts)]
    assert missing == []
    for payload in payloads:
        text = payload["text"]
        assert gives_away(payload) == []
        assert not [
            word for word in ("SITI", "IBU KANDUNG", "GOLONGAN", NPWP, NIK, PHONE, NAME) if word in text
        ]
        assert SITE not in text  # the agency's code is for people: no id of ours
        assert not re.search(r"\b(?:sbj|d|c|cr|t|off)_[0-9A-Z]{26}\b", text)
        assert "\n" not in text
        for link in re.findall(r"https?://\S+", text):
            assert link.startswith(world.origin)  # never another host, never a shortener
    with_link = [payload for payload in payloads if "http" in payload["text"]]
    assert all(payload["link"] in payload["text"] for payload in with_link)
    assert not [payload for payload in payloads if payload.get("code") and "http" in payload["text"]]


async def test_the_notice_of_an_access_says_what_a_citizen_needs(world: World) -> None:
    """N04, M39: who, which counter, which papers, when, what for, and how to stop it, for who kept nothing too."""
    officer = await world.officer()
    await world.consented(officer)
    notice = [payload["text"] for payload in await _payloads(world)][-1]
    when = r"\d{1,2} \w+ \d{4} pukul \d\d\.\d\d WITA"
    assert re.fullmatch(
        rf"{world.parts.site_name}: DPMPTSP, Loket 3, melihat KTP-el Anda pada {when} untuk .+\. Lihat semua akses atau "
        rf"tarik kembali persetujuan: {world.origin}/w/[a-z2-7]{{45}} atau di loket DPMPTSP",
        notice,
    )
    # It is written with the ticket, in the same transaction: no ticket without it.
    async with world.parts.database.reading() as reading:
        written = await reading.raw.fetchval("SELECT count(*) FROM outbox WHERE kind = 'notice'")
    assert written == 2  # the decision and the access


async def test_the_wire_sees_a_number_in_a_text(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the words, and any test that makes the message fails."""
    whole = messages.access_notice

    def careless(**words: Any) -> str:
        return f"{whole(**words)} NIK {NIK[:4]} {NIK[4:8]} {NIK[8:12]} {NIK[12:]}"

    monkeypatch.setattr(messages, "access_notice", careless)
    await world.consented(await world.officer())
    assert message_wire.tripped() == ["long number"]


LINK = "https://berkas.contoh.go.id/p/" + "a2b3c" * 9


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("NIK 6472091708909901", ["nik", "long number"]),
        ("NIK 6472 0917 0890 9901", ["long number"]),
        ("nomor +62 812-0000-9955", ["long number"]),
        ("nomor 0812.0000.9955", ["long number"]),
        ("NPWP 01.234.567.8-012.000", ["long number"]),
        (f"Sdr. {NAME} yang terhormat", ["name"]),
        (f"dikirim ke {PHONE}", ["its own address", "long number", "secret"]),
        ("hubungi petugas@contoh.go.id", ["address"]),
        ("Buka https://berkas.contoh.go.id/w/" + "z7y6x" * 9, ["link code"]),
        ("kode 118204", ["one-time code"]),
        ("Kode 493021 untuk MENYETUJUI DPMPTSP membaca KTP-el s.d. 24 November 2026 pukul 16.05 WITA.", []),
        (f"Kode di layar petugas: 58 31. Buka {LINK} sebelum 24 November 2026 pukul 16.35 WITA.", []),
        ("Nomor PST-1234-5678. Berhenti paling lambat 27 November 2026 pukul 16.05 WITA.", []),
    ],
)
def test_the_wire_finds(text: str, kinds: list[str]) -> None:
    payload = {"to": PHONE, "text": text, "link": LINK, "code": "493021"}
    assert sorted(gives_away(payload)) == sorted(kinds)
