"""RFC 9396: a token for certain consents, answered with what was really granted, and good for nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from requests_oauth2client import BearerToken, OAuth2Client, PrivateKeyJwt

from auth.scopes import SCOPES
from tests.backend import CLIENT, Backend
from tests.files import noted
from tests.world import JPEG, OTHER_NIK, PDF, SERVICE, World

TYPE = "berkas_document_access"
NOBODYS = "c_01JD0000000000000000000000"


@pytest.fixture
async def backend(world: World) -> Backend:
    return await Backend(world).registered(scopes=list(SCOPES))


def _details(*consents: str, **more: Any) -> str:
    return json.dumps([{"type": TYPE, "consent_id": consent, **more} for consent in consents])


async def _asks(backend: Backend, details: str, **form: str) -> httpx.Response:
    form = {"scope": "tickets.issue", "authorization_details": details, **form}
    return await backend.asks(backend.form(**form), proof=backend.proof("POST", backend.endpoint))


async def _two_papers(world: World) -> str:
    """A consent for KTP and NPWP."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    assert (await world.stores(officer, subject)).status_code == 201
    assert (await world.stores(officer, subject, "NPWP", PDF)).status_code == 201
    asked = await world.asks(officer, subject)
    await world.allows(asked["link"])
    state = await officer.get(f"/v1/consent-requests/{asked['id']}")
    return str(state.json()["consent_id"])


async def test_answered_with_what_was_granted(backend: Backend) -> None:
    world = backend.world
    consent = await _two_papers(world)
    answer = await _asks(backend, _details(consent, actions=["read"]))
    assert answer.status_code == 200, answer.text
    granted = {
        "type": TYPE, "consent_id": consent, "actions": ["read"], "datatypes": ["KTP", "NPWP"],
        "purpose": SERVICE, "locations": [f"{world.origin}/v1"],
    }  # fmt: skip
    assert answer.json()["authorization_details"] == [granted]
    token = answer.json()["access_token"]
    shown = await world.client.post("/oauth/introspect", data={**backend.form(), "token": token})
    assert shown.json()["authorization_details"] == [granted]
    ticket = await backend.calls("POST", "/v1/tickets", token, json={"consent_id": consent})
    assert {row["type"] for row in ticket.json()["documents"]} == {"KTP", "NPWP"}
    assert (await backend.fetches(ticket.json())).status_code == 200


async def test_good_for_nothing_else(backend: Backend) -> None:
    """A35: another consent of the same agency, another paper of the same consent; each refusal is on record."""
    world = backend.world
    consent = await _two_papers(world)
    other, _ = await world.consented(await world.officer(), OTHER_NIK, noted(JPEG, b"2"))
    answer = await _asks(backend, _details(consent, datatypes=["KTP"]))
    assert answer.json()["authorization_details"][0]["datatypes"] == ["KTP"]
    token = answer.json()["access_token"]
    ticket = await backend.calls("POST", "/v1/tickets", token, json={"consent_id": consent})
    assert [row["type"] for row in ticket.json()["documents"]] == ["KTP"]
    whole = await backend.ticket(consent)  # with a token that is for all
    npwp = next(row["document_id"] for row in whole["documents"] if row["type"] == "NPWP")
    for body in ({"consent_id": other}, {"consent_id": consent, "documents": [npwp]}):
        refused = await backend.calls("POST", "/v1/tickets", token, json=body)
        assert (refused.status_code, refused.json()["code"]) == (404, "BK-4004")
        assert (await world.entries())[-1]["result"] == {"allowed": False, "reason": "not_in_token"}


async def test_an_unmodified_library(backend: Backend) -> None:
    consent = await _two_papers(backend.world)

    def use() -> BearerToken:
        client = OAuth2Client(
            token_endpoint=backend.endpoint,
            auth=PrivateKeyJwt(CLIENT, private_jwk={**backend.jwk, "alg": "ES256"}),
            dpop_bound_access_tokens=True,
            testing=True,
        )
        return client.client_credentials(scope="tickets.issue", authorization_details=_details(consent))

    token = await asyncio.to_thread(use)
    assert token.authorization_details[0]["datatypes"] == ["KTP", "NPWP"]


async def test_consents_that_are_not_there(backend: Backend) -> None:
    """A33: unknown, another agency's, withdrawn: one answer, each with its entry; a good one beside it changes nothing."""
    world = backend.world
    officer, elsewhere = await world.officer(), await world.officer("POLRI")
    mine, _ = await world.consented(officer)
    gone, _ = await world.consented(officer, OTHER_NIK, noted(JPEG, b"2"))
    await officer.post(f"/v1/consents/{gone}/withdrawal")
    asked = await world.asks(elsewhere, await world.enrols(elsewhere), "POLRI.SKCK_BARU", answers={})
    await world.allows(asked["link"])
    theirs = (await elsewhere.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    told = []
    for consents in ((NOBODYS,), (theirs,), (gone,), (mine, NOBODYS)):
        answer = await _asks(backend, _details(*consents))
        told.append((answer.status_code, answer.json()))
    assert told == [(400, {"error": "invalid_authorization_details"})] * 4
    narrow = await _asks(backend, _details(mine, datatypes=["NPWP"]))
    assert narrow.json() == {"error": "invalid_authorization_details"}
    entries = [entry for entry in await world.entries() if entry.get("act") == "authorize"]
    reasons = [entry["result"]["reason"] for entry in entries]
    expected = [
        "consent_unknown",
        "consent_of_another_agency",
        "consent_withdrawn",
        "consent_unknown",
        "not_granted",
    ]
    assert reasons == expected
    assert {entry["actor"] for entry in entries} == {f"client:{CLIENT}"}


MALFORMED = {
    "no json": "x",
    "no list": "{}",
    "empty": "[]",
    "a text": '["x"]',
    "another type": json.dumps([{"type": "payment", "consent_id": NOBODYS}]),
    "without consent": json.dumps([{"type": TYPE}]),
    "a consent that is none": _details("c_x"),
    "a member that nobody knows": _details(NOBODYS, privileges=["all"]),
    "another action": _details(NOBODYS, actions=["write"]),
    "another place": _details(NOBODYS, locations=["https://other.example/v1"]),
    "no datatypes": _details(NOBODYS, datatypes=[]),
    "datatypes that are none": _details(NOBODYS, datatypes=[1]),
    "twice": _details(NOBODYS, NOBODYS),
    "six": _details(*(f"c_01JD000000000000000000000{n}" for n in range(6))),
    "a member twice": f'[{{"type":"{TYPE}","type":"{TYPE}","consent_id":"{NOBODYS}"}}]',
    "two values": f'{_details(NOBODYS)},"x":1',
    "deep": "[" * 3_000,
    "too long": _details(NOBODYS, datatypes=["A" * 5_000]),
}


async def test_what_is_no_detail(backend: Backend) -> None:
    """RFC 9396 5: never granted in silence; A65."""
    before = len(await backend.world.entries())
    for name, details in MALFORMED.items():
        answer = await _asks(backend, details)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_authorization_details"}), name
    unscoped = await _asks(backend, _details(NOBODYS), scope="catalog.read")
    assert unscoped.json() == {"error": "invalid_authorization_details"}
    plain = await backend.asks(backend.form(scope="catalog.read", authorization_details=_details(NOBODYS)))
    assert plain.json() == {"error": "invalid_authorization_details"}
    assert len(await backend.world.entries()) == before
