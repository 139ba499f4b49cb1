"""Agencies' back ends: unmodified third-party OAuth libraries get tokens and call the API; everybody else does not.

Everything over a real connection; the libraries that know no asyncio run in a thread.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauth2client import OAuth2Client, OAuth2ClientCredentialsAuth, PrivateKeyJwt
from requests_oauthlib import OAuth2Session as OauthlibSession

from exchange.deps import clock
from exchange.flows import run_clients, run_site, tidy_up
from storage.clients import use_once
from tests.backend import AGENCY, ASSERTION_TYPE, CLIENT, Backend, jose_key
from tests.world import World


@pytest.fixture
async def backend(world: World) -> Backend:
    return await Backend(world).registered()


def _refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()) == (status, {"error": error}), answer.text
    assert answer.headers["cache-control"] == "no-store"


# unmodified libraries


async def test_requests_oauth2client_with_dpop(backend: Backend) -> None:
    origin = backend.world.origin

    def use() -> requests.Response:
        client = OAuth2Client(
            token_endpoint=backend.endpoint,
            auth=PrivateKeyJwt(CLIENT, private_jwk={**backend.jwk, "alg": "ES256"}),
            dpop_bound_access_tokens=True,
            testing=True,
        )
        auth = OAuth2ClientCredentialsAuth(client, scope="catalog.read", resource=f"{origin}/v1")
        return requests.get(f"{origin}/v1/services", auth=auth, timeout=10)

    answer = await asyncio.to_thread(use)
    assert answer.status_code == 200, answer.text
    assert str(answer.request.headers["Authorization"]).startswith("DPoP ")
    assert len(answer.json()["data"]) == 39


async def test_authlib_with_bearer(backend: Backend) -> None:
    origin = backend.world.origin

    def use() -> tuple[dict[str, Any], requests.Response]:
        session = OAuth2Session(
            CLIENT, backend.key, token_endpoint_auth_method="private_key_jwt", scope="catalog.read"
        )
        session.register_client_auth_method(
            PrivateKeyJWT(backend.endpoint, alg="ES256", headers={"kid": backend.jwk["kid"]})
        )
        token = session.fetch_token(backend.endpoint, grant_type="client_credentials")
        return token, session.get(f"{origin}/v1/document-types", timeout=10)

    token, answer = await asyncio.to_thread(use)
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 300)
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 56


async def test_oauthlib_with_bearer(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the sandbox speaks plain http on loopback
    origin = backend.world.origin

    def use() -> requests.Response:
        session = OauthlibSession(client=BackendApplicationClient(client_id=CLIENT), scope=["catalog.read"])
        session.fetch_token(
            backend.endpoint,
            client_assertion=backend.assertion(),
            client_assertion_type=ASSERTION_TYPE,
            include_client_id=True,
        )
        answer: requests.Response = session.get(f"{origin}/v1/services/DPMPTSP.NIB", timeout=10)
        return answer

    answer = await asyncio.to_thread(use)
    assert answer.status_code == 200
    assert answer.json()["code"] == "DPMPTSP.NIB"


async def test_the_metadata_lead_there(world: World) -> None:
    """RFC 8414 3, RFC 9728 3."""
    for address in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        told = (await world.client.get(address)).json()
        assert told["issuer"] == world.origin
        assert told["token_endpoint"] == f"{world.origin}/oauth/token"
        assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        assert (await world.client.get(told["jwks_uri"])).status_code == 200
    for address in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/v1"):
        told = (await world.client.get(address)).json()
        assert told["resource"] == f"{world.origin}/v1"
        assert told["authorization_servers"] == [world.origin]


# who is turned away at the token endpoint


CLIENT_REFUSALS: dict[str, Callable[[Backend], dict[str, str]]] = {
    "A17 aud of another endpoint": lambda b: {"client_assertion": b.assertion(aud=f"{b.world.origin}/oauth/revoke")},
    "A17 sub is not iss": lambda b: {"client_assertion": b.assertion(iss="another")},
    "A17 signed by another key": lambda b: {"client_assertion": Backend(b.world).assertion()},
    "an unknown client": lambda b: {"client_assertion": Backend(b.world, "nobody").assertion()},
    "A05 expired": lambda b: {"client_assertion": b.assertion(iat=1, exp=60)},
    "another client_id beside it": lambda b: {"client_id": "another"},
    "no assertion": lambda b: {"client_assertion": ""},
    "no text of a token": lambda b: {"client_assertion": "x"},
    "another assertion type": lambda b: {"client_assertion_type": "urn:x"},
    "a secret beside it": lambda b: {"client_secret": "guess"},
    "a secret": lambda b: {"client_assertion": "", "client_secret": "guess"},
}  # fmt: skip


async def test_who_is_not_the_client_is_told_nothing(backend: Backend) -> None:
    """A17, A19: an unknown client, a wrong key and a suspended agency read the same."""
    for name, changes in CLIENT_REFUSALS.items():
        answer = await backend.asks(backend.form(**changes(backend)))
        assert answer.status_code == 401, name
        _refused(answer, "invalid_client", 401)
        assert answer.headers["www-authenticate"]
    assert (await backend.asks()).status_code == 200


FORM_REFUSALS: list[tuple[str, dict[str, str], str]] = [
    ("another grant", {"grant_type": "password"}, "unsupported_grant_type"),
    ("no grant", {"grant_type": ""}, "invalid_request"),
    ("A18 an unknown scope", {"scope": "catalog.read documents.write"}, "invalid_scope"),
    ("a scope twice", {"scope": "catalog.read catalog.read"}, "invalid_scope"),
    ("A18 another resource", {"resource": "https://other.example/v1"}, "invalid_target"),
    ("details without a key", {"authorization_details": "[]"}, "invalid_authorization_details"),
]


async def test_what_is_not_granted(backend: Backend) -> None:
    for name, changes, error in FORM_REFUSALS:
        answer = await backend.asks(backend.form(**changes))
        assert answer.status_code == 400, name
        _refused(answer, error)


async def test_what_is_no_form(backend: Backend) -> None:
    form = backend.form()
    for content, kind in (
        (json.dumps(form), "application/json"),
        (
            "&".join(f"{n}={v}" for n, v in form.items()) + "&scope=a&scope=b",
            "application/x-www-form-urlencoded",
        ),
        ("x" * 100, "application/x-www-form-urlencoded"),
        ("&".join(f"a{n}=1" for n in range(21)), "application/x-www-form-urlencoded"),
        (b"\xff=1", "application/x-www-form-urlencoded"),
    ):
        answer = await backend.world.client.post(
            "/oauth/token", content=content, headers={"Content-Type": kind}
        )
        _refused(answer, "invalid_request")


async def test_an_assertion_works_once_on_every_replica(backend: Backend) -> None:
    """A14, A17: 20 at once, and once more."""
    form = backend.form()
    answers = await asyncio.gather(*(backend.asks(form) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 19]
    _refused(await backend.asks(form), "invalid_client", 401)


async def test_a_proof_works_once_at_the_endpoint(backend: Backend) -> None:
    proof = backend.proof("POST", backend.endpoint)
    assert (await backend.asks(proof=proof)).json()["token_type"] == "DPoP"
    _refused(await backend.asks(proof=proof), "invalid_dpop_proof")
    for wrong in (
        backend.proof("GET", backend.endpoint),
        backend.proof("POST", f"{backend.world.origin}/v1"),
        "x",
    ):
        _refused(await backend.asks(proof=wrong), "invalid_dpop_proof")
    two = [("DPoP", backend.proof("POST", backend.endpoint)) for _ in range(2)]
    answer = await backend.world.client.post("/oauth/token", data=backend.form(), headers=two)
    _refused(answer, "invalid_dpop_proof")


async def test_what_is_over_is_forgotten(backend: Backend) -> None:
    """Kept as long as it could be accepted, and not for ever."""
    parts = backend.world.parts
    form = backend.form()
    await backend.asks(form)
    async with parts.database.transaction() as transaction:
        await use_once(transaction, "over", clock() - timedelta(minutes=2))
    await tidy_up.forget_old(parts.database)
    async with parts.database.reading() as reading:
        kept = {row["id"] for row in await reading.raw.fetch("SELECT id FROM used_once")}
    assert len(kept) == 1
    assert "over" not in kept
    _refused(await backend.asks(form), "invalid_client", 401)


# revocation and introspection


async def _shows(side: Backend, path: str, token: str) -> httpx.Response:
    return await side.world.client.post(path, data=side.form(token=token))


async def test_a_revoked_token_ends_with_the_next_request(backend: Backend) -> None:
    """RFC 7009, by a library: its own tokens, bound or not, and nobody else's."""
    other = await Backend(backend.world, "polri-skck").registered("POLRI@6472")
    token = await backend.token()
    for stranger in ("x", token + "x", await other.token()):
        assert (await _shows(backend, "/oauth/revoke", stranger)).status_code == 200
    assert (await _shows(other, "/oauth/revoke", token)).status_code == 200
    assert (await backend.reads(f"Bearer {token}")).status_code == 200

    def use() -> bool:
        client = OAuth2Client(
            token_endpoint=backend.endpoint,
            revocation_endpoint=f"{backend.world.origin}/oauth/revoke",
            auth=PrivateKeyJwt(CLIENT, private_jwk={**backend.jwk, "alg": "ES256"}),
            testing=True,
        )
        return bool(client.revoke_access_token(token))

    assert await asyncio.to_thread(use)
    _problem(await backend.reads(f"Bearer {token}"), "BK-1010", "invalid_token")
    assert (await backend.reads(f"Bearer {await backend.token()}")).status_code == 200


