"""What finding, exporting and reporting entries share: whose may be looked at, that each look is an entry itself, what is shown.

An auditor sees acts, not papers (UU 27/2022 art. 47; N03): no content, no name, no number; a citizen is the reference that the
auditor's own agency has for them. Each look stands on the site's trail, and where it is about one citizen on theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.audit import judge_scope
from auth.callers import Officer
from auth.grants import first_refusal
from auth.roles import AUDIT, WHOLE_SITE, judge_reach_over, judge_strong
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller
from exchange.limits import Limits, OwnAct, Reach, TypedNumber
from storage.agencies import AGENCIES, OFFICERS, SESSIONS
from storage.errors import KeyMissing
from storage.keyring import SITE, Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.tables import SUBJECT_TRAILS
from storage.ledger.work import Event, Trail, Work

ALLOWED_ONLY, REFUSED_ONLY = "allowed", "refused"
# The citizen's name in the log is the same for every agency; what is shown has the agency's own reference instead (D10). The citizen's
# count would tell an agency how much others did.
_NOT_SHOWN = frozenset({"subject", "subject_seq", "v"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of one citizen, by or about one officer, of one agency's acts, of one kind; each empty for all. ``from_at`` to
    ``to_at``. ``assignment`` is the number of the letter that orders the audit (surat tugas).
    """

    from_at: datetime
    to_at: datetime
    assignment: str
    subject_ref: str = ""
    officer_id: str = ""
    agency_id: str = ""
    type: str = ""
    outcome: str = ""

    def meets(self, event: Mapping[str, Any]) -> bool:
        """Whether an entry is one of these; whose trail it stands on and when it was is for who reads."""
        allowed = ALLOWED_ONLY if event["result"]["allowed"] else REFUSED_ONLY
        return (
            self.type in {"", event["type"]}
            and self.outcome in {"", allowed}
            and self.agency_id in {"", event.get("agency"), event.get("of_agency")}
            and (not self.officer_id or self._is_of_officer(event))
        )

    def _is_of_officer(self, event: Mapping[str, Any]) -> bool:
        return event["actor"] == f"officer:{self.officer_id}" or event.get("officer") == self.officer_id

    def details(self) -> dict[str, str]:
        """For the site's entry: the citizen stands on their own trail only."""
        told = {
            "of_agency": self.agency_id,
            "officer": self.officer_id,
            "entry_type": self.type,
            "outcome": self.outcome,
        }
        return {
            "assignment": self.assignment,
            "from": self.from_at.isoformat(),
            "to": self.to_at.isoformat(),
            **{name: value for name, value in told.items() if value},
        }


def within_reach(wanted: Wanted, by: Officer) -> Wanted:
    """Who is over one agency means its acts where none is named."""
    if by.role in WHOLE_SITE or wanted.agency_id:
        return wanted
    return replace(wanted, agency_id=by.agency_id)


async def trail_of(keyring: Keyring, subject_ref: str) -> Trail | None:
    """None for nobody's reference, and after an erasure."""
    try:
        return await keyring.trail(subject_ref) if subject_ref and subject_ref != SITE else None
    except KeyMissing:
        return None


