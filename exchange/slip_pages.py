"""The printed slip of one request without a phone, made from its rows; its text as it was read, and the notice afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from exchange.answers import agency_code, reference, short_names, site_of
from exchange.deps import Parts
from exchange.flows.confirm_assisted import Notice
from exchange.pages import SLIP_VERSION
from exchange.pages import messages as words
from exchange.pages.log_head import head_of
from exchange.pages.slip import Slip as SlipView
from exchange.pages.slip import SlipPaper, SlipResult
from exchange.receipts import code_of
from exchange.records import Terms
from exchange.slips import Slip, visit_ends

CHECK_PATH = "/verify"


def slip_page(parts: Parts, slip: Slip, head: str | None, code: str = "") -> str:
    """To be signed, or, once two officers decided, what came of it; ``code`` is known only to the answer of the confirmation. ``head`` is the published
    checkpoint.
    """
    view = _view(parts, slip)
    recorded, consent = slip.recorded, slip.consent
    if recorded is None or consent is None:
        return parts.pages.slip(view)
    papers = tuple(
        replace(paper, granted=slip.decisions.get(item.path, False))
        for paper, item in zip(view.papers, slip.items, strict=True)
    )
    result = SlipResult(
        recorded_by=slip.names[recorded.recorded_by],
        confirmed_by=slip.names[recorded.decided_by],
        at=consent.valid_from,
        witness=recorded.witness,
        record_sha256=consent.record_sha256,
        helped_by=recorded.helped_by,
        code=code,
        withdrawn_at=consent.withdrawn_at,
        head=head_of(head),
    )
    check = f"{view.check}/{code_of(parts.keyring.site('link'), consent.id)}"
    return parts.pages.slip(
        replace(view, papers=papers, use_until=consent.valid_until, result=result, check=check)
    )


def text_sha256(parts: Parts, slip: Slip) -> str:
    """Of the slip that is read to the citizen, as it is now: the same for the same words (UU 27/2022 art. 21, 24)."""
    return hashlib.sha256(parts.pages.slip(_view(parts, slip)).encode()).hexdigest()


def terms_of(parts: Parts, slip: Slip) -> Terms:
    """It was read at the latest when it was recorded."""
    return Terms(
        shown_sha256=text_sha256(parts, slip),
        shown_at=slip.recorded.recorded_at if slip.recorded else slip.request.created_at,
        text_version=SLIP_VERSION,
        controller=(parts.settings.site, parts.site_name),
        purpose=parts.catalogue.services[slip.request.service].name_id,
        language=parts.pages.language,
        retention_days=None,
        trail_uri=f"{parts.settings.origin}/w/",
    )


def notice_of(parts: Parts, slip: Slip) -> Notice:
    def notice(granted: Sequence[str], refused: Sequence[str], link: str) -> str:
        return words.assisted_notice(
            site=parts.site_name,
            agency=slip.agency.code,
            counter=slip.recorded.counter if slip.recorded else slip.request.counter,
            granted=short_names(parts, granted),
            refused=short_names(parts, refused),
            use_until=visit_ends(slip.request),
            reference=reference(slip.request.id),
            trail_link=link,
            zone=parts.zone,
        )

    return notice


def specific_types(parts: Parts) -> frozenset[str]:
    """Types of specific personal data (UU 27/2022 art. 4(2))."""
    kinds = parts.catalogue.document_types.values()
    return frozenset(kind.code for kind in kinds if kind.pdp_class == "spesifik")


def _view(parts: Parts, slip: Slip) -> SlipView:
    request = slip.request
    service = parts.catalogue.services[request.service]
    return SlipView(
        site=site_of(parts),
        agency=slip.agency.name,
        agency_code=agency_code(request.agency_id),
        service=service.name_id,
        counter=request.counter,
        officer=slip.asker,
        reference=reference(request.id),
        holder=slip.holder,
        nik=slip.nik,
        papers=tuple(_paper(parts, slip, number) for number in range(len(slip.items))),
        answer_before=request.expires_at,
        use_until=visit_ends(request),
        check=f"{parts.settings.origin}{CHECK_PATH}",
        application_no=request.application_no,
        service_law=service.legal,
    )


def _paper(parts: Parts, slip: Slip, number: int) -> SlipPaper:
    item = slip.items[number]
    kind = parts.catalogue.document_types[item.type]
    copy = item.on_file
    return SlipPaper(
        code=item.type,
        name=kind.name_id,
        issuer=kind.issuer,
        on_file=copy is not None,
        sensitive=kind.pdp_class == "spesifik",
        issued_on=copy.issued_on if copy else None,
        valid_until=copy.valid_until if copy else None,
        tax_year=copy.tax_year if copy else None,
    )
