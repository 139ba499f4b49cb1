"""Limits against insiders (A62): distinct citizens an hour, for officer, client and agency; numbers that follow one another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from auth.scopes import SCOPES
from exchange.answers import limits_of
from exchange.flows import tidy_up
from exchange.limits import Reach
from exchange.settings import CEILINGS, Settings
from exchange.wiring import at_work
from storage.ledger.facts import Facts
from tests.backend import Backend
from tests.world import ANSWERS, SERVICE, OfficerAt, World

# Far from each other: nobody counts up.
NIKS = [
    f"647209{day:02d}08{year:02d}99{serial:02d}"
    for day, year, serial in ((17, 90, 10), (11, 85, 20), (5, 70, 30), (23, 99, 40), (2, 61, 50))
]


def _limited(world: World, **limits: int) -> None:
    settings = world.parts.settings.model_copy(update=limits)
    world.app.state.parts = replace(world.parts, settings=settings)


async def _looks(caller: OfficerAt, nik: str) -> httpx.Response:
    return await caller.post("/v1/readiness", json={"nik": nik, "service": SERVICE, "answers": ANSWERS})


async def _enrolled(world: World) -> list[str]:
    """All of NIKS, by another agency; the references as ours knows them."""
    elsewhere, keyring = await world.officer("IMIGRASI"), world.parts.keyring
    refs = [await world.enrols(elsewhere, nik, None) for nik in NIKS]
    return [keyring.pseudonym("DPMPTSP@6472", keyring.meant(elsewhere.agency, ref)) for ref in refs]


def _stopped(answer: httpx.Response) -> bool:
    assert answer.status_code in {200, 201, 429}, answer.text
    if answer.status_code != 429:
        return False
    assert answer.json()["code"] == "BK-1007"
    assert 0 < int(answer.headers["retry-after"]) <= 3_600
    return True


async def test_an_officer_reaches_so_many_citizens(world: World) -> None:
    """Whatever is done with them, and the same one again is no other. What was stopped changed nothing and stands in the ledger."""
    subjects = await _enrolled(world)
    _limited(world, citizens_per_officer_hour=3)
    officer = await world.officer()
    assert [_stopped(await _looks(officer, nik)) for nik in (*NIKS[:2], NIKS[0], NIKS[1])] == [False] * 4
    assert (await world.stores(officer, subjects[2])).status_code == 201
    assert [_stopped(await _looks(officer, nik)) for nik in NIKS] == [False] * 3 + [True] * 2
    assert _stopped(await world.stores(officer, subjects[3]))
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["result"]["reason"]) == ("intake", "citizens_spent")
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM document_version") == 1
    other = await world.officer(name="lain")
    assert not _stopped(await _looks(other, NIKS[4]))


async def test_an_agency_and_a_machine(world: World) -> None:
    """The agency's limit stands behind those of its people, and holds for its machines too."""
    await _enrolled(world)
    _limited(world, citizens_per_agency_hour=3, citizens_per_client_hour=2)
    officer, other = await world.officer(), await world.officer(name="lain")
    backend = await Backend(world).registered(scopes=list(SCOPES))

    async def by_machine(nik: str) -> httpx.Response:
        body = {"nik": nik, "service": SERVICE, "answers": ANSWERS}
        return await backend.calls("POST", "/v1/readiness", json=body)

    assert [_stopped(await by_machine(nik)) for nik in NIKS[:3]] == [False, False, True]
    assert not _stopped(await _looks(officer, NIKS[2]))
    assert _stopped(await _looks(other, NIKS[3]))
    assert not _stopped(await _looks(other, NIKS[0]))  # already reached by the agency
    police = await world.officer("POLRI")
    body = {"nik": NIKS[4], "service": "POLRI.SKCK_BARU"}
    assert (await police.post("/v1/readiness", json=body)).status_code == 200


async def test_a_ticket_counts_too(world: World) -> None:
    """Who was let in by consents of an earlier hour still reaches so many in this one."""
    _limited(world, citizens_per_officer_hour=1)
    officer, taker = await world.officer(), await world.officer(name="lain")
    consents = [(await world.consented(await world.officer(name=f"o{nik[-2:]}"), nik))[0] for nik in NIKS[:2]]
    answers = [await taker.post("/v1/tickets", json={"consent_id": consent}) for consent in consents]
    assert [_stopped(answer) for answer in answers] == [False, True]
    assert (await world.entries())[-1]["result"]["reason"] == "citizens_spent"
    assert (await officer.get("/v1/services")).status_code == 200


async def test_enrolling_and_asking_count_too(world: World) -> None:
    """Seen failing: whoever was over the limit enrolled 45 more, and was told what each has on file. Who is stopped makes no citizen
    of a number, and learns nothing: a known NIK, an unknown one and a service of another agency are told alike.
    """
    subjects = await _enrolled(world)
    _limited(world, citizens_per_officer_hour=2)
    officer = await world.officer()
    fresh = [f"647209{day:02d}0277995{day % 10}" for day in (3, 9)]

    async def enrols(nik: str) -> httpx.Response:
        return await officer.post("/v1/subjects", json={"nik": nik, "name": "Warga Contoh"})

    async def asks(ref: str) -> httpx.Response:
        body = {"subject_ref": ref, "service": SERVICE, "answers": ANSWERS}
        return await officer.post("/v1/consent-requests", json=body)

    assert (await enrols(fresh[0])).status_code == 201
    assert (await asks(subjects[0])).status_code == 422  # nothing on file: that was a look as well
    assert [_stopped(await enrols(nik)) for nik in (fresh[1], NIKS[1])] == [True, True]
    assert _stopped(await asks(subjects[1]))
    told = [await _looks(officer, nik) for nik in (NIKS[1], fresh[1])]
    assert [_stopped(answer) for answer in told] == [True, True]
    foreign = [
        await officer.post("/v1/readiness", json={"nik": nik, "service": "POLRI.SKCK_BARU"})
        for nik in (NIKS[1], fresh[1])
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in foreign] == [(429, "BK-1007")] * 2
    async with world.parts.database.reading() as reading:
        assert await reading.raw.fetchval("SELECT count(*) FROM subject") == len(NIKS) + 1


