"""Citizens: a passkey in the place of a one-time code, at ``/p/`` and ``/w/``; and which they have, at ``/w/``.

The only pages with a script, under a policy of their own; without it they say what to do. GET changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ValidationError

from auth.callers import same_text
from auth.verdict import Verdict
from exchange.answers import back, contact_rules_of, gone, page, problem, site_of
from exchange.deps import Browser, CitizenBrowser, OfficerHere, Parts, Translated, clock, form_token_for
from exchange.entrance import Assertion, Registration, relying_party
from exchange.factors import Target, open_target
from exchange.flows import (
    citizen_passkeys,
    exercise_rights,
    give_consent,
    officers_browser,
    prove_self,
)
from exchange.flows.citizen_passkeys import Held
from exchange.pages import SCRIPTED_CONTENT_SECURITY_POLICY
from exchange.pages import messages as words
from exchange.pages.passkey_views import OwnPasskey, PasskeyError, PasskeyOwn, PasskeyShow

router = APIRouter(tags=["Citizen"])

_ERRORS: dict[str, PasskeyError] = {
    "passkey_too_new": "too_new",
    "passkeys_full": "full",
    "passkey_exists": "exists",
}
_DEAD_LINK = frozenset({"link_used", "link_expired", "assisted_only"})
Step = Annotated[str, Form(max_length=10)]
Token = Annotated[str, Form(max_length=100)]
Credential = Annotated[str, Form(max_length=16_384)]


@router.get(
    "/p/{code}/passkey",
    operation_id="openConsentPasskey",
    summary="A passkey instead of a code",
    response_class=HTMLResponse,
)
async def open_at_request(parts: Translated, browser: CitizenBrowser, code: str) -> Response:
    """Anyone with the link. Shows nothing about the citizen, nor whether there is a passkey. Changes nothing."""
    target = await _of_request(parts, code)
    if target is None:
        return gone(parts)
    if await _passed(parts, browser, target):
        return back(parts, browser, f"/p/{code}")
    return _show(parts, browser, target, f"/p/{code}")


@router.post("/p/{code}/passkey", operation_id="showConsentPasskey", summary="Prove oneself with a passkey")
async def show_at_request(
    parts: Translated, browser: CitizenBrowser, code: str, csrf: Token = "", credential: Credential = ""
) -> Response:
    """The holder of the link, with what their authenticator signed. One entry, for a passkey that is the citizen's."""
    target = await _of_request(parts, code)
    if target is None:
        return gone(parts)
    if not same_text(csrf, form_token_for(parts, browser, target.id)):
        return problem(parts, browser, "form_expired", 403)
    return await _shown(parts, browser, target, credential, f"/p/{code}", f"/p/{code}")


@router.get(
    "/w/{code}/passkey",
    operation_id="openPasskeys",
    summary="One's own passkeys",
    response_class=HTMLResponse,
)
async def open_at_trail(parts: Translated, browser: CitizenBrowser, code: str) -> Response:
    """The holder of the link: after the factor the own passkeys, before it a passkey instead of a code. Changes nothing."""
    target = await _of_trail(parts, code)
    if target is None:
        return gone(parts)
    if await _passed(parts, browser, target):
        return await _own(parts, browser, target, code)
    return _show(parts, browser, target, f"/w/{code}")


@router.post("/w/{code}/passkey", operation_id="usePasskeys", summary="Show, register or remove a passkey")
async def use_at_trail(
    parts: Translated,
    browser: CitizenBrowser,
    officer: OfficerHere,
    code: str,
    step: Step,
    csrf: Token = "",
    credential: Credential = "",
    passkey: Annotated[str, Form(max_length=1_364, pattern=r"^[A-Za-z0-9_-]*$")] = "",
) -> Response:
    """Steps passkey, register and remove; the last two after the factor. The citizen hears of each change at every contact."""
    target = await _of_trail(parts, code)
    if target is None:
        return gone(parts)
    if not same_text(csrf, form_token_for(parts, browser, target.id)):
        return problem(parts, browser, "form_expired", 403)
    if step == "passkey":
        return await _shown(parts, browser, target, credential, f"/w/{code}", f"/w/{code}")
    if step not in {"register", "remove"}:
        return problem(parts, browser, "form_expired", 400)
    # Judged again in the batch; here it keeps strangers from filling the citizen's list.
    if not await _passed(parts, browser, target):
        return problem(parts, browser, "form_expired", 403)
    if step == "register" and officer is not None:
        await officers_browser.put_on_record(
            parts.keyring, parts.appender, officer=officer, subject_ref=target.subject_ref, request=None
        )
        return problem(parts, browser, "officer_browser", 403)
    if step == "register":
        return await _register(parts, browser, target, credential, code)
    return await _remove(parts, browser, target, passkey, code)


