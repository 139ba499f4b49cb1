"""Rights that are exercised: "this is wrong", correction, erasure, suspension, a copy (L02, L03, L15, L23, L25, N04, M40)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.files import noted
from tests.flows.test_administration import signed_in, told
from tests.flows.test_withdrawal_clock import answers, owed
from tests.world import JPEG, NIK, OTHER_NIK, PHONE, OfficerAt, World, csrf_of, path_of

NOBODYS = "cs_01JD0000000000000000000000"
WRITTEN = "Saya tidak pernah ke loket itu"


@dataclass
class Phone:
    """The citizen behind the factor of the own link."""

    world: World
    client: httpx.AsyncClient
    path: str
    csrf: str

    async def posts(self, step: str, *, at: str = "/hak", **form: str) -> httpx.Response:
        return await self.client.post(self.path + at, data={"step": step, "csrf": self.csrf, **form})

    async def asks(
        self, kind: str, target: str, reason: str = "other", text: str = WRITTEN
    ) -> httpx.Response:
        return await self.posts("ask", kind=kind, target=target, reason=reason, text=text)

    async def reads(self, query: str = "", at: str = "/hak") -> httpx.Response:
        return await self.client.get(self.path + at + query)


async def phone_of(world: World, to: str = PHONE) -> Phone:
    link = [m["link"] for m in await world.inbox("notice") if m["to"] == to and m.get("link")][-1]
    client = world.browser()
    page = await world.proves(client, link)
    assert "Riwayat akses" in page.text
    return Phone(world, client, path_of(link), csrf_of(page))


async def state_of(world: World, consent: str) -> str:
    async with world.parts.database.reading() as reading:
        return str(await reading.raw.fetchval("SELECT state FROM consent WHERE id = $1", consent))


async def cases(dpo: OfficerAt, state: str = "open") -> list[dict[str, Any]]:
    answer = await dpo.get("/v1/cases", params={"state": state})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def settles(dpo: OfficerAt, case: str, outcome: str, *, thaw: bool = False) -> httpx.Response:
    body = {"outcome": outcome, "text": "Petugas kami keliru memilih nama.", "thaw": thaw}
    return await dpo.post(f"/v1/cases/{case}/answer", json=body)


@dataclass
class Given:
    world: World
    officer: OfficerAt
    dpo: OfficerAt
    consent: str
    ticket: dict[str, Any]
    phone: Phone


@pytest.fixture
async def given(world: World) -> Given:
    officer = await world.officer()
    dpo = await signed_in(world, "pelindung", "dpo")
    consent, ticket = await world.consented(officer)
    return Given(world, officer, dpo, consent, ticket, await phone_of(world))


async def test_this_is_wrong_freezes_at_once(given: Given) -> None:
    """N04, M38, art. 41: one item freezes the grant and opens the case; the next fetch fails."""
    world, phone = given.world, given.phone
    form = await phone.reads(f"?izin={given.consent}")
    assert form.status_code == 200
    assert f'value="consent:{given.consent}"' in form.text
    done = await phone.asks("objection", f"consent:{given.consent}", "not_me")
    assert done.status_code == 200, done.text
    assert "Permintaan tercatat" in done.text
    assert "1 persetujuan dibekukan sejak sekarang." in done.text
    assert await state_of(world, given.consent) == "frozen"
    refused = await world.fetches(given.officer, given.ticket)
    assert told(refused) == (403, "BK-4010")
    ticket = await given.officer.post("/v1/tickets", json={"consent_id": given.consent})
    assert told(ticket) == (403, "BK-4010")
    (case,) = await cases(given.dpo)
    assert (case["kind"], case["reason"], case["consent_id"]) == ("objection", "not_me", given.consent)
    read = (await given.dpo.get(f"/v1/cases/{case['id']}")).json()
    assert read["text"] == WRITTEN
    notice = (await world.inbox("notice"))[-1]
    assert case["number"] in notice["text"]
    assert "dibekukan" in notice["text"]
    entries = [entry for entry in await world.entries() if entry["type"] == "rights"]
    assert [(entry["act"], entry["actor"].split(":")[0]) for entry in entries] == [
        ("objection", "citizen"),
        ("look", "officer"),
    ]
    assert entries[0]["frozen"] == [given.consent]
    assert WRITTEN not in str(await world.entries())
    async with world.parts.database.reading() as reading:
        assert WRITTEN.encode() not in await reading.raw.fetchval("SELECT text FROM rights_case")


async def test_only_the_citizen_lets_a_frozen_consent_go_on(given: Given) -> None:
    world, phone = given.world, given.phone
    await phone.asks("objection", f"consent:{given.consent}", "not_me")
    (case,) = await cases(given.dpo)
    answered = await settles(given.dpo, case["id"], "explained", thaw=True)
    assert answered.status_code == 200, answered.text
    assert (answered.json()["state"], answered.json()["offers_thaw"]) == ("answered", True)
    assert await state_of(world, given.consent) == "frozen"
    notice = (await world.inbox("notice"))[-1]["text"]
    assert "instansi menjelaskan" in notice
    assert "keliru" not in notice  # what was written is read behind the factor
    page = await phone.reads(f"?kasus={case['id']}")
    assert "Petugas kami keliru memilih nama." in page.text
    assert "Instansi mengusulkan agar persetujuan ini dibuka kembali." in page.text
    thawed = await phone.posts("thaw", consent=given.consent)
    assert thawed.status_code == 303
    assert await state_of(world, given.consent) == "active"
    assert [row["state"] for row in await cases(given.dpo, "all")] == ["closed"]
    assert (await phone.posts("thaw", consent=given.consent)).status_code == 303  # a second tap
    again = await given.officer.post("/v1/tickets", json={"consent_id": given.consent})
    assert again.status_code == 201
    assert (await world.fetches(given.officer, again.json())).status_code == 200


async def test_a_frozen_consent_can_be_withdrawn_in_two_taps(given: Given) -> None:
    """U14."""
    phone = given.phone
    await phone.asks("objection", f"consent:{given.consent}", "not_there")
    trail = await phone.reads(at="")
    assert "Persetujuan yang dibekukan" in trail.text
    sure = await phone.posts("withdraw", at="", consent=given.consent)
    assert "Ya, tarik kembali" in sure.text
    done = await phone.posts("withdrawn", at="", consent=given.consent)
    assert "Persetujuan ditarik kembali" in done.text
    assert await state_of(given.world, given.consent) == "withdrawn"
    assert len(await cases(given.dpo)) == 1  # it still has to be answered


async def test_an_access_is_asked_about(given: Given) -> None:
    """M38: from a row of the list, also one that rests on no consent."""
    world, phone = given.world, given.phone
    assert (await world.fetches(given.officer, given.ticket)).status_code == 200
    await world.outcomes()
    trail = await phone.reads(at="")
    asked = re.findall(r"hak\?catatan=(\d+)", trail.text)
    entries = await world.entries()
    kinds = [entries[int(number)]["type"] for number in asked]
    assert {"release", "ticket", "request", "intake"} <= set(kinds)
    assert "factor" not in kinds
    intake = asked[kinds.index("intake")]
    done = await phone.asks("objection", f"entry:{intake}", "unknown_access")
    assert done.status_code == 200
    assert await state_of(world, given.consent) == "active"  # it rests on no consent
    release = asked[kinds.index("release")]
    assert (await phone.asks("objection", f"entry:{release}", "unknown_access")).status_code == 200
    assert await state_of(world, given.consent) == "frozen"
    assert [(row["about"], row["about_id"]) for row in await cases(given.dpo)] == [
        ("entry", intake),
        ("entry", release),
    ]


async def test_nobody_asks_about_what_is_anothers(given: Given) -> None:
    world, phone = given.world, given.phone
    other, _ = await world.consented(given.officer, OTHER_NIK, noted(JPEG, b"2"))
    entries = await world.entries()
    before = len(entries)
    foreign = before - 1  # of the other citizen, the ticket just now
    assert entries[foreign]["type"] == "ticket"
    for target in (f"consent:{other}", f"entry:{foreign}"):
        assert (await phone.asks("objection", target, "not_me")).status_code == 403
    assert [entry["result"].get("reason") for entry in (await world.entries())[before:]] == [
        "target_unknown"
    ] * 2
    assert await state_of(world, other) == "active"
    assert await cases(given.dpo) == []
    assert (await phone.reads(f"?kasus={NOBODYS}")).status_code == 404


async def test_forms_that_are_wrong(given: Given) -> None:
    phone = given.phone
    before = len(await given.world.entries())
    for kind, target, reason, text, words in (
        ("erasure", "", "other", "", "Pilih apa yang Anda maksud."),
        ("erasure", "identity", "other", "", "Pilih apa yang Anda maksud."),
        ("erasure", "everything", "", "", "Pilih salah satu alasan."),
        ("erasure", "everything", "other", "x" * 501, "Keterangan paling panjang 500 huruf."),
        ("objection", "consent:c_", "other", "", "Pilih apa yang Anda maksud."),
    ):
        answer = await phone.asks(kind, target, reason, text)
        assert (answer.status_code, words in answer.text) == (422, True), (kind, target)
    assert (await phone.asks("nothing", "everything")).status_code == 400
    assert (
        await phone.client.post(phone.path + "/hak", data={"step": "ask", "csrf": "0"})
    ).status_code == 403
    stranger = await given.world.browser().get(phone.path + "/hak")
    assert (stranger.status_code, stranger.headers["location"]) == (303, phone.path)
    assert (await given.world.browser().get("/w/" + "a" * 45 + "/hak")).status_code == 410
    assert len(await given.world.entries()) == before


async def test_a_correction_is_answered_by_whoever_keeps_the_papers(given: Given) -> None:
    """L15: number, time of receipt, deadline, outcome, and the citizen is told."""
    phone = given.phone
    form = await phone.reads("?jenis=correction")
    assert 'value="identity"' in form.text
    done = await phone.asks("correction", "identity", "outdated")
    number = re.search(r"HAK-[0-9A-Z]{4}-[0-9A-Z]{4}", done.text)
    assert number
    assert "Dijawab paling lambat" in done.text
    (case,) = await cases(given.dpo)
    assert (case["number"], case["kind"], case["about"]) == (number[0], "correction", "identity")
    assert told(await settles(given.dpo, case["id"], "explained")) == (422, "BK-2086")
    assert (await settles(given.dpo, case["id"], "corrected")).status_code == 200
    assert told(await settles(given.dpo, case["id"], "refused")) == (409, "BK-2084")
    assert "Data diperbaiki" in (await phone.reads(at="")).text
    assert (await phone.posts("close", case=case["id"])).status_code == 303
    assert [row["state"] for row in await cases(given.dpo, "closed")] == ["closed"]


async def test_an_erasure_reaches_who_received_the_paper(given: Given) -> None:
    """M40, L25: the recipient gets a clock of its own; what is granted can be read by nobody from then on."""
    world, phone = given.world, given.phone
    assert (await world.fetches(given.officer, given.ticket)).status_code == 200
    document = given.ticket["documents"][0]["document_id"]
    assert (await phone.asks("erasure", f"document:{document}", "no_longer_needed")).status_code == 200
    (clock,) = await owed(given.officer)
    assert (clock["kind"], clock["consent_id"]) == ("erasure", given.consent)
    assert (await answers(given.officer, clock["id"], "deleted")).status_code == 200
    assert "penghapusan" in (await world.inbox("notice"))[-1]["text"]
    (case,) = await cases(given.dpo)
    answered = await settles(given.dpo, case["id"], "done")
    assert answered.status_code == 200
    refused = await given.officer.post("/v1/tickets", json={"consent_id": given.consent})
    assert told(refused) == (404, "BK-4004")
    entry = next(entry for entry in reversed(await world.entries()) if entry["type"] == "rights")
    assert entry["erased"] == [f"{document}/1"]
    page = await phone.reads(at="")
    assert "salinan dihapus" in page.text


async def test_a_refused_erasure_changes_nothing(given: Given) -> None:
    document = given.ticket["documents"][0]["document_id"]
    await given.phone.asks("erasure", f"document:{document}", "unlawful")
    assert await owed(given.officer, "all") == []  # nobody received it
    (case,) = await cases(given.dpo)
    assert (await settles(given.dpo, case["id"], "refused")).status_code == 200
    assert (await given.world.fetches(given.officer, given.ticket)).status_code == 200


@pytest.mark.parametrize("about", ["document", "agency", "everything"])
async def test_a_suspension_stops_what_it_is_about(given: Given, about: str) -> None:
    """L23: per document or agency; at once, and only there; the citizen lifts it."""
    world, phone = given.world, given.phone
    police = await world.officer("POLRI")
    subject = await world.enrols(police)
    asked = await world.asks(police, subject, "POLRI.SKCK_BARU", answers={})
    await world.allows(asked["link"])
    other = (await police.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    document = given.ticket["documents"][0]["document_id"]
    target = {"document": f"document:{document}", "agency": "agency:DPMPTSP@6472"}.get(about, "everything")
    done = await phone.asks("suspension", target, "disputed")
    assert done.status_code == 200, done.text
    assert await state_of(world, given.consent) == "frozen"
    assert await state_of(world, other) == ("active" if about == "agency" else "frozen")
    assert told(await world.fetches(given.officer, given.ticket)) == (403, "BK-4010")
    police_dpo = await signed_in(world, "pelindung.polri", "dpo", "POLRI")
    counts = [len(await cases(person)) for person in (given.dpo, police_dpo)]
    assert counts == ([1, 0] if about == "agency" else [1, 1])
    assert (await phone.posts("thaw", consent=given.consent)).status_code == 303
    assert (await world.fetches(given.officer, given.ticket)).status_code == 200


async def test_the_counter_types_a_request_in(given: Given) -> None:
    """L03: recorded with number, time of receipt and deadline; the citizen is told, and sees who typed it in."""
    world, officer = given.world, given.officer
    subject = await world.enrols(officer)
    body = {"kind": "correction", "reason": "wrong", "about": "identity", "text": "Nama saya salah eja"}
    made = await officer.post(f"/v1/subjects/{subject}/rights-requests", json=body)
    assert made.status_code == 201, made.text
    assert set(made.json()) == {"id", "number", "received_at", "deadline", "state"}
    (case,) = await cases(given.dpo)
    assert (case["id"], case["at_counter"]) == (made.json()["id"], True)
    assert made.json()["number"] in (await world.inbox("notice"))[-1]["text"]
    trail = await given.phone.reads(at="")
    assert "mencatat permintaan perbaikan data Anda" in trail.text
    objection = {"kind": "objection", "reason": "not_me", "about": "consent", "about_id": given.consent}
    assert (await officer.post(f"/v1/subjects/{subject}/rights-requests", json=objection)).status_code == 201
    assert await state_of(world, given.consent) == "frozen"


async def test_requests_at_the_counter_that_are_refused(given: Given) -> None:
    """Another agency's consents and entries, and those of nobody, read the same."""
    world, police = given.world, await given.world.officer("POLRI")
    boss = await signed_in(world, "kepala", "agency_admin")
    theirs = await world.enrols(police)
    path = f"/v1/subjects/{theirs}/rights-requests"

    async def asks(*, by: OfficerAt = police, at: str = path, **body: str) -> httpx.Response:
        return await by.post(at, json={"kind": "objection", "reason": "other", **body})

    answers = [
        await asks(about="consent", about_id=given.consent),
        await asks(about="consent", about_id="c_01JD0000000000000000000000"),
        await asks(about="entry", about_id="999999"),
        await asks(kind="suspension", about="agency", about_id="DPMPTSP@6472"),
        await asks(kind="suspension", about="agency", about_id="IMIGRASI@6472"),
    ]
    assert {told(answer) for answer in answers} == {(404, "BK-2087")}
    malformed: list[dict[str, Any]] = [
        {"about": "consent"},
        {"about": "consent", "about_id": "x"},
        {"about": "identity", "about_id": "x"},
        {"about": "identity", "reason": "none"},
    ]
    for wrong in malformed:
        assert told(await asks(**wrong)) == (422, "BK-2001")
    assert told(await asks(about="identity")) == (422, "BK-2086")
    nobody = "/v1/subjects/sbj_01JD0000000000000000000000/rights-requests"
    assert told(await asks(at=nobody, kind="copy", about="everything")) == (404, "BK-2002")
    own = path.replace(theirs, await world.enrols(given.officer))
    assert told(await asks(by=boss, at=own, kind="copy", about="everything")) == (403, "BK-1017")
    assert (await world.entries())[-1]["result"]["reason"] == "role_missing"
    assert await cases(given.dpo) == []
    assert await state_of(world, given.consent) == "active"


