"""Operators and everybody: health, public keys, the problem pages, the pages' files, the sandbox's inbox."""

from __future__ import annotations

import html
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from exchange.deps import Wired, clock
from exchange.errors import ProblemRaised
from exchange.flows import look_after
from exchange.pages import CONTENT_SECURITY_POLICY, icon, passkey_script, slip_stylesheet, stylesheet
from exchange.problems import PROBLEMS

router = APIRouter()

KEPT_FOR = "public, max-age=300"  # less than the overlap of two keys


@router.get("/health/live", operation_id="live", summary="The process answers", tags=["Operations"])
async def live() -> dict[str, str]:
    """Anyone. Looks at nothing: for who restarts processes."""
    return {"status": "ok"}


@router.get("/health/ready", operation_id="ready", summary="Everything it needs answers", tags=["Operations"])
async def ready(parts: Wired, response: Response) -> dict[str, Any]:
    """503 while the database, the object store or the ledger cannot be used. `damaged` stored copies in quarantine are an alarm, not a
    reason to send callers elsewhere. ``intake`` tells how files are looked at; without a scanner that was named none comes in (BK-5022), and
    everything else goes on.
    """
    checks = await look_after.readiness(parts.database, parts.vault, parts.appender)
    if not all(checks.values()):
        response.status_code = 503
    damaged = await look_after.damaged(parts.database) if checks["database"] else None
    intake = await look_after.intake(parts.gate, clock())
    status = "ok" if all(checks.values()) else "not ready"
    return {"status": status, "checks": checks, "damaged": damaged, "intake": intake}


@router.get("/.well-known/jwks.json", operation_id="getKeys", summary="Public signing keys", tags=["Log"])
async def jwks(parts: Wired, response: Response) -> dict[str, Any]:
    """Anyone. RFC 7517: the keys that sign tokens, tickets, consents and receipts now, and those that will."""
    response.headers["Cache-Control"] = KEPT_FOR
    return parts.desk.keys.jwks()


@router.get(
    "/.well-known/jwks-archive.json", operation_id="getRetiredKeys", summary="Retired keys", tags=["Log"]
)
async def jwks_archive(parts: Wired, response: Response) -> dict[str, Any]:
    """Anyone. Every key that signs no more, with its time, so that an old receipt can be checked."""
    response.headers["Cache-Control"] = KEPT_FOR
    return parts.desk.keys.jwks_archive()


@router.get(
    "/problems/{code}", operation_id="getProblem", summary="What an error code means", tags=["Operations"]
)
async def problem(code: str) -> Response:
    """Cause and remedy of one BK code, Indonesian first."""
    found = PROBLEMS.get(code)
    if found is None:
        raise ProblemRaised("BK-9004")
    rows = "".join(
        f"<h2>{html.escape(title)}</h2><p>{html.escape(remedy)}</p>"
        for title, remedy in ((found.title, found.remedy), (found.title_en, found.remedy_en))
    )
    page = (
        f'<!doctype html><html lang="id"><head><meta charset="utf-8"><title>{found.code}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="/static/berkas.css"></head><body><main><h1>{found.code} '
        f"({found.status})</h1>{rows}</main></body></html>"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


@router.get("/static/berkas.css", include_in_schema=False)
async def style() -> Response:
    return Response(stylesheet(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


@router.get("/static/lembar.css", include_in_schema=False)
async def slip_style() -> Response:
    return Response(
        slip_stylesheet(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"}
    )


@router.get("/static/passkey.js", include_in_schema=False)
async def script() -> Response:
    return Response(
        passkey_script(), media_type="text/javascript", headers={"Cache-Control": "public, max-age=3600"}
    )


@router.get("/static/berkas.svg", include_in_schema=False)
async def picture() -> Response:
    return Response(icon(), media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=3600"})


sandbox = APIRouter()


@sandbox.get(
    "/sandbox/inbox", operation_id="getInbox", summary="What was sent (sandbox only)", tags=["Sandbox"]
)
async def inbox(parts: Wired, to: str | None = None) -> dict[str, Any]:
    """Every message that a citizen of the sandbox would have received, newest last."""
    messages = await look_after.sent(parts.database, parts.keyring)
    chosen = [message for message in messages if to is None or message["to"] == to]
    return {"messages": chosen}
