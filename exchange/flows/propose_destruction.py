"""What is due, and the list that a data officer proposes of it (UU 43/2009; UU 27/2022 art. 16(2), 44; L04, L26, L52).

What is due is a query (``storage.retention``): nothing runs in secret, and a proposal changes nothing yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Officer
from auth.grants import first_refusal
from auth.retention import judge_keeper
from auth.roles import RESOLVE
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import administer
from exchange.destructions import Told, demand, told
from exchange.retention import Terms, told_versions
from storage.database import Database
from storage.destructions import DESTRUCTION_PAPERS, DESTRUCTIONS, Destruction, DestructionPaper, paper_id
from storage.documents import VERSIONS, DocumentVersion, version_id
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.retention import Cutoffs, DuePaper, due_papers

AT_ONCE = 200
"""Papers in one destruction: each is a batch item while somebody waits for the answer."""


@dataclass(frozen=True, slots=True)
class Due:
    """``papers`` with what there is of each; ``total`` of all that are due."""

    papers: tuple[tuple[DuePaper, tuple[DocumentVersion, ...]], ...]
    total: int


async def list_due(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    terms: Terms,
    keeper: str,
    after: str,
    limit: int,
    by: Officer,
    now: datetime,
) -> Due:
    """Raises ``AccessRefused``."""
    await demand(keyring, appender, by, RESOLVE, keeper, "look_at_due")
    return await _due(database, terms.cutoffs(now), after=after, limit=limit)


async def propose(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    terms: Terms,
    keeper: str,
    until: datetime | None,
    document_ids: Sequence[str] | None,
    by: Officer,
    now: datetime,
) -> Told:
    """What was due at ``until`` (None: now), at most 200, but for what an order keeps; or these documents, each of which must be due and free. Nothing is
    promised by it: the batch that destroys judges. Raises ``AccessRefused``.
    """
    due = await _due(
        database, terms.cutoffs(until or now), limit=AT_ONCE, free=True, document_ids=document_ids
    )
    destruction_id = new_id("ds")
    papers = tuple(_proposed(destruction_id, paper, rows, terms) for paper, rows in due.papers)
    missing = set(document_ids or ()) - {paper.document_id for paper in papers}
    row = Destruction(destruction_id, by.agency_id, until or now, by.id, now, "open", "", None, None, None)
    kept: list[Destruction] = []

    def judge(_facts: Facts, now: datetime) -> Verdict:
        return first_refusal(
            judge_keeper(by.agency_id, keeper),
            ALLOWED if until is None or until <= now else Refused("destruction_in_the_future"),
            Refused("paper_not_due") if missing else ALLOWED,
            ALLOWED if papers else Refused("nothing_due"),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        kept[:] = [replace(row, proposed_at=now)]
        facts.put(DESTRUCTIONS, kept[0])
        for paper in papers:
            facts.put(DESTRUCTION_PAPERS, paper)

    needs = [Need(DESTRUCTIONS, row.id), *(Need(DESTRUCTION_PAPERS, paper.id) for paper in papers)]
    details = {"act": "propose_destruction", "destruction": row.id, "papers": str(len(papers))}
    await administer(keyring, appender, "erase", details, needs, judge, apply, by=by, right=RESOLVE)
    return await told(database, kept[0], papers)


async def _due(
    database: Database,
    cutoffs: Cutoffs,
    *,
    after: str = "",
    limit: int,
    free: bool = False,
    document_ids: Sequence[str] | None = None,
) -> Due:
    async with database.transaction() as transaction:  # whose plans may scan
        page = await due_papers(
            transaction, cutoffs, after=after, limit=limit, free=free, document_ids=document_ids
        )
        ids = [version_id(paper.document_id, number) for paper in page.papers for number in paper.versions]
        rows = {row.id: row for row in await VERSIONS.load(transaction.raw, "id", ids)}
    return Due(
        tuple(
            (paper, tuple(rows[version_id(paper.document_id, number)] for number in paper.versions))
            for paper in page.papers
        ),
        page.total,
    )


def _proposed(
    destruction_id: str, paper: DuePaper, rows: Collection[DocumentVersion], terms: Terms
) -> DestructionPaper:
    return DestructionPaper(
        id=paper_id(destruction_id, paper.document_id),
        destruction_id=destruction_id,
        document_id=paper.document_id,
        subject_ref=paper.subject_ref,
        type=paper.type,
        reason=paper.reason,
        months=terms.of(paper.type, paper.reason),
        last_used_at=paper.last_used_at,
        versions=told_versions(rows),
        state="proposed",
        why="",
        at=None,
    )