async def _shown(
    parts: Parts, browser: Browser, target: Target, credential: str, there: str, on: str
) -> Response:
    if await _passed(parts, browser, target):  # a second tab: there is nothing more to prove
        return back(parts, browser, on)
    sent = _read(Assertion, credential)
    if sent is None:
        return _show(parts, browser, target, there, "refused")
    verdict = await citizen_passkeys.prove(
        parts.database,
        parts.keyring,
        parts.appender,
        relying_party(parts),
        held=Held(target, browser.hash),
        rules=contact_rules_of(parts),
        sent=sent,
    )
    if verdict.allowed:
        return back(parts, browser, on)
    if verdict.reason in _DEAD_LINK:
        return gone(parts)
    return _show(parts, browser, target, there, _error(verdict))


async def _register(parts: Parts, browser: Browser, target: Target, credential: str, code: str) -> Response:
    sent = _read(Registration, credential)
    if sent is None:
        return await _own(parts, browser, target, code, "refused")
    now = clock()
    verdict = await citizen_passkeys.register(
        parts.database,
        parts.keyring,
        parts.appender,
        relying_party(parts),
        held=Held(target, browser.hash),
        words=words.passkey_notice(site=parts.site_name, added=True, at=now, zone=parts.zone),
        sent=sent,
        now=now,
    )
    if verdict.allowed:
        return back(parts, browser, f"/w/{code}/passkey")
    return await _own(parts, browser, target, code, _error(verdict))


async def _remove(parts: Parts, browser: Browser, target: Target, passkey: str, code: str) -> Response:
    """A second tap finds it gone already."""
    now = clock()
    await citizen_passkeys.remove(
        parts.database,
        parts.keyring,
        parts.appender,
        held=Held(target, browser.hash),
        words=words.passkey_notice(site=parts.site_name, added=False, at=now, zone=parts.zone),
        credential_id=passkey,
        now=now,
    )
    return back(parts, browser, f"/w/{code}/passkey")


def _show(
    parts: Parts, browser: Browser, target: Target, there: str, error: PasskeyError | None = None
) -> Response:
    asked = citizen_passkeys.ask(parts.keyring, relying_party(parts), Held(target, browser.hash), clock())
    csrf = form_token_for(parts, browser, target.id)
    view = PasskeyShow(site_of(parts), csrf, json.dumps(asked), there, error)
    return _page(parts, browser, parts.pages.passkey_show(view), error)


async def _own(
    parts: Parts, browser: Browser, target: Target, code: str, error: PasskeyError | None = None
) -> Response:
    now, rules = clock(), contact_rules_of(parts)
    rows = await citizen_passkeys.listed(parts.database, subject_ref=target.subject_ref)
    asked = await citizen_passkeys.offer(
        parts.database, parts.keyring, relying_party(parts), held=Held(target, browser.hash), now=now
    )
    view = PasskeyOwn(
        site=site_of(parts),
        csrf=form_token_for(parts, browser, target.id),
        options=json.dumps(asked),
        back=f"/w/{code}",
        passkeys=tuple(
            OwnPasskey(row.id, row.added_at, serves if now < (serves := row.added_at + rules.rest) else None)
            for row in rows
        ),
        error=error,
    )
    return _page(parts, browser, parts.pages.passkey_own(view), error)


def _page(parts: Parts, browser: Browser, html: str, error: PasskeyError | None) -> Response:
    return page(parts, browser, html, 422 if error else 200, policy=SCRIPTED_CONTENT_SECURITY_POLICY)


def _read(model: type[BaseModel], credential: str) -> Mapping[str, Any] | None:
    """What the page's script wrote; None when it is nothing of the kind."""
    try:
        return model.model_validate_json(credential).model_dump(by_alias=True)
    except ValidationError:
        return None


def _error(verdict: Verdict) -> PasskeyError:
    return _ERRORS.get(verdict.reason or "", "refused")


async def _of_request(parts: Parts, code: str) -> Target | None:
    """None for a link that cannot be proved at any more."""
    opened = await give_consent.open_link(parts.database, parts.keyring, code=code)
    return open_target(opened.request, clock()) if opened else None


async def _of_trail(parts: Parts, code: str) -> Target | None:
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=clock())
    return Target(link.id, link.subject_ref, None) if link else None


async def _passed(parts: Parts, browser: Browser, target: Target) -> bool:
    state = await prove_self.factor_state(parts.database, target=target, browser=browser.hash, now=clock())
    return state.passed
