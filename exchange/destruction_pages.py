"""Destructions as their words say them: the notice to the citizen, and the minutes."""

from __future__ import annotations

import json
from datetime import datetime

from exchange.answers import agency_code, letter, name_in, short_names, site_of
from exchange.deps import Parts
from exchange.destroying import Notice
from exchange.destructions import Told
from exchange.pages import rights_messages as words
from exchange.pages.minutes import MinutedPaper, MinutedVersion, Minutes
from exchange.retention import Terms


def number(destruction_id: str) -> str:
    """As people say it: kind, and the last eight characters of the id."""
    return f"MSN-{destruction_id[-8:-4]}-{destruction_id[-4:]}"


def terms_of(parts: Parts) -> Terms:
    kinds = parts.catalogue.document_types
    return Terms(
        {code: kind.retention_months for code, kind in kinds.items()}, parts.catalogue.superseded_months
    )


def notice_of(parts: Parts) -> Notice:
    """(document type, day on which it is complete) -> text."""

    def text(link: str, document_type: str, erased_on: datetime) -> str:
        return words.destruction_notice(
            site=parts.site_name,
            document=short_names(parts, [document_type])[0],
            erased_on=erased_on,
            trail_link=link,
            zone=parts.zone,
        )

    return letter(parts, text)


def minutes_page(parts: Parts, told: Told) -> str:
    row = told.destruction
    known = parts.catalogue.document_types
    papers = tuple(
        MinutedPaper(
            document_id=paper.document_id,
            name=name_in(parts, known[paper.type]) if paper.type in known else paper.type,
            reason=paper.reason,
            months=paper.months,
            last_used_at=paper.last_used_at,
            versions=tuple(
                MinutedVersion(version["version"], version["sha256"])
                for version in json.loads(paper.versions)
            ),
            state=paper.state,
            why=paper.why,
            at=paper.at,
        )
        for paper in told.papers
    )
    view = Minutes(
        site=site_of(parts),
        agency=agency_code(row.agency_id),
        number=number(row.id),
        until=row.until,
        state=row.state,
        proposed_by=told.names.get(row.proposed_by, ""),
        proposed_at=row.proposed_at,
        decided_by=told.names.get(row.decided_by, ""),
        decided_at=row.decided_at,
        finished_at=row.finished_at,
        effective_at=row.effective_at,
        papers=papers,
    )
    return parts.pages.minutes(view)
