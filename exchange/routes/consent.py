"""Citizens: the consent link ``/p/``. No account, no script, GET changes nothing.

Unknown, expired, used and withdrawn codes all give one page without a reason (410): a code tells a stranger nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse

from auth.callers import same_text
from auth.verdict import AccessRefused
from exchange.answers import back, gone, page, problem, reference, site_of
from exchange.deps import Browser, CitizenBrowser, Parts, Wired, clock, form_token_for
from exchange.flows import give_consent, prove_self
from exchange.flows.give_consent import Opened
from exchange.flows.prove_self import FactorState, Target
from exchange.pages import messages as words
from exchange.pages.contents import paper_words
from exchange.pages.views import (
    Ask,
    AskedPaper,
    CodeError,
    ConsentCode,
    ConsentDecide,
    ConsentDone,
    ConsentStart,
    Problem,
)
from storage.consents import ConsentRequest

router = APIRouter(tags=["Citizen"])

_PROBLEMS: dict[str, Problem] = {
    "no_contact": "no_contact",
    "codes_spent": "too_many_codes",
    "tries_spent": "too_many_tries",
}
_CODE_ERRORS: dict[str, CodeError] = {"code_wrong": "wrong", "code_unknown": "expired"}
MAX_TICKS = 50


@router.get(
    "/p/{code}", operation_id="openConsentLink", summary="Open a consent link", response_class=HTMLResponse
)
async def open_consent(parts: Wired, browser: CitizenBrowser, code: str) -> Response:
    """Anyone with the link. Shows who asks; what is asked only after the factor. Changes nothing."""
    opened = await give_consent.open_link(parts.database, parts.keyring, code=code)
    now = clock()
    if opened is None:
        return gone(parts)
    request = opened.request
    if request.state != "pending" and request.browser == browser.hash:
        return await _receipt(parts, opened)
    if request.state != "pending" or now >= request.expires_at:
        return gone(parts)
    state = await prove_self.factor_state(
        parts.database, target=_target(request), browser=browser.hash, now=now
    )
    return page(parts, browser, _current(parts, browser, opened, state, now))


@router.post("/p/{code}", operation_id="answerConsentLink", summary="Prove oneself and decide")
async def answer_consent(
    parts: Wired,
    browser: CitizenBrowser,
    code: str,
    step: Annotated[str, Form(max_length=10)],
    csrf: Annotated[str, Form(max_length=100)] = "",
    typed: Annotated[str, Form(alias="code", max_length=20)] = "",
    decision: Annotated[str, Form(max_length=10)] = "",
    document: Annotated[list[str] | None, Form(max_length=MAX_TICKS)] = None,
) -> Response:
    """Steps send, code and decide; each needs the form's own token. Decided once."""
    opened = await give_consent.open_link(parts.database, parts.keyring, code=code)
    now = clock()
    if opened is None:
        return gone(parts)
    request = opened.request
    # Before the form's token: a dead link answers a stranger like an unknown one (A21).
    if request.state != "pending" or now >= request.expires_at:
        return await _receipt(parts, opened) if request.browser == browser.hash else gone(parts)
    if not same_text(csrf, form_token_for(parts, browser, request.id)):
        return problem(parts, browser, "form_expired", 403)
    if step == "send":
        return await _send(parts, browser, opened, code)
    if step == "code":
        return await _try_code(parts, browser, opened, code, typed)
    if step == "decide" and decision in {"grant", "refuse"}:
        ticked = set(document or []) if decision == "grant" else set()
        return await _decide(parts, browser, opened, decision, ticked)
    return problem(parts, browser, "form_expired", 400)


async def _send(parts: Parts, browser: Browser, opened: Opened, code: str) -> Response:
    request = opened.request
    names = [
        paper_words(item.type, parts.catalogue.document_types[item.type].name_id).short
        for item in opened.items
    ]

    def text(one_time: str, _until: datetime) -> str:
        return words.consent_code_message(
            code=one_time,
            agency=opened.agency.code,
            documents=names,
            use_until=request.valid_until,
            zone=parts.zone,
        )

    verdict = await prove_self.send_code(
        parts.database,
        parts.keyring,
        parts.appender,
        target=_target(request),
        browser=browser.hash,
        text=text,
        now=clock(),
    )
    if not verdict.allowed:
        return problem(parts, browser, _PROBLEMS.get(verdict.reason or "", "unavailable"), 403)
    return back(parts, browser, f"/p/{code}")


async def _try_code(parts: Parts, browser: Browser, opened: Opened, code: str, typed: str) -> Response:
    digits = "".join(typed.split())
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):  # noqa: PLR2004 - six digits
        return await _code_page(parts, browser, opened, "malformed")
    verdict, left = await prove_self.verify_code(
        parts.keyring, parts.appender, target=_target(opened.request), browser=browser.hash, code=digits
    )
    if verdict.allowed:
        return back(parts, browser, f"/p/{code}")
    if left == 0:
        return problem(parts, browser, "too_many_tries", 403)
    return await _code_page(parts, browser, opened, _CODE_ERRORS.get(verdict.reason or "", "expired"))


