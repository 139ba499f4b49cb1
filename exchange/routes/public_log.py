"""Everybody: the public log as C2SP tlog-tiles has it, and the keys that sign it."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from exchange.deps import Wired
from exchange.errors import ProblemRaised
from exchange.flows import show_log, turn_keys

router = APIRouter(prefix="/log", tags=["Log"])

KEPT_FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/checkpoint", operation_id="getCheckpoint", summary="The log's signed head")
async def checkpoint(parts: Wired) -> Response:
    """C2SP tlog-checkpoint, public. Advances once a minute (in the sandbox at once)."""
    published = await parts.publisher.public()
    if published is None:
        raise ProblemRaised("BK-9004")
    return PlainTextResponse(published[0], headers={"Cache-Control": "public, max-age=10"})


@router.get(
    "/tile/{path:path}",
    operation_id="getTile",
    summary="A tile of the log's tree, or the entries under one",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, 304: {"description": "Not modified"}},
)
async def tile(parts: Wired, path: str, request: Request) -> Response:
    """C2SP tlog-tiles, public: ``<L>/<N>[.p/<W>]`` and ``entries/<N>[.p/<W>]``, as far as the published checkpoint goes. What is served
    never changes, so copies may be kept for ever; what is not there yet is 404 and kept by nobody.
    """
    body = await show_log.tile(parts.database, _as_sent(request, path), at_once=parts.publisher.at_once)
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "Cache-Control": KEPT_FOR_EVER}
    if headers["ETag"] in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/octet-stream", headers=headers)


def _as_sent(request: Request, path: str) -> str:
    """With its percent signs, if there are any: ``%30`` is another spelling of ``0``, and one tile has one address."""
    return path if b"%" not in request.scope.get("raw_path", b"") else "%"


@router.get("/vkey", operation_id="getLogKey", summary="The log's verifier key")
async def log_key(parts: Wired) -> Response:
    """The C2SP verifier key of this log; pin it outside of this deployment."""
    return PlainTextResponse(parts.publisher.vkey + "\n", headers={"Cache-Control": "public, max-age=60"})


@router.get("/vkeys", operation_id="getLogKeys", summary="All verifier keys of the log")
async def log_keys(parts: Wired) -> Response:
    """One line for each key that the log ever had, oldest first: what was signed with one that is retired can still be checked, but not
    with one that leaked.
    """
    lines = "".join(f"{vkey}\n" for vkey in await turn_keys.known_log_vkeys(parts.database))
    return PlainTextResponse(lines, headers={"Cache-Control": "public, max-age=60"})