async def test_introspection_is_for_the_own_agency(backend: Backend) -> None:
    """RFC 7662; another agency's token, a revoked one, a suspended client's, and none read the same."""
    other = await Backend(backend.world, "polri-skck").registered("POLRI@6472")
    sibling = await Backend(backend.world, "dpmptsp-gateway").registered()
    token = await backend.token(bound=True)
    told = (await _shows(sibling, "/oauth/introspect", token)).json()
    assert (told["active"], told["client_id"], told["token_type"]) == (True, CLIENT, "DPoP")
    assert told["cnf"] == {"jkt": jose_key(backend.proof_jwk).thumbprint()}
    dead = {"active": False}
    assert (await _shows(other, "/oauth/introspect", token)).json() == dead
    assert (await _shows(sibling, "/oauth/introspect", "x")).json() == dead
    await _shows(backend, "/oauth/revoke", token)
    assert (await _shows(sibling, "/oauth/introspect", token)).json() == dead
    token = await backend.token()
    parts = backend.world.parts
    await run_clients.set_client_active(parts.keyring, parts.appender, client_id=CLIENT, active=False)
    assert (await _shows(sibling, "/oauth/introspect", token)).json() == dead


@pytest.mark.parametrize("path", ["/oauth/revoke", "/oauth/introspect"])
async def test_only_a_client_is_heard(backend: Backend, path: str) -> None:
    token = await backend.token()
    for form, error, status in (
        ({"token": token}, "invalid_client", 401),
        (
            backend.form(token=token, client_assertion=Backend(backend.world).assertion()),
            "invalid_client",
            401,
        ),
        (backend.form(), "invalid_request", 400),
    ):
        _refused(await backend.world.client.post(path, data=form), error, status)
    used = backend.form(token="x")
    assert (await backend.world.client.post(path, data=used)).status_code == 200
    _refused(await backend.world.client.post(path, data=used), "invalid_client", 401)
    assert (await backend.reads(f"Bearer {token}")).status_code == 200