async def test_cases_are_the_data_officers_of_one_agency(given: Given) -> None:
    world = given.world
    await given.phone.asks("objection", f"consent:{given.consent}", "not_me")
    (case,) = await cases(given.dpo)
    other = await signed_in(world, "pelindung.polri", "dpo", "POLRI")
    assert await cases(other, "all") == []
    for path, sent in (("/v1/cases/{}", None), ("/v1/cases/{}/answer", {"outcome": "wrong", "text": "x"})):
        told_of = []
        for number in (case["id"], NOBODYS):
            call = (
                other.get(path.format(number)) if sent is None else other.post(path.format(number), json=sent)
            )
            told_of.append(told(await call))
            assert not (await world.entries())[-1]["result"]["allowed"]
        assert told_of == [(404, "BK-2083")] * 2
    for person in (given.officer, await signed_in(world, "kepala", "agency_admin")):
        assert told(await person.get("/v1/cases")) == (403, "BK-1017")
        assert told(await person.get(f"/v1/cases/{case['id']}")) == (403, "BK-1017")
        assert told(await settles(person, case["id"], "wrong")) == (403, "BK-1017")
    assert [row["state"] for row in await cases(given.dpo)] == ["open"]


async def test_a_flood_of_requests_ends(given: Given) -> None:
    """Twenty wait at most, also when they come together."""
    sent = await asyncio.gather(*(given.phone.asks("copy", "everything", "access") for _ in range(22)))
    assert sorted(answer.status_code for answer in sent) == [200] * 20 + [403] * 2
    assert len(await cases(given.dpo)) == 20
    assert (await given.world.entries())[-1]["result"]["reason"] == "cases_full"


async def test_objection_and_fetch_in_one_batch(given: Given) -> None:
    """What was released stands before the freeze, and nothing after it."""
    world = given.world
    for number in range(4):
        nik = f"{int(NIK) + 40 + 20 * number:016d}"
        consent, ticket = await world.consented(given.officer, nik, noted(JPEG, nik.encode()))
        async with world.parts.database.transaction() as transaction:
            await transaction.raw.execute("UPDATE challenge SET sent_at = sent_at - interval '2 hours'")
        phone = await phone_of(world)
        await asyncio.gather(
            phone.asks("objection", f"consent:{consent}", "not_me"), world.fetches(given.officer, ticket)
        )
        acts = [
            (entry["type"], entry["result"]["allowed"])
            for entry in await world.entries()
            if (entry.get("consent") == consent and entry["type"] == "release")
            or entry.get("about_id") == consent
        ]
        assert acts in [
            [("release", True), ("rights", True)],
            [("rights", True), ("release", False)],
        ], acts
