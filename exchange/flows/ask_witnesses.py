"""The published checkpoint is shown to the witnesses of the policy, and their cosignatures are kept.

1. the newest published checkpoint; who has not cosigned it yet, and is not being asked by another replica
2. each is sent it with the proof that it grew out of what they cosigned last (tlog-witness); who remembers another size says so (409)
   and is asked once more from there
3. a cosignature is kept after it was verified, over this very text and with a time that is ours; anything else is kept as a cause
4. once the quorum of the policy has signed one checkpoint, that is kept too
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from exchange.guarded import CallRefused
from storage.database import Database, Transaction
from storage.errors import NodeMissing
from storage.ledger import add_checkpoint as call
from storage.ledger import cosigned
from storage.ledger.add_checkpoint import Answer, Request, cosignature_in
from storage.ledger.checkpoint import CheckpointRefused
from storage.ledger.cosignature import parted
from storage.ledger.policy import Policy, Witness
from storage.ledger.proofs import consistency
from storage.ledger.published import Signed, published

CLOCKS_APART_S = (
    600  # a cosignature tells its reader when it was made: one that says another day helps nobody
)
TRIES = 3
_CAUSES = {
    call.BAD_REQUEST: "request_refused",
    call.FORBIDDEN: "signature_refused",
    call.NOT_FOUND: "unknown_log",
    call.UNPROCESSABLE: "inconsistent",
}

Call = Callable[[str, bytes], Awaitable[Answer]]
"""(submission prefix, body) -> what the witness answered. Raises ``CallRefused``."""


class _Overtaken(Exception):
    """The witness has signed a newer checkpoint of ours meanwhile: another replica was faster."""


@dataclass(frozen=True, slots=True)
class Asking:
    """``pause_s`` is how long a witness that gave no cosignature is left alone. ``at_once`` as in ``published``."""

    database: Database
    policy: Policy
    call: Call
    at_once: bool
    pause_s: float

    async def round(self, now: datetime) -> None:
        async with self.database.reading() as reading:
            shown = await published(reading, at_once=self.at_once)
            ids = [witness.verifier.id for witness in self.policy.witnesses]
            sizes = await cosigned.last_sizes(reading, ids)
        if shown is None:
            return
        due = [witness for witness in self.policy.witnesses if sizes.get(witness.verifier.id, 0) < shown.size]
        await asyncio.gather(
            *(
                self._ask(witness, shown, sizes.get(witness.verifier.id, 0), now)
                for witness in due
                if witness.url
            )
        )
        if due:  # two that signed in the same moment did not see each other's line
            async with self.database.transaction() as transaction:
                await self._note_quorum(transaction, shown.size)

    async def _ask(self, witness: Witness, shown: Signed, last: int, now: datetime) -> None:
        async with self.database.transaction() as transaction:
            if not await cosigned.claim(transaction, witness.verifier.id, self.pause_s):
                return
        try:
            line, cause = await self._cosignature(witness, shown, last, now), ""
        except CallRefused as refused:
            line, cause = "", refused.cause
        except NodeMissing:
            line, cause = "", "log_incomplete"
        except _Overtaken:
            return
        async with self.database.transaction() as transaction:
            if line:
                await cosigned.keep(transaction, shown.size, witness.verifier.id, line)
                await self._note_quorum(transaction, shown.size)
            else:
                await cosigned.keep_cause(transaction, witness.verifier.id, cause)

    async def _cosignature(self, witness: Witness, shown: Signed, old: int, now: datetime) -> str:
        """Raises ``CallRefused``, ``NodeMissing`` and ``_Overtaken``."""
        for _ in range(TRIES):
            body = Request(old, tuple(await self._proof(old, shown.size)), shown.note).body()
            answer = await self.call(witness.url or "", body)
            if answer.status == call.OK:
                return _verified(answer, witness, shown, now)
            if answer.status != call.CONFLICT:
                raise CallRefused(_CAUSES.get(answer.status, f"status_{answer.status}"))
            old = await self._from(answer, old, shown.size)
        raise CallRefused("conflict")

    async def _from(self, answer: Answer, sent: int, size: int) -> int:
        """From where to prove. Raises ``CallRefused`` where the witness holds what this log does not have."""
        theirs = answer.size()
        if theirs is None:
            raise CallRefused("conflict_without_size")
        if theirs == sent == size:
            raise CallRefused("fork")  # the same size, another root
        if theirs > size:
            async with self.database.reading() as reading:
                head = await reading.raw.fetchval("SELECT size FROM log_head WHERE id = 1")
            if theirs > head:
                raise CallRefused("ahead")  # it signed entries that this log has lost, or never had
            raise _Overtaken
        return theirs

    async def _proof(self, old: int, size: int) -> list[bytes]:
        if old in {0, size}:
            return []
        async with self.database.reading() as reading:
            return await consistency(reading, old, size)

    async def _note_quorum(self, transaction: Transaction, size: int) -> None:
        signed = await cosigned.witnesses_at(transaction, size)
        names = {one.name: one for one in self.policy.witnesses if one.verifier.id in signed}
        if names and self.policy.met_by(names):
            await cosigned.keep_quorum(transaction, size)


def _verified(answer: Answer, witness: Witness, shown: Signed, now: datetime) -> str:
    try:
        line, at_s = cosignature_in(answer.body, witness.verifier, parted(shown.note)[0])
    except CheckpointRefused:
        raise CallRefused("no_cosignature") from None
    if abs(at_s - now.timestamp()) > CLOCKS_APART_S:
        raise CallRefused("clocks_apart")
    return line
