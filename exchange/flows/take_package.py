"""All papers of a ticket in one archive (M27): one batch, one entry each, all or none.

1. every paper of the ticket is found
2. one item each, in one batch: the first judges them all, and what is wrong with one refuses all; nothing is used up then
3. paper by paper, when its turn comes: got, authenticated, drawn as the ticket names it, with its signed receipt
4. one outcome each, all alike: a broken archive is none, and each paper of it may be delivered again
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import Caller
from auth.client_tokens import Proof
from auth.grants import first_refusal
from auth.tokens import Ticket, TokenDesk
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.copies import Copies
from exchange.deliveries import Delivery, outcome_of, still_granted
from exchange.delivery_receipt import signed_receipt
from exchange.releases import (
    Release,
    judge_release,
    opened_of,
    release_needs,
    release_work,
    resolved,
)
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts
from storage.ledger.log import Appender
from storage.ledger.work import Settled, Work
from storage.vault import Opened, Vault

__all__ = ["Paper", "Taken", "ended", "release_all", "still_granted", "take"]


@dataclass(frozen=True, slots=True)
class Paper:
    """Released, and not yet opened."""

    release: Release
    item_id: str
    settled: Settled[Verdict]
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Taken:
    """Opened, on its way into the archive."""

    opened: Opened
    receipt: str
    delivery: Delivery


async def release_all(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    vault: Vault,
    copies: Copies,
    *,
    ticket: Ticket,
    caller: Caller,
    proof: Proof | None,
    now: datetime,
) -> tuple[Paper, ...]:
    """Raises ``AccessRefused`` after every refusal is on record; nothing is used up then."""
    releases = []
    for document in ticket.docs:
        release = await resolved(
            database,
            keyring,
            appender,
            vault,
            ticket=ticket,
            caller=caller,
            proof=proof,
            document_id=document.id,
            version=document.ver,
            codes=copies.code_id,
            now=now,
            package=len(ticket.docs),
        )
        releases.append(release)
    size = sum(release.size for release in releases)
    together = _Together([replace(release, size=size) for release in releases])
    works = together.works()
    # They enter the line in one turn of the event loop, with nobody between them.
    answers = await asyncio.gather(*(appender.submit(work) for work in works), return_exceptions=True)
    papers = [
        Paper(release, work.id, answer, release.delivery(answer))
        for release, work, answer in zip(together.releases, works, answers, strict=True)
        if not isinstance(answer, BaseException) and answer.verdict.allowed
    ]
    if len(papers) < len(works):
        # In one batch none is let through; one that was cut in two may have let some.
        for paper in papers:
            appender.leave(outcome_of(paper.delivery, sent_bytes=0, complete=False))
        _refuse(vault, releases, answers)
    return tuple(papers)


async def take(
    vault: Vault, desk: TokenDesk, copies: Copies, paper: Paper, *, origin: str, now: datetime
) -> Taken:
    """The next paper. Raises what reading and drawing raise (``StorageError``, ``CopyFailed``, ``CopyBusy``)."""
    read = vault.prepare(paper.delivery.place)
    opened = await copies.served(paper.release, await opened_of(paper.release, read, paper.settled))
    receipt = signed_receipt(
        desk,
        paper.release,
        paper.item_id,
        paper.settled,
        served_sha256=opened.sha256,
        code=copies.code(paper.release),
        origin=origin,
        now=now,
    )
    return Taken(opened, receipt, replace(paper.delivery, served_sha256=opened.sha256))


def ended(appender: Appender, deliveries: Sequence[Delivery], sent: Sequence[int], *, complete: bool) -> None:
    """One outcome each; ``sent`` is how many bytes of each left."""
    for delivery, sent_bytes in zip(deliveries, sent, strict=True):
        appender.leave(outcome_of(delivery, sent_bytes=sent_bytes, complete=complete))


class _Together:
    """All or nothing. The items are judged one after the other and each uses up its own paper: so the first one, before anything
    was used up, judges for all.
    """

    def __init__(self, releases: Sequence[Release]) -> None:
        self.releases = releases
        # As long as the first one was not judged, nobody may.
        self._verdict: Verdict = Refused("not_in_ticket")

    def works(self) -> list[Work[Verdict]]:
        first, *others = self.releases
        needs = [need for release in others for need in release_needs(release)]
        # One refused package is one refusal of its caller, not fifty.
        later = [replace(release_work(release, self._later(release)), caller="") for release in others]
        return [release_work(first, self._first, *needs), *later]

    def _first(self, facts: Facts, now: datetime) -> Verdict:
        self._verdict = first_refusal(*(judge_release(release, facts, now) for release in self.releases))
        return self._verdict

    def _later(self, release: Release) -> Callable[[Facts, datetime], Verdict]:
        return lambda facts, now: first_refusal(self._verdict, judge_release(release, facts, now))


def _refuse(
    vault: Vault, releases: Sequence[Release], answers: Sequence[Settled[Verdict] | BaseException]
) -> None:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    for answer in answers:
        if not isinstance(answer, BaseException) and answer.verdict.reason == "subjects_changed":
            for release in releases:
                vault.forget(release.document_id, release.version)
        if not isinstance(answer, BaseException):
            answer.verdict.enforce()
    raise AccessRefused("not_in_ticket")
