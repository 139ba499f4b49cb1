"""The service's side of a signed PDF: which anchors count, who is asked, and how much of the answer is believed."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from storage.errors import GateBusy
from storage.spool import Spooled
from storage.workers import LimitedWorkers, Limits, TaskFailed, TaskOverran, WorkerLost, WorkersBusy

SIGNATURE_TASKS = {"verify": "storage.signatures.task:verify"}
SIGNATURE_LIMITS = Limits(cpu_s=2.5, wall_s=6.0)
ANCHORS_LIMIT = 64
Grade = Literal["valid", "unchecked", "weak"]
_GRADES: dict[str, Grade] = {"valid": "valid", "unchecked": "unchecked", "weak": "weak"}
_BROKEN = frozenset({"altered", "partial", "untrusted", "expired", "revoked", "unreadable"})
_BEGIN, _FOOT = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_TEXT_LIMIT = 100
# A signature names its range in plain bytes, because it cannot sign itself. What has none is a scan, and may be called no more than that.
_RANGE = b"/ByteRange"


class AnchorsUnreadable(Exception):
    """A folder of trust anchors that cannot be what the operator meant; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds. ``told`` is for the ledger's entry: who, when, why not more, by which certificates."""

    grade: Grade
    told: dict[str, object]


@dataclass(frozen=True, slots=True)
class Unsound:
    """``why``: altered, partial, untrusted, expired, revoked or unreadable."""

    why: str


def read_anchors(folder: Path | None) -> tuple[bytes, ...]:
    """The certificates (DER) of every ``*.pem`` in the folder. Raises ``AnchorsUnreadable``: a forgotten anchor must not go unseen."""
    if folder is None:
        return ()
    found: list[bytes] = []
    try:
        for path in sorted(folder.glob("*.pem")):
            found.extend(_in_pem(path.read_text(encoding="ascii")))
    except (OSError, ValueError) as error:
        raise AnchorsUnreadable(f"{folder} holds what is no certificate in PEM") from error
    if not found:
        raise AnchorsUnreadable(f"{folder} holds no certificate: name no folder to trust nobody")
    if len(found) > ANCHORS_LIMIT:
        raise AnchorsUnreadable(f"{folder} holds more than {ANCHORS_LIMIT} certificates")
    return tuple(found)


def _in_pem(text: str) -> list[bytes]:
    parts = [_BEGIN + part.partition(_FOOT)[0] + _FOOT for part in text.split(_BEGIN)[1:]]
    if not parts:
        raise ValueError("no certificate")
    return [ssl.PEM_cert_to_DER_cert(part) for part in parts]


class Signatures:
    """``anchors`` are DER; with none of them every signature that holds stays unchecked."""

    def __init__(self, workers: LimitedWorkers, anchors: Sequence[bytes]) -> None:
        self._workers = workers
        self._anchors = [base64.b64encode(anchor).decode() for anchor in anchors]

    async def judge(self, spooled: Spooled, media_type: str, now: datetime) -> Signed | Unsound | None:
        """None: not signed. Of a file that the gate has let in. Raises ``GateBusy``: there is no verdict now."""
        if media_type != "application/pdf" or not _names_a_range(spooled):
            return None
        payload = {"anchors": self._anchors, "now": now.isoformat()}
        try:
            answer = await self._workers.run("verify", payload, SIGNATURE_LIMITS, [spooled.descriptor])
        except (TaskOverran, TaskFailed):
            return Unsound("unreadable")
        except (WorkersBusy, WorkerLost) as error:
            raise GateBusy("no worker looked at the signature") from error
        return _believed(answer)


def _names_a_range(spooled: Spooled) -> bool:
    tail = b""
    for piece in spooled.read(0, spooled.size):
        if _RANGE in tail + piece:
            return True
        tail = piece[-len(_RANGE) :]
    return False


def _believed(answer: dict[str, Any]) -> Signed | Unsound | None:
    """A worker that was taken over may lie about the file in its hands; it cannot invent words."""
    if "broken" in answer:
        why = answer["broken"]
        return Unsound(why if why in _BROKEN else "unreadable")
    found = answer.get("signed")
    if found is None:
        return None
    grade = _GRADES.get(str(found.get("grade")))
    if grade is None:
        return Unsound("unreadable")
    told = {name: _plain(found.get(name)) for name in ("why", "signer", "signed_at", "timestamp")}
    told |= {name: _plain(found.get(name)) for name in ("certificate_sha256", "anchor_sha256")}
    policies = [_plain(policy) for policy in found.get("policies", ())][:8]
    return Signed(grade, {"class": grade, **{n: v for n, v in told.items() if v}, "policies": policies})


def _plain(value: object) -> str:
    return str(value)[:_TEXT_LIMIT] if value is not None else ""
