"""Deny by default: every operation refuses a stranger unless it stands on a short list with a reason (A34)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from auth.callers import csrf_of
from exchange.app import create_app
from exchange.settings import Settings
from tests.world import World

PUBLIC = {
    ("POST", "/v1/session"): "the way in: needs a password, is refused without one",
    ("POST", "/v1/invitation"): "needs a one-time code that an administrator handed over",
    (
        "GET",
        "/v1/session/oidc",
    ): "the way in by the office's identity provider: sends a browser there, remembers nothing here",
    ("GET", "/v1/session/oidc/callback"): "the same: needs the provider's answer and the browser that began",
    ("POST", "/v1/session/oidc/backchannel"): "the provider's: needs a logout token that it signed",
    (
        "POST",
        "/v1/session/passkey/options",
    ): "a challenge for everybody: it names no credential, and nothing is kept of it",
    (
        "POST",
        "/v1/session/passkey",
    ): "the way in: needs what a registered passkey signed, is refused without it",
    ("GET", "/p/{code}"): "a citizen's link: the code is the credential, and tells nothing before the factor",
    ("POST", "/p/{code}"): "the same",
    ("GET", "/p/{code}/dokumen/{key}"): "the same",
    ("GET", "/w/{code}"): "the same",
    ("POST", "/w/{code}"): "the same",
    ("GET", "/w/{code}/hak"): "the same",
    ("POST", "/w/{code}/hak"): "the same",
    ("GET", "/p/{code}/passkey"): "the same, by another proof",
    ("POST", "/p/{code}/passkey"): "the same",
    ("GET", "/w/{code}/passkey"): "the same",
    ("POST", "/w/{code}/passkey"): "the same",
    ("GET", "/p/{code}/inapas"): "the same, by INApas: sends a browser there, remembers nothing here",
    ("GET", "/w/{code}/inapas"): "the same",
    ("GET", "/p/inapas/callback"): "the same: needs the answer of INApas and the browser that began",
    (
        "GET",
        "/p/{code}/receipt.pdf",
    ): "the same: for the browser that decided, everybody else gets a dead link",
    ("GET", "/w/{code}/receipts/{consent_id}.pdf"): "the same: after the factor, an own consent's",
    ("GET", "/w/{code}/receipts/{consent_id}.zip"): "the same",
    ("GET", "/w/{code}/bukti/{entry}.zip"): "the same: after the factor, an own entry's",
    ("GET", "/verify"): "a form for anybody",
    ("POST", "/verify"): "says of a file or a code whether it is genuine, and names no person",
    ("GET", "/verify/{code}"): "the same, for the code of a receipt, which nobody can make up",
    ("GET", "/schemas/berkas-consent-1.json"): "documentation, for programs",
    ("GET", "/health/live"): "says that the process answers and nothing else",
    ("GET", "/health/ready"): "says which dependency is away, for load balancers",
    ("GET", "/log/checkpoint"): "public by design: a signed tree head over commitments",
    (
        "GET",
        "/log/tile/{path}",
    ): "public by design: hashes and commitments, as far as the published checkpoint goes",
    ("GET", "/log/vkey"): "the public half of the log's key",
    ("GET", "/log/vkeys"): "the same, with those that are retired",
    ("GET", "/.well-known/jwks.json"): "public keys",
    ("GET", "/.well-known/oauth-authorization-server"): "metadata, RFC 8414",
    ("GET", "/.well-known/openid-configuration"): "the same",
    ("GET", "/.well-known/oauth-protected-resource"): "metadata, RFC 9728",
    ("GET", "/.well-known/oauth-protected-resource/v1"): "the same",
    ("POST", "/oauth/token"): "the way in of machines: needs a signed assertion, is refused without one",
    ("GET", "/.well-known/jwks-archive.json"): "public keys",
    ("POST", "/oauth/revoke"): "the same: only a client that shows who it is is heard",
    ("POST", "/oauth/introspect"): "the same",
    ("GET", "/problems/{code}"): "documentation",
    ("GET", "/sandbox/inbox"): "sandbox only: not routed in production",
}
# Hidden from the description because they are no operations of the API.
HIDDEN = {
    "/openapi.json": "the description itself",
    "/static/berkas.css": "the pages' stylesheet",
    "/static/lembar.css": "the printed slip's stylesheet",
    "/static/berkas.svg": "the pages' icon",
    "/static/passkey.js": "the script of the pages about passkeys",
}
# What a stranger gets from the public ones that take a credential.
TURNED_AWAY = {
    ("POST", "/v1/session"): 422,
    # Not there, unless the settings name a provider (tests/flows/test_single_sign_on.py).
    ("GET", "/v1/session/oidc"): 404,
    ("GET", "/v1/session/oidc/callback"): 404,
    ("POST", "/v1/session/oidc/backchannel"): 404,
    ("POST", "/v1/session/passkey"): 422,
    ("POST", "/oauth/token"): 400,
    ("POST", "/oauth/revoke"): 400,
    ("POST", "/oauth/introspect"): 400,
    ("GET", "/p/{code}"): 410,
    ("POST", "/p/{code}"): 410,
    ("GET", "/w/{code}"): 410,
    ("POST", "/w/{code}"): 410,
    ("GET", "/w/{code}/hak"): 410,
    ("POST", "/w/{code}/hak"): 410,
    ("GET", "/p/{code}/passkey"): 410,
    ("POST", "/p/{code}/passkey"): 410,
    ("GET", "/w/{code}/passkey"): 410,
    ("POST", "/w/{code}/passkey"): 410,
    # Not there, unless the settings name INApas (tests/flows/test_inapas.py).
    ("GET", "/p/{code}/inapas"): 404,
    ("GET", "/w/{code}/inapas"): 404,
    ("GET", "/p/inapas/callback"): 404,
    ("GET", "/p/{code}/receipt.pdf"): 410,
    ("GET", "/w/{code}/receipts/{consent_id}.pdf"): 410,
    ("GET", "/w/{code}/receipts/{consent_id}.zip"): 410,
    ("GET", "/w/{code}/bukti/{entry}.zip"): 410,
    ("POST", "/verify"): 422,
    ("GET", "/problems/{code}"): 404,
    ("GET", "/log/tile/{path}"): 404,
}
VALUES = {
    "code": "a" * 45,
    "credential_id": "a" * 43,
    "ref": "sbj_01JD0000000000000000000000",
    "request_id": "cr_01JD0000000000000000000000",
    "contact_id": "k_01JD0000000000000000000000",
    "receipt_id": "r_01JD0000000000000000000000",
    "entry": "1",
    "consent_id": "c_01JD0000000000000000000000",
    "withdrawal_id": "wd_01JD0000000000000000000000",
    "case_id": "cs_01JD0000000000000000000000",
    "report_id": "dr_01JD0000000000000000000000",
    "void_id": "vo_01JD0000000000000000000000",
    "document_id": "d_01JD0000000000000000000000",
    "officer_id": "off_01JD0000000000000000000000",
    "proposal_id": "pr_01JD0000000000000000000000",
    "destruction_id": "ds_01JD0000000000000000000000",
    "breach_id": "br_01JD0000000000000000000000",
    "subject_ref": "sbj_01JD0000000000000000000000",
    "agency_id": "DPMPTSP@6472",
    "version": "1",
    "path": "0/0",
}
METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}


def _operations(app: FastAPI) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def _address(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: VALUES[found.group(1)], path)


def everything() -> FastAPI:
    """With every route that a setting brings; no server is needed to read what it describes."""
    return create_app(
        Settings(
            mode="sandbox",
            oidc_issuer="https://sso.example",
            oidc_client_id="berkas",
            oidc_client_secret=SecretStr("not used"),
            inapas_issuer="https://inapas.example",
            inapas_client_id="berkas",
            inapas_client_secret=SecretStr("not used"),
        )
    )


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return everything()


async def test_strangers_are_refused(world: World) -> None:
    """A route that forgot its caller would answer: nobody, an invented cookie and an invented token are strangers."""
    operations = _operations(world.app)
    assert len(operations) > 20
    strangers: dict[str, dict[str, str]] = {
        "nobody": {},
        # With the form token that belongs to it, so that only the session is missing.
        "a cookie of nobody": {"Cookie": "berkas=invented", "X-CSRF-Token": csrf_of("invented")},
        "a token of nobody": {"Authorization": "Bearer invented"},
    }
    for method, path in sorted(set(operations) - set(PUBLIC)):
        for who, headers in strangers.items():
            answer = await world.client.request(
                method, _address(path), headers=headers, json=None if method == "GET" else {}
            )
            told = (who, method, path, answer.status_code, answer.text[:200])
            assert answer.status_code == 401, told
            assert answer.headers["content-type"] == "application/problem+json", told
            assert answer.headers["cache-control"] == "no-store, private", told
    for (method, path), status in TURNED_AWAY.items():
        answer = await world.client.request(
            method, _address(path), data={"step": "send"} if method == "POST" else None
        )
        assert answer.status_code == status, (method, path, answer.text[:200])


def test_the_public_list_is_true(app: FastAPI) -> None:
    assert sorted(set(PUBLIC) - set(_operations(app))) == [], "it names what is not there"
    assert sorted(set(TURNED_AWAY) - set(PUBLIC)) == []


def test_the_sandbox_is_not_routed_in_production() -> None:
    secret = SecretStr("0123456789abcdef-not-a-sample")
    production = create_app(
        Settings(
            mode="production",
            public_origin="https://berkas.example",
            database_url=SecretStr("postgresql://app:0123456789abcdef@127.0.0.1:1/berkas"),
            s3_endpoint="https://s3.example",
            s3_access_key=secret,
            s3_secret_key=secret,
            root_key="file:/run/berkas/root.key",
        )
    )
    assert [path for path in _routed(production.routes) if "sandbox" in path] == []


def test_operation_ids_are_unique_verbs(app: FastAPI) -> None:
    ids = [operation["operationId"] for operation in _operations(app).values()]
    assert sorted(ids) == sorted(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z][A-Za-z]+", name)] == []


def test_summaries_are_short_and_tagged(app: FastAPI) -> None:
    for name, operation in _operations(app).items():
        assert 0 < len(operation["summary"]) <= 60, name
        assert operation.get("tags"), name


def test_every_operation_has_a_description(app: FastAPI) -> None:
    silent = [name for name, operation in _operations(app).items() if not operation.get("description")]
    assert sorted(silent) == [], "its docstring says who may call it and what happens"


def test_nothing_hides_from_the_description(app: FastAPI) -> None:
    """``include_in_schema=False`` would take an operation out of the rules above."""
    assert _routed(app.routes) - set(app.openapi()["paths"]) == set(HIDDEN)


def _routed(routes: Iterable[Any]) -> set[str]:
    """FastAPI keeps an included router whole (style.md, fact 3), and describes a parameter that takes slashes like any other."""
    found: set[str] = set()
    for route in routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        found |= _routed(inner) if inner else {route.path.replace(":path}", "}")}
    return found
