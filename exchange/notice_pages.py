"""The page of a request that rests on law: told, not asked; and the message that goes with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exchange.answers import agency_code, reference, short_names, site_of
from exchange.consent_pages import ask_of, paper_of
from exchange.deps import Parts
from exchange.flows.give_consent import Opened
from exchange.pages import messages as words
from exchange.pages.views import LegalNotice


def notice_page(parts: Parts, opened: Opened) -> str:
    request = opened.request
    view = LegalNotice(
        site=site_of(parts),
        ask=ask_of(parts, opened),
        request_no=reference(request.id),
        papers=tuple(paper_of(parts, item) for item in opened.items),
        basis=request.lawful_basis,
        law=request.legal_reference or "",
        use_until=request.valid_until,
    )
    return parts.pages.legal_notice(view)


def legal_text(parts: Parts, agency_id: str, service: str) -> Callable[[Sequence[str], str, str, str], str]:
    """(document types, article, request id, trail link) -> the citizen's message."""

    def text(types: Sequence[str], law: str, request_id: str, trail_link: str) -> str:
        known = parts.catalogue.services.get(service)
        return words.legal_notice(
            site=parts.site_name,
            agency=agency_code(agency_id),
            documents=short_names(parts, types),
            purpose=known.name_id if known else service,
            law=law,
            reference=reference(request_id),
            trail_link=trail_link,
        )

    return text
