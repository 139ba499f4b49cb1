"""D10: each agency knows a citizen by a reference of its own."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from joserfc import jws

from auth.scopes import SCOPES
from storage.errors import KeyMissing
from storage.ids import new_id, number_of, ulid, ulid_of
from storage.sealing import permuted
from tests.backend import Backend
from tests.world import ANSWERS, JPEG, NAME, NIK, SERVICE, World, content_digest

OTHER_SERVICE = "POLRI.SKCK_BARU"


def _said(answer: httpx.Response) -> dict[str, Any]:
    return {"status": answer.status_code} | {k: v for k, v in answer.json().items() if k != "request_id"}


async def test_one_reference_for_each_agency(world: World) -> None:
    """The same for an agency's officers and its back ends, in ticket and consent record too; another for another agency."""
    officer, other = await world.officer(), await world.officer("POLRI")
    backend = await Backend(world).registered(scopes=list(SCOPES))
    mine, theirs = await world.enrols(officer), await world.enrols(other, phone=None)
    assert mine != theirs
    again = await backend.calls("POST", "/v1/subjects", json={"nik": NIK, "name": NAME})
    assert (again.status_code, again.json()["subject_ref"]) == (200, mine)
    ready = await officer.post("/v1/readiness", json={"nik": NIK, "service": SERVICE, "answers": ANSWERS})
    assert ready.json()["subject_ref"] == mine
    _, ticket = await world.consented(officer)
    claims = json.loads(jws.extract_compact(ticket["ticket"].encode()).payload or b"")
    assert claims["sub"] == mine
    subject = world.parts.keyring.meant("DPMPTSP@6472", mine)
    assert subject == world.parts.keyring.meant("POLRI@6472", theirs)
    assert subject not in {mine, theirs}


async def test_anothers_reference_is_nobodys(world: World) -> None:
    """A33: told like one that was invented, and on record; nothing is stored."""
    officer, other = await world.officer(), await world.officer("POLRI")
    mine, theirs = await world.enrols(officer), await world.enrols(other, phone=None)
    invented = new_id("sbj")

    async def asks(ref: str) -> list[httpx.Response]:
        headers = {"Content-Type": "image/jpeg", "Content-Digest": content_digest(JPEG)}
        wanted = {"subject_ref": ref, "service": OTHER_SERVICE}
        by_party = {**wanted, "subject_ref": theirs, "parties": {"mother": [ref]}}
        parties = {"nik": NIK, "service": OTHER_SERVICE, "parties": {"mother": [ref]}}
        return [
            await other.post("/v1/readiness", json=wanted),
            await other.post("/v1/readiness", json=parties),
            await other.post(f"/v1/subjects/{ref}/documents?type=KTP", content=JPEG, headers=headers),
            await other.post("/v1/consent-requests", json={**wanted, "channel": "qr"}),
            await other.post("/v1/consent-requests", json={**by_party, "channel": "qr"}),
        ]

    stolen, absent = await asks(mine), await asks(invented)
    assert [_said(answer) for answer in stolen] == [_said(answer) for answer in absent]
    assert {answer.status_code for answer in stolen} == {404}
    reasons = [entry["result"].get("reason") for entry in await world.entries()][-10:]
    assert set(reasons) == {"subject_unknown"}
    assert (await world.stores(officer, mine)).status_code == 201


@pytest.mark.parametrize(
    "ref", ["sbj_8" + "0" * 25, "sbj_" + "0" * 25, "sbj_" + "I" * 26, "d_" + "0" * 26, ""]
)
async def test_what_is_no_reference(world: World, ref: str) -> None:
    officer = await world.officer()
    answer = await officer.post("/v1/readiness", json={"subject_ref": ref, "service": SERVICE})
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-2001")
    if not ref.startswith("sbj_0"):
        with pytest.raises(KeyMissing):
            world.parts.keyring.meant("DPMPTSP@6472", "sbj_" + ref.removeprefix("sbj_"))


def test_the_permutation() -> None:
    """FIPS 197, appendix C.3; and one to one on references."""
    key = bytes(range(32))
    plain, cipher = bytes.fromhex("00112233445566778899aabbccddeeff"), "8ea2b7ca516745bfeafc49904b496089"
    assert permuted(key, plain).hex() == cipher
    assert permuted(key, bytes.fromhex(cipher), back=True) == plain
    for text in (ulid(), "0" * 26, "7" + "Z" * 25):
        assert ulid_of(number_of(text)) == text
