"""Auditors in a browser: sign in, find entries, ask for evidence, approve it. Without a script; a NIK is typed into a form and stands in no
address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from auth.callers import Officer, csrf_of, same_text
from auth.verdict import AccessRefused
from exchange import sessions
from exchange.answers import limits_of, page, site_of
from exchange.audit_pages import FIELDS, find_page, found_page, told, wanted_of, wrong_field
from exchange.deps import (
    Browser,
    CitizenBrowser,
    OfficerHere,
    Parts,
    Translated,
    clock,
    form_token_for,
    session_cookie,
    today_at,
)
from exchange.entrance import answered
from exchange.flows import audit_entries, export_evidence, sign_in
from exchange.pages.audit import AuditSignIn, Told
from exchange.problems import PROBLEMS
from exchange.reasons import problem_for
from exchange.requirements.numbers import NumberError, parse_nik

router = APIRouter(tags=["Auditor"])

PLACE = "/audit"
ENTRIES_A_PAGE = 25
_LAST_ENTRY = 2**63 - 1
_NOTHING: Mapping[str, str] = dict.fromkeys(FIELDS, "")


@router.get(PLACE, operation_id="openAudit", summary="The auditor's page", response_class=HTMLResponse)
async def open_audit(
    request: Request, parts: Translated, browser: CitizenBrowser, officer: OfficerHere
) -> Response:
    """Anyone: a form to sign in with, or for who is signed in the form of what to find. ``?lang=en`` or ``?lang=id`` chooses the language."""
    if officer is None:
        return _way_in(parts, browser)
    return await _form(parts, browser, officer, _csrf(request, parts), _NOTHING)


@router.post(
    PLACE,
    operation_id="useAudit",
    summary="Find entries, ask for evidence, approve it",
    response_class=HTMLResponse,
)
async def use_audit(
    request: Request,
    parts: Translated,
    browser: CitizenBrowser,
    officer: OfficerHere,
    step: Annotated[str, Form(max_length=10)],
    csrf: Annotated[str, Form(max_length=100)] = "",
    before: Annotated[int | None, Form(ge=1, le=_LAST_ENTRY)] = None,
    export: Annotated[str, Form(max_length=40, pattern="^(ax_[0-9A-HJKMNP-TV-Z]{26})?$")] = "",
) -> Response:
    """Steps sign_in, find, export, approve, reject, leave. Each needs the form's own token; all but the first a session with a second factor."""
    if step == "sign_in":
        return await _sign_in(request, parts, browser, csrf)
    if officer is None:
        return _way_in(parts, browser, told(parts, PROBLEMS["BK-1001"]), 401)
    own = _csrf(request, parts)
    typed = await request.form()
    form = {name: str(typed.get(name, ""))[:100].strip() for name in FIELDS}
    if not same_text(csrf, own):
        return await _form(parts, browser, officer, own, form, "BK-1005")
    try:
        if step == "leave":
            return await _leave(parts, officer)
        if step in {"approve", "reject"}:
            return await _decided(parts, officer, export, approve=step == "approve")
        form["citizen"] = await _citizen(parts, officer, form, str(typed.get("nik", ""))[:40])
        if wrong_field(form) is not None:
            return await _form(parts, browser, officer, own, form, "BK-2001")
        return await _found(parts, browser, officer, own, form, before, ask=step == "export")
    except AccessRefused as refused:
        return await _form(parts, browser, officer, own, form, problem_for(refused.reason).code)
    except NumberError:
        return await _form(parts, browser, officer, own, form, "BK-2003")


async def _sign_in(request: Request, parts: Parts, browser: Browser, csrf: str) -> Response:
    if not same_text(csrf, form_token_for(parts, browser, PLACE)):
        return _way_in(parts, browser, told(parts, PROBLEMS["BK-1005"]), 403)
    typed = await request.form()
    try:
        signed = await sign_in.sign_in(
            parts.database,
            parts.keyring,
            parts.appender,
            parts.sign_ins,
            username=str(typed.get("username", ""))[:100],
            password=str(typed.get("password", ""))[:500],
            code=str(typed.get("code", ""))[:20],
        )
    except AccessRefused as refused:
        problem = problem_for(refused.reason)
        return _way_in(parts, browser, told(parts, problem), problem.status)
    response = RedirectResponse(PLACE, 303)
    answered(parts, signed, response)
    return response


