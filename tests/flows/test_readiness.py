"""Readiness and the request behind it, over HTTP: things, parties, answers, budget."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest

from exchange import deps
from tests.files import noted
from tests.world import ANSWERS, NIK, OTHER_NIK, PDF, SERVICE, OfficerAt, World, content_digest

PARCEL_A, PARCEL_B = "647201000100199990", "647201000100299990"


async def takes_in(
    world: World,
    officer: OfficerAt,
    subject: str,
    kind: str,
    *,
    seed: str = "",
    query: str = "",
    **headers: str,
) -> httpx.Response:
    """A PDF of its own with ``number`` and ``about`` in their headers."""
    content = noted(PDF, hashlib.sha256(f"{kind}{seed}{headers}".encode()).digest())
    named = {f"Berkas-{name.title()}": value for name, value in headers.items()}
    return await officer.post(
        f"/v1/subjects/{subject}/documents?type={kind}{query}",
        content=content,
        headers={"Content-Type": "application/pdf", "Content-Digest": content_digest(content), **named},
    )


async def test_the_second_parcel_can_be_served(world: World) -> None:
    """DPMPTSP.PBG, two titles. Wrong version: the one that readiness did not show is "not required" (BK-2031)."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    titles = {}
    for parcel in (PARCEL_A, PARCEL_B):
        title = await takes_in(world, officer, subject, "SERTIPIKAT_TANAH", about=parcel)
        notice = await takes_in(world, officer, subject, "SPPT_PBB", about=parcel, query="&tax_year=2026")
        titles[title.json()["document_id"]] = notice.json()["document_id"]
    assert len(titles) == 2
    body = {"subject_ref": subject, "service": "DPMPTSP.PBG", "answers": ANSWERS}
    rows = (await officer.post("/v1/readiness", json=body)).json()["requirements"]
    shown = {row["code"]: row.get("document_id") for row in rows if row["head"] == "doc"}
    assert titles[shown["SERTIPIKAT_TANAH"]] == shown["SPPT_PBB"], "title and notice of one parcel"
    for title, notice in titles.items():
        asked = await world.asks(officer, subject, "DPMPTSP.PBG", documents=[title])
        done = await world.allows(asked["link"])
        assert done.status_code == 200
        state = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()
        assert [item["document_id"] for item in state["items"]] == [title, notice]


STRANGERS = [f"sbj_01JD00000000000000000000{number:02d}" for number in range(30)]


async def _everywhere(world: World, officer: OfficerAt, subject: str, **members: Any) -> list[httpx.Response]:
    """The same members sent to readiness and to the request for consent."""
    body = {"subject_ref": subject, "service": SERVICE, "answers": ANSWERS, **members}
    return [await officer.post(path, json=body) for path in ("/v1/readiness", "/v1/consent-requests")]


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"answers": {**ANSWERS, "representd": True}}, "/answers/representd", "unknown"),
        ({"answers": {"a/b~c": True}}, "/answers/a~1b~0c", "unknown"),
        ({"parties": {"neighbour": [STRANGERS[0]]}}, "/parties/neighbour", "unknown"),
        ({"parties": {"applicant": [STRANGERS[0]]}}, "/parties/applicant", "named_by_the_request"),
        ({"parties": {"heirs": STRANGERS[:21]}}, "/parties/heirs", "too_long"),
    ],
)
async def test_names_that_nobody_knows(
    world: World, members: dict[str, Any], pointer: str, code: str
) -> None:
    """Wrong version: a slip of the keyboard is an answer that was never given, and nobody is told. Nothing happens."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    before = len(await world.entries())
    for answer in await _everywhere(world, officer, subject, **members):
        assert (answer.status_code, answer.json()["code"]) == (422, "BK-2001")
        assert answer.json()["errors"] == [{"pointer": pointer, "code": code}]
    assert len(await world.entries()) == before


async def test_twenty_of_a_role_are_accepted(world: World) -> None:
    """Then the citizens are looked for: nobody has these references."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    body = {
        "subject_ref": subject,
        "service": SERVICE,
        "parties": {"heirs": STRANGERS[:20], "land": [subject]},
    }
    answer = await officer.post("/v1/readiness", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "BK-2002")


async def test_readiness_with_parties(world: World) -> None:
    """DPMPTSP.NIB of a firm, whose papers a partner holds; the look stands in both trails."""
    officer = await world.officer()
    applicant, partner = [await world.enrols(officer, nik, None) for nik in (NIK, OTHER_NIK)]
    await world.stores(officer, applicant)
    for kind in ("AKTA_PENDIRIAN", "NPWP_BADAN"):
        assert (await takes_in(world, officer, partner, kind)).status_code == 201
    body = {
        "subject_ref": applicant,
        "service": SERVICE,
        "answers": {**ANSWERS, "legal_entity": True},
    }
    alone = (await officer.post("/v1/readiness", json=body)).json()
    with_partner = (
        await officer.post("/v1/readiness", json={**body, "parties": {"business": [partner]}})
    ).json()
    states = {row["path"]: (row["state"], row["party"]) for row in with_partner["requirements"]}
    assert [row["state"] for row in alone["requirements"] if row["path"] == "2"] == ["party_missing"]
    assert states["2/0"] == states["2/1"] == ("valid", "business")
    assert (alone["complete"], with_partner["complete"]) == (False, True)
    looks = [entry for entry in await world.entries() if entry["type"] == "readiness"]
    assert len(looks) == 3


