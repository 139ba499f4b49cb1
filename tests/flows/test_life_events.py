"""What happens in a life makes the copies stale that show how it was before (L15; ``domain.md`` 4, stale-making events)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from exchange.deps import clock, today_at
from exchange.flows import run_site
from tests.files import noted
from tests.flows.family_world import asks_for, birth_certificate, decided_by, person, years_ago
from tests.flows.test_administration import signed_in, told
from tests.flows.test_limits import _limited
from tests.flows.test_rights import phone_of
from tests.flows.voiding import step
from tests.world import JPEG, OTHER_NIK, PDF, PHONE, SITE, OfficerAt, World, content_digest

NOBODYS = "sbj_01JD0000000000000000000000"


@dataclass
class Registry:
    """The civil registry's officer, and the citizen as it knows them."""

    world: World
    officer: OfficerAt
    subject: str

    async def says(
        self, event: str = "marry", happened_on: str = "2026-03-01", by: OfficerAt | None = None, **more: Any
    ) -> httpx.Response:
        body = {"event": event, "happened_on": happened_on, **more}
        subject = more.pop("subject", self.subject)
        body.pop("subject", None)
        return await (by or self.officer).post(f"/v1/subjects/{subject}/life-events", json=body)

    async def states(self) -> dict[str, tuple[str, str | None]]:
        """Of the papers that a police certificate needs, at that counter: state and reason."""
        police = await self.world.officer("POLRI")
        body = {"subject_ref": await self.world.enrols(police), "service": "POLRI.SKCK_BARU"}
        answer = await police.post("/v1/readiness", json=body)
        assert answer.status_code == 200, answer.text
        return {row["code"]: (row["state"], row["reason"]) for row in answer.json()["requirements"]}

    async def flags(self) -> dict[str, str | None]:
        async with self.world.parts.database.reading() as reading:
            rows = await reading.raw.fetch("SELECT type, version, stale_event FROM document_version")
        return {f"{row['type']}/{row['version']}": row["stale_event"] for row in rows}


@pytest.fixture
async def registry(world: World) -> Registry:
    parts = world.parts
    await run_site.add_agency(
        parts.database, parts.keyring, parts.appender, code="DISDUKCAPIL", site_id=SITE, name="Disdukcapil",
        services=["DISDUKCAPIL.AKTA_KEMATIAN"],
    )  # fmt: skip
    officer = await world.officer("DISDUKCAPIL")
    return Registry(world, officer, await world.enrols(officer))


async def test_what_was_issued_before_is_stale_until_a_newer_copy_comes(registry: Registry) -> None:
    """KTP and KK, not the birth certificate; one entry, one message, which names neither the event nor the papers."""
    world = registry.world
    await world.stores(registry.officer, registry.subject, "KTP", issued_on="2019-05-02")
    await world.stores(registry.officer, registry.subject, "KK", PDF, issued_on="2026-02-28")
    await world.stores(
        registry.officer, registry.subject, "AKTA_LAHIR", noted(PDF, b"2"), issued_on="1990-07-01"
    )
    assert {state for state, _ in (await registry.states()).values()} >= {"valid"}
    letters = len(await world.inbox())
    answer = await registry.says()
    assert answer.status_code == 200, answer.text
    assert sorted(row["type"] for row in answer.json()["stale"]) == ["KK", "KTP"]
    assert await registry.flags() == {"KTP/1": "marry", "KK/1": "marry", "AKTA_LAHIR/1": None}
    states = await registry.states()
    assert (states["KTP"], states["KK"]) == (("stale", "marry"), ("stale", "marry"))
    (entry,) = [entry for entry in await world.entries() if entry.get("act") == "life_event"]
    assert (entry["type"], entry["event"], entry["happened_on"]) == ("intake", "marry", "2026-03-01")
    assert entry["document_types"] == ["KK", "KTP"]
    (notice,) = (await world.inbox())[letters:]
    assert notice["to"] == PHONE
    assert "perubahan data Anda per 1 Maret 2026" in notice["text"]
    assert not {"marry", "KTP", "KK"} & set(notice["text"].replace(",", " ").split())
    page = await (await phone_of(world)).reads(at="")
    assert "mencatat perubahan data Anda; dokumen ini perlu diperbarui" in page.text
    newer = await world.stores(
        registry.officer, registry.subject, "KTP", noted(JPEG, b"new"), issued_on="2026-03-09"
    )
    assert newer.status_code == 201
    states = await registry.states()
    assert (states["KTP"][0], states["KK"]) == ("valid", ("stale", "marry"))
    again = await world.stores(registry.officer, registry.subject, "KK", PDF, issued_on="2026-02-28")
    assert again.status_code == 200  # the same old bytes are the same old copy
    assert (await registry.states())["KK"] == ("stale", "marry")


