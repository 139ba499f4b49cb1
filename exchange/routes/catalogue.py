"""Any known caller: what the services require, and the types of papers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from auth.verdict import AccessRefused
from exchange.deps import Wired
from exchange.machine import officer_or_machine

router = APIRouter(
    prefix="/v1", tags=["Catalogue"], dependencies=[Depends(officer_or_machine("catalog.read"))]
)


@router.get("/services", operation_id="listServices", summary="The services of this deployment")
async def services(parts: Wired) -> dict[str, Any]:
    """Any signed-in officer, or a client with `catalog.read`. Code, agency and names; what a service requires is under its code."""
    rows = parts.catalogue.services.values()
    return {
        "data": [
            {"code": row.code, "agency": row.agency, "name_id": row.name_id, "name_en": row.name_en}
            for row in rows
        ]
    }


@router.get("/services/{code}", operation_id="getService", summary="One service with its requirements")
async def service(parts: Wired, code: str) -> dict[str, Any]:
    """Any signed-in officer, or a client with `catalog.read`. The requirements as the catalogue has them, and how sure their source is."""
    found = parts.catalogue.services.get(code)
    if found is None:
        raise AccessRefused("service_unknown")
    return found.as_dict()


@router.get("/document-types", operation_id="listDocumentTypes", summary="The document types")
async def document_types(parts: Wired) -> dict[str, Any]:
    """Any signed-in officer, or a client with `catalog.read`. ``stored`` is false for what is bound to one request or only shown, and never kept."""
    rows = parts.catalogue.document_types.values()
    return {
        "data": [
            {
                "code": row.code,
                "name_id": row.name_id,
                "name_en": row.name_en,
                "issuer": row.issuer,
                "formats": list(row.formats),
                "pdp_class": row.pdp_class,
                "validity": row.validity.kind,
                "levels": list(row.levels),
                "stored": not parts.catalogue.at_counter(row.code),
            }
            for row in rows
        ]
    }