# who is turned away at the API


def _problem(answer: httpx.Response, code: str, error: str) -> None:
    assert answer.json()["code"] == code, answer.text
    assert f'error="{error}"' in answer.headers["www-authenticate"]
    assert "resource_metadata=" in answer.headers["www-authenticate"]


async def test_a_bound_token_needs_its_key(backend: Backend) -> None:
    """A13, A14."""
    token = await backend.token(bound=True)
    uri = f"{backend.world.origin}/v1/services"
    proof = backend.proof("GET", uri, token)
    assert (await backend.reads(f"DPoP {token}", proof)).status_code == 200
    _problem(await backend.reads(f"DPoP {token}", proof), "BK-1011", "invalid_dpop_proof")  # replayed
    _problem(await backend.reads(f"Bearer {token}"), "BK-1010", "invalid_token")  # downgraded
    _problem(
        await backend.reads(f"Bearer {token}", backend.proof("GET", uri, token)), "BK-1010", "invalid_token"
    )
    _problem(await backend.reads(f"DPoP {token}"), "BK-1011", "invalid_dpop_proof")
    spelt = f"{uri}/DPMPTSP%2ENIB"  # the client's own spelling of the path, in both places
    answer = await backend.reads(
        f"DPoP {token}", backend.proof("GET", spelt, token), "/v1/services/DPMPTSP%2ENIB"
    )
    assert answer.status_code == 200, answer.text
    thief = Backend(backend.world)
    for wrong in (
        thief.proof("GET", uri, token),
        backend.proof("POST", uri, token),
        backend.proof("GET", f"{uri}/DPMPTSP.NIB", token),
        backend.proof("GET", uri.replace("http", "https"), token),
        backend.proof("GET", uri, "another token"),
        backend.proof("GET", uri),
        backend.proof("GET", uri, token, iat=int(time.time()) - 120),
    ):
        _problem(await backend.reads(f"DPoP {token}", wrong), "BK-1011", "invalid_dpop_proof")


