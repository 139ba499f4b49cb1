"""Citizens: the consent link ``/p/``. No account, no script, GET changes nothing.

Unknown, expired, used and withdrawn codes all give one page without a reason (410): a code tells a stranger nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse

from auth.callers import Officer, same_text
from auth.verdict import AccessRefused
from exchange.answers import back, contact_rules_of, gone, no_codes_left, page, pdf, problem, reference
from exchange.consent_pages import (
    code_page,
    code_text,
    current_page,
    decide_view,
    notice_of,
    receipt_page,
    terms_read,
)
from exchange.deps import Browser, CitizenBrowser, OfficerHere, Parts, Translated, clock, form_token_for
from exchange.factors import open_target, target_of
from exchange.flows import give_consent, officers_browser, prove_self, show_receipt
from exchange.flows.give_consent import Opened
from exchange.flows.prove_self import FactorState
from exchange.notice_pages import notice_page
from exchange.pages.views import CodeError, Problem
from exchange.receipt_pages import published_head, receipt_of
from storage.consents import ConsentRequest

router = APIRouter(tags=["Citizen"])

_PROBLEMS: dict[str, Problem] = {
    "no_contact": "no_contact",
    "contact_too_new": "contact_too_new",
    "contact_set_by_asker": "contact_too_new",
    "codes_spent": "too_many_codes",
    "tries_spent": "too_many_tries",
}
_CODE_ERRORS: dict[str, CodeError] = {"code_wrong": "wrong", "code_unknown": "expired"}
MAX_TICKS = 50
_EVIDENCE_GONE = frozenset(
    {
        "evidence_changed",
        "evidence_expired",
        "letter_for_another_purpose",
        "letter_without_end",
        "relation_not_shown",
    }
)
# A request that was withdrawn after its decision is as dead as one that never was: also for who decided.
_DECIDED = frozenset({"granted", "partial", "refused"})


@router.get(
    "/p/{code}", operation_id="openConsentLink", summary="Open a consent link", response_class=HTMLResponse
)
async def open_consent(parts: Translated, browser: CitizenBrowser, code: str) -> Response:
    """Anyone with the link. Shows who asks; what is asked only after the factor. Changes nothing. ``?lang=en`` or ``?lang=id``
    chooses the language of this and of later pages.
    """
    opened = await give_consent.open_link(parts.database, parts.keyring, code=code)
    now = clock()
    if opened is None:
        return gone(parts)
    request = opened.request
    if request.mode == "notice":
        return await _told(parts, browser, opened, code, now)
    if request.state != "pending" or now >= request.expires_at:
        return await _receipt_or_gone(parts, browser, opened)
    state = await _factor(parts, browser, request)
    return page(parts, browser, current_page(parts, browser, opened, code, state, now))


@router.get(
    "/p/{code}/receipt.pdf",
    operation_id="getReceipt",
    summary="The receipt as a file",
    response_class=Response,
)
async def receipt(parts: Translated, browser: CitizenBrowser, code: str) -> Response:
    """The browser that decided, as long as it sees its decision on the page; everybody else reads that the link is dead. Changes
    nothing.
    """
    opened = await give_consent.open_link(parts.database, parts.keyring, code=code)
    if opened is None or not _decided_here(browser, opened.request):
        return gone(parts)
    request = opened.request
    made = await show_receipt.receipt_file(
        parts.database,
        parts.keyring,
        consent_id=request.consent_id or "",
        reader=request.decider_ref,
        head=await published_head(parts),
        draw=receipt_of(parts),
    )
    return pdf(made[1], reference(request.id)) if made else gone(parts)


@router.post("/p/{code}", operation_id="answerConsentLink", summary="Prove oneself and decide")
async def answer_consent(
    parts: Translated,
    browser: CitizenBrowser,
    officer: OfficerHere,
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
    if open_target(request, now) is None:
        return await _receipt_or_gone(parts, browser, opened)
    if request.mode != "notice" and step == "decide" and decision in {"grant", "refuse"}:
        return await _decide(parts, browser, officer, opened, decision, set(document or []), csrf)
    if not same_text(csrf, form_token_for(parts, browser, request.id)):
        return problem(parts, browser, "form_expired", 403)
    if step in {"send", "code"} and (await _factor(parts, browser, request)).passed:
        return back(parts, browser, f"/p/{code}")  # a second tab: there is nothing more to prove
    if step == "send":
        return await _send(parts, browser, opened, code)
    if step == "code":
        return await _try_code(parts, browser, opened, code, typed)
    return problem(parts, browser, "form_expired", 400)


async def _told(parts: Parts, browser: Browser, opened: Opened, code: str, now: datetime) -> Response:
    """The law decided: after the factor the citizen reads what is opened, and why."""
    if now >= opened.request.expires_at:
        return gone(parts)
    state = await _factor(parts, browser, opened.request)
    if state.passed:
        return page(parts, browser, notice_page(parts, opened))
    return page(parts, browser, current_page(parts, browser, opened, code, state, now))


async def _send(parts: Parts, browser: Browser, opened: Opened, code: str) -> Response:
    def text(one_time: str, _until: datetime) -> str:
        return code_text(parts, opened, one_time)

    verdict = await prove_self.send_code(
        parts.database,
        parts.keyring,
        parts.appender,
        target=target_of(opened.request),
        browser=browser.hash,
        rules=contact_rules_of(parts),
        text=text,
        codes_per_hour=parts.settings.codes_per_hour,
        now=clock(),
    )
    if verdict.reason == "codes_spent_everywhere":
        return no_codes_left(parts, browser, clock())
    if not verdict.allowed:
        return problem(parts, browser, _PROBLEMS.get(verdict.reason or "", "unavailable"), 403)
    return back(parts, browser, f"/p/{code}")


async def _try_code(parts: Parts, browser: Browser, opened: Opened, code: str, typed: str) -> Response:
    digits = "".join(typed.split())
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):  # noqa: PLR2004 - six digits
        return await _code_page(parts, browser, opened, "malformed")
    verdict, left = await prove_self.verify_code(
        parts.keyring, parts.appender, target=target_of(opened.request), browser=browser.hash, code=digits
    )
    if verdict.allowed:
        return back(parts, browser, f"/p/{code}")
    if (await _factor(parts, browser, opened.request)).passed:  # by a try beside this one
        return back(parts, browser, f"/p/{code}")
    if left == 0:
        return problem(parts, browser, "too_many_tries", 403)
    return await _code_page(parts, browser, opened, _CODE_ERRORS.get(verdict.reason or "", "expired"))


async def _code_page(parts: Parts, browser: Browser, opened: Opened, error: CodeError) -> Response:
    state = await _factor(parts, browser, opened.request)
    return page(parts, browser, code_page(parts, browser, opened, state, error), 422)


async def _decide(
    parts: Parts,
    browser: Browser,
    officer: Officer | None,
    opened: Opened,
    decision: str,
    ticked: set[str],
    token: str,
) -> Response:
    """Nothing is recorded but what was offered, ticked and read."""
    now = clock()
    state = await _factor(parts, browser, opened.request)
    if not state.passed:  # judged again in the batch; here it keeps strangers from filling the citizen's list
        return problem(parts, browser, "form_expired", 403)
    if officer is not None:
        await officers_browser.put_on_record(
            parts.keyring,
            parts.appender,
            officer=officer,
            subject_ref=opened.request.subject_ref,
            request=opened.request,
        )
        return problem(parts, browser, "officer_browser", 403)
    fresh = decide_view(parts, browser, opened, now)
    chosen = ticked & {paper.key for paper in fresh.papers if paper.on_file}
    if decision == "grant" and not chosen:
        return page(parts, browser, parts.pages.consent_decide(replace(fresh, nothing_ticked=True)), 422)
    terms = terms_read(parts, browser, opened, token)
    if terms is None:
        return page(parts, browser, parts.pages.consent_decide(replace(fresh, changed=True)), 409)
    try:
        decided = await give_consent.decide(
            parts.database,
            parts.keyring,
            parts.appender,
            parts.desk,
            opened=opened,
            browser=browser.hash,
            ticked=chosen if decision == "grant" else (),
            terms=terms,
            notice=notice_of(parts, opened),
            link_life=timedelta(days=parts.settings.trail_link_days),
            origin=parts.settings.origin,
            zone=parts.zone,
            now=now,
        )
    except AccessRefused as refused:
        if refused.reason in _EVIDENCE_GONE:
            return problem(parts, browser, "evidence_changed", 409)
        if refused.reason == "factor_missing":
            return problem(parts, browser, "form_expired", 403)
        # A second tap that came in beside the first one: its answer is the first one's.
        decided_meanwhile = await give_consent.reopened(parts.database, opened)
        return await _receipt_or_gone(parts, browser, decided_meanwhile)
    return page(parts, browser, receipt_page(parts, opened, decided))


async def _receipt_or_gone(parts: Parts, browser: Browser, opened: Opened) -> Response:
    """The deciding browser sees its decision again; to everybody else the link is as dead as an unknown one (A21)."""
    request = opened.request
    if not _decided_here(browser, request):
        return gone(parts)
    decided = await give_consent.decided_before(parts.database, request=request)
    return page(parts, browser, receipt_page(parts, opened, decided))


def _decided_here(browser: Browser, request: ConsentRequest) -> bool:
    return request.state in _DECIDED and request.browser == browser.hash


async def _factor(parts: Parts, browser: Browser, request: ConsentRequest) -> FactorState:
    return await prove_self.factor_state(
        parts.database, target=target_of(request), browser=browser.hash, now=clock()
    )
