"""The calls of auditors for the authorization matrix."""

from __future__ import annotations

from typing import Any

from tests.flows.test_administration import Admin

AUDITED = {
    "assignment": "ST-1/2026",
    "from": "2026-10-01T00:00:00+08:00",
    "to": "2036-11-01T00:00:00+08:00",
}


async def audit_exports(ours: Admin, theirs: Admin) -> dict[tuple[str, str], str]:
    """Evidence that each of the two asked for, one request to be approved and one to be rejected."""
    made = {}
    for operation in ("approveEvidence", "rejectEvidence"):
        for whose, by in (("ours", ours), ("another agency's", theirs)):
            made[operation, whose] = (await by.at.post("/v1/audit/exports", json=AUDITED)).json()["id"]
    return made


def audit_calls(export: str, agency: str, nik: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Method, address and body by operation; ``export`` is an address."""
    assignment = AUDITED["assignment"]
    report = {"year": 2026, "half": 2, "agency": agency}
    entries = {"assignment": assignment, "agency": agency}
    return {
        "findAuditedCitizen": (
            "POST",
            "/v1/audit/citizens",
            {"json": {"nik": nik, "assignment": assignment}},
        ),
        "findEntries": ("GET", "/v1/audit/entries", {"params": entries}),
        "listOwnActs": ("GET", "/v1/audit/own", {}),
        "askForEvidence": ("POST", "/v1/audit/exports", {"json": AUDITED | {"agency": agency}}),
        "listEvidence": ("GET", "/v1/audit/exports", {}),
        "approveEvidence": ("POST", f"{export}/approval", {}),
        "rejectEvidence": ("POST", f"{export}/rejection", {}),
        "takeEvidence": ("GET", f"{export}/archive", {}),
        "reportSemester": ("GET", "/v1/reports/semester", {"params": report}),
    }
