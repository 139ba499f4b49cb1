"""Officers: whom a paper names."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from exchange.answers import limits_of
from exchange.deps import CurrentOfficer, Parts, Wired, clock
from exchange.flows import mark_areas, name_subjects
from exchange.schemas import DocumentId, Reference, Strict

router = APIRouter(prefix="/v1/documents/{document_id}/subjects", tags=["Agency"])

_Fraction = Annotated[float, Field(ge=0, le=1)]
_ROUNDING = 1e-6


class RegionIn(Strict):
    """A rectangle in fractions of the page, from its upper left corner; pages count from 1."""

    page: int = Field(default=1, ge=1, le=50)
    x: _Fraction
    y: _Fraction
    width: float = Field(gt=0, le=1)
    height: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _on_the_page(self) -> RegionIn:
        if self.x + self.width > 1 + _ROUNDING or self.y + self.height > 1 + _ROUNDING:
            raise ValueError("outside of the page")
        return self


class PersonIn(Strict):
    subject_ref: Reference
    role: Literal["holder", "spouse", "parent", "child", "member", "guardian", "curator", "proxy"]
    child_of: list[Reference] = Field(default_factory=list, max_length=2)
    regions: list[RegionIn] = Field(default_factory=list, max_length=20)


@router.post("", status_code=201, operation_id="nameOnDocument", summary="Write down whom a paper names")
async def name_on_document(
    parts: Wired, officer: CurrentOfficer, document_id: DocumentId, body: PersonIn
) -> dict[str, Any]:
    """An officer of the agency that took the paper in, who reads it from the paper itself; about its newest copy. ``child_of``: whom it
    shows as this person's parents. ``regions``: where the person stands on it, so that it can be hidden. One entry for the holder,
    one for the person.
    """
    agency = officer.agency_id
    row = await name_subjects.name_person(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        caller=officer,
        document_id=document_id,
        person=name_subjects.Person(
            subject_ref=parts.keyring.meant(agency, body.subject_ref),
            role=body.role,
            child_of=tuple(parts.keyring.meant(agency, ref) for ref in body.child_of),
            regions=tuple(region.model_dump() for region in body.regions),
        ),
        limits=limits_of(parts),
        now=clock(),
    )
    return _told(parts, agency, row)


class AreasIn(Strict):
    areas: list[RegionIn] = Field(min_length=1, max_length=50)


@router.put("/areas", operation_id="markPeopleOnDocument", summary="Mark where people stand on a paper")
async def mark_people_on_document(
    parts: Wired, officer: CurrentOfficer, document_id: DocumentId, body: AreasIn
) -> dict[str, Any]:
    """The same officers, about the newest copy: every place where anybody stands, also who is not written down and the head of a KK. A copy
    for a service that may see one person (`rendition: redacted`) covers all of it but that person's `regions`; without it there is none.
    """
    version = await mark_areas.mark(
        parts.database,
        parts.keyring,
        parts.appender,
        caller=officer,
        document_id=document_id,
        areas=[area.model_dump() for area in body.areas],
    )
    return {"document_id": document_id, "version": version, "areas": len(body.areas)}


@router.get("", operation_id="listNamedOnDocument", summary="Whom a paper names")
async def named_on_document(
    parts: Wired, officer: CurrentOfficer, document_id: DocumentId, response: Response
) -> dict[str, Any]:
    """The same officers. Names are masked; the look is an entry of the holder."""
    rows = await name_subjects.listed(
        parts.database, parts.keyring, parts.appender, caller=officer, document_id=document_id
    )
    response.headers["Cache-Control"] = "no-store"
    return {"data": [_told(parts, officer.agency_id, shown.row) | {"name": shown.name} for shown in rows]}


@router.delete(
    "/{ref}",
    status_code=204,
    operation_id="unnameOnDocument",
    summary="Take back that a paper names somebody",
)
async def unname_on_document(
    parts: Wired, officer: CurrentOfficer, document_id: DocumentId, ref: Reference
) -> Response:
    """The same officers. Consents that rest on it and wait for a decision are refused then."""
    await name_subjects.take_back(
        parts.database,
        parts.keyring,
        parts.appender,
        parts.vault,
        caller=officer,
        document_id=document_id,
        subject_ref=parts.keyring.meant(officer.agency_id, ref),
    )
    return Response(status_code=204)


def _told(parts: Parts, agency_id: str, row: name_subjects.Named) -> dict[str, Any]:
    return {
        "subject_ref": parts.keyring.pseudonym(agency_id, row.subject_ref),
        "document_id": row.document_id,
        "version": int(row.version_id.rpartition("/")[2]),
        "role": row.role,
        "child_of": [parts.keyring.pseudonym(agency_id, ref) for ref in json.loads(row.child_of)],
        "regions": json.loads(row.regions),
    }
