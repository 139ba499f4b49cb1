"""Agencies: the proof of what they received and of the consents that they were given, to take along (M34, ``protocols.md`` 5)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from auth.callers import Caller
from auth.roles import PROVE
from exchange.answers import archive, keys_of
from exchange.bundles import Bundle
from exchange.deps import Parts, Wired, clock
from exchange.flows import prove_consent, prove_entry
from exchange.machine import officer_or_machine
from exchange.pages.wording import local
from exchange.schemas import ConsentId, ReceiptId

router = APIRouter(prefix="/v1", tags=["Proofs"])

Asker = Annotated[Caller, Depends(officer_or_machine("tickets.issue", PROVE))]
RETRY_AFTER_S = 1
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/zip": {}},
        "description": "A ZIP archive; its README tells how to check it",
    },
    202: {"description": "Not yet: no signed checkpoint covers it. Ask again after `Retry-After` seconds"},
}


@router.get(
    "/receipts/{receipt_id}/bundle",
    operation_id="getReceiptBundle",
    summary="The proof of one delivery",
    response_class=Response,
    responses=_RESPONSES,
)
async def receipt_bundle(parts: Wired, caller: Asker, receipt_id: ReceiptId) -> Response:
    """An officer, the data protection officer, or a client with `tickets.issue`, of the agency that fetched; the number is the receipt's
    `jti`, and the delivery's `Link` header leads here. Receipt, proof that its entry is in the log, digest of what was served, public keys,
    and how to check all of it offline. No paper is in it. No entry: it opens nothing. Every receipt of a package and of a delivery that was
    repeated has its own.
    """
    bundle = await prove_entry.for_recipient(
        parts.database,
        parts.keyring,
        parts.appender,
        prove_entry.Maker(parts.desk, parts.copies, await keys_of(parts), parts.site_name),
        caller=caller,
        receipt=receipt_id,
        now=clock(),
    )
    return _answer(parts, bundle)


@router.get(
    "/consents/{consent_id}/bundle",
    operation_id="getConsentBundle",
    summary="The proof of one consent",
    response_class=Response,
    responses=_RESPONSES,
)
async def consent_bundle(parts: Wired, caller: Asker, consent_id: ConsentId) -> Response:
    """The same callers, of the agency that asked for this consent: every revision of its record, with the proof of the entry of each."""
    bundle = await prove_consent.for_recipient(
        parts.database,
        parts.keyring,
        parts.appender,
        prove_consent.Maker(parts.desk, await keys_of(parts), parts.site_name),
        caller=caller,
        consent_id=consent_id,
        now=clock(),
    )
    return _answer(parts, bundle)


def _answer(parts: Parts, bundle: Bundle | None) -> Response:
    if bundle is None:
        headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store, private"}
        return JSONResponse({"state": "pending"}, 202, headers=headers)
    return archive(bundle.packed(local(clock(), parts.zone)), bundle.name)
