"""A death ends all consents and mandates, by two officers of the register and a certificate on file (L24)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from exchange.flows import run_site
from tests.files import noted
from tests.flows.assisting import Desk
from tests.flows.family_world import asks_for, birth_certificate, decided_by, nik_of, person, years_ago
from tests.flows.test_administration import signed_in, told
from tests.flows.test_rights import state_of
from tests.flows.test_withdrawal_clock import owed
from tests.world import JPEG, NIK, OTHER_NIK, PDF, SITE, OfficerAt, World, csrf_of, path_of

NOBODYS = "dr_01JD0000000000000000000000"


@dataclass
class Register:
    """The register's two officers, the citizen's reference there, and the certificate on file."""

    world: World
    first: OfficerAt
    second: OfficerAt
    subject: str
    certificate: dict[str, Any]

    async def reports(self, by: OfficerAt | None = None, subject: str = "", **paper: Any) -> Any:
        body = {
            "document_id": self.certificate["document_id"],
            "version": self.certificate["version"],
            **paper,
        }
        return await (by or self.first).post(f"/v1/subjects/{subject or self.subject}/death", json=body)

    async def reported(self) -> str:
        answer = await self.reports()
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


async def step(by: OfficerAt, report: str, act: str = "confirmation") -> Any:
    return await by.post(f"/v1/deaths/{report}/{act}")


@pytest.fixture
async def register(world: World) -> Register:
    parts = world.parts
    await run_site.add_agency(
        parts.database, parts.keyring, parts.appender, code="DISDUKCAPIL", site_id=SITE, name="Disdukcapil",
        services=["DISDUKCAPIL.AKTA_KEMATIAN"],
    )  # fmt: skip
    first, second = await world.officer("DISDUKCAPIL"), await world.officer("DISDUKCAPIL", "kedua")
    subject = await world.enrols(first)
    stored = await world.stores(first, subject, "AKTA_KEMATIAN", PDF)
    assert stored.status_code == 201, stored.text
    return Register(world, first, second, subject, dict(stored.json()))


async def test_two_officers_end_everything(register: Register) -> None:
    """One item: own consents, frozen ones too, those given for others; open requests; each recipient's clock."""
    world = register.world
    officer = await world.officer()
    live, ticket = await world.consented(officer)
    assert (await world.fetches(officer, ticket)).status_code == 200
    await world.outcomes()
    again = (await officer.post("/v1/tickets", json={"consent_id": live})).json()
    police = await world.officer("POLRI")
    subject = await world.enrols(police)
    asked = await world.asks(police, subject, "POLRI.SKCK_BARU", answers={})
    await world.allows(asked["link"])
    unread = (await police.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    for_child, child_ticket = await world.consented(officer, OTHER_NIK, noted(JPEG, b"2"))
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE consent SET state = 'frozen' WHERE id = $1", unread)
        await transaction.raw.execute(
            "UPDATE consent SET decider_ref = (SELECT subject_ref FROM consent WHERE id = $1), relation = 'parent' WHERE id = $2",
            live, for_child,
        )  # fmt: skip
    pending = await world.asks(officer, await world.enrols(officer))
    report = await register.reported()
    assert await state_of(world, live) == "active"  # one person alone ends nothing
    letters = len(await world.inbox())
    done = await step(register.second, report)
    assert done.status_code == 200, done.text
    assert done.json()["state"] == "confirmed"
    assert done.json()["sha256"] == register.certificate["sha256"]
    assert [await state_of(world, consent) for consent in (live, unread, for_child)] == ["ended"] * 3
    for paper in (again, child_ticket):
        assert told(await world.fetches(officer, paper)) == (403, "BK-4011")
    assert told(await officer.post("/v1/tickets", json={"consent_id": live})) == (403, "BK-4011")
    assert (await world.browser().get(path_of(pending["link"]))).status_code == 410
    body = {"subject_ref": await world.enrols(officer), "service": "DPMPTSP.NIB", "channel": "qr"}
    assert told(await officer.post("/v1/consent-requests", json=body)) == (409, "BK-2090")
    assert (await world.entries())[-1]["result"]["reason"] == "subject_deceased"
    assert {(row["consent_id"], row["kind"]) for row in await owed(officer)} == {(live, "ended")}
    (nothing,) = await owed(police, "answered")
    assert (nothing["consent_id"], nothing["answer"]) == (unread, "nothing_received")
    assert len(await world.inbox()) == letters  # the family is told nothing
    entries = [entry for entry in await world.entries() if entry["type"] == "death"]
    assert [entry["act"] for entry in entries] == ["report", "confirm", "mandate_ended"]
    assert set(entries[1]["consents"]) == {live, unread, for_child}
    assert entries[2]["consents"] == [for_child]
    assert entries[2]["subject"] != entries[1]["subject"]


async def test_reports_that_are_refused(register: Register) -> None:
    world = register.world
    officer = await world.officer()
    live, _ = await world.consented(officer)
    dpo = await signed_in(world, "pelindung.capil", "dpo", "DISDUKCAPIL")
    other = await world.enrols(register.first, OTHER_NIK)
    ktp = (await world.stores(register.first, register.subject, "KTP")).json()
    nobody = "sbj_01JD0000000000000000000000"
    refused = [
        (await register.reports(officer, await world.enrols(officer)), (403, "BK-2091")),
        (await register.reports(dpo), (403, "BK-1017")),
        (await register.reports(subject=other), (422, "BK-2092")),
        (await register.reports(document_id=ktp["document_id"], version=ktp["version"]), (422, "BK-2092")),
        (await register.reports(version=9), (422, "BK-2092")),
        (await register.reports(subject=nobody), (404, "BK-2002")),
    ]
    for answer, expected in refused:
        assert told(answer) == expected
    reasons = [entry["result"].get("reason") for entry in await world.entries() if entry["type"] == "death"]
    assert reasons == [
        "register_of_another_agency", "role_missing", "death_evidence_missing", "death_evidence_missing", "death_evidence_missing",
        "subject_unknown",
    ]  # fmt: skip
    assert (await register.first.get("/v1/deaths")).json() == {"data": []}
    assert await state_of(world, live) == "active"


async def test_nobody_ends_a_life_alone(register: Register) -> None:
    world = register.world
    officer = await world.officer()
    live, _ = await world.consented(officer)
    report = await register.reported()
    assert told(await step(register.first, report)) == (403, "BK-2095")
    for act in ("confirmation", "rejection", "undo"):
        theirs, nobodys = await step(officer, report, act), await step(officer, NOBODYS, act)
        assert told(theirs) == told(nobodys) == (404, "BK-2093")
    assert told(await step(register.second, report, "undo")) == (409, "BK-2094")
    reasons = {entry["result"].get("reason") for entry in await world.entries() if entry["type"] == "death"}
    assert reasons >= {"second_officer_needed", "death_report_of_another_agency", "death_report_unknown"}
    assert await state_of(world, live) == "active"
    assert (await step(register.first, report, "rejection")).json()["state"] == "rejected"
    assert told(await step(register.second, report)) == (409, "BK-2094")
    assert await state_of(world, live) == "active"


async def test_a_mistake_is_undone_by_two(register: Register) -> None:
    world = register.world
    officer = await world.officer()
    live, _ = await world.consented(officer)
    report = await register.reported()
    sent = await asyncio.gather(*(step(register.second, report) for _ in range(3)))
    assert sorted(answer.status_code for answer in sent) == [200, 409, 409]
    assert told(await register.reports()) == (409, "BK-2090")
    assert (await step(register.first, report, "undo")).json()["state"] == "confirmed"
    assert told(await step(register.first, report, "undo")) == (403, "BK-2095")
    body = {"subject_ref": await world.enrols(officer), "service": "DPMPTSP.NIB", "channel": "qr"}
    assert told(await officer.post("/v1/consent-requests", json=body)) == (409, "BK-2090")
    assert (await step(register.second, report, "undo")).json()["state"] == "undone"
    assert await state_of(world, live) == "ended"  # given anew, by the citizen
    assert (await officer.post("/v1/consent-requests", json=body)).status_code == 201
    assert [row["state"] for row in (await register.second.get("/v1/deaths")).json()["data"]] == ["undone"]


async def test_a_decision_beside_the_death(register: Register) -> None:
    """Whichever came first in the ledger: afterwards nothing can be read."""
    world = register.world
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    asked = await world.asks(officer, subject)
    report = await register.reported()
    phone = world.browser()
    page = await world.proves(phone, asked["link"])
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": ["0"]}
    await asyncio.gather(phone.post(path_of(asked["link"]), data=form), step(register.second, report))
    async with world.parts.database.reading() as reading:
        left = await reading.raw.fetch("SELECT state FROM consent")
        requests = await reading.raw.fetch("SELECT state FROM consent_request")
    assert {row["state"] for row in left} <= {"ended"}
    assert "pending" not in {row["state"] for row in requests}
    assert NIK not in str(await world.inbox())


async def test_a_dead_parent_decides_nothing_at_the_counter(register: Register) -> None:
    """L24: neither recorded nor confirmed, although the request was there before."""
    world = register.world
    first, second = await world.officer("IMIGRASI"), await world.officer("IMIGRASI", "kedua")
    born = years_ago(34)
    mother = await person(world, first, "Sari Contoh", born, 11, phone=False)
    children = []
    for serial in (12, 13):
        child = await person(world, first, "Bayu Percobaan", years_ago(10), serial, phone=False)
        certificate = await birth_certificate(world, first, child, mother)
        asked = await asks_for(first, child, decided_by(mother, "parent", certificate), channel="assisted")
        assert asked.status_code == 201, asked.text
        children.append(Desk(world, first, second, child, asked.json()))
    recorded, waiting = children
    recording = (await recorded.records()).json()["recording"]
    dead = await world.enrols(register.first, nik_of(born, 11), None)
    stored = (await world.stores(register.first, dead, "AKTA_KEMATIAN", noted(PDF, b"2"))).json()
    report = await register.reports(
        subject=dead, document_id=stored["document_id"], version=stored["version"]
    )
    assert (await step(register.second, report.json()["id"])).status_code == 200
    assert told(await recorded.confirms(recording)) == (409, "BK-2090")
    assert (await world.entries())[-1]["result"]["reason"] == "subject_deceased"
    assert (await recorded.state())["state"] == "pending"
    assert told(await waiting.records()) == (409, "BK-2090")
    assert (await world.entries())[-1]["result"]["reason"] == "subject_deceased"


async def test_an_erased_child_keeps_no_death_from_the_register(register: Register) -> None:
    """The child's list is gone: its consents end all the same, and nothing is told to a list that is not there."""
    world = register.world
    officer = await world.officer("IMIGRASI")
    born = years_ago(34)
    mother = await person(world, officer, "Sari Contoh", born, 11)
    child = await person(world, officer, "Bayu Percobaan", years_ago(10), 12, phone=False)
    certificate = await birth_certificate(world, officer, child, mother)
    asked = (await asks_for(officer, child, decided_by(mother, "parent", certificate))).json()
    assert (await world.allows(asked["link"])).status_code == 200
    consent = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    inside = world.parts.keyring.meant(officer.agency, child)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE citizen_key SET trail_key = NULL WHERE id = $1", inside)
    world.parts.keyring._cache.clear()
    dead = await world.enrols(register.first, nik_of(born, 11), None)
    stored = (await world.stores(register.first, dead, "AKTA_KEMATIAN", noted(PDF, b"2"))).json()
    report = await register.reports(
        subject=dead, document_id=stored["document_id"], version=stored["version"]
    )
    assert (await step(register.second, report.json()["id"])).status_code == 200
    assert await state_of(world, consent) == "ended"