class Look:
    """One act of an auditor: who may, judged in the batch; its entries; whom it reaches counted like every other look at a citizen."""

    def __init__(
        self,
        keyring: Keyring,
        by: Officer,
        act: str,
        wanted: Wanted,
        trail: Trail | None,
        limits: Limits,
        now: datetime,
        typed: TypedNumber | None = None,
    ) -> None:
        self._site = keyring.site_trail()
        self._by = by
        self._act = act
        self._wanted = wanted
        self._trail = trail
        self._is_about_one = bool(wanted.subject_ref) or typed is not None
        # A number of nobody counts like a person: else a spent limit would tell who is enrolled.
        people = [wanted.subject_ref or (typed.number if typed else "")]
        self._reach = Reach(by, people, limits, now, typed) if self._is_about_one else OwnAct()

    @property
    def needs(self) -> list[Need]:
        trail = [Need(SUBJECT_TRAILS, self._trail.subject_ref)] if self._trail else []
        officer = [Need(OFFICERS, self._wanted.officer_id)] if self._wanted.officer_id else []
        agency = [Need(AGENCIES, self._wanted.agency_id)] if self._wanted.agency_id else []
        return [*caller_needs(self._by), *officer, *agency, *trail, *self._reach.needs]

    def judge(self, facts: Facts, now: datetime) -> Verdict:
        return first_refusal(
            may_audit(facts, self._by, now),
            self._judge_whose(facts),
            self._reach.judge(facts),
            Refused("subject_unknown") if self._is_about_one and self._trail is None else ALLOWED,
        )

    def _judge_whose(self, facts: Facts) -> Verdict:
        by, wanted = self._by, self._wanted
        row = facts.get(OFFICERS, by.id)
        role = row.role if row else ""
        verdicts = [judge_scope(role, by.agency_id, wanted.agency_id)]
        if wanted.officer_id:
            officer = facts.get(OFFICERS, wanted.officer_id)
            verdicts.append(judge_reach_over(role, by.agency_id, officer.agency_id if officer else None))
        if wanted.agency_id and facts.get(AGENCIES, wanted.agency_id) is None:
            verdicts.append(Refused("agency_unknown"))
        return first_refusal(*verdicts)

    def count(self, facts: Facts, now: datetime, _verdict: Verdict) -> None:
        self._reach.count(facts, now)

    def count_refused(self, facts: Facts, now: datetime, verdict: Verdict) -> None:
        self._reach.count_refused(facts, now, verdict)

    def events(self, **members: Any) -> list[Event]:
        """The citizen's own says by whom and under which assignment, and nothing of what else was meant."""
        by = self._by
        about = {"about": "citizen"} if self._is_about_one else {}
        details = caller_details(by, act=self._act, **self._wanted.details(), **about, **members)
        told = [Event("audit", self._site, by.actor, details)]
        if self._trail is not None:
            own = caller_details(by, act=self._act, assignment=self._wanted.assignment, **members)
            told.append(Event("audit", self._trail, by.actor, own))
        return told

    async def recorded(
        self,
        appender: Appender,
        *,
        also: Verdict = ALLOWED,
        put: Callable[[Facts, datetime], None] | None = None,
        needs: Sequence[Need] = (),
        **members: Any,
    ) -> datetime:
        """When it was put on record. ``also`` was found before the batch; ``put`` changes facts when it is allowed. Raises
        ``AccessRefused`` after the refusal is on record.
        """

        def apply(facts: Facts, now: datetime, verdict: Verdict) -> None:
            self.count(facts, now, verdict)
            if put is not None:
                put(facts, now)

        settled = await appender.submit(
            Work(
                kind="audit",
                caller=self._by.actor,
                trail=self._site,
                load=[*self.needs, *needs],
                judge=lambda facts, now: first_refusal(self.judge(facts, now), also),
                apply=apply,
                apply_refused=self.count_refused,
                events=lambda _facts, _now, _verdict: self.events(**members),
            )
        )
        settled.verdict.enforce()
        return settled.receipt.at


def may_audit(facts: Facts, by: Officer, now: datetime) -> Verdict:
    """The role as it stands, and a second factor: a password that was read over a shoulder must not read everybody's acts."""
    session = facts.get(SESSIONS, by.session_id)
    strong = judge_strong(shown=session is not None and session.strong)
    return first_refusal(judged_caller(facts, by, now, AUDIT), strong)


def shown_entry(
    index: int, event: Mapping[str, Any], subject_ref: str, pseudonym: Callable[[str], str]
) -> dict[str, Any]:
    """An entry as an auditor, or its own officer, is told of it."""
    members = {name: value for name, value in event.items() if name not in _NOT_SHOWN}
    whose = None if subject_ref == SITE else pseudonym(subject_ref)
    return {"index": index, "subject_ref": whose, **members}
