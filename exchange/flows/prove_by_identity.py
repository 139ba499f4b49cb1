"""A citizen proves themselves with the state's own identity (INApas): the strongest way, bound to request or link and browser.

1. a sealed cookie remembers for which link, and in which browser; nothing is kept of it here
2. the service vouches for a NIK; it is compared with the citizen's by its keyed hash, and neither kept nor logged
3. one batch item: the link is still open; that this browser has passed, or that it was somebody else; the entry
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from auth.callers import same_bytes, same_text
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.factors import CitizenIdentity, Proof, Target, put_proof
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.log import Appender
from storage.subjects import nik_index_of

if TYPE_CHECKING:
    from exchange.identity_provider import Answer


@dataclass(frozen=True, slots=True)
class _About:
    target: Target
    browser: str
    path: str


async def send(
    identity: CitizenIdentity, *, target: Target, browser: str, path: str, now: datetime
) -> tuple[str, str]:
    """(address at the service, value of the cookie). ``path`` is the citizen's link, where the browser comes back to. Raises
    ``AccessRefused``.
    """
    return await identity.begin_at(json.dumps(asdict(_About(target, browser, path))), now)


async def come_back(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    identity: CitizenIdentity,
    *,
    browser: str,
    cookie: str,
    answer: Answer,
    now: datetime,
) -> tuple[Verdict, str]:
    """(verdict, the citizen's link). Raises ``AccessRefused`` when it was not begun here, or not finished there."""
    nik, about = await identity.finish(cookie, answer, now)
    kept = json.loads(about)
    target = Target(**kept["target"])
    if not same_text(kept["browser"], browser):
        raise AccessRefused("sign_in_unfinished")
    async with database.reading() as reading:
        known = await nik_index_of(reading, target.subject_ref)
    same = known is not None and same_bytes(bytes(known), keyring.nik_index(nik))
    verdict = ALLOWED if same else Refused("identity_of_another")
    trail = await keyring.trail(target.subject_ref)
    proof = Proof(identity.method, "identity_shown")
    settled = await put_proof(appender, trail, target, browser, proof, judge=lambda _facts, _now: verdict)
    return settled, str(kept["path"])
