"""One request after the other: judge it by what is remembered, remember the new head, and only then sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.ledger.add_checkpoint import OK, Answer
from storage.ledger.cosignature import CosignatureSigner
from storage.witness.judging import Logs, judge, read
from storage.witness.memory import Memory


@dataclass(frozen=True, slots=True)
class Desk:
    """``logs`` reads which are known, afresh for each request: a new one needs no restart. ``seconds`` gives the POSIX time that a
    cosignature bears.
    """

    signer: CosignatureSigner
    logs: Callable[[], Logs]
    memory: Memory
    seconds: Callable[[], int]

    def answer(self, body: bytes) -> Answer:
        """Blocking, for one disk sync, and on purpose without a place where another request could come between: two that were judged by
        one memory would leave it to chance which head is kept (tlog-witness, the race at its end). Raises ``MemoryLost`` and what ``logs`` raises: then nothing was signed.
        """
        found = read(body)
        if isinstance(found, Answer):
            return found
        request, origin = found
        said = judge(request, origin, self.logs(), self.memory.last(origin))
        if isinstance(said, Answer):
            return said
        if said.head != self.memory.last(origin):
            self.memory.remember(origin, said.head)
        return Answer(OK, self.signer.line(said.text, self.seconds()).encode())
