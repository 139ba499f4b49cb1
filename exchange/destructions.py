"""Destructions as they are told, and who may look at them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from auth.callers import Officer
from auth.grants import first_refusal
from auth.retention import judge_keeper
from auth.roles import judge_right
from auth.verdict import ALLOWED, AccessRefused, Refused
from exchange.acts import caller_details, refusal
from storage.agencies import OFFICERS
from storage.database import Database
from storage.destructions import Destruction, DestructionPaper, destruction_with_papers
from storage.keyring import Keyring
from storage.ledger.log import Appender


@dataclass(frozen=True, slots=True)
class Told:
    """A destruction with its papers, and the names of the officers who proposed and decided, by id."""

    destruction: Destruction
    papers: tuple[DestructionPaper, ...]
    names: Mapping[str, str]


async def told(database: Database, destruction: Destruction, papers: Collection[DestructionPaper]) -> Told:
    async with database.reading() as reading:
        people = await OFFICERS.load(reading.raw, "id", [destruction.proposed_by, destruction.decided_by])
    return Told(destruction, tuple(papers), {row.id: row.name for row in people})


async def read(database: Database, destruction_id: str) -> Told:
    """Raises ``AccessRefused`` where there is none."""
    async with database.reading() as reading:
        destruction, papers = await destruction_with_papers(reading, destruction_id)
    if destruction is None:
        raise AccessRefused("destruction_unknown")
    return await told(database, destruction, papers)


async def demand(
    keyring: Keyring,
    appender: Appender,
    by: Officer,
    right: str,
    keeper: str,
    act: str,
    *,
    known: bool = True,
    **members: str,
) -> None:
    """For a look: the right, at the agency that answers for what is stored, and that it is there (``known``). Who may not stands in the
    ledger. Raises ``AccessRefused``.
    """
    verdict = first_refusal(
        judge_right(by.role, right),
        judge_keeper(by.agency_id, keeper),
        ALLOWED if known else Refused("destruction_unknown"),
    )
    if not verdict.allowed:
        details = caller_details(by, act=act, **members)
        await appender.submit(refusal("erase", keyring.site_trail(), by, verdict, details))
        verdict.enforce()
