"""A citizen exercises a right, on the own page or at the counter (UU 27/2022 art. 5 to 14).

1. find what it is about: a consent, an entry of the own list, a paper, an agency
2. one batch item: a case for each data officer concerned, with 72 hours to answer; the consents that an objection or a suspension is
   about are frozen, so that the next request is refused; whoever received a paper that shall be erased gets a clock (M40)
3. the citizen is told the numbers
What the citizen wrote rests sealed, and stands in no entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from auth.callers import Officer
from auth.grants import CONSENT_CHANGES, first_refusal
from auth.rights import ANSWER_WITHIN, STOPS_READING, can_freeze, judge_asking, open_cases
from auth.verdict import AccessRefused, Refused, Verdict
from exchange.acts import caller_details
from exchange.citizen import By, Letter, actor_of, by_needs, counted_as, judged_by
from exchange.limits import Limits, OwnAct, Reach
from exchange.received import owed, received
from storage.consents import CONSENTS, ITEMS, Consent, consents_of
from storage.database import Database, Reading
from storage.documents import VERSIONS
from storage.errors import KeyMissing
from storage.ids import new_id
from storage.keyring import Keyring, seal_field
from storage.ledger.facts import Facts, Need
from storage.ledger.history import event_at
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work
from storage.outbox import addresses_of
from storage.rights import CASES, WITHDRAWALS, RightsCase


@dataclass(frozen=True, slots=True)
class Wanted:
    """``about`` is consent, entry, document, identity, agency or everything; ``about_id`` which one, empty for the last and for identity;
    ``reason`` a code of ours.
    """

    kind: str
    reason: str
    text: str
    about: str
    about_id: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    cases: tuple[RightsCase, ...]
    frozen: tuple[str, ...]


Notice = Letter[[Sequence[RightsCase], bool]]
"""Made from the cases and whether something was frozen."""


@dataclass(frozen=True, slots=True)
class _Target:
    """``agencies`` answer; ``consents`` are concerned, and ``known`` were looked at; ``received`` are those of an erased paper."""

    agencies: tuple[str, ...]
    consents: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    received: frozenset[str] = frozenset()
    every: bool = False


async def ask(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    subject_ref: str,
    by: By,
    wanted: Wanted,
    keeper: str,
    notice: Notice,
    limits: Limits,
    now: datetime,
) -> Asked:
    """``keeper`` is the agency whose data officer answers for what is stored here. An officer reaches a citizen by it as by every other
    act. Raises ``AccessRefused`` after the refusal is on record.
    """
    try:
        trail = await keyring.trail(subject_ref)
    except KeyMissing:
        await _refused(appender, keyring.site_trail(), by, wanted, Refused("subject_unknown"))
        raise AccessRefused("subject_unknown") from None
    async with database.reading() as reading:
        target = await _target(reading, trail, by, wanted, keeper)
    if isinstance(target, Refused):
        await _refused(appender, trail, by, wanted, target)
        raise AccessRefused("target_unknown")
    address = await addresses_of(database, keyring, subject_ref)
    drafts = [_case(trail, by, wanted, target, agency, now) for agency in target.agencies]
    clocks = {consent_id: new_id("wd") for consent_id in sorted(target.received)}
    will_freeze = wanted.kind in STOPS_READING and bool(target.consents)
    posted = notice.write(keyring, trail, address.values(), now, drafts, will_freeze)
    kept: list[RightsCase] = []
    frozen: list[str] = []
    reach = Reach(by, [subject_ref], limits, now) if isinstance(by, Officer) else OwnAct()

    def judge(facts: Facts, now: datetime) -> Verdict:
        own = facts.group(CASES, "subject_ref", subject_ref)
        return first_refusal(
            judged_by(facts, by, now),
            reach.judge(facts),
            judge_asking(wanted.kind, wanted.about, open_cases(own, actor_of(by))),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        kept[:] = [replace(case, opened_at=now, deadline=now + ANSWER_WITHIN) for case in drafts]
        frozen.clear()
        for case in kept:
            facts.put(CASES, case)
        for consent in facts.group(CONSENTS, "subject_ref", subject_ref):
            if _concerns(target, consent) and wanted.kind in STOPS_READING and can_freeze(consent):
                facts.put(CONSENTS, replace(consent, state=CONSENT_CHANGES[consent.state, "freeze"]))
                frozen.append(consent.id)
            if (clock := clocks.get(consent.id)) is not None:
                facts.put(WITHDRAWALS, owed(clock, consent, "erasure", now, case_id=kept[0].id))
        if posted is not None:
            posted.keep(facts)

    def events(_facts: Facts, _now: datetime, verdict: Verdict) -> list[Event]:
        details = _details(by, wanted)
        if verdict.allowed:
            details |= {"cases": [case.id for case in kept], "agencies": list(target.agencies)}
            details |= {"frozen": list(frozen)} if frozen else {}
        return [Event("rights", trail, actor_of(by), details)]

    settled = await appender.submit(
        Work(
            kind="rights",
            caller=counted_as("rights", by),
            trail=trail,
            load=[
                *by_needs(by),
                Need(CASES, subject_ref, "subject_ref"),
                Need(CONSENTS, subject_ref, "subject_ref"),
                *reach.needs,
                *(posted.needs if posted else []),
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.count_refused,
            events=events,
        )
    )
    settled.verdict.enforce()
    return Asked(tuple(kept), tuple(frozen))


def _concerns(target: _Target, consent: Consent) -> bool:
    """A consent that came while we looked is frozen too where it may be concerned: too much is the safe side."""
    return (
        target.every or consent.id in target.consents or bool(target.known and consent.id not in target.known)
    )


async def _target(reading: Reading, trail: Trail, by: By, wanted: Wanted, keeper: str) -> _Target | Refused:
    """Only what is the citizen's own; at the counter, consents and entries of the own agency."""
    consents = {consent.id: consent for consent in await consents_of(reading, trail.subject_ref)}
    if wanted.about in {"consent", "entry"}:
        return await _objected(reading, trail, by, wanted, keeper, consents)
    if wanted.about == "document":
        return await _paper(reading, trail, wanted, keeper, consents)
    if wanted.about == "agency":
        if isinstance(by, Officer) and wanted.about_id != by.agency_id:
            return Refused("target_of_another_agency")
        found = [consent for consent in consents.values() if consent.agency_id == wanted.about_id]
        if not found:
            return Refused("target_unknown")
        return _Target((wanted.about_id,), frozenset(row.id for row in found), frozenset(consents))
    if wanted.kind == "suspension":
        agencies = {consent.agency_id for consent in consents.values() if can_freeze(consent)}
        return _Target(tuple(sorted(agencies)) or (keeper,), frozenset(consents), every=True)
    under = (await received(reading, trail)).documents if wanted.kind == "erasure" else {}
    return _Target((keeper,), received=frozenset(under))


