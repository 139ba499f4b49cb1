"""An agency's back end and papers: everything an officer does at the counter, with DPoP and nothing less."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import requests
from joserfc import jws
from requests_oauth2client import DPoPToken, OAuth2Client, PrivateKeyJwt

from auth.scopes import SCOPES
from auth.verdict import AccessRefused
from exchange.deps import clock
from exchange.flows import run_clients, run_site
from storage.errors import StoreUnavailable
from tests.backend import AGENCY, CLIENT, Backend
from tests.world import ANSWERS, JPEG, NAME, NIK, PASSWORD, PHONE, SERVICE, World, content_digest


@pytest.fixture
async def backend(world: World) -> Backend:
    return await Backend(world).registered(scopes=list(SCOPES))


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def _last(world: World) -> dict[str, Any]:
    entry = (await world.entries())[-1]
    return {"type": entry["type"], "actor": entry["actor"], **entry["result"]}


async def _consented(world: World) -> str:
    consent, _ = await world.consented(await world.officer())
    return consent


async def test_the_whole_way(backend: Backend) -> None:
    """Enrolment, intake, readiness, request, ticket, fetch: the citizen's list says that it was a machine."""
    world = backend.world
    token = await backend.token(bound=True)
    citizen = {"nik": NIK, "name": NAME, "contacts": [{"channel": "whatsapp", "value": PHONE}]}
    enrolled = await backend.calls("POST", "/v1/subjects", token, json=citizen)
    assert enrolled.status_code == 201, enrolled.text
    subject = enrolled.json()["subject_ref"]
    stored = await backend.calls(
        "POST", f"/v1/subjects/{subject}/documents?type=KTP", token, content=JPEG,
        headers={"Content-Type": "image/jpeg", "Content-Digest": content_digest(JPEG)},
    )  # fmt: skip
    assert stored.status_code == 201, stored.text
    wanted = {"subject_ref": subject, "service": SERVICE, "answers": ANSWERS}
    ready = await backend.calls("POST", "/v1/readiness", token, json=wanted)
    assert ready.status_code == 200, ready.text
    asked = await backend.calls("POST", "/v1/consent-requests", token, json={**wanted, "channel": "qr"})
    assert asked.status_code == 201, asked.text
    browser = world.browser()
    page = await world.proves(browser, asked.json()["link"])
    assert "di layanan elektronik oleh OSS" in page.text
    await world.allows(asked.json()["link"])
    state = await backend.calls("GET", f"/v1/consent-requests/{asked.json()['id']}", token)
    ticket = await backend.ticket(state.json()["consent_id"])
    fetched = await backend.fetches(ticket)
    assert (fetched.status_code, fetched.content) == (200, JPEG)
    receipt = jws.extract_compact(fetched.headers["berkas-receipt"].encode())
    assert b'"act":"client:dpmptsp-oss"' in (receipt.payload or b"")
    await world.outcomes()
    acts = [entry["type"] for entry in await world.entries() if entry["actor"] == f"client:{CLIENT}"]
    assert acts == ["contact", "intake", "readiness", "request", "ticket", "release", "outcome"]
    assert "counter" not in (await world.entries())[-1]
    assert "DPMPTSP mengambil KTP-el Anda" in (await world.inbox("notice"))[-1]["text"]


async def test_a_library_fetches_a_document(backend: Backend) -> None:
    """An unmodified requests_oauth2client: token, ticket, and the ticket itself as a DPoP token."""
    origin, consent = backend.world.origin, await _consented(backend.world)

    def use() -> requests.Response:
        client = OAuth2Client(
            token_endpoint=backend.endpoint,
            auth=PrivateKeyJwt(CLIENT, private_jwk={**backend.jwk, "alg": "ES256"}),
            dpop_bound_access_tokens=True,
            testing=True,
        )
        token = client.client_credentials(scope="tickets.issue")
        asked = requests.post(f"{origin}/v1/tickets", json={"consent_id": consent}, auth=token, timeout=10)
        ticket = asked.json()
        document = ticket["documents"][0]
        bound = DPoPToken(access_token=ticket["ticket"], _dpop_key=token.dpop_key)
        return requests.get(origin + document["content_url"], auth=bound, timeout=10)

    answer = await asyncio.to_thread(use)
    assert (answer.status_code, answer.content) == (200, JPEG)


