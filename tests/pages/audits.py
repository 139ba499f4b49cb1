"""Samples of the auditor's pages: a full page of the longest entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from exchange.pages.audit import AskedExport, AuditFind, AuditFound, FoundEntry
from exchange.pages.views import Site

NOW = datetime(2026, 11, 24, 8, 5, tzinfo=UTC)
SITE = Site("MPP Kota Samarinda", "Asia/Makassar")
CSRF = "8f3b" * 16
FORM = {
    "assignment": "ST-12/INSP/2026", "citizen": "sbj_01JD0000000000000000000000", "officer": "off_01JD0000000000000000000000",
    "agency": "DPMPTSP@6472", "since": "2026-11-01", "until": "2026-11-24", "kind": "release", "allowed": "no",
}  # fmt: skip
AUDIT_FIND = AuditFind(
    SITE, CSRF, "Pengawas Contoh", "INSPEKTORAT", FORM,
    tuple(
        AskedExport(f"ax_01JD000000000000000000000{n}", "ST-12/INSP/2026", agency, NOW - timedelta(days=9), NOW, state, own)
        for n, (agency, state, own) in enumerate(
            [("", "open", True), ("DPMPTSP@6472", "open", False), ("", "approved", True), ("", "approved", False), ("", "rejected", True)]
        )
    ),
)  # fmt: skip
AUDIT_FOUND = AuditFound(
    SITE, CSRF, FORM,
    tuple(
        FoundEntry(
            1_204_331 - n, NOW - timedelta(minutes=n), "readiness" if n else "request", "record_assisted" if n % 2 else "", n % 3 > 0,
            "" if n % 3 else "consent_of_another_agency", "officer:off_01JD0000000000000000000000", "DPMPTSP@6472", "Loket 3",
            "sbj_01JD0000000000000000000000" if n else "", "DPMPTSP.IZIN_PRAKTIK_PERAWAT", "legal_obligation", ("KTP-el", "KK", "STR"),
        )
        for n in range(25)
    ),
    1_204_306, 3, 1_204_332,
)  # fmt: skip
