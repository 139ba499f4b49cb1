"""Agencies' back ends: the authorization server's metadata and its token endpoint (``protocols.md`` 2)."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from auth.authorization_details import TYPE, read_details, shown_details
from auth.scopes import SCOPES
from exchange.client_assertions import Authenticated, Denied, Shown, authenticate
from exchange.deps import Parts, Wired, clock
from exchange.flows import admit_client
from exchange.flows.admit_client import TOKEN_LIFE_S, TokenRequest

router = APIRouter(tags=["OAuth"])

TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address
REVOKE_PATH = "/oauth/revoke"
INTROSPECT_PATH = "/oauth/introspect"
_NO_STORE = {"Cache-Control": "no-store"}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
MAX_PARAMETERS = 20
_log = logging.getLogger("berkas.oauth")
_STATUS = {"invalid_client": 401}
_ASSERTION = {
    "client_assertion_type": {"type": "string", "const": ASSERTION_TYPE},
    "client_assertion": {"type": "string", "maxLength": 4096},
}


def _form(required: list[str], **properties: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": [*required, *_ASSERTION],
        "properties": {name: {"type": "string", **more} for name, more in properties.items()} | _ASSERTION,
    }
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


_FORM_BODY = _form(
    ["grant_type"],
    grant_type={"const": "client_credentials"},
    scope={"maxLength": 1024},
    resource={"maxLength": 1024},
    authorization_details={"maxLength": 4096},
)
_TOKEN_BODY = _form(["token"], token={"maxLength": 4096})


@router.get(
    "/.well-known/oauth-authorization-server",
    operation_id="getAuthorizationServerMetadata",
    summary="Authorization server metadata",
)
async def authorization_server(parts: Wired) -> dict[str, Any]:
    """Anyone. RFC 8414."""
    origin = parts.settings.origin
    return {
        "issuer": origin,
        "token_endpoint": origin + TOKEN_PATH,
        "jwks_uri": f"{origin}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": list(SCOPES),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        # What a newcomer can count on. A client that may sign with RS256 was told by its operator.
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_details_types_supported": [TYPE],
        **{
            f"{name}_endpoint{suffix}": value
            for name, path in (("revocation", REVOKE_PATH), ("introspection", INTROSPECT_PATH))
            for suffix, value in (
                ("", origin + path),
                ("_auth_methods_supported", ["private_key_jwt"]),
                ("_auth_signing_alg_values_supported", ["ES256"]),
            )
        },
    }


@router.get(
    "/.well-known/openid-configuration",
    operation_id="getOpenidConfiguration",
    summary="The same, where other libraries look",
)
async def openid_configuration(parts: Wired) -> dict[str, Any]:
    """Anyone. The authorization server's metadata; there is no OpenID provider here."""
    return await authorization_server(parts)


@router.get(
    "/.well-known/oauth-protected-resource",
    operation_id="getProtectedResourceMetadata",
    summary="Protected resource metadata",
)
async def protected_resource(parts: Wired) -> dict[str, Any]:
    """Anyone. RFC 9728."""
    return {
        "resource": parts.settings.audience,
        "authorization_servers": [parts.settings.origin],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256"],
    }


@router.get(
    "/.well-known/oauth-protected-resource/v1",
    operation_id="getVersionedResourceMetadata",
    summary="The same, for a resource with a path",
)
async def protected_resource_of_v1(parts: Wired) -> dict[str, Any]:
    """Anyone. RFC 9728 3.1: the path of the resource comes behind the well-known one."""
    return await protected_resource(parts)


@router.post(
    TOKEN_PATH, operation_id="issueAccessToken", summary="Get an access token", openapi_extra=_FORM_BODY
)
async def token(request: Request, parts: Wired) -> JSONResponse:
    """A registered client, by a signed assertion (RFC 7523); with a DPoP proof the token is bound to its key (RFC 9449).
    The assertion and the proof are used up, on every replica.
    """
    sent = await _parameters(request)
    if sent is None:
        return _error(request, "invalid_request", "form")
    if sent.get("grant_type") != "client_credentials":
        return _error(
            request, "unsupported_grant_type" if "grant_type" in sent else "invalid_request", "grant_type"
        )
    proofs = request.headers.getlist("dpop")
    if len(proofs) > 1:
        return _error(request, "invalid_dpop_proof", "two_proofs")
    client = await _client(parts, sent, TOKEN_PATH)
    if isinstance(client, Denied):
        return _error(request, client.error, client.reason)
    nonces = parts.keyring.nonces(clock()) if parts.settings.dpop_nonce else ()
    asked = TokenRequest(
        scope=sent.get("scope"),
        resource=sent.get("resource"),
        proof=proofs[0] if proofs else None,
        details=sent.get("authorization_details"),
        uri=parts.settings.origin + TOKEN_PATH,
        nonces=nonces,
    )
    answer = await admit_client.issue_access_token(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.desk,
        client,
        asked,
        audience=parts.settings.audience,
        now=clock(),
    )
    told = {"DPoP-Nonce": nonces[0]} if nonces else {}
    if isinstance(answer, Denied):
        return _error(request, answer.error, answer.reason, told)
    body: dict[str, Any] = {
        "access_token": answer.token,
        "token_type": "DPoP" if answer.bound else "Bearer",
        "expires_in": TOKEN_LIFE_S,
        "scope": answer.scope,
    }
    if answer.details is not None:
        body["authorization_details"] = answer.details
    return JSONResponse(body, headers=_NO_STORE | told)