async def test_with_the_servers_nonce(backend: Backend) -> None:
    """RFC 9449 8: an unmodified library takes the nonce from the refusals, at the token endpoint and at the API; a proof that was
    made without it, or with that of ten minutes ago, is refused, and nothing is used up.
    """
    world, consent = backend.world, await _consented(backend.world)
    settings = world.parts.settings.model_copy(update={"dpop_nonce": True})
    world.app.state.parts = replace(world.parts, settings=settings)
    without = await backend.asks(proof=backend.proof("POST", backend.endpoint))
    assert (without.status_code, without.json()) == (400, {"error": "use_dpop_nonce"})
    nonce = without.headers["dpop-nonce"]
    answer = await backend.asks(proof=backend.proof("POST", backend.endpoint, nonce=nonce))
    token, path = answer.json()["access_token"], "/v1/tickets"
    address = world.origin + path
    old = world.parts.keyring.nonces(clock() - timedelta(minutes=10))[0]
    for changes in ({}, {"nonce": old}, {"nonce": "invented"}):
        headers = {"Authorization": f"DPoP {token}", "DPoP": backend.proof("POST", address, token, **changes)}
        refused = await world.client.post(path, headers=headers, json={"consent_id": consent})
        assert _code(refused) == (401, "BK-1015")
        assert refused.headers["dpop-nonce"] == nonce
        assert 'error="use_dpop_nonce"' in refused.headers["www-authenticate"]

    def use() -> requests.Response:
        client = OAuth2Client(
            token_endpoint=backend.endpoint,
            auth=PrivateKeyJwt(CLIENT, private_jwk={**backend.jwk, "alg": "ES256"}),
            dpop_bound_access_tokens=True,
            testing=True,
        )
        token = client.client_credentials(scope="tickets.issue")
        return requests.post(address, json={"consent_id": consent}, auth=token, timeout=10)

    assert (await asyncio.to_thread(use)).status_code == 201


async def test_fifty_in_parallel_exactly_one(backend: Backend) -> None:
    """I5: each with a proof of its own."""
    ticket = await backend.ticket(await _consented(backend.world))
    answers = await asyncio.gather(*(backend.fetches(ticket) for _ in range(50)))
    assert [answer.content for answer in answers if answer.status_code == 200] == [JPEG]
    told = {_code(answer) for answer in answers if answer.status_code != 200}
    assert told <= {(409, "BK-4003"), (409, "BK-4008")}


async def test_no_ticket_without_its_proof(backend: Backend) -> None:
    """A13: nothing is released and nothing is used up; the holder may still fetch."""
    world = backend.world
    ticket = await backend.ticket(await _consented(world))
    path, bearer = ticket["documents"][0]["content_url"], ticket["ticket"]
    address = world.origin + path
    other, thief = await backend.token(bound=True), Backend(world)
    proofs: dict[str, Callable[[], str]] = {
        "wrong method": lambda: backend.proof("POST", address, bearer),
        "another address": lambda: backend.proof("GET", f"{world.origin}/v1/services", bearer),
        "another version": lambda: backend.proof(
            "GET", address.replace("/versions/1/", "/versions/2/"), bearer
        ),
        "another host": lambda: backend.proof("GET", f"https://berkas.example{path}", bearer),
        "about another token": lambda: backend.proof("GET", address, other),
        "about none": lambda: backend.proof("GET", address),
        "too old": lambda: backend.proof("GET", address, bearer, iat=1_700_000_000),
        "without jti": lambda: backend.proof("GET", address, bearer, jti=None),
        "by another key": lambda: thief.proof("GET", address, bearer),
        "none": lambda: "",
    }
    before = len(await world.entries())
    for name, proof in proofs.items():
        answer = await backend.reads(f"DPoP {bearer}", proof(), path)
        assert _code(answer) == (401, "BK-1011"), name
    for scheme in ("Bearer", "Basic"):
        answer = await backend.reads(f"{scheme} {bearer}", backend.proof("GET", address, bearer), path)
        assert _code(answer) == (401, "BK-4001"), scheme
    assert len(await world.entries()) == before
    assert (await backend.fetches(ticket)).status_code == 200