async def _leave(parts: Parts, officer: Officer) -> Response:
    await sessions.sign_out(parts.keyring, parts.appender, officer=officer)
    response = RedirectResponse(PLACE, 303, headers={"Cache-Control": "no-store"})
    response.delete_cookie(
        session_cookie(parts.settings), path="/", secure=parts.settings.secure, httponly=True
    )
    return response


async def _decided(parts: Parts, officer: Officer, export_id: str, *, approve: bool) -> Response:
    await export_evidence.decide(
        parts.database,
        parts.keyring,
        parts.appender,
        export_id=export_id,
        approve=approve,
        by=officer,
        limits=limits_of(parts),
        now=clock(),
    )
    return RedirectResponse(PLACE, 303, headers={"Cache-Control": "no-store"})


async def _citizen(parts: Parts, officer: Officer, form: Mapping[str, str], typed: str) -> str:
    """The reference of whose NIK was typed; finding it is an entry. Raises ``AccessRefused`` and ``NumberError``."""
    if not typed.strip() or wrong_field(form) is not None:
        return form["citizen"]
    now = clock()
    nik = parse_nik(typed, birth_date=None, today=today_at(parts.zone))
    found = await audit_entries.find_citizen(
        parts.database,
        parts.keyring,
        parts.appender,
        nik=nik.number,
        wanted=wanted_of(parts, officer, {**form, "citizen": ""}, now),
        by=officer,
        limits=limits_of(parts),
        now=now,
    )
    return parts.keyring.pseudonym(officer.agency_id, found.subject_ref)


async def _found(
    parts: Parts,
    browser: Browser,
    officer: Officer,
    csrf: str,
    form: dict[str, str],
    before: int | None,
    *,
    ask: bool,
) -> Response:
    now = clock()
    wanted = wanted_of(parts, officer, form, now)
    if not wanted.from_at < wanted.to_at:
        return await _form(parts, browser, officer, csrf, form, "BK-2001")
    shared = (parts.database, parts.keyring, parts.appender)
    if ask:
        await export_evidence.ask(*shared, wanted=wanted, by=officer, limits=limits_of(parts), now=now)
        return RedirectResponse(PLACE, 303, headers={"Cache-Control": "no-store"})
    found = await audit_entries.search(
        *shared,
        wanted=wanted,
        by=officer,
        limits=limits_of(parts),
        before=before,
        now=now,
        page=ENTRIES_A_PAGE,
    )
    return page(parts, browser, found_page(parts, csrf, form, found))


async def _form(
    parts: Parts,
    browser: Browser,
    officer: Officer,
    csrf: str,
    form: Mapping[str, str],
    code: str | None = None,
) -> Response:
    """What to find; for who may, with the evidence that was asked for."""
    problem = PROBLEMS[code] if code else None
    exports = []
    try:
        exports = await export_evidence.list_exports(
            parts.database, parts.keyring, parts.appender, by=officer
        )
    except AccessRefused as refused:
        problem = problem or problem_for(refused.reason)
    shown = find_page(parts, officer, csrf, exports[:20], form, told(parts, problem) if problem else None)
    return page(parts, browser, shown, problem.status if problem else 200)


def _way_in(parts: Parts, browser: Browser, error: Told | None = None, status: int = 200) -> Response:
    view = AuditSignIn(site_of(parts), form_token_for(parts, browser, PLACE), error)
    return page(parts, browser, parts.pages.audit_sign_in(view), status)


def _csrf(request: Request, parts: Parts) -> str:
    return csrf_of(request.cookies.get(session_cookie(parts.settings), ""))
