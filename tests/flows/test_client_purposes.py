"""A client that is for certain services of its agency is for no other: looked at with every act, and on record."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from auth.scopes import SCOPES
from auth.verdict import AccessRefused
from exchange.flows import run_clients
from tests.backend import CLIENT, Backend
from tests.world import ANSWERS, SERVICE, World

OTHER = "DPMPTSP.PBG"
FOREIGN = "POLRI.SKCK_BARU"


@pytest.fixture
async def backend(world: World) -> Backend:
    return await Backend(world).registered(scopes=list(SCOPES))


async def _confine(backend: Backend, *purposes: str) -> None:
    parts = backend.world.parts
    await run_clients.set_client_purposes(
        parts.database, parts.keyring, parts.appender, client_id=backend.client_id, purposes=purposes
    )


async def _refused(backend: Backend, answer: httpx.Response, kind: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (403, "BK-1027"), answer.text
    entry = (await backend.world.entries())[-1]
    assert (entry["type"], entry["actor"]) == (kind, f"client:{CLIENT}")
    assert entry["result"] == {"allowed": False, "reason": "purpose_missing"}


async def test_only_what_it_is_for(backend: Backend) -> None:
    """Readiness, request, ticket and fetch: allowed for its service, refused for another of the same agency, live."""
    world = backend.world
    await _confine(backend, SERVICE)
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    subject = await world.enrols(officer)
    token = await backend.token(bound=True)
    wanted: dict[str, Any] = {"subject_ref": subject, "service": SERVICE, "answers": ANSWERS}
    asking = {**wanted, "channel": "qr"}
    assert (await backend.calls("POST", "/v1/readiness", token, json=wanted)).status_code == 200
    asked = await backend.calls("POST", "/v1/consent-requests", token, json=asking)
    assert asked.status_code == 201, asked.text
    address = f"/v1/consent-requests/{asked.json()['id']}"
    assert (await backend.calls("GET", address, token)).status_code == 200
    ticket = await backend.ticket(consent)

    await _confine(backend, OTHER)
    refused = await backend.calls("POST", "/v1/readiness", token, json=wanted)
    await _refused(backend, refused, "readiness")
    await _refused(
        backend, await backend.calls("POST", "/v1/consent-requests", token, json=asking), "request"
    )
    await _refused(backend, await backend.calls("GET", address, token), "request")
    await _refused(
        backend, await backend.calls("POST", "/v1/tickets", token, json={"consent_id": consent}), "ticket"
    )
    await _refused(backend, await backend.fetches(ticket), "release")
    standing = (await officer.get(address)).json()
    assert standing["state"] == "pending", (
        "nothing was changed, and an officer is confined by nothing of this"
    )

    await _confine(backend)
    assert (await backend.fetches(ticket)).status_code == 200


async def test_another_agencys_service_stays_another_agencys(backend: Backend) -> None:
    world = backend.world
    subject = await world.enrols(await world.officer())
    wanted = {"subject_ref": subject, "service": FOREIGN}
    answer = await backend.calls("POST", "/v1/readiness", json=wanted)
    assert (answer.status_code, answer.json()["code"]) == (403, "BK-1003")


async def test_a_token_is_not_given_for_a_consent_of_another_purpose(backend: Backend) -> None:
    """RFC 9396: not granted in silence, and not beside one that may be."""
    world = backend.world
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    details = json.dumps([{"type": "berkas_document_access", "consent_id": consent}])

    async def asks() -> httpx.Response:
        form = backend.form(scope="tickets.issue", authorization_details=details)
        return await backend.asks(form, proof=backend.proof("POST", backend.endpoint))

    await _confine(backend, SERVICE)
    granted = await asks()
    assert granted.status_code == 200, granted.text
    assert granted.json()["authorization_details"][0]["purpose"] == SERVICE
    await _confine(backend, OTHER)
    answer = await asks()
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_authorization_details"})
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["act"], entry["result"]) == (
        "ticket", "authorize", {"allowed": False, "reason": "purpose_missing"},
    )  # fmt: skip
    used = await backend.calls(
        "POST", "/v1/tickets", granted.json()["access_token"], json={"consent_id": consent}
    )
    await _refused(backend, used, "ticket")


async def test_purposes_are_services_that_the_agency_offers(backend: Backend) -> None:
    """Registered or changed: another agency's, an unknown one, and for a client that is not there; each refusal on record."""
    world, parts = backend.world, backend.world.parts
    before = len(await world.entries())
    for purposes in ((FOREIGN,), (SERVICE, "DPMPTSP.TIDAK_ADA"), (f"{SERVICE} {OTHER}",), ("",)):
        with pytest.raises(AccessRefused, match="purpose_unknown"):
            await _confine(backend, *purposes)
        with pytest.raises(AccessRefused, match="purpose_unknown"):
            await Backend(world, "dpmptsp-second").registered(purposes=purposes)
    with pytest.raises(AccessRefused, match="client_unknown"):
        await _confine(Backend(world, "nobody"), SERVICE)
    entries = (await world.entries())[before:]
    assert [entry["result"]["allowed"] for entry in entries] == [False] * 9
    await Backend(world, "dpmptsp-third").registered(purposes=[SERVICE, OTHER])
    kept = {row.client.id: row.client.purposes for row in await run_clients.list_clients(parts.database)}
    assert kept == {CLIENT: "", "dpmptsp-third": f"{SERVICE} {OTHER}"}
    added = next(entry for entry in await world.entries() if entry.get("client") == "dpmptsp-third")
    assert added["purposes"] == f"{SERVICE} {OTHER}"
