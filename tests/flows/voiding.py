"""A paper in the wrong folder, two officers of the agency that took it in, and who received it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from storage.documents import DocumentVersion, version_row
from tests.flows.test_withdrawal_clock import owed
from tests.world import JPEG, OTHER_NIK, OfficerAt, World

OWNERS_PHONE = "+6281200009905"
NOBODYS = "vo_01JD0000000000000000000000"
WRONG_PERSON = {"reason": "wrong_person"}


@dataclass
class Folder:
    """``subject`` and ``owner`` as the first officer's agency knows them; the paper is the KTP of ``owner``, filed under ``subject``."""

    world: World
    first: OfficerAt
    second: OfficerAt
    subject: str
    owner: str
    document: str
    consent: str
    ticket: dict[str, Any]

    async def reports(
        self, by: OfficerAt | None = None, version: int = 1, document: str = "", **body: Any
    ) -> httpx.Response:
        path = f"/v1/documents/{document or self.document}/versions/{version}/void"
        return await (by or self.first).post(path, json=body or WRONG_PERSON)

    async def reported(self, **how: Any) -> str:
        answer = await self.reports(**how)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def voided(self, **how: Any) -> str:
        report = await self.reported(**how)
        answer = await step(self.second, report)
        assert answer.status_code == 200, answer.text
        return report

    async def row(self, version: int = 1) -> DocumentVersion:
        async with self.world.parts.database.reading() as reading:
            found = await version_row(reading, self.document, version)
        assert found is not None
        return found

    async def states(self) -> list[str]:
        async with self.world.parts.database.reading() as reading:
            rows = await reading.raw.fetch(
                "SELECT state FROM document_version WHERE document_id = $1 ORDER BY version", self.document
            )
        return [row["state"] for row in rows]

    async def new_ticket(self) -> httpx.Response:
        return await self.first.post("/v1/tickets", json={"consent_id": self.consent})

    async def readiness(self) -> str:
        """The state of the KTP at the counter."""
        body = {"subject_ref": self.subject, "service": "POLRI.SKCK_BARU"}
        police = await self.world.officer("POLRI")
        body["subject_ref"] = await self.world.enrols(police)
        answer = await police.post("/v1/readiness", json=body)
        assert answer.status_code == 200, answer.text
        return str(next(row["state"] for row in answer.json()["requirements"] if row["code"] == "KTP"))


async def folder(world: World) -> Folder:
    first, second = await world.officer(), await world.officer(name="kedua")
    consent, ticket = await world.consented(first)
    return Folder(
        world, first, second, await world.enrols(first), await world.enrols(first, OTHER_NIK, OWNERS_PHONE),
        ticket["documents"][0]["document_id"], consent, ticket,
    )  # fmt: skip


async def step(by: OfficerAt, report: str, act: str = "confirmation") -> httpx.Response:
    return await by.post(f"/v1/voids/{report}/{act}")


async def received_by(world: World, agency: str, service: str, content: bytes = JPEG) -> OfficerAt:
    """An officer of another agency who fetches what is on file of the citizen."""
    officer = await world.officer(agency)
    asked = await world.asks(officer, await world.enrols(officer), service, answers={})
    await world.allows(asked["link"])
    consent = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    ticket = (await officer.post("/v1/tickets", json={"consent_id": consent})).json()
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.content) == (200, content)
    await world.outcomes()
    return officer


async def to_destroy(officer: OfficerAt) -> list[tuple[str, int]]:
    return [(row["document_id"], row["version"]) for row in await owed(officer) if row["kind"] == "voided"]
