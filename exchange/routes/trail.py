"""Citizens: the long-lived link ``/w/``: Jejak Data Saya, and taking consent back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import HTMLResponse

from auth.callers import same_text
from auth.verdict import AccessRefused
from exchange.answers import (
    back,
    contact_rules_of,
    forgotten,
    gone,
    identity_way,
    no_codes_left,
    page,
    passkey_way,
    pdf,
    problem,
    reference,
    site_of,
    withdrawal_text,
)
from exchange.citizen import Holder
from exchange.deps import Browser, CitizenBrowser, Parts, Translated, clock, form_token_for
from exchange.factors import Target
from exchange.flows import exercise_rights, own_rights, prove_self, show_receipt
from exchange.flows.prove_self import FactorState
from exchange.pages import messages as words
from exchange.pages.views import CodeError, Problem, TrailCode, TrailStart, WithdrawConfirm
from exchange.receipt_pages import published_head, receipt_of
from exchange.rights_pages import rights_view
from exchange.schemas import ConsentId
from exchange.taking_back import STOP_WITHIN
from exchange.trail_pages import chosen_of, filter_view, live_consent, trail_page, withdrawn_page
from storage.consents import CitizenLink

router = APIRouter(tags=["Citizen"])

ENTRIES_A_PAGE = 50
SETTLED_SHOWN = 5  # the others stand under Hak Anda
_LAST_ENTRY = 2**63 - 1
_PROBLEMS: dict[str, Problem] = {
    "no_contact": "no_contact",
    "contact_too_new": "contact_too_new",
    "codes_spent": "too_many_codes",
}
_CODE_ERRORS: dict[str, CodeError] = {"code_wrong": "wrong", "code_unknown": "expired"}


@router.get("/w/{code}", operation_id="openTrail", summary="Jejak Data Saya", response_class=HTMLResponse)
async def open_trail(
    parts: Translated,
    browser: CitizenBrowser,
    code: str,
    before: Annotated[int | None, Query(ge=1, le=_LAST_ENTRY)] = None,
    instansi: Annotated[str, Query(pattern=r"^([A-Za-z0-9_-]{1,40}@[0-9]{4})?$")] = "",
    tahun: Annotated[str, Query(pattern=r"^(2[0-9]{3})?$")] = "",
) -> Response:
    """The holder of the link, after the factor. Changes nothing. ``?lang=en`` or ``?lang=id`` chooses the language of this and
    of later pages.
    """
    now = clock()
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=now)
    if link is None:
        return gone(parts)
    csrf = form_token_for(parts, browser, link.id)
    state = await _factor(parts, browser, link)
    if state.passed:
        own = await exercise_rights.own_trail(
            parts.database,
            parts.keyring,
            subject_ref=link.subject_ref,
            limit=ENTRIES_A_PAGE,
            before=before,
            now=now,
            chosen=chosen_of(parts, instansi, tahun),
        )
        rights = await own_rights.own_rights(parts.database, link.subject_ref)
        filtered = filter_view(parts, own, instansi, tahun, now)
        exercised = rights_view(parts, f"/w/{code}", rights, now, newest=SETTLED_SHOWN)
        passkeys = passkey_way(parts, f"/w/{code}")
        shown = trail_page(parts, own, csrf, exercised, filtered, passkeys, first_page=before is None)
        return page(parts, browser, shown)
    if state.tries_left == 0:
        return _locked(parts, browser, state)
    if state.code_sent and state.code_expires_at is not None:
        view = TrailCode(site_of(parts), csrf, state.tries_left, state.code_expires_at)
        return page(parts, browser, parts.pages.trail_code(view))
    ways = passkey_way(parts, f"/w/{code}"), identity_way(parts, f"/w/{code}")
    return page(
        parts,
        browser,
        parts.pages.trail_start(TrailStart(site_of(parts), csrf, *ways)),
    )


@router.get(
    "/w/{code}/receipts/{consent_id}.pdf",
    operation_id="getOwnReceipt",
    summary="The receipt of an own consent as a file",
    response_class=Response,
)
async def own_receipt(
    parts: Translated, browser: CitizenBrowser, code: str, consent_id: ConsentId
) -> Response:
    """The holder of the link, after the factor, also of a consent that was withdrawn. Changes nothing."""
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=clock())
    if link is None:
        return gone(parts)
    if not (await _factor(parts, browser, link)).passed:
        return back(parts, browser, f"/w/{code}")
    made = await show_receipt.receipt_file(
        parts.database,
        parts.keyring,
        consent_id=consent_id,
        reader=link.subject_ref,
        head=await published_head(parts),
        draw=receipt_of(parts),
    )
    return pdf(made[1], reference(made[0])) if made else problem(parts, browser, "not_found", 404)


@router.post("/w/{code}", operation_id="useTrail", summary="Prove oneself, withdraw a consent, leave")
async def use_trail(
    parts: Translated,
    browser: CitizenBrowser,
    code: str,
    step: Annotated[str, Form(max_length=10)],
    csrf: Annotated[str, Form(max_length=100)] = "",
    typed: Annotated[str, Form(alias="code", max_length=20)] = "",
    consent: Annotated[str, Form(max_length=40, pattern=r"^[!-~]*$")] = "",
) -> Response:
    """Steps send, code, withdraw (asks once more), withdrawn, leave. Each needs the form's own token."""
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=clock())
    if link is None:
        return gone(parts)
    if not same_text(csrf, form_token_for(parts, browser, link.id)):
        return problem(parts, browser, "form_expired", 403)
    state = await _factor(parts, browser, link)
    if step in {"send", "code"} and state.passed:  # a second tab: there is nothing more to prove
        return back(parts, browser, f"/w/{code}")
    if step == "send":
        return await _send(parts, browser, link, code)
    if step == "code":
        return await _try_code(parts, browser, link, code, typed)
    if step == "leave":
        return await _leave(parts, browser, link, code, state)
    if step in {"withdraw", "withdrawn"}:
        if (
            not state.passed
        ):  # judged again in the batch; here it keeps strangers from filling the citizen's list
            return problem(parts, browser, "form_expired", 403)
        return await _withdraw(parts, browser, link, code, consent, sure=step == "withdrawn")
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
        rules=contact_rules_of(parts),
        text=text,
        codes_per_hour=parts.settings.codes_per_hour,
        now=clock(),
    )
    if verdict.allowed:
        return back(parts, browser, f"/w/{code}")
    if verdict.reason == "codes_spent_everywhere":
        return no_codes_left(parts, browser, clock())
    if verdict.reason == "tries_spent":
        return _locked(parts, browser, await _factor(parts, browser, link))
    return problem(parts, browser, _PROBLEMS.get(verdict.reason or "", "unavailable"), 403)


