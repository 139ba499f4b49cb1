"""Papers are erased by destroying what opens them (UU 27/2022 art. 43; ``protocols.md`` 8).

The wrapped data keys of what is erased go, and the citizen's document key is replaced by a fresh one: so a data key that somebody
copied from the row before opens nothing either, and the papers that stay are wrapped anew. One batch item; the objects are
collected later, since nobody can open them. What remains is the row as a tombstone (digest, size, numbers of the versions), so that
counters, receipts and the log stay whole. Complete when the last backup is gone that holds the old keys.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from auth.grants import first_refusal
from auth.rights import judge_erasure
from auth.verdict import ALLOWED, Refused, Verdict
from storage.citizen_keys import CITIZEN_KEYS, TURNS_MET, keys_of
from storage.database import Database
from storage.documents import ERASED, GONE, VERSIONS, DocumentVersion
from storage.errors import KeyMissing
from storage.key_turning import Fresh, fresh_keys, put_fresh, still_fits
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need

__all__ = ["TURNS_MET", "Erasure", "prepared"]


class Erasure:
    """Prepared outside of the batch; ``needs``, ``judge`` and ``apply`` are parts of the item that erases. ``meant`` are the versions
    that go, ``leaves`` the state that they are left in, erased or voided.
    """

    def __init__(
        self, subject_ref: str, meant: Callable[[DocumentVersion], bool], fresh: Fresh, leaves: str
    ) -> None:
        self.needs = [Need(CITIZEN_KEYS, subject_ref), Need(VERSIONS, subject_ref, "subject_ref")]
        self._subject_ref = subject_ref
        self._meant = meant
        self._fresh = fresh
        self._leaves = leaves

    def judge(self, facts: Facts) -> Verdict:
        """Refused with ``keys_changed`` when key or papers are not those that were read: prepare it anew."""
        return first_refusal(
            judge_erasure([version.id for version in self._erased(facts) if version.legal_hold]),
            ALLOWED if still_fits(facts, self._fresh) else Refused("keys_changed"),
        )

    def apply(self, facts: Facts) -> list[str]:
        """The ids of the versions that are erased."""
        erased = [version.id for version in self._erased(facts)]
        if erased:
            put_fresh(facts, self._fresh, set(erased), leaves=self._leaves)
        return erased

    def _erased(self, facts: Facts) -> list[DocumentVersion]:
        return [
            version
            for version in facts.group(VERSIONS, "subject_ref", self._subject_ref)
            if version.state not in GONE and self._meant(version)
        ]


async def prepared(
    database: Database,
    keyring: Keyring,
    subject_ref: str,
    meant: Callable[[DocumentVersion], bool],
    now: datetime,
    *,
    leaves: str = ERASED,
) -> Erasure:
    """``only``: these versions, by id. Raises ``KeyMissing`` for a citizen whose keys were destroyed, and ``RootKeyAway``."""
    async with database.reading() as reading:
        keys = await keys_of(reading, subject_ref)
        versions = await VERSIONS.load(reading.raw, "subject_ref", [subject_ref])
    if keys is None or keys.document_key is None:
        raise KeyMissing("document key")
    (fresh,) = await fresh_keys(keyring, {keys: versions}, now)
    return Erasure(subject_ref, meant, fresh, leaves)
