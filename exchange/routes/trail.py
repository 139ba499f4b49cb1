"""Citizens: the long-lived link ``/w/``: Jejak Data Saya, and taking consent back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import HTMLResponse

from auth.callers import same_text
from auth.verdict import AccessRefused
from exchange.answers import agency_code, back, gone, page, problem, reference, site_of, withdrawal_text
from exchange.deps import Browser, CitizenBrowser, Parts, Wired, clock, form_token_for
from exchange.flows import exercise_rights, prove_self
from exchange.flows.prove_self import Target
from exchange.pages import messages as words
from exchange.pages.views import (
    Access,
    CodeError,
    LiveConsent,
    Problem,
    Trail,
    TrailCode,
    TrailStart,
    WithdrawConfirm,
    WithdrawDone,
)
from storage.consents import CitizenLink

router = APIRouter(tags=["Citizen"])

ENTRIES_A_PAGE = 50
_PROBLEMS: dict[str, Problem] = {
    "no_contact": "no_contact",
    "codes_spent": "too_many_codes",
    "tries_spent": "too_many_tries",
}
_CODE_ERRORS: dict[str, CodeError] = {"code_wrong": "wrong", "code_unknown": "expired"}


@router.get("/w/{code}", operation_id="openTrail", summary="Jejak Data Saya", response_class=HTMLResponse)
async def open_trail(
    parts: Wired, browser: CitizenBrowser, code: str, before: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """The holder of the link, after the factor. Changes nothing."""
    now = clock()
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=now)
    if link is None:
        return gone(parts)
    csrf = form_token_for(parts, browser, link.id)
    state = await prove_self.factor_state(parts.database, target=_target(link), browser=browser.hash, now=now)
    if state.passed:
        return page(parts, browser, parts.pages.trail(await _trail_view(parts, link, csrf, before, now)))
    if state.code_sent and state.code_expires_at is not None:
        view = TrailCode(site_of(parts), csrf, state.tries_left, state.code_expires_at)
        return page(parts, browser, parts.pages.trail_code(view))
    return page(parts, browser, parts.pages.trail_start(TrailStart(site_of(parts), csrf)))


@router.post("/w/{code}", operation_id="useTrail", summary="Prove oneself, withdraw a consent")
async def use_trail(
    parts: Wired,
    browser: CitizenBrowser,
    code: str,
    step: Annotated[str, Form(max_length=10)],
    csrf: Annotated[str, Form(max_length=100)] = "",
    typed: Annotated[str, Form(alias="code", max_length=20)] = "",
    consent: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Steps send, code, withdraw (asks once more), withdrawn. Each needs the form's own token."""
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=clock())
    if link is None:
        return gone(parts)
    if not same_text(csrf, form_token_for(parts, browser, link.id)):
        return problem(parts, browser, "form_expired", 403)
    if step == "send":
        return await _send(parts, browser, link, code)
    if step == "code":
        return await _try_code(parts, browser, link, code, typed)
    if step == "withdraw":
        return await _confirm(parts, browser, link, consent)
    if step == "withdrawn":
        return await _withdrawn(parts, browser, link, consent)
    return problem(parts, browser, "form_expired", 400)


async def _send(parts: Parts, browser: Browser, link: CitizenLink, code: str) -> Response:
    def text(one_time: str, until: datetime) -> str:
        return words.trail_code_message(
            site=parts.site_name, code=one_time, expires_at=until, zone=parts.zone
        )

    verdict = await prove_self.send_code(
        parts.database,
        parts.keyring,
        parts.appender,
        target=_target(link),
        browser=browser.hash,
        text=text,
        now=clock(),
    )
    if not verdict.allowed:
        return problem(parts, browser, _PROBLEMS.get(verdict.reason or "", "unavailable"), 403)
    return back(parts, browser, f"/w/{code}")


async def _try_code(parts: Parts, browser: Browser, link: CitizenLink, code: str, typed: str) -> Response:
    digits = "".join(typed.split())
    error: CodeError = "malformed"
    left = 0
    if len(digits) == 6 and digits.isascii() and digits.isdigit():  # noqa: PLR2004 - six digits
        verdict, left = await prove_self.verify_code(
            parts.keyring, parts.appender, target=_target(link), browser=browser.hash, code=digits
        )
        if verdict.allowed:
            return back(parts, browser, f"/w/{code}")
        if left == 0:
            return problem(parts, browser, "too_many_tries", 403)
        error = _CODE_ERRORS.get(verdict.reason or "", "expired")
    now = clock()
    state = await prove_self.factor_state(parts.database, target=_target(link), browser=browser.hash, now=now)
    csrf = form_token_for(parts, browser, link.id)
    view = TrailCode(site_of(parts), csrf, state.tries_left, state.code_expires_at or now, error)
    return page(parts, browser, parts.pages.trail_code(view), 422)


