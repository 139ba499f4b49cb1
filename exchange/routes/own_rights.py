"""Citizens: "Hak Anda" behind the own link: what is asked for, what became of it, a frozen consent that goes on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, Field

from auth.callers import same_text
from auth.rights import ABOUT
from auth.verdict import AccessRefused
from exchange.answers import back, gone, keys_of, limits_of, page, problem, site_of
from exchange.citizen import Holder
from exchange.deps import Browser, CitizenBrowser, OfficerHere, Parts, Translated, clock, form_token_for
from exchange.factors import Target
from exchange.flows import (
    answer_case,
    ask_right,
    exercise_rights,
    export_own,
    export_proofs,
    officers_browser,
    own_rights,
    prove_self,
    settle_case,
)
from exchange.flows.ask_right import Asked, Wanted
from exchange.pages.rights import KINDS, REASONS
from exchange.pages.rights_views import RightsDone, RightsMenu
from exchange.pages.wording import local, one_line, year_of
from exchange.rights_pages import (
    asked_text,
    case_line,
    case_page,
    form_view,
    rights_view,
    target_words,
    targets_of,
)

router = APIRouter(tags=["Citizen"])

TEXT_CHARACTERS = 500
_MEDIA_TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "zip": "application/zip"}
_TARGET = re.compile(
    r"(?:(consent):(c_[0-9A-Z]{26})|(entry):([0-9]{1,18})|(document):(d_[0-9A-Z]{26})|(agency):([A-Za-z0-9_-]{1,40}@[0-9]{4})"
    r"|(identity)|(everything))"
)
Word = Annotated[str, Query(max_length=40, pattern=r"^[0-9A-Za-z_]*$")]
Said = Annotated[str, Field(max_length=60, pattern=r"^[!-~]*$")]


class RightsForm(BaseModel):
    """The fields of every form under "Hak Anda"; each step reads its own."""

    step: Annotated[str, Field(max_length=10)]
    csrf: Annotated[str, Field(max_length=100)] = ""
    kind: Said = ""
    target: Said = ""
    reason: Said = ""
    text: Annotated[str, Field(max_length=4_000)] = ""
    consent: Said = ""
    case: Said = ""
    file: Annotated[Literal["json", "csv", "zip"], Field(alias="format")] = "json"
    year: Annotated[str, Field(pattern=r"^(2[0-9]{3})?$")] = ""


@router.get("/w/{code}/hak", operation_id="openRights", summary="Hak Anda", response_class=HTMLResponse)
async def open_rights(
    parts: Translated,
    browser: CitizenBrowser,
    code: str,
    jenis: Word = "",
    izin: Word = "",
    catatan: Word = "",
    kasus: Word = "",
) -> Response:
    """The holder of the link, after the factor (without it: back to the link). The menu, one right's form, or one case. Changes
    nothing.
    """
    holder = await _holder(parts, browser, code)
    if holder is None:
        return gone(parts)
    if not await _passed(parts, holder):
        return back(parts, browser, f"/w/{code}")
    here, csrf = f"/w/{code}", form_token_for(parts, browser, holder.link.id)
    own = await own_rights.own_rights(parts.database, holder.link.subject_ref)
    if kasus:
        return await _case(parts, browser, holder, here, kasus)
    if izin or catatan:
        targets = [(f"consent:{izin}", target_words(parts, "consent"))]
        if catatan:
            targets = [(f"entry:{catatan}", target_words(parts, "entry", number=catatan))]
        view = form_view(parts, here, csrf, "objection", targets)
        return page(parts, browser, parts.pages.rights_form(view))
    if jenis in KINDS and jenis != "objection":
        papers = await own_rights.own_papers(parts.database, holder.link.subject_ref)
        view = form_view(parts, here, csrf, jenis, targets_of(parts, jenis, papers, own))
        return page(parts, browser, parts.pages.rights_form(view))
    menu = RightsMenu(site_of(parts), csrf, rights_view(parts, here, own, clock()))
    return page(parts, browser, parts.pages.rights(menu))


@router.post(
    "/w/{code}/hak", operation_id="useRights", summary="Ask for a right, close a case, let a consent go on"
)
async def use_rights(
    parts: Translated,
    browser: CitizenBrowser,
    officer: OfficerHere,
    code: str,
    form: Annotated[RightsForm, Form()],
) -> Response:
    """Steps ask, close, thaw, export (`format` json, csv, or zip: the entries of a `year` or of all with their proofs). Each needs the form's own token and the factor; all but the
    first a browser in which no officer is signed in.
    """
    holder = await _holder(parts, browser, code)
    if holder is None:
        return gone(parts)
    if not same_text(form.csrf, form_token_for(parts, browser, holder.link.id)) or not await _passed(
        parts, holder
    ):  # judged again in the batch; here it keeps strangers from filling the citizen's list
        return problem(parts, browser, "form_expired", 403)
    if form.step == "ask" and form.kind in KINDS:
        return await _ask(parts, browser, holder, f"/w/{code}", form)
    if officer is not None:
        await officers_browser.put_on_record(
            parts.keyring, parts.appender, officer=officer, subject_ref=holder.link.subject_ref, request=None
        )
        return problem(parts, browser, "officer_browser", 403)
    if form.step == "export":
        return await _export(parts, holder, form.file, form.year)
    try:
        if form.step == "close":
            await settle_case.close(parts.keyring, parts.appender, case_id=form.case, by=holder)
        elif form.step == "thaw":
            await settle_case.thaw(parts.keyring, parts.appender, consent_id=form.consent, by=holder)
        else:
            return problem(parts, browser, "form_expired", 400)
    except AccessRefused as refused:
        # A second tap: it is done.
        if refused.reason not in {"case_answered", "consent_not_frozen"}:
            return problem(parts, browser, "form_expired", 403)
    return back(parts, browser, f"/w/{code}")


async def _ask(
    parts: Parts,
    browser: Browser,
    holder: Holder,
    here: str,
    form: RightsForm,
) -> Response:
    kind, target, text = form.kind, form.target, one_line(form.text)
    wanted = _wanted(kind, target, form.reason, text)
    if isinstance(wanted, str):
        csrf = form_token_for(parts, browser, holder.link.id)
        papers = await own_rights.own_papers(parts.database, holder.link.subject_ref)
        own = await own_rights.own_rights(parts.database, holder.link.subject_ref)
        named = (
            [(target, target_words(parts, "chosen"))]
            if kind == "objection"
            else targets_of(parts, kind, papers, own)
        )
        view = form_view(parts, here, csrf, kind, named, text=text[:TEXT_CHARACTERS], error=wanted)
        return page(parts, browser, parts.pages.rights_form(view), 422)
    try:
        asked = await ask_right.ask(
            parts.database,
            parts.keyring,
            parts.appender,
            subject_ref=holder.link.subject_ref,
            by=holder,
            wanted=wanted,
            keeper=parts.settings.keeper,
            notice=asked_text(parts),
            limits=limits_of(parts),
            now=clock(),
        )
    except AccessRefused as refused:
        return problem(parts, browser, "too_fast" if refused.reason == "cases_full" else "form_expired", 403)
    return page(parts, browser, _done_page(parts, here, kind, asked))


def _wanted(kind: str, target: str, reason: str, text: str) -> Wanted | str:
    """What is wrong with the form (target, reason, text), if anything is."""
    found = _TARGET.fullmatch(target)
    about, *about_id = [part for part in found.groups() if part] if found else [""]
    if about not in ABOUT[kind]:
        return "target"
    if reason not in REASONS[kind]:
        return "reason"
    if len(text) > TEXT_CHARACTERS:
        return "text"
    return Wanted(kind, reason, text, about, *about_id)


def _done_page(parts: Parts, here: str, kind: str, asked: Asked) -> str:
    lines = tuple(case_line(case, clock()) for case in asked.cases)
    return parts.pages.rights_done(RightsDone(site_of(parts), here, kind, lines, len(asked.frozen)))


async def _export(parts: Parts, holder: Holder, form: str, year: str) -> Response:
    """On record before the first byte; the file's name tells nothing."""
    await export_own.announce(parts.keyring, parts.appender, by=holder, form=form)
    subject_ref = holder.link.subject_ref
    if form == "zip":
        pieces = await _proofs(parts, subject_ref, year)
    elif form == "csv":
        pieces = export_own.as_csv(parts.database, parts.keyring, subject_ref=subject_ref)
    else:
        pieces = export_own.as_json(
            parts.database, parts.keyring, subject_ref=subject_ref, site=parts.site_name, now=clock()
        )
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="berkas-data.{form}"',
    }
    return StreamingResponse(pieces, media_type=_MEDIA_TYPES[form], headers=headers)


