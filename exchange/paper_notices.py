"""Notices about papers that stopped being good, with the names that this house has for papers and agencies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from auth.callers import Officer
from exchange.answers import agency_code, letter, short_names
from exchange.citizen import Letter
from exchange.deps import Parts
from exchange.flows.void_paper import Voided
from exchange.pages import paper_messages as words
from exchange.voiding import Letters


def void_letters(parts: Parts) -> Letters:
    def filed_under(link: str, report: Voided, receivers: Sequence[str]) -> str:
        return words.voided_notice(
            site=parts.site_name,
            agency=agency_code(report.agency_id),
            paper=short_names(parts, [report.document_type])[0],
            reason=report.reason,
            receivers=[agency_code(one) for one in receivers],
            trail_link=link,
        )

    def owner(link: str, report: Voided, receivers: Sequence[str]) -> str:
        return words.misfiled_notice(
            site=parts.site_name,
            agency=agency_code(report.agency_id),
            paper=short_names(parts, [report.document_type])[0],
            receivers=[agency_code(one) for one in receivers],
            trail_link=link,
        )

    return Letters(letter(parts, filed_under), letter(parts, owner))


def stale_text(parts: Parts, officer: Officer) -> Letter[[date]]:
    """The notice that papers need to be renewed: (day of the event) -> text."""

    def text(link: str, happened_on: date) -> str:
        return words.stale_notice(
            site=parts.site_name,
            agency=agency_code(officer.agency_id),
            happened_on=happened_on,
            trail_link=link,
        )

    return letter(parts, text)
