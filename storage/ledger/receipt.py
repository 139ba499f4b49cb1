"""The Receipt: proof inside the process that an act is on record.

Only the appender makes one and only the vault reads one (an import contract holds both), so a flow can merely
pass on a Receipt that it was given: forgetting the ledger is a type error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """``index`` is the entry's place in the log; ``document_id`` and ``version`` are set for a release only."""

    index: int
    leaf_sha256: bytes
    allowed: bool
    at: datetime
    document_id: str | None
    version: int | None
