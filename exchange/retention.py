"""How long papers are kept, and one of them as it stands when it shall go (UU 27/2022 art. 44; L04, L24, L26, L52).

What the ledger's facts tell is judged from them. When a paper left last is in no fact that a batch could ask for, since no index of
the fetch path exists for it: that is looked up before, and the batch sees by the dense count of the citizen's entries whether anything
was written in between. Then the paper is looked at anew.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from auth.grants import first_refusal
from auth.retention import judge_no_case, judge_over, judge_unused, months_before
from auth.verdict import Refused, Verdict
from storage.consents import CONSENTS, ITEMS, REQUESTS, Consent, ConsentRequest
from storage.database import Database, Reading
from storage.destructions import DestructionPaper
from storage.documents import DISPUTED, GONE, VERSIONS, DocumentVersion
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.tables import SUBJECT_TRAILS
from storage.retention import Cutoffs, evidence_now, last_releases
from storage.rights import CASES, WITHDRAWALS

LOOKED_PAST = frozenset({"paper_touched", "keys_changed"})
"""Something was written about the citizen meanwhile: no reason to leave the paper out, but to look at it anew."""


@dataclass(frozen=True, slots=True)
class Terms:
    """``months`` by type since the last use, and ``superseded`` since another version took the place: whichever is shorter."""

    months: Mapping[str, int]
    superseded: int

    def of(self, document_type: str, reason: str) -> int:
        own = self.months[document_type]
        return own if reason == "unused" else min(own, self.superseded)

    def cutoffs(self, until: datetime) -> Cutoffs:
        return Cutoffs(
            {code: months_before(until, self.of(code, "unused")) for code in self.months},
            {code: months_before(until, self.of(code, "superseded")) for code in self.months},
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """``seq``: the citizen's count of entries before anything else was read; ``released_at``: when the paper left last, None for never;
    ``consents``: ids of all of the citizen's; ``is_evidence``: somebody's right to decide for another rests on it.
    """

    paper: DestructionPaper
    seq: int
    released_at: datetime | None
    consents: tuple[str, ...]
    is_evidence: bool

    @property
    def needs(self) -> list[Need]:
        subject = self.paper.subject_ref
        groups = [
            Need(table, subject, "subject_ref")
            for table in (VERSIONS, CONSENTS, REQUESTS, CASES, WITHDRAWALS)
        ]
        return groups + [Need(ITEMS, consent_id, "consent_id") for consent_id in self.consents]

    def judge(self, facts: Facts, months: int, now: datetime) -> Verdict:
        """Nothing was written about the citizen since, and it is still due."""
        seen = facts.get(SUBJECT_TRAILS, self.paper.subject_ref)
        consents = {row.id for row in facts.group(CONSENTS, "subject_ref", self.paper.subject_ref)}
        if (seen.seq if seen else 0) != self.seq or consents != set(self.consents):
            return Refused("paper_touched")
        going = self.going(facts)
        if not going:
            return Refused("version_erased")
        if any(row.state == DISPUTED for row in self._versions(facts)):
            return Refused("case_pending")  # whose paper it is, is being decided
        covering = self._covering(facts)
        cases = judge_no_case(
            self.paper.document_id,
            {row.id for row in covering},
            facts.group(CASES, "subject_ref", self.paper.subject_ref),
            facts.group(WITHDRAWALS, "subject_ref", self.paper.subject_ref),
        )
        if self.paper.reason == "superseded":
            return first_refusal(judge_over(self._superseded_at(facts, going, now), months, now), cases)
        if self.is_evidence:
            return Refused("paper_in_use")
        moments = [row.taken_at for row in going] + [row.valid_from for row in covering]
        last_used_at = max(moments + ([self.released_at] if self.released_at else []))
        return first_refusal(judge_unused(last_used_at, months, covering, self._asking(facts), now), cases)

    def going(self, facts: Facts) -> list[DocumentVersion]:
        """The versions that go: all that are left, or those that were replaced and stand in the proposal."""
        whole = self.paper.reason == "unused"
        return [
            row
            for row in self._versions(facts)
            if row.state not in GONE and (whole or (row.state == "superseded" and row.version in self.named))
        ]

    @property
    def named(self) -> frozenset[int]:
        """The versions that stand in the proposal."""
        return frozenset(version["version"] for version in json.loads(self.paper.versions))

    def _versions(self, facts: Facts) -> list[DocumentVersion]:
        rows = facts.group(VERSIONS, "subject_ref", self.paper.subject_ref)
        return sorted(
            (row for row in rows if row.document_id == self.paper.document_id), key=lambda row: row.version
        )

    def _superseded_at(self, facts: Facts, going: Sequence[DocumentVersion], now: datetime) -> datetime:
        """When the last of them was replaced: what came in next."""
        newest = max(row.version for row in going)
        return min((row.taken_at for row in self._versions(facts) if row.version > newest), default=now)

    def _covering(self, facts: Facts) -> list[Consent]:
        consents = facts.group(CONSENTS, "subject_ref", self.paper.subject_ref)
        return [
            row
            for row in consents
            if any(
                item.document_id == self.paper.document_id and item.decision == "granted"
                for item in facts.group(ITEMS, "consent_id", row.id)
            )
        ]

    def _asking(self, facts: Facts) -> list[ConsentRequest]:
        requests = facts.group(REQUESTS, "subject_ref", self.paper.subject_ref)
        return [
            row
            for row in requests
            if any(item["document_id"] == self.paper.document_id for item in json.loads(row.items))
        ]


@dataclass(frozen=True, slots=True)
class Uses:
    """When papers left last, and which are ``evidence`` now, by one look at all; what was issued after ``looked_at`` is looked up for each
    paper again.
    """

    released: Mapping[str, datetime]
    evidence: frozenset[str]
    looked_at: datetime


async def uses_of(database: Database, document_ids: Sequence[str], now: datetime) -> Uses:
    async with database.transaction() as transaction:  # whose plans may scan
        evidence = frozenset(await evidence_now(transaction))
        return Uses(await last_releases(transaction, document_ids), evidence, now)


async def standing(reading: Reading, paper: DestructionPaper, uses: Uses) -> Standing:
    """The count is read first: whatever is written after it makes the batch look again."""
    trails = await SUBJECT_TRAILS.load(reading.raw, "id", [paper.subject_ref])
    recent = await last_releases(reading, [paper.document_id], issued_since=uses.looked_at)
    consents = await CONSENTS.load(reading.raw, "subject_ref", [paper.subject_ref])
    released = [at for at in (uses.released.get(paper.document_id), recent.get(paper.document_id)) if at]
    return Standing(
        paper,
        trails[0].seq if trails else 0,
        max(released, default=None),
        tuple(sorted(row.id for row in consents)),
        paper.document_id in uses.evidence,
    )


def told_versions(rows: Collection[DocumentVersion]) -> Json:
    return Json(
        json.dumps(
            [
                {
                    "version": row.version,
                    "sha256": row.sha256,
                    "media_type": row.media_type,
                    "size": row.size,
                }
                for row in sorted(rows, key=lambda row: row.version)
            ]
        )
    )