@router.post(
    REVOKE_PATH, operation_id="revokeAccessToken", summary="Revoke an access token", openapi_extra=_TOKEN_BODY
)
async def revoke(request: Request, parts: Wired) -> JSONResponse:
    """A registered client, its own tokens (RFC 7009). Always 200 for an authenticated client: it learns nothing of others'."""
    sent = await _parameters(request)
    if sent is None or "token" not in sent:
        return _error(request, "invalid_request", "form")
    client = await _client(parts, sent, REVOKE_PATH)
    if isinstance(client, Denied):
        return _error(request, client.error, client.reason)
    await admit_client.revoke(parts.database, parts.desk, client, sent["token"], clock())
    return JSONResponse({}, headers=_NO_STORE)


@router.post(
    INTROSPECT_PATH,
    operation_id="introspectAccessToken",
    summary="Look into an access token",
    openapi_extra=_TOKEN_BODY,
)
async def introspect(request: Request, parts: Wired) -> JSONResponse:
    """A registered client, tokens of its own agency's clients (RFC 7662); every other token is not active."""
    sent = await _parameters(request)
    if sent is None or "token" not in sent:
        return _error(request, "invalid_request", "form")
    client = await _client(parts, sent, INTROSPECT_PATH)
    if isinstance(client, Denied):
        return _error(request, client.error, client.reason)
    claims = await admit_client.introspect(parts.database, parts.desk, client, sent["token"], clock())
    if claims is None:
        return JSONResponse({"active": False}, headers=_NO_STORE)
    shown = {name: claims[name] for name in ("iss", "sub", "client_id", "aud", "iat", "exp", "jti", "scope")}
    bound: dict[str, Any] = {"cnf": {"jkt": claims["cnf"]["jkt"]}} if "cnf" in claims else {}
    if (details := read_details(claims)) is not None:
        bound["authorization_details"] = shown_details(details, claims["aud"])
    kind = "DPoP" if "cnf" in claims else "Bearer"
    return JSONResponse({"active": True, "token_type": kind, **shown, **bound}, headers=_NO_STORE)


async def _client(parts: Parts, sent: dict[str, str], path: str) -> Authenticated | Denied:
    """By its assertion and nothing else (RFC 6749 2.3), which may name the issuer, the token endpoint, or the endpoint it is
    shown to: libraries send each of them.
    """
    if "client_assertion" not in sent or sent.get("client_assertion_type") != ASSERTION_TYPE:
        return Denied("invalid_client", "no_assertion")
    if "client_secret" in sent:
        return Denied("invalid_client", "two_methods")
    origin = parts.settings.origin
    shown = Shown(
        sent["client_assertion"], sent.get("client_id"), {origin, origin + TOKEN_PATH, origin + path}
    )
    return await authenticate(parts.database, parts.client_keys.look_again, shown, clock())


async def _parameters(request: Request) -> dict[str, str] | None:
    """None for what is no form, or names a parameter twice (RFC 6749 3.2)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return None
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        return None
    # A parameter without a value counts as not sent.
    return {name: value for name, value in pairs if value} if len(dict(pairs)) == len(pairs) else None


def _error(request: Request, error: str, reason: str, more: dict[str, str] | None = None) -> JSONResponse:
    """RFC 6749 5.2. The reason is for us: a client that is not known must not learn why."""
    request.state.problem_code = error
    _log.info("token refused", extra={"error": error, "reason": reason})
    status = _STATUS.get(error, 400)
    headers = _NO_STORE | (more or {})
    if status == _STATUS["invalid_client"]:
        headers["WWW-Authenticate"] = 'Berkas realm="berkas"'
    return JSONResponse({"error": error}, status, headers=headers)