async def test_a_proof_counts_once(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A14: the delivery broke, so the holder may repeat it; whoever saw the first request may not. What is remembered is a
    fact of the ledger's batch: it holds on every replica and after a restart.
    """
    world = backend.world
    ticket = await backend.ticket(await _consented(world))
    path, bearer = ticket["documents"][0]["content_url"], ticket["ticket"]
    proof = backend.proof("GET", world.origin + path, bearer)

    async def down(*_: object) -> bytes:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(world.parts.vault._blobs, "get", down)
        assert _code(await backend.reads(f"DPoP {bearer}", proof, path)) == (503, "BK-5002")
    assert _code(await backend.reads(f"DPoP {bearer}", proof, path)) == (401, "BK-1011")
    refused = {"type": "redelivery", "actor": f"client:{CLIENT}", "allowed": False, "reason": "proof_used"}
    assert await _last(world) == refused
    again = await backend.fetches(ticket)
    assert (again.status_code, again.content) == (200, JPEG)


async def test_a_proof_that_came_with_a_refusal_is_used_up(backend: Backend) -> None:
    """A14. Seen failing: shown while a delivery was open (409), it opened the next one."""
    world = backend.world
    ticket = await backend.ticket(await _consented(world))
    path, bearer = ticket["documents"][0]["content_url"], ticket["ticket"]
    assert (await backend.fetches(ticket)).status_code == 200
    await world.outcomes()
    proof = backend.proof("GET", world.origin + path, bearer)
    assert _code(await backend.reads(f"DPoP {bearer}", proof, path)) == (409, "BK-4003")
    assert _code(await backend.reads(f"DPoP {bearer}", proof, path)) == (401, "BK-1011")
    assert (await _last(world))["reason"] == "proof_used"


async def test_a_ticket_knows_its_holder(backend: Backend) -> None:
    """A33, A35: an officer's ticket is no machine's and the other way round; another client's key opens nothing."""
    world = backend.world
    officer = await world.officer()
    consent, of_session = await world.consented(officer)
    path = of_session["documents"][0]["content_url"]
    assert _code(await backend.calls("GET", path, of_session["ticket"])) == (401, "BK-4001")
    of_key = await backend.ticket(consent)
    assert _code(await world.fetches(officer, of_key)) == (401, "BK-4001")
    second = await Backend(world, "dpmptsp-second").registered(scopes=list(SCOPES))
    assert _code(await second.fetches(of_key)) == (401, "BK-1011")
    elsewhere = await Backend(world, "polri-skck").registered("POLRI@6472", scopes=list(SCOPES))
    stolen = await elsewhere.calls("POST", "/v1/tickets", json={"consent_id": consent})
    absent = await elsewhere.calls("POST", "/v1/tickets", json={"consent_id": "c_01JD0000000000000000000000"})
    assert _code(stolen) == _code(absent) == (404, "BK-4004")
    reasons = [entry["result"].get("reason") for entry in await world.entries()]
    assert reasons[-2:] == ["consent_of_another_agency", "consent_unknown"]
    assert (await backend.fetches(of_key)).status_code == 200


async def test_an_agreement_that_lapsed(backend: Backend) -> None:
    """M22: with its last moment the agency's officers and machines are refused, and let in again when it is renewed."""
    world, parts = backend.world, backend.world.parts
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    token, ticket = await backend.token(bound=True), await backend.ticket(consent)

    async def ends(until: datetime | None) -> None:
        await run_site.set_agreement(parts.keyring, parts.appender, agency_id=AGENCY, until=until)

    await ends(clock() + timedelta(hours=1))
    assert (await officer.get("/v1/services")).status_code == 200
    await ends(clock() - timedelta(seconds=1))
    assert _code(await officer.get("/v1/services")) == (403, "BK-1004")
    assert _code(await officer.post("/v1/tickets", json={"consent_id": consent})) == (403, "BK-1004")
    assert _code(await backend.calls("POST", "/v1/tickets", token, json={})) == (401, "BK-1010")
    assert (await backend.asks()).json() == {"error": "invalid_client"}
    assert _code(await backend.fetches(ticket)) == (403, "BK-1004")
    assert (await _last(world))["reason"] == "agreement_lapsed"
    signed = {"username": officer.username, "password": PASSWORD}
    assert _code(await world.client.post("/v1/session", json=signed)) == (401, "BK-1002")
    await ends(None)
    assert (await backend.fetches(ticket)).status_code == 200
    with pytest.raises(AccessRefused, match="agency_unknown"):
        await run_site.set_agreement(parts.keyring, parts.appender, agency_id="NOBODY@6472", until=None)


@pytest.mark.parametrize("who", ["client", "agency"])
async def test_suspended_between_ticket_and_fetch(backend: Backend, who: str) -> None:
    """A15: the ticket is judged live, and the refusal is on record."""
    world, parts = backend.world, backend.world.parts
    ticket = await backend.ticket(await _consented(world))

    async def switch(*, active: bool) -> None:
        if who == "client":
            await run_clients.set_client_active(
                parts.keyring, parts.appender, client_id=CLIENT, active=active
            )
        else:
            await run_site.set_agency_active(parts.keyring, parts.appender, agency_id=AGENCY, active=active)

    await switch(active=False)
    assert _code(await backend.fetches(ticket)) == (403, "BK-1004")
    assert (await _last(world))["reason"] == f"{who}_suspended"
    await switch(active=True)
    assert (await backend.fetches(ticket)).status_code == 200


async def test_a_scope_that_was_taken_away(backend: Backend) -> None:
    """A15, A18: a token and a ticket that are out already open nothing that the client may not do any more."""
    world, parts = backend.world, backend.world.parts
    consent = await _consented(world)
    token, ticket = await backend.token(bound=True), await backend.ticket(consent)
    with pytest.raises(AccessRefused, match="scope_unknown"):
        await run_clients.set_client_scopes(parts.keyring, parts.appender, client_id=CLIENT, scopes=["all"])
    await run_clients.set_client_scopes(
        parts.keyring, parts.appender, client_id=CLIENT, scopes=["readiness.check"]
    )
    refused = await backend.calls("POST", "/v1/tickets", token, json={"consent_id": consent})
    assert _code(refused) == (403, "BK-1012")
    assert _code(await backend.fetches(ticket)) == (403, "BK-1012")
    assert (await _last(world))["reason"] == "scope_missing"
    assert _code(await backend.calls("GET", "/v1/services", token)) == (403, "BK-1012")


async def test_a_withdrawal_stops_a_machine_too(backend: Backend) -> None:
    """I4."""
    world = backend.world
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    ticket = await backend.ticket(consent)
    assert (await officer.post(f"/v1/consents/{consent}/withdrawal")).status_code == 200
    assert _code(await backend.fetches(ticket)) == (403, "BK-4005")
    assert (await _last(world))["reason"] == "consent_withdrawn"


async def test_only_what_its_token_holds(backend: Backend) -> None:
    """A18, A34: each act needs its own scope, and a key; a refusal of a known client leaves its entry."""
    world = backend.world
    acts = {
        "subjects.enrol": ("POST", "/v1/subjects", "contact", {"nik": NIK, "name": NAME}),
        "readiness.check": ("POST", "/v1/readiness", "readiness", {"nik": NIK, "service": SERVICE}),
        "tickets.issue": ("POST", "/v1/tickets", "ticket", {"consent_id": "c_01JD0000000000000000000000"}),
        "consents.request": ("GET", "/v1/consent-requests/cr_01JD0000000000000000000000", "request", None),
    }
    plain = await backend.token()
    for scope, (method, path, kind, body) in acts.items():
        others = " ".join(other for other in SCOPES if other != scope)
        token = await backend.token(bound=True, scope=others)
        refused = await backend.calls(method, path, token, json=body)
        assert _code(refused) == (403, "BK-1012"), scope
        told = {"type": kind, "actor": f"client:{CLIENT}", "allowed": False, "reason": "scope_missing"}
        assert await _last(world) == told
        headers = {"Authorization": f"Bearer {plain}"}
        assert _code(await world.client.request(method, path, headers=headers, json=body)) == (403, "BK-1012")
        wrong = await backend.asks(backend.form(scope=scope))  # a token for it without a key
        assert wrong.json() == {"error": "invalid_scope"}
