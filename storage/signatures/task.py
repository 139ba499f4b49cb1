"""What a limited worker is told to do with a PDF that may be signed.

Everything that it ever needs is loaded when this module is: afterwards a worker can open no file (``storage/workers/confine.py``).
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from storage.signatures.finding import Broken
from storage.signatures.pades import verified


def verify(payload: dict[str, Any], files: list[BinaryIO]) -> dict[str, Any]:
    """``payload``: ``anchors`` (DER in base64), ``now`` (ISO 8601). Answers ``{"signed": finding or None}`` or ``{"broken": why}``."""
    files[0].seek(0)
    anchors = [base64.b64decode(anchor) for anchor in payload["anchors"]]
    try:
        return {"signed": verified(files[0].read(), anchors, datetime.fromisoformat(payload["now"]))}
    except Broken as broken:
        return {"broken": broken.why}


def rehearse() -> None:
    """Libraries load much of themselves at first use: one file with everything in it, while that is still possible."""
    here = Path(__file__).parent
    anchor = (here / "rehearsal.cer").read_bytes()
    verified((here / "rehearsal.pdf").read_bytes(), [anchor], datetime(2026, 11, 26, tzinfo=UTC))


rehearse()