async def test_a_hostile_host_does_not_move_the_address(backend: Backend) -> None:
    """A13: Host and X-Forwarded-Host are the caller's to choose, the public origin is not."""
    token = await backend.token(bound=True)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Authorization": f"DPoP {token}"}
    for uri, code in (("http://evil.example/v1/services", 401), (f"{backend.world.origin}/v1/services", 200)):
        proof = backend.proof("GET", uri, token)
        answer = await backend.world.client.get("/v1/services", headers=headers | {"DPoP": proof})
        assert answer.status_code == code, uri


async def test_a_plain_token_is_shown_plainly(backend: Backend) -> None:
    token = await backend.token()
    assert (await backend.reads(f"Bearer {token}")).status_code == 200
    assert (await backend.reads(f"bearer {token}")).status_code == 200
    for authorization in (
        f"DPoP {token}",
        f"Basic {token}",
        token,
        f"Bearer {token}x",
        "Bearer",
        f"Bearer  {token}",
    ):
        _problem(await backend.reads(authorization), "BK-1010", "invalid_token")


async def test_two_authorizations_are_none(backend: Backend) -> None:
    """Which of them was meant is not for us to choose, and a proxy may choose otherwise."""
    token = await backend.token()
    for other in ("Bearer x", f"Bearer {token}"):
        for headers in ([f"Bearer {token}", other], [other, f"Bearer {token}"]):
            answer = await backend.world.client.get(
                "/v1/services", headers=[("Authorization", h) for h in headers]
            )
            _problem(answer, "BK-1010", "invalid_token")


async def test_an_address_with_a_line_feed_is_another(backend: Backend) -> None:
    """A route's pattern lets one pass at its end; seen answering 200."""
    assert (await backend.world.client.post("/oauth/token%0a", data=backend.form())).status_code == 404
    assert (await backend.reads(f"Bearer {await backend.token()}", path="/v1/services%0a")).status_code == 404


async def test_a_token_opens_nothing_else(backend: Backend) -> None:
    """A07, A34: not what officers do, not a paper."""
    token = await backend.token()
    answer = await backend.reads(f"Bearer {token}", path="/v1/consent-requests/cr_01JD0000000000000000000000")
    assert (answer.status_code, answer.json()["code"]) == (403, "BK-1012")
    path = "/v1/documents/d_01JD0000000000000000000000/versions/1/content"
    assert (await backend.reads(f"Bearer {token}", path=path)).status_code == 401


