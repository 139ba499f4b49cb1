"""ONE table: domain error -> status, stable code, public sentence (RFC 9457). Nothing below knows HTTP.

A body never says more than its code: no token, link, name, number or stack.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from auth.tokens import TokenRefused
from auth.verdict import AccessRefused
from exchange.copies import CopyBusy, CopyFailed
from exchange.pages import CONTENT_SECURITY_POLICY
from exchange.pages import views as pages
from exchange.pages.languages import language_of
from exchange.pages.officer_views import SignInProblemPage
from exchange.passwords import SignInBusy
from exchange.problems import PROBLEMS, Problem
from exchange.reasons import problem_for
from exchange.requirements.numbers import NumberError
from exchange.requirements.selection import NotRequired
from storage import errors as storage_errors

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("berkas.web")

# Every exception class of the lower rooms that may reach a route (a rule test holds the table complete).
TABLE: dict[type[Exception], str] = {
    TokenRefused: "BK-4001",
    SignInBusy: "BK-5006",
    NumberError: "BK-2003",
    CopyFailed: "BK-4021",
    CopyBusy: "BK-4022",
    NotRequired: "BK-2031",
    storage_errors.StorageError: "BK-9001",
    storage_errors.DocumentMissing: "BK-5004",
    storage_errors.SealBroken: "BK-5004",
    storage_errors.StoreUnavailable: "BK-5002",
    storage_errors.UploadBroken: "BK-3004",
    storage_errors.GateBusy: "BK-5021",
    storage_errors.ScannerUnavailable: "BK-5022",
    storage_errors.DatabaseUnavailable: "BK-5001",
    storage_errors.CommitUnknown: "BK-5005",
    storage_errors.KeyMissing: "BK-4004",
    storage_errors.RootKeyAway: "BK-5011",
    storage_errors.LedgerUnavailable: "BK-5003",
    storage_errors.ClockWentBack: "BK-5003",
    storage_errors.LedgerHalted: "BK-5003",
    storage_errors.LedgerBusy: "BK-5003",
    storage_errors.NodeMissing: "BK-9001",
    storage_errors.TilePathRefused: "BK-9007",
    storage_errors.TileNotPublished: "BK-9008",
    storage_errors.OutcomeUnknown: "BK-5005",
    storage_errors.TooManyRefusals: "BK-1006",
    storage_errors.JudgeFailed: "BK-9001",
    storage_errors.WorkPoisoned: "BK-2001",
    storage_errors.Unstorable: "BK-2001",
}

_NUMBER_CODES = {"number": "BK-3009", "contact": "BK-2005"}
_HTTP_CODES = {
    400: "BK-9006",
    401: "BK-1001",
    404: "BK-9004",
    405: "BK-9005",
    408: "BK-3004",
    413: "BK-3005",
    415: "BK-3006",
}
_TOKEN_ERRORS = {
    "BK-1010": "invalid_token",
    "BK-1011": "invalid_dpop_proof",
    "BK-1012": "insufficient_scope",
    "BK-1015": "use_dpop_nonce",
}
# What is not counted by the hour of the clock: the oldest of three messages is an hour old after an hour at most, of three contacts
# a day old after a day.
_RETRY_S = {"messages_spent": 3_600, "contacts_spent": 86_400}
# A body that is refused unread is not read to its end either.
_LARGE_BODY_BYTES = 65_536
# Where people come with a phone: they read a page, with the status of the problem and its number.
_CITIZENS = ("/p/", "/w/", "/verify")
# Officers come here from another site, with a browser: a page too, when that is what it asks for.
_SIGN_IN = "/v1/session/oidc"
_PAGES: dict[str, pages.Problem] = {"BK-5005": "outcome_unknown"}
_PAGES_BY_STATUS: dict[int, pages.Problem] = {
    404: "not_found",
    429: "too_fast",
    500: "failed",
    502: "unavailable",
    503: "unavailable",
}


class ProblemRaised(Exception):
    """A route's own refusal of a malformed request. ``errors`` point at members, without their values."""

    def __init__(
        self,
        code: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors or []
        self.headers = {**(headers or {}), **({"Connection": "close"} if close else {})}


def problem_response(
    request: Request,
    problem: Problem,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem document of ``problem`` for this request."""
    import orjson

    request_id = getattr(request.state, "request_id", "")
    request.state.problem_code = problem.code
    if request.url.path.startswith(_CITIZENS):
        return _page(request, problem, _problem_page(request, problem, request_id), headers)
    if request.url.path.startswith(_SIGN_IN) and "text/html" in request.headers.get("accept", ""):
        return _page(request, problem, _sign_in_page(request, problem, request_id), headers)
    body: dict[str, Any] = {
        "type": f"{request.app.state.settings.origin}/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.remedy,
        "code": problem.code,
        "request_id": request_id,
        "retryable": problem.retryable,
    }
    if errors:
        body["errors"] = errors
    sent = {
        "Cache-Control": "no-store, private",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        **(headers or {}),
    }
    if _length(request) > _LARGE_BODY_BYTES:
        sent["Connection"] = "close"
    if (challenge := _challenge(problem, request.app.state.settings.origin)) is not None:
        sent.setdefault("WWW-Authenticate", challenge)
    return Response(orjson.dumps(body), problem.status, headers=sent, media_type=MEDIA_TYPE)


def _challenge(problem: Problem, origin: str) -> str | None:
    """What a machine is told of how to get in (RFC 6750 3, RFC 9449 7.1, RFC 9728 5.1); an officer's session is no scheme of
    HTTP.
    """
    if problem.code not in _TOKEN_ERRORS:
        return 'Berkas realm="berkas"' if problem.status == HTTPStatus.UNAUTHORIZED else None
    metadata = f'resource_metadata="{origin}/.well-known/oauth-protected-resource"'
    return f'DPoP algs="ES256", error="{_TOKEN_ERRORS[problem.code]}", {metadata}, Bearer error="{_TOKEN_ERRORS[problem.code]}", {metadata}'


def _problem_page(request: Request, problem: Problem, request_id: str) -> str:
    """The same for a citizen: no code and no member names, but what happened to the last step, and the number to tell."""
    what = _PAGES.get(problem.code) or _PAGES_BY_STATUS.get(problem.status, "unreadable")
    theirs = request.app.state.parts.pages.into(language_of(request.query_params, request.cookies))
    return str(theirs.problem(pages.ProblemPage(what, incident=request_id)))


def _sign_in_page(request: Request, problem: Problem, request_id: str) -> str:
    words = (problem.title, problem.remedy, problem.title_en, problem.remedy_en)
    view = SignInProblemPage(problem.code, *words, again=_SIGN_IN, incident=request_id)
    return str(request.app.state.parts.pages.sign_in_problem(view))


def _page(request: Request, problem: Problem, text: str, headers: Mapping[str, str] | None) -> Response:
    sent = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Robots-Tag": "noindex",
        **(headers or {}),
    }
    if _length(request) > _LARGE_BODY_BYTES:
        sent["Connection"] = "close"
    return HTMLResponse(text, problem.status, headers=sent)


def _length(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0  # noqa: PLR2004


def install(app: FastAPI) -> None:
    """Register the handlers."""
    for error, handler in _HANDLERS.items():
        app.add_exception_handler(error, handler)


async def answer(request: Request, error: Exception) -> Response:
    """The answer to what came past the framework; ``edge`` asks for it. An error of no known class is logged."""
    handler = next((_HANDLERS[kind] for kind in type(error).__mro__ if kind in _HANDLERS), _unexpected)
    return await handler(request, error)


async def _refused(request: Request, error: Exception) -> Response:
    reason = getattr(error, "reason", "")
    problem = problem_for(reason)
    retry_s = _RETRY_S.get(reason, _until_next_hour_s())
    retry = {"Retry-After": str(retry_s)} if problem.status == HTTPStatus.TOO_MANY_REQUESTS else None
    return problem_response(request, problem, headers=retry)


def _until_next_hour_s() -> int:
    """What is counted by the hour begins anew with the next."""
    return 3_600 - int(time.time()) % 3_600


async def _raised(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemRaised)  # noqa: S101 - registered for this class
    return problem_response(request, PROBLEMS[error.code], errors=error.errors, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = [
        {"pointer": "/" + "/".join(str(part) for part in item["loc"][1:]), "code": str(item["type"])}
        for item in error.errors()
    ]
    return problem_response(request, PROBLEMS["BK-2001"], errors=errors)


async def _known(request: Request, error: Exception) -> Response:
    code = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    retry_s = getattr(error, "retry_after_s", 2 if PROBLEMS[code].status == 503 else None)  # noqa: PLR2004
    errors = None
    if isinstance(error, NumberError):
        code = _NUMBER_CODES.get(error.field, code)
        errors = [{"pointer": f"/{error.field}", "code": error.rule}]
    headers = {"Retry-After": str(retry_s)} if retry_s is not None else {}
    if isinstance(error, storage_errors.UploadBroken):
        headers["Connection"] = "close"
    return problem_response(request, PROBLEMS[code], errors=errors, headers=headers)


async def _http(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    problem = PROBLEMS[_HTTP_CODES.get(status, "BK-9001" if status >= 500 else "BK-9006")]  # noqa: PLR2004
    return problem_response(request, problem, headers=getattr(error, "headers", None))


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("unexpected error", extra={"error": type(error).__name__}, exc_info=error)
    return problem_response(request, PROBLEMS["BK-9001"])


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    AccessRefused: _refused,
    ProblemRaised: _raised,
    RequestValidationError: _invalid,
    HTTPException: _http,
    **dict.fromkeys(TABLE, _known),
}
