"""Verify the log: ``python -m storage.ledger.verify``. It loads no server, nothing of ``exchange`` or ``auth``.

What is verified: the database (``database.py``), a live log over its public tiles (``tiles.py``), files that somebody was given (exports
and bundles, ``files.py``). Against what: the log's keys and checkpoints that were kept elsewhere, the witnesses of a policy, receipts.
"""

from storage.ledger.verify.database import verify
from storage.ledger.verify.findings import Findings

__all__ = ["Findings", "verify"]