async def _try_code(parts: Parts, browser: Browser, link: CitizenLink, code: str, typed: str) -> Response:
    digits = "".join(typed.split())
    error: CodeError = "malformed"
    if len(digits) == 6 and digits.isascii() and digits.isdigit():  # noqa: PLR2004 - six digits
        verdict, _left = await prove_self.verify_code(
            parts.keyring, parts.appender, target=_target(link), browser=browser.hash, code=digits
        )
        error = _CODE_ERRORS.get(verdict.reason or "", "expired")
    state = await _factor(parts, browser, link)
    if state.passed:  # by this try, or by one beside it
        return back(parts, browser, f"/w/{code}")
    if state.tries_left == 0:
        return _locked(parts, browser, state)
    csrf = form_token_for(parts, browser, link.id)
    view = TrailCode(site_of(parts), csrf, state.tries_left, state.code_expires_at or clock(), error)
    return page(parts, browser, parts.pages.trail_code(view), 422)


async def _leave(
    parts: Parts, browser: Browser, link: CitizenLink, code: str, state: FactorState
) -> Response:
    """The next person at this phone reads nothing, and a copied cookie opens nothing."""
    if state.passed:
        await prove_self.leave(parts.keyring, parts.appender, target=_target(link), browser=browser.hash)
    return forgotten(parts, browser, f"/w/{code}")


async def _withdraw(
    parts: Parts, browser: Browser, link: CitizenLink, code: str, consent_id: str, *, sure: bool
) -> Response:
    found = await exercise_rights.consent_of(
        parts.database, consent_id=consent_id, subject_ref=link.subject_ref
    )
    if found is not None and found.consent.withdrawn_at is not None:  # a second tap: it is done
        return page(parts, browser, withdrawn_page(parts, found, found.consent.withdrawn_at, f"/w/{code}"))
    if sure:
        return await _withdrawn(parts, browser, link, code, consent_id)
    if found is None or found.consent.state not in {"active", "frozen"}:
        return problem(parts, browser, "form_expired", 403)
    view = WithdrawConfirm(
        site=site_of(parts),
        csrf=form_token_for(parts, browser, link.id),
        consent=live_consent(parts, found, f"/w/{code}"),
        deadline=clock() + STOP_WITHIN,
    )
    return page(parts, browser, parts.pages.withdraw_confirm(view))


async def _withdrawn(
    parts: Parts, browser: Browser, link: CitizenLink, code: str, consent_id: str
) -> Response:
    refused = False
    try:
        await exercise_rights.withdraw(
            parts.database,
            parts.keyring,
            parts.appender,
            parts.desk,
            consent_id=consent_id,
            by=Holder(link, browser.hash),
            notice=withdrawal_text(parts),
            now=clock(),
        )
    except AccessRefused as error:
        # A tap that came in beside the first one is answered like it; every other refusal is one.
        refused = error.reason != "consent_not_active"
    found = await exercise_rights.consent_of(
        parts.database, consent_id=consent_id, subject_ref=link.subject_ref
    )
    if refused or found is None or found.consent.withdrawn_at is None:
        return problem(parts, browser, "form_expired", 403)
    return page(parts, browser, withdrawn_page(parts, found, found.consent.withdrawn_at, f"/w/{code}"))


def _locked(parts: Parts, browser: Browser, state: FactorState) -> Response:
    return problem(parts, browser, "trail_locked", 403, retry_at=state.locked_until)


async def _factor(parts: Parts, browser: Browser, link: CitizenLink) -> FactorState:
    return await prove_self.factor_state(
        parts.database, target=_target(link), browser=browser.hash, now=clock()
    )


def _target(link: CitizenLink) -> Target:
    return Target(link.id, link.subject_ref, None)
