"""The pages and texts of one consent request, made from its rows; and the token that says which page was read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from exchange.answers import reference, short_names, site_of
from exchange.deps import Browser, Parts, clock, form_token_for
from exchange.flows.give_consent import AskedItem, Decided, Notice, Opened
from exchange.flows.prove_self import FactorState
from exchange.pages import TEXT_VERSION
from exchange.pages import messages as words
from exchange.pages.views import (
    Ask,
    AskedPaper,
    CodeError,
    ConsentCode,
    ConsentDecide,
    ConsentDone,
    ConsentStart,
)
from exchange.records import Terms

_TIME_DIGITS = 8
_TOKEN = re.compile(rf"[0-9a-f]{{{_TIME_DIGITS}}}[0-9a-f]{{64}}")


def current_page(parts: Parts, browser: Browser, opened: Opened, state: FactorState, now: datetime) -> str:
    """Where this browser stands: start, code or decision."""
    if state.passed:
        return parts.pages.consent_decide(decide_view(parts, browser, opened, now))
    if state.code_sent:
        return code_page(parts, browser, opened, state, None)
    csrf = form_token_for(parts, browser, opened.request.id)
    return parts.pages.consent_start(ConsentStart(site_of(parts), csrf, _ask(parts, opened)))


def code_page(
    parts: Parts, browser: Browser, opened: Opened, state: FactorState, error: CodeError | None
) -> str:
    view = ConsentCode(
        site=site_of(parts),
        csrf=form_token_for(parts, browser, opened.request.id),
        ask=_ask(parts, opened),
        tries_left=state.tries_left,
        code_expires_at=state.code_expires_at or clock(),
        error=error,
    )
    return parts.pages.consent_code(view)


def decide_view(parts: Parts, browser: Browser, opened: Opened, shown_at: datetime) -> ConsentDecide:
    """The decision page as it is at ``shown_at``. Its form token carries that time and vouches, for this browser, for
    every word of the page: with it a POST proves which text was read, and when (UU 27/2022 art. 24).
    """
    request = opened.request
    whole_seconds = shown_at.replace(microsecond=0)
    view = ConsentDecide(
        site=site_of(parts),
        csrf="",
        ask=_ask(parts, opened),
        officer=opened.asker,
        request_no=reference(request.id),
        papers=tuple(_paper(parts, item) for item in opened.items),
        shown_at=whole_seconds,
        use_until=request.valid_until,
        application_no=request.application_no,
        service_law=parts.catalogue.services[request.service].legal,
    )
    at_s = int(whole_seconds.timestamp())
    purpose = f"{request.id} {at_s} {shown_sha256(parts, view)}"
    return replace(view, csrf=f"{at_s:0{_TIME_DIGITS}x}{form_token_for(parts, browser, purpose)}")


def shown_at_of(token: str) -> datetime | None:
    """The time that a decision's token names; nobody vouches for it until the whole token was compared."""
    if _TOKEN.fullmatch(token) is None:
        return None
    return datetime.fromtimestamp(int(token[:_TIME_DIGITS], 16), UTC)


def shown_sha256(parts: Parts, view: ConsentDecide) -> str:
    return hashlib.sha256(parts.pages.consent_shown(view).encode()).hexdigest()


def terms_of(parts: Parts, view: ConsentDecide) -> Terms:
    return Terms(
        shown_sha256=shown_sha256(parts, view),
        shown_at=view.shown_at,
        text_version=TEXT_VERSION,
        controller=(parts.settings.site, parts.site_name),
        purpose=view.ask.service,
    )


def receipt_page(parts: Parts, opened: Opened, decided: Decided) -> str:
    names = {code: row.name_id for code, row in parts.catalogue.document_types.items()}
    link = f"{parts.settings.origin}/w/{decided.trail_code}" if decided.trail_code else None
    view = ConsentDone(
        site=site_of(parts),
        ask=_ask(parts, opened),
        reference=reference(decided.request.id),
        decided_at=decided.request.decided_at or clock(),
        granted=tuple(names[code] for code in decided.granted),
        refused=tuple(names[code] for code in decided.refused),
        trail_link=link,
        to_bring=tuple(names[code] for code in decided.absent),
        use_until=decided.request.valid_until if decided.granted else None,
    )
    return parts.pages.consent_done(view)


def code_text(parts: Parts, opened: Opened, one_time: str) -> str:
    """The code's text is the transaction: it names only what can be agreed to."""
    on_file = [item.type for item in opened.items if item.on_file]
    return words.consent_code_message(
        code=one_time,
        agency=opened.agency.code,
        documents=short_names(parts, on_file),
        use_until=opened.request.valid_until,
        zone=parts.zone,
    )


def notice_of(parts: Parts, opened: Opened) -> Notice:
    def notice(granted: Sequence[str], refused: Sequence[str], link: str) -> str:
        return words.decision_notice(
            site=parts.site_name,
            agency=opened.agency.code,
            granted=short_names(parts, granted),
            refused=short_names(parts, refused),
            use_until=opened.request.valid_until,
            reference=reference(opened.request.id),
            trail_link=link,
            zone=parts.zone,
        )

    return notice


def _paper(parts: Parts, item: AskedItem) -> AskedPaper:
    kind = parts.catalogue.document_types[item.type]
    return AskedPaper(
        key=item.key,
        code=item.type,
        name=kind.name_id,
        issuer=kind.issuer,
        on_file=item.on_file is not None,
        sensitive=kind.pdp_class == "spesifik",
        issued_on=item.on_file.issued_on if item.on_file else None,
        valid_until=item.on_file.valid_until if item.on_file else None,
        tax_year=item.on_file.tax_year if item.on_file else None,
    )


def _ask(parts: Parts, opened: Opened) -> Ask:
    request = opened.request
    service = parts.catalogue.services[request.service].name_id
    return Ask(opened.agency.name, service, request.counter, request.pairing_code, request.expires_at)