@pytest.mark.parametrize(
    ("issued_on", "happened_on", "stale"),
    [
        ("2026-03-01", "2026-03-02", True),
        ("2026-03-02", "2026-03-02", False),
        ("2026-03-03", "2026-03-02", False),
    ],
)
async def test_the_day_decides(registry: Registry, issued_on: str, happened_on: str, stale: bool) -> None:
    await registry.world.stores(registry.officer, registry.subject, "KTP", issued_on=issued_on)
    answer = await registry.says(happened_on=happened_on)
    assert answer.status_code == 200
    assert bool(answer.json()["stale"]) == stale
    assert await registry.flags() == {"KTP/1": "marry" if stale else None}


@pytest.mark.parametrize("days_before", [0, 1])
async def test_an_unknown_day_of_issue_is_the_day_it_came_in(registry: Registry, days_before: int) -> None:
    """By the site's calendar."""
    world = registry.world
    await world.stores(registry.officer, registry.subject, "KTP")
    today = today_at(world.parts.zone)
    said = await registry.says(happened_on=str(today - timedelta(days=days_before)))
    assert said.json()["stale"] == []
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE document_version SET taken_at = taken_at - interval '2 days'")
    assert (await registry.says(happened_on=str(today))).json()["stale"][0]["type"] == "KTP"


async def test_who_asks_about_many_people_is_stopped(registry: Registry) -> None:
    """A62: the answer tells what is on file, so it counts like a look."""
    world = registry.world
    other = await world.enrols(registry.officer, OTHER_NIK, None)
    await world.stores(await world.officer("DISDUKCAPIL", "kedua"), other, "KTP", issued_on="2019-05-02")
    _limited(world, citizens_per_officer_hour=1)
    fresh = await world.officer("DISDUKCAPIL", "ketiga")
    assert (await registry.says(by=fresh)).status_code == 200
    assert told(await registry.says(by=fresh, subject=other)) == (429, "BK-1007")
    assert (await world.entries())[-1]["result"]["reason"] == "citizens_spent"
    assert await registry.flags() == {"KTP/1": None}


async def test_nothing_to_flag_is_an_entry_and_no_message(registry: Registry) -> None:
    letters = len(await registry.world.inbox())
    answer = await registry.says()
    assert (answer.status_code, answer.json()["stale"]) == (200, [])
    (entry,) = [one for one in await registry.world.entries() if one.get("act") == "life_event"]
    assert (entry["document_types"], entry["result"]) == ([], {"allowed": True})
    assert len(await registry.world.inbox()) == letters


async def test_what_is_refused(registry: Registry) -> None:
    """The police makes no marriages, nobody knows a `party`, tomorrow has not happened; nothing changes, each is on record."""
    world = registry.world
    police = await world.officer("POLRI")
    dpo = await signed_in(world, "pelindung.capil", "dpo", "DISDUKCAPIL")
    await world.stores(registry.officer, registry.subject, "KTP", issued_on="2019-05-02")
    tomorrow = str(today_at(world.parts.zone) + timedelta(days=1))
    theirs = await world.enrols(police)
    before = await registry.flags()
    refused = [
        (await registry.says(by=police, subject=theirs), (403, "BK-2118")),
        (await registry.says(by=dpo), (403, "BK-1017")),
        (await registry.says("party"), (422, "BK-2122")),
        (await registry.says(happened_on=tomorrow), (422, "BK-2122")),
        (await registry.says(subject=NOBODYS), (404, "BK-2002")),
        (await registry.says("Marry!"), (422, "BK-2001")),
        (await registry.says(happened_on="kemarin"), (422, "BK-2001")),
    ]
    for answer, expected in refused:
        assert told(answer) == expected, answer.text
    reasons = [one["result"]["reason"] for one in await world.entries() if not one["result"]["allowed"]]
    assert reasons == [
        "event_of_another_agency", "role_missing", "event_unknown", "event_in_the_future", "subject_unknown",
    ]  # fmt: skip
    assert await registry.flags() == before == {"KTP/1": None}
    # By the catalogue: moving to another district changes the driving licence, which the police issues.
    assert (await registry.says("move_kabkota", by=police, subject=theirs)).json()["stale"][0][
        "type"
    ] == "KTP"
    assert (await registry.says(happened_on=str(today_at(world.parts.zone)))).status_code == 200