@pytest.mark.parametrize("who", ["client", "agency", "key"])
async def test_suspended_with_the_next_request(backend: Backend, who: str) -> None:
    """A15: an issued token ends with the client, its agency, and the key that it was got with."""
    parts = backend.world.parts
    token = await backend.token()

    async def switch(*, active: bool) -> None:
        if who == "client":
            await run_clients.set_client_active(
                parts.keyring, parts.appender, client_id=CLIENT, active=active
            )
        elif who == "agency":
            await run_site.set_agency_active(parts.keyring, parts.appender, agency_id=AGENCY, active=active)
        else:
            await run_clients.withdraw_client_key(
                parts.keyring, parts.appender, client_id=CLIENT, kid=backend.jwk["kid"]
            )

    await switch(active=False)
    _refused(await backend.asks(), "invalid_client", 401)
    _problem(await backend.reads(f"Bearer {token}"), "BK-1010", "invalid_token")
    if who == "key":
        return
    await switch(active=True)
    assert (await backend.reads(f"Bearer {token}")).status_code == 200
    assert (await backend.asks()).status_code == 200


async def test_keys_are_turned_without_a_pause(backend: Backend) -> None:
    parts = backend.world.parts
    fresh = Backend(backend.world)
    await run_clients.add_client_key(
        parts.keyring, parts.appender, client_id=CLIENT, kid=fresh.jwk["kid"], jwk=fresh.public
    )
    for side in (backend, fresh):
        assert (await side.asks()).status_code == 200
    await run_clients.withdraw_client_key(
        parts.keyring, parts.appender, client_id=CLIENT, kid=backend.jwk["kid"]
    )
    _refused(await backend.asks(), "invalid_client", 401)
    assert (await fresh.asks()).status_code == 200


async def test_registering_stands_in_the_ledger_and_refuses(backend: Backend) -> None:
    """A12 and the rest of what an operator may type wrong: nothing is registered, the refusal is on record."""
    from auth.verdict import AccessRefused

    parts = backend.world.parts
    before = len(await backend.world.entries())

    async def client(**changes: Any) -> None:
        members: dict[str, Any] = {
            "client_id": "x",
            "agency_id": AGENCY,
            "name": "X",
            "scopes": ["catalog.read"],
        }
        await run_clients.add_client(parts.database, parts.keyring, parts.appender, **(members | changes))

    async def key(**changes: Any) -> None:
        members: dict[str, Any] = {"client_id": CLIENT, "kid": "k2", "jwk": backend.public}
        await run_clients.add_client_key(parts.keyring, parts.appender, **(members | changes))

    refusals: list[tuple[Any, str]] = [
        (client(client_id=CLIENT), "client_exists"),
        (client(client_id="two words"), "client_unknown"),
        (client(agency_id="NOBODY@6472"), "agency_unknown"),
        (client(scopes=["everything"]), "scope_unknown"),
        (client(scopes=[]), "scope_unknown"),
        (key(client_id="nobody"), "client_unknown"),
        (key(kid=backend.jwk["kid"]), "client_key_exists"),
        (key(), "client_key_exists"),  # the same key under another name would outlive its withdrawal
        (key(kid="two words"), "client_key_refused"),
        (key(jwk=backend.jwk), "client_key_refused"),  # the private one
        (key(kid="two words", jwk=Backend(backend.world).public), "client_key_refused"),
        (key(jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"}), "client_key_refused"),
        (key(jwk=backend.public | {"crv": "P-384"}), "client_key_refused"),
        (key(jwk=backend.public | {"x": backend.public["y"]}), "client_key_refused"),
    ]
    for attempt, reason in refusals:
        with pytest.raises(AccessRefused) as refused:
            await attempt
        assert refused.value.reason == reason
    assert len(await backend.world.entries()) == before + len(refusals)
    assert [row.client.id for row in await run_clients.list_clients(parts.database)] == [CLIENT]
