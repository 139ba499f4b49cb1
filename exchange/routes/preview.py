"""Citizens: a paper of a consent request, looked at before the decision (M30)."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Path, Response

from auth.verdict import AccessRefused
from exchange.answers import back, gone, picture, problem
from exchange.copies import CopyBusy, CopyFailed
from exchange.deps import CitizenBrowser, OfficerHere, Translated, clock
from exchange.factors import target_of
from exchange.flows import give_consent, officers_browser, preview_paper, prove_self

router = APIRouter(tags=["Citizen"])
_log = logging.getLogger("berkas.web")


@router.get(
    "/p/{code}/dokumen/{key}",
    operation_id="previewDocument",
    summary="Look at a paper before deciding",
    response_class=Response,
)
async def preview_document(
    parts: Translated,
    browser: CitizenBrowser,
    officer: OfficerHere,
    code: str,
    key: Annotated[str, Path(pattern=r"^[0-9]{1,3}$")],
) -> Response:
    """The browser that passed the factor, while the request is open: a small picture of the first pages, marked as a preview. One entry;
    decides nothing.
    """
    opened = await give_consent.open_link(parts.database, parts.keyring, code=code)
    now = clock()
    if opened is None or opened.request.mode == "notice" or opened.request.state != "pending":
        return gone(parts)
    request = opened.request
    item = next((item for item in opened.items if item.key == key and item.on_file is not None), None)
    if now >= request.expires_at or item is None:
        return gone(parts)
    state = await prove_self.factor_state(
        parts.database, target=target_of(request), browser=browser.hash, now=now
    )
    if not state.passed:
        return back(parts, browser, f"/p/{code}")
    if officer is not None:
        await officers_browser.put_on_record(
            parts.keyring,
            parts.appender,
            officer=officer,
            subject_ref=request.subject_ref,
            request=request,
        )
        return problem(parts, browser, "officer_browser", 403)
    try:
        shown = await preview_paper.preview(
            parts.database,
            parts.keyring,
            parts.appender,
            parts.vault,
            parts.copies,
            request=request,
            agency=opened.agency.name,
            item=item,
            browser=browser.hash,
            zone=parts.zone,
            now=now,
        )
    except AccessRefused:  # changed in this very moment: the link's own page says how
        return back(parts, browser, f"/p/{code}")
    except CopyFailed as failed:
        _log.warning("no preview can be drawn", extra={"error": str(failed)})
        return problem(parts, browser, "no_preview", 422)
    except CopyBusy:
        return problem(parts, browser, "unavailable", 503)
    return picture(shown.whole or b"", "pratinjau")