async def test_the_budget_counts_everybody_looked_at(world: World) -> None:
    """A62. Wrong version: one call with two hundred parties costs as much as one citizen."""
    settings = world.parts.settings.model_copy(update={"readiness_per_officer_hour": 5})
    world.app.state.parts = replace(world.parts, settings=settings)
    officer = await world.officer()
    one, two = [await world.enrols(officer, nik, None) for nik in (NIK, OTHER_NIK)]
    body = {"subject_ref": one, "service": SERVICE, "answers": ANSWERS}
    both = {**body, "parties": {"heirs": [one, two], "family": [two, two]}}
    statuses = [(await officer.post("/v1/readiness", json=sent)).status_code for sent in (both, both, both)]
    assert statuses == [200, 200, 429], "two, four, and the fifth is not enough for two"


async def test_strangers_cost_as_much_as_citizens(world: World) -> None:
    """A61: guessing references in bulk is what the budget is for."""
    settings = world.parts.settings.model_copy(update={"readiness_per_officer_hour": 20})
    world.app.state.parts = replace(world.parts, settings=settings)
    officer = await world.officer()
    subject = await world.enrols(officer)
    body = {"subject_ref": subject, "service": SERVICE, "answers": ANSWERS}
    guess = {**body, "parties": {"heirs": STRANGERS[:19]}}
    assert (await officer.post("/v1/readiness", json=guess)).status_code == 404
    assert (await officer.post("/v1/readiness", json=body)).status_code == 429


async def test_an_enrolment_that_is_not_on_record_is_not_found(world: World) -> None:
    """The process died between the citizen's keys and the entry. Wrong version: the citizen is found, and looked at,
    before any entry says that they were ever enrolled. Enrolling again finishes it.
    """
    officer = await world.officer()
    subject = await world.enrols(officer)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("DELETE FROM enrolment")
    body = {"nik": NIK, "service": SERVICE, "answers": ANSWERS}
    answer = await officer.post("/v1/readiness", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "BK-2002")
    assert (await world.entries())[-1]["result"]["reason"] == "subject_unknown"
    assert await world.enrols(officer) == subject
    assert (await officer.post("/v1/readiness", json=body)).status_code == 200


async def test_what_the_catalogue_says_of_its_own(world: World) -> None:
    """IKD is shown at the counter like the forms; how sure a rule is, is told, the pages it was read on are not."""
    officer = await world.officer()
    types = {row["code"]: row for row in (await officer.get("/v1/document-types")).json()["data"]}
    not_stored = {code for code, row in types.items() if not row["stored"]}
    assert not_stored == {code for code in types if world.parts.catalogue.at_counter(code)}
    assert "IKD" in not_stored
    service = (await officer.get("/v1/services/POLRI.SKCK_BARU")).json()
    assert service["source"] == {"kind": "web", "confidence": "high"}
    memory = (await officer.get("/v1/services/DISDUKCAPIL.KIA")).json()
    assert memory["source"] == {"kind": "memory", "confidence": "medium", "legal": "Permendagri 2/2016"}
    assert "http" not in str(service)


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Makassar", "2026-11-24T15:59:59+00:00", "2026-11-24"),
        ("Asia/Makassar", "2026-11-24T16:00:00+00:00", "2026-11-25"),
        ("Asia/Jayapura", "2026-11-24T15:00:00+00:00", "2026-11-25"),
        ("Asia/Jakarta", "2026-11-24T16:59:59+00:00", "2026-11-24"),
    ],
)
def test_the_day_is_the_counters(monkeypatch: pytest.MonkeyPatch, zone: str, moment: str, day: str) -> None:
    monkeypatch.setattr(deps, "clock", lambda: datetime.fromisoformat(moment))
    assert str(deps.today_at(zone)) == day


async def test_a_paper_ends_at_midnight_of_the_counter(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice of 2026 serves until 24.00 WITA of 31 December. Wrong version: eight hours longer, until UTC's."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await takes_in(world, officer, subject, "SPPT_PBB", about=PARCEL_A, query="&tax_year=2026")
    body = {"subject_ref": subject, "service": "DPMPTSP.PBG", "answers": ANSWERS}
    for moment, state in (("2026-12-31T15:59:59+00:00", "valid"), ("2026-12-31T16:00:00+00:00", "expired")):
        frozen = datetime.fromisoformat(moment)
        monkeypatch.setattr(deps, "clock", lambda frozen=frozen: frozen)
        async with world.parts.database.transaction() as transaction:
            await transaction.raw.execute("UPDATE session SET created_at = $1, last_seen_at = $1", frozen)
        rows = (await officer.post("/v1/readiness", json=body)).json()["requirements"]
        notice = next(row for row in rows if row["code"] == "SPPT_PBB")
        assert (notice["state"], notice["valid_until"]) == (state, "2026-12-31")