async def _objected(
    reading: Reading, trail: Trail, by: By, wanted: Wanted, keeper: str, consents: dict[str, Consent]
) -> _Target | Refused:
    consent = consents.get(wanted.about_id)
    agency = consent.agency_id if consent else None
    if wanted.about == "entry":
        body = await event_at(reading, trail, int(wanted.about_id))
        if body is None:
            return Refused("target_unknown")
        consent = consents.get(str(body.get("consent", "")))
        agency = body.get("agency") or (consent.agency_id if consent else keeper)
    if agency is None:
        return Refused("target_unknown")
    if isinstance(by, Officer) and agency != by.agency_id:
        return Refused("target_of_another_agency")
    concerned = frozenset({consent.id}) if consent and consent.agency_id == agency else frozenset()
    return _Target((agency,), concerned)


async def _paper(
    reading: Reading, trail: Trail, wanted: Wanted, keeper: str, consents: dict[str, Consent]
) -> _Target | Refused:
    versions = await VERSIONS.load(reading.raw, "document_id", [wanted.about_id])
    if not any(version.subject_ref == trail.subject_ref for version in versions):
        return Refused("target_unknown")
    if wanted.kind == "suspension":
        items = await ITEMS.load(reading.raw, "consent_id", list(consents))
        naming = {
            item.consent_id
            for item in items
            if item.document_id == wanted.about_id and item.decision == "granted"
        }
        agencies = {consents[row].agency_id for row in naming if can_freeze(consents[row])}
        return _Target(tuple(sorted(agencies)) or (keeper,), frozenset(naming), frozenset(consents))
    if wanted.kind == "erasure":
        under = (await received(reading, trail)).documents
        held = frozenset(row for row, documents in under.items() if wanted.about_id in documents)
        return _Target((keeper,), received=held)
    return _Target((keeper,))


def _case(trail: Trail, by: By, wanted: Wanted, target: _Target, agency: str, now: datetime) -> RightsCase:
    case_id = new_id("cs")
    text = seal_field(trail, f"case/{case_id}", wanted.text.encode()) if wanted.text else b""
    return RightsCase(
        id=case_id,
        kind=wanted.kind,
        reason=wanted.reason,
        about=wanted.about,
        about_id=wanted.about_id,
        consent_id=next(iter(target.consents), "") if wanted.kind == "objection" else "",
        subject_ref=trail.subject_ref,
        agency_id=agency,
        asked_by=actor_of(by),
        opened_at=now,
        deadline=now + ANSWER_WITHIN,
        state="open",
        text=text,
        outcome="",
        answer=b"",
        offers_thaw=False,
        answered_by="",
        answered_at=None,
        closed_at=None,
        reminded=0,
    )


def _details(by: By, wanted: Wanted) -> dict[str, Any]:
    details = {"act": wanted.kind, "reason_given": wanted.reason, "about": wanted.about}
    details |= {"about_id": wanted.about_id} if wanted.about_id else {}
    return details | (caller_details(by, for_citizen=True) if isinstance(by, Officer) else {})


async def _refused(appender: Appender, trail: Trail, by: By, wanted: Wanted, verdict: Refused) -> None:
    """Put a refusal on record that was decided before the batch; who acts is judged first. Raises ``AccessRefused``."""

    def judge(facts: Facts, now: datetime) -> Verdict:
        return first_refusal(judged_by(facts, by, now), verdict)

    settled = await appender.submit(
        Work(
            kind="rights",
            caller=counted_as("rights", by),
            trail=trail,
            load=by_needs(by),
            judge=judge,
            events=lambda _facts, _now, _verdict: [
                Event("rights", trail, actor_of(by), _details(by, wanted))
            ],
        )
    )
    settled.verdict.enforce()
