"""Readiness and the request behind it, over HTTP: things, parties, answers, budget."""

from __future__ import annotations

import hashlib

import httpx

from tests.world import ANSWERS, PDF, OfficerAt, World, content_digest

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
    content = PDF + hashlib.sha256(f"{kind}{seed}{headers}".encode()).digest()
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