async def _code_page(parts: Parts, browser: Browser, opened: Opened, error: CodeError) -> Response:
    state = await prove_self.factor_state(
        parts.database, target=_target(opened.request), browser=browser.hash, now=clock()
    )
    view = ConsentCode(
        site=site_of(parts),
        csrf=form_token_for(parts, browser, opened.request.id),
        ask=_ask(parts, opened),
        tries_left=state.tries_left,
        code_expires_at=state.code_expires_at or clock(),
        error=error,
    )
    return page(parts, browser, parts.pages.consent_code(view), 422)


async def _decide(
    parts: Parts, browser: Browser, opened: Opened, decision: str, ticked: set[str]
) -> Response:
    now = clock()
    view = _decide_view(parts, browser, opened, now)
    if decision == "grant" and not ticked:
        state = await prove_self.factor_state(
            parts.database, target=_target(opened.request), browser=browser.hash, now=now
        )
        if not state.passed:
            return problem(parts, browser, "form_expired", 403)
        return page(parts, browser, parts.pages.consent_decide(replace(view, nothing_ticked=True)), 422)
    shown = hashlib.sha256(parts.pages.consent_shown(view).encode()).hexdigest()
    try:
        decided = await give_consent.decide(
            parts.database,
            parts.keyring,
            parts.appender,
            parts.desk,
            opened=opened,
            browser=browser.hash,
            ticked=ticked,
            shown_sha256=shown,
            shown_at=now,
            notice=_notice(parts, opened),
            link_life=timedelta(days=parts.settings.trail_link_days),
            origin=parts.settings.origin,
            now=now,
        )
    except AccessRefused as refused:
        if refused.reason == "factor_missing":
            return problem(parts, browser, "form_expired", 403)
        return gone(parts)
    link = f"{parts.settings.origin}/w/{decided.trail_code}"
    done = _done(parts, opened, decided.request, decided.granted, decided.refused, link)
    return page(parts, browser, parts.pages.consent_done(done))


async def _receipt(parts: Parts, opened: Opened) -> Response:
    """The deciding browser sees its decision again; the trail link was shown once and is in the notice."""
    granted, refused = await give_consent.decided_before(parts.database, request=opened.request)
    if not granted and not refused:
        return gone(parts)
    done = _done(parts, opened, opened.request, granted, refused, "")
    return page(parts, None, parts.pages.consent_done(done))


def _current(parts: Parts, browser: Browser, opened: Opened, state: FactorState, now: datetime) -> str:
    csrf = form_token_for(parts, browser, opened.request.id)
    if state.passed:
        return parts.pages.consent_decide(_decide_view(parts, browser, opened, now))
    if state.code_sent and state.code_expires_at is not None:
        code = ConsentCode(site_of(parts), csrf, _ask(parts, opened), state.tries_left, state.code_expires_at)
        return parts.pages.consent_code(code)
    return parts.pages.consent_start(ConsentStart(site_of(parts), csrf, _ask(parts, opened)))


def _decide_view(parts: Parts, browser: Browser, opened: Opened, now: datetime) -> ConsentDecide:
    request = opened.request
    types = parts.catalogue.document_types
    papers = tuple(
        AskedPaper(
            key=item.key,
            code=item.type,
            name=types[item.type].name_id,
            issuer=types[item.type].issuer,
            on_file=item.on_file is not None,
            sensitive=types[item.type].pdp_class == "spesifik",
            issued_on=item.on_file.issued_on if item.on_file else None,
            valid_until=item.on_file.valid_until if item.on_file else None,
            tax_year=item.on_file.tax_year if item.on_file else None,
        )
        for item in opened.items
    )
    return ConsentDecide(
        site=site_of(parts),
        csrf=form_token_for(parts, browser, request.id),
        ask=_ask(parts, opened),
        officer=opened.officer.name,
        request_no=reference(request.id),
        papers=papers,
        shown_at=now,
        use_until=request.valid_until,
        application_no=request.application_no,
        service_law=parts.catalogue.services[request.service].legal,
    )


def _done(
    parts: Parts,
    opened: Opened,
    request: ConsentRequest,
    granted: Sequence[str],
    refused: Sequence[str],
    trail_link: str,
) -> ConsentDone:
    names = {code: row.name_id for code, row in parts.catalogue.document_types.items()}
    return ConsentDone(
        site=site_of(parts),
        ask=_ask(parts, opened),
        reference=reference(request.id),
        decided_at=request.decided_at or clock(),
        granted=tuple(names[code] for code in granted),
        refused=tuple(names[code] for code in refused),
        trail_link=trail_link,
        to_bring=tuple(names[item.type] for item in opened.items if item.on_file is None),
        use_until=request.valid_until if granted else None,
    )


def _notice(parts: Parts, opened: Opened) -> give_consent.Notice:
    def notice(granted: Sequence[str], refused: Sequence[str], link: str) -> str:
        types = parts.catalogue.document_types
        return words.decision_notice(
            site=parts.site_name,
            agency=opened.agency.code,
            granted=[paper_words(code, types[code].name_id).short for code in granted],
            refused=[paper_words(code, types[code].name_id).short for code in refused],
            use_until=opened.request.valid_until,
            reference=reference(opened.request.id),
            trail_link=link,
            zone=parts.zone,
        )

    return notice


def _target(request: ConsentRequest) -> Target:
    return Target(request.id, request.subject_ref, request.id)


def _ask(parts: Parts, opened: Opened) -> Ask:
    request = opened.request
    service = parts.catalogue.services[request.service].name_id
    return Ask(opened.agency.name, service, request.counter, request.pairing_code, request.expires_at)