async def test_what_comes_back_missed_nothing(registry: Registry) -> None:
    """Disputed while it happened: rejected, it is stale like the others. An older event stays the reason."""
    world = registry.world
    second = await world.officer("DISDUKCAPIL", "kedua")
    stored = (await world.stores(registry.officer, registry.subject, "KTP", issued_on="2019-05-02")).json()
    path = f"/v1/documents/{stored['document_id']}/versions/1/void"
    report = (await registry.officer.post(path, json={"reason": "wrong_paper"})).json()["id"]
    assert (await registry.says()).json()["stale"] != []
    assert (await step(second, report, "rejection")).status_code == 200
    assert (await registry.states())["KTP"] == ("stale", "marry")
    assert (await registry.says("photo_change")).json()["stale"] == []
    assert await registry.flags() == {"KTP/1": "marry"}


async def test_one_of_several(registry: Registry) -> None:
    """A vehicle is sold, the other one is not."""
    world = registry.world
    samsat = await _agency(world, "SAMSAT")
    subject = await world.enrols(samsat)
    papers = []
    for plate in ("KT 1234 AB", "KT 5678 CD"):
        answer = await samsat.post(
            f"/v1/subjects/{subject}/documents", params={"type": "STNK", "issued_on": "2024-01-01"}, content=JPEG,
            headers={**_digest(JPEG), "Berkas-About": plate},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        papers.append(answer.json()["document_id"])
    said = await registry.says("owner_change", by=samsat, subject=subject, documents=papers[:1])
    assert [row["document_id"] for row in said.json()["stale"]] == papers[:1]


async def test_a_paper_whose_existence_says_something_is_flagged_and_not_named(registry: Registry) -> None:
    world = registry.world
    work = await _agency(world, "DISNAKER")
    subject = await world.enrols(work)
    await world.stores(work, subject, "SKTM", PDF, issued_on="2026-01-02")
    await world.stores(work, subject, "KTP", issued_on="2019-05-02")
    said = await registry.says("job_change", by=work, subject=subject)
    assert [row["type"] for row in said.json()["stale"]] == ["KTP"]
    assert await registry.flags() == {"SKTM/1": "job_change", "KTP/1": "job_change"}


async def test_a_stale_paper_shows_no_relation(registry: Registry) -> None:
    """A mandate that rests on a paper which changed: a new request is refused (BK-2073)."""
    world = registry.world
    officer = await world.officer("IMIGRASI")
    mother = await person(world, officer, "Sari Contoh", years_ago(34), 11)
    child = await person(world, officer, "Bayu Percobaan", years_ago(10), 12, phone=False)
    certificate = await birth_certificate(world, officer, child, mother)
    who = decided_by(mother, "parent", certificate)
    assert (await asks_for(officer, child, who)).status_code == 201
    inside = world.parts.keyring.meant(officer.agency, child)
    own = world.parts.keyring.pseudonym(registry.officer.agency, inside)
    tomorrow = clock() + timedelta(days=2)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE document_version SET taken_at = taken_at - interval '9 days'")
    said = await registry.says("name_change", str((tomorrow - timedelta(days=3)).date()), subject=own)
    assert [row["type"] for row in said.json()["stale"]] == ["AKTA_LAHIR"]
    assert told(await asks_for(officer, child, who)) == (409, "BK-2073")


async def _agency(world: World, code: str) -> OfficerAt:
    parts = world.parts
    services = [row.code for row in parts.catalogue.services.values() if row.agency == code]
    await run_site.add_agency(
        parts.database, parts.keyring, parts.appender, code=code, site_id=SITE, name=code, services=services
    )
    return await world.officer(code)


def _digest(content: bytes) -> dict[str, str]:
    return {"Content-Type": "image/jpeg", "Content-Digest": content_digest(content)}