async def _confirm(parts: Parts, browser: Browser, link: CitizenLink, consent_id: str) -> Response:
    now = clock()
    state = await prove_self.factor_state(parts.database, target=_target(link), browser=browser.hash, now=now)
    found = await exercise_rights.consent_of(
        parts.database, consent_id=consent_id, subject_ref=link.subject_ref
    )
    if not state.passed or found is None:
        return problem(parts, browser, "form_expired", 403)
    view = WithdrawConfirm(
        site=site_of(parts),
        csrf=form_token_for(parts, browser, link.id),
        consent=_live(parts, found),
        deadline=now + exercise_rights.STOP_WITHIN,
    )
    return page(parts, browser, parts.pages.withdraw_confirm(view))


async def _withdrawn(parts: Parts, browser: Browser, link: CitizenLink, consent_id: str) -> Response:
    now = clock()
    state = await prove_self.factor_state(parts.database, target=_target(link), browser=browser.hash, now=now)
    if not state.passed:  # judged again in the batch; here it keeps strangers from filling the citizen's list
        return problem(parts, browser, "form_expired", 403)
    try:
        done = await exercise_rights.withdraw(
            parts.database,
            parts.keyring,
            parts.appender,
            parts.desk,
            consent_id=consent_id,
            by=exercise_rights.Holder(link, browser.hash),
            notice=withdrawal_text(parts),
            now=now,
        )
    except AccessRefused:
        return problem(parts, browser, "form_expired", 403)
    view = WithdrawDone(
        site=site_of(parts),
        reference=reference(done.consent.request_id),
        agency=agency_code(done.consent.agency_id),
        documents=_names(parts, done.types),
        withdrawn_at=done.deadline - exercise_rights.STOP_WITHIN,
        deadline=done.deadline,
    )
    return page(parts, browser, parts.pages.withdraw_done(view))


async def _trail_view(parts: Parts, link: CitizenLink, csrf: str, before: int | None, now: datetime) -> Trail:
    own = await exercise_rights.own_trail(
        parts.database,
        parts.keyring,
        subject_ref=link.subject_ref,
        limit=ENTRIES_A_PAGE,
        before=before,
        now=now,
    )
    oldest = own.events[-1][1]["subject_seq"] if own.events else 0
    return Trail(
        site=site_of(parts),
        csrf=csrf,
        holder=own.holder,
        consents=tuple(_live(parts, row) for row in own.consents),
        accesses=tuple(_access(parts, index, body) for index, body in own.events),
        newer="?" if before is not None else None,
        older=f"?before={oldest}" if oldest > 1 else None,
    )


def _access(parts: Parts, index: int, body: Mapping[str, Any]) -> Access:
    service = parts.catalogue.services.get(body.get("service", ""))
    agency = body.get("agency")
    return Access(
        entry_no=index,
        at=datetime.fromisoformat(body["t"]),
        event=body["type"],
        agency=agency_code(agency) if agency else None,
        counter=body.get("counter"),
        allowed=body["result"]["allowed"],
        reason=body["result"].get("reason"),
        documents=_names(parts, _types(body)),
        purpose=service.name_id if service else None,
        consent_reference=None,
        lawful_basis=body.get("lawful_basis"),
        machine=False,
    )


def _types(body: Mapping[str, Any]) -> tuple[str, ...]:
    if "document_type" in body:
        return (body["document_type"],)
    return tuple(body.get("document_types", body.get("granted", ())))


def _live(parts: Parts, row: exercise_rights.LiveConsent) -> LiveConsent:
    service = parts.catalogue.services.get(row.consent.service)
    return LiveConsent(
        consent_id=row.consent.id,
        reference=reference(row.consent.request_id),
        agency=agency_code(row.consent.agency_id),
        service=service.name_id if service else row.consent.service,
        documents=_names(parts, row.types),
        use_until=row.consent.valid_until,
    )


def _names(parts: Parts, types: tuple[str, ...]) -> tuple[str, ...]:
    known = parts.catalogue.document_types
    return tuple(known[code].name_id if code in known else code for code in types)


def _target(link: CitizenLink) -> Target:
    return Target(link.id, link.subject_ref, None)