async def test_enrolling_in_sequence(world: World) -> None:
    _limited(world, sequential_numbers_per_hour=2)
    officer = await world.officer()
    base = int(NIKS[0]) - 9
    answers = [
        await officer.post("/v1/subjects", json={"nik": str(base + 2 * step), "name": "Warga Contoh"})
        for step in range(4)
    ]
    assert [_stopped(answer) for answer in answers] == [False, False, False, True]
    assert (await world.entries())[-1]["result"]["reason"] == "numbers_in_sequence"


async def test_messages_do_not_flood_a_citizen(world: World) -> None:
    """Three an hour from one agency; a QR at the counter is no message."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    assert (await world.stores(officer, subject)).status_code == 201
    body = {"subject_ref": subject, "service": SERVICE, "answers": ANSWERS, "channel": "whatsapp"}
    answers = [await officer.post("/v1/consent-requests", json=body) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert (answers[-1].json()["code"], answers[-1].headers["retry-after"]) == ("BK-2038", "3600")
    assert len(await world.inbox("link")) == 3
    assert (await officer.post("/v1/consent-requests", json=body | {"channel": "qr"})).status_code == 201


async def test_numbers_that_follow_one_another(world: World) -> None:
    """Known or not, up or down, also with every second one left out; numbers far apart are nobody's business."""
    _limited(world, sequential_numbers_per_hour=2)
    officer = await world.officer()
    for nik in NIKS:
        assert (await _looks(officer, nik)).status_code == 404
    base = int(NIKS[0]) + 40
    answers = [await _looks(officer, str(base + step)) for step in (0, 1, 3, 2)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["result"]["reason"]) == ("readiness", "numbers_in_sequence")
    assert (await _looks(officer, NIKS[1])).status_code == 429  # for the rest of the hour: nobody types on
    other = await world.officer(name="lain")
    assert (await _looks(other, str(base + 1))).status_code == 404
    async with world.parts.database.reading() as reading:
        kept = [row["id"] for row in await reading.raw.fetch("SELECT id FROM seen")]
    assert not any(str(base)[:12] in row for row in kept), (
        "no number is kept, and none can be guessed from what is"
    )


@pytest.mark.toy_entries
async def test_every_replica_counts_the_same(world: World) -> None:
    """Judged in the batch: two replicas at the same moment reach three together, also after a restart of one."""
    parts = world.parts
    limits = replace(limits_of(parts), citizens_per_client=3)
    officer = await world.officer()
    subjects = [parts.keyring.meant(officer.agency, ref) for ref in await _enrolled(world)]
    from datetime import UTC, datetime

    from auth.callers import Machine
    from storage.ledger.work import Event, Work

    now, machine = datetime.now(UTC), Machine("m", officer.agency, "readiness.check", "")

    def work(subject: str) -> Work[Any]:
        reach = Reach(machine, [subject], limits, now)
        trail = parts.keyring.site_trail()

        def judge(facts: Facts, _now: datetime) -> Any:
            return reach.judge(facts)

        return Work(
            kind="readiness", caller="", trail=trail, load=reach.needs, judge=judge,
            apply=lambda facts, at, _verdict: reach.count(facts, at),
            events=lambda _facts, _now, _verdict: [Event("readiness", trail, machine.actor)],
        )  # fmt: skip

    import asyncio

    for _ in range(2):  # the second time with a replica that has just started
        async with at_work(parts.settings) as replica:
            sides = [parts.appender, replica.appender]
            asked = [side.submit(work(subject)) for subject in subjects for side in sides]
            settled = await asyncio.gather(*asked)
            assert sum(one.verdict.allowed for one in settled) == 6  # three citizens, each by both
    await tidy_up.forget_old(parts.database)
    async with parts.database.reading() as reading:
        counted = "SELECT count(*) FROM seen WHERE id LIKE 'client:m/%'"
        assert await reading.raw.fetchval(counted) == 3  # the hour is not over


@pytest.mark.parametrize("name", CEILINGS)
def test_production_has_ceilings(name: str) -> None:
    """No setting opens everything."""
    given: dict[str, Any] = {
        "mode": "production", "public_origin": "https://berkas.example", "s3_endpoint": "https://s3.example",
        "database_url": "postgresql://app:0123456789abcdef@127.0.0.1:1/berkas", "root_key": "file:/run/berkas/root.key",
        "s3_access_key": "0123456789abcdef-not-a-sample", "s3_secret_key": "0123456789abcdef-not-a-sample",
    }  # fmt: skip
    assert Settings(**{**given, name: CEILINGS[name]})
    with pytest.raises(ValidationError, match=name.upper()):
        Settings(**{**given, name: CEILINGS[name] + 1})
    open_wide: dict[str, Any] = {"mode": "sandbox", name: 10_000_000}
    assert Settings(**open_wide)
