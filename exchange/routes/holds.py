"""Orders to keep a paper, by the data officer of the agency that answers for what is stored here."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import Field, field_validator

from exchange.deps import CurrentOfficer, Wired, current_officer
from exchange.flows import hold_papers
from exchange.schemas import DocumentId, Strict

router = APIRouter(
    prefix="/v1/documents/{document_id}/legal-hold", tags=["Rights"], dependencies=[Depends(current_officer)]
)
_PERSONAL_NUMBER = re.compile(r"[0-9]{16}")


class OrderIn(Strict):
    """``order`` is the number of the court's or the authority's letter: never anybody's name or NIK."""

    order: str = Field(min_length=3, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./-]*$")

    @field_validator("order")
    @classmethod
    def _of_a_letter(cls, order: str) -> str:
        if _PERSONAL_NUMBER.search(re.sub(r"[ ./-]", "", order)):
            raise ValueError("a letter's number has no sixteen digits in a row")
        return order


@router.put("", operation_id="placeLegalHold", summary="Order that a paper be kept")
async def place_hold(
    parts: Wired, officer: CurrentOfficer, document_id: DocumentId, body: OrderIn
) -> dict[str, Any]:
    """Every version that there is. Until it is lifted no erasure and no retention period destroys one (BK-3043)."""
    held = await hold_papers.mark(
        parts.database,
        parts.keyring,
        parts.appender,
        document_id=document_id,
        order=body.order,
        keeper=parts.settings.keeper,
        by=officer,
    )
    return {"document_id": document_id, "order": body.order, "versions": held}


@router.delete("", operation_id="liftLegalHold", summary="The order is lifted")
async def lift_hold(parts: Wired, officer: CurrentOfficer, document_id: DocumentId) -> dict[str, Any]:
    """What was asked meanwhile is answered as usual: nothing is destroyed by lifting."""
    freed = await hold_papers.mark(
        parts.database,
        parts.keyring,
        parts.appender,
        document_id=document_id,
        order="",
        keeper=parts.settings.keeper,
        by=officer,
    )
    return {"document_id": document_id, "order": None, "versions": freed}
