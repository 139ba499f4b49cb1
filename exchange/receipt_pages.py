"""The receipt's PDF, from the record alone; and what ``/verify`` says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from exchange.answers import name_in, reference, site_of
from exchange.deps import Parts
from exchange.flows.show_receipt import Recorded
from exchange.flows.verify_record import Verified
from exchange.pages.log_head import head_of
from exchange.pages.verify_views import VerifyAnswer, VerifyState
from exchange.pages.wording import local
from exchange.revisions import claims_of, kid_of, sha256_of


def receipt_of(parts: Parts) -> Callable[[Recorded], bytes]:
    """Draws a record, the same in every language of the pages. What it shows is what the record says, with the log's head, and what the recipient can
    read there.
    """

    def draw(recorded: Recorded) -> bytes:
        from exchange.pages.receipt import ReceiptFile, receipt_pdf  # half a second, for who asks first

        newest, first = recorded.revisions[-1], claims_of(recorded.revisions[0])
        claims = claims_of(newest)
        names = {code: row.name_id for code, row in parts.catalogue.document_types.items()}
        items: list[dict[str, Any]] = claims["items"]
        by_decision = {
            decision: tuple(
                names.get(item["document_type"], item["document_type"])
                for item in items
                if item["decision"] == decision
            )
            for decision in ("granted", "refused")
        }
        view = ReceiptFile(
            site=parts.site_name,
            zone=parts.zone,
            reference=reference(recorded.request_id),
            record_id=recorded.record_id,
            state=claims["event"]["type"],
            changed_at=_moment(claims["event"]["time"]),
            decided_at=_moment(first["event"]["time"]),
            agency=claims["recipient"]["name"],
            purpose=claims["purpose"]["text"],
            basis=claims["lawful_basis"],
            law=claims["legal_reference"],
            relation=(claims["granted_by"] or {}).get("relation", "self"),
            assisted=claims["assist"] is not None,
            allowed=by_decision["granted"],
            not_shared=by_decision["refused"],
            use_until=_moment(claims["validity"]["exp"]),
            retention_days=claims["retention_at_recipient"]["value"],
            verify_link=f"{parts.settings.origin}/verify/{recorded.code}",
            verify_code=recorded.code,
            key_id=kid_of(newest),
            record_sha256=sha256_of(newest),
            files=_files(recorded.revisions),
            head=head_of(recorded.head),
        )
        return receipt_pdf(view)

    return draw


async def published_head(parts: Parts) -> str | None:
    """The published checkpoint, with the cosignatures that have come."""
    published = await parts.publisher.public()
    return published[0] if published else None


def answer_page(parts: Parts, verified: Verified, *, by_code: bool) -> str:
    consent = verified.consent
    if consent is None:
        return parts.pages.verify_answer(VerifyAnswer(site_of(parts), verified.word, by_code=by_code))
    state: VerifyState = (
        "valid" if verified.valid else "nothing_allowed" if consent.state == "refused" else "over"
    )
    service = parts.catalogue.services.get(consent.service)
    view = VerifyAnswer(
        site=site_of(parts),
        word=verified.word,
        by_code=by_code,
        agency=verified.agency,
        service=name_in(parts, service) if service else consent.service,
        decided_on=local(consent.valid_from, parts.zone).date(),
        state=None if verified.word == "withdrawn" else state,
        copied_on=local(verified.copied_at, parts.zone).date() if verified.copied_at else None,
        delivered_on=local(verified.delivered_at, parts.zone).date() if verified.delivered_at else None,
    )
    return parts.pages.verify_answer(view)


def _files(revisions: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    """The newest revision as ``consent.jws``; those before it by their number."""
    earlier = [
        (f"consent-revision-{number}.jws", revision.encode())
        for number, revision in enumerate(revisions[:-1], start=1)
    ]
    return (("consent.jws", revisions[-1].encode()), *reversed(earlier))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