async def _proofs(parts: Parts, subject_ref: str, year: str) -> AsyncIterator[bytes]:
    since, until = year_of(year, parts.zone)
    return export_proofs.as_zip(
        parts.database,
        parts.keyring,
        parts.publisher,
        subject_ref=subject_ref,
        site=parts.site_name,
        keys=await keys_of(parts),
        since=since,
        until=until,
        at=local(clock(), parts.zone),
    )


async def _case(parts: Parts, browser: Browser, holder: Holder, here: str, case_id: str) -> Response:
    subject_ref = holder.link.subject_ref
    case = await own_rights.own_case(parts.database, case_id=case_id, subject_ref=subject_ref)
    if case is None:
        return problem(parts, browser, "not_found", 404)
    own = await own_rights.own_rights(parts.database, subject_ref)
    csrf = form_token_for(parts, browser, holder.link.id)
    found = await answer_case.opened(parts.keyring, case)
    return page(parts, browser, parts.pages.rights_case(case_page(parts, here, csrf, found, own, clock())))


async def _holder(parts: Parts, browser: Browser, code: str) -> Holder | None:
    link = await exercise_rights.open_link(parts.database, parts.keyring, code=code, now=clock())
    return Holder(link, browser.hash) if link else None


async def _passed(parts: Parts, holder: Holder) -> bool:
    target = Target(holder.link.id, holder.link.subject_ref, None)
    state = await prove_self.factor_state(parts.database, target=target, browser=holder.browser, now=clock())
    return state.passed
