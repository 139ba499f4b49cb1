"""The receipt as a file: the signed record, drawn, with the record itself inside and a code that anybody can check.

1. the record is read from its row and opened with the citizen's key
2. it is drawn, beside the loop: the PDF library takes some milliseconds
3. the log's published head stands on it: citizens who compare their papers see whether the log told them the same
4. our line is put into it, over every byte (``exchange.receipts``)
Who may have it was decided before: the browser that decided, or the citizen behind the own link. It changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from exchange.receipts import code_of, sealed
from exchange.revisions import revisions_of
from storage.consents import consent_by_id
from storage.database import Database
from storage.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Recorded:
    """``revisions`` are JWS, oldest first; ``code`` is what ``/verify`` takes, ``head`` the log's signed head."""

    record_id: str
    request_id: str
    revisions: tuple[str, ...]
    code: str
    head: str | None


async def receipt_file(
    database: Database,
    keyring: Keyring,
    *,
    consent_id: str,
    reader: str,
    head: str | None,
    draw: Callable[[Recorded], bytes],
) -> tuple[str, bytes] | None:
    """(request id, PDF). ``reader`` is whom the consent is about, or who decided for them; None alike for another's and none.
    ``head`` is the published checkpoint. The same record and head give the same bytes.
    """
    async with database.reading() as reading:
        consent = await consent_by_id(reading, consent_id)
    if consent is None or reader not in {consent.subject_ref, consent.decider_ref}:
        return None
    key = keyring.site("link")
    recorded = Recorded(
        record_id=consent.id,
        request_id=consent.request_id,
        revisions=tuple(await revisions_of(keyring, consent)),
        code=code_of(key, consent.id),
        head=head,
    )
    drawn = await asyncio.to_thread(draw, recorded)
    return consent.request_id, sealed(key, consent.id, drawn)
