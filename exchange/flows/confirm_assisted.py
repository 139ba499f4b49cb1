"""The second officer of a consent without a phone confirms what the first one recorded (N05; four eyes).

Everything is judged in the batch: that this very record still waits, that it is somebody else's than whoever asked or recorded, that the
first officer could still record it, and that the second one showed who sits there. One batch item keeps the request, the consent,
its papers, the citizen's link, the slip's code, a notice to every contact on file, and the entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auth import assistance
from auth.callers import Officer
from auth.grants import first_refusal, must_change
from auth.links import new_code
from auth.rights import judge_alive
from auth.tokens import TokenDesk
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, refusal
from exchange.decided import Outcome, decision_rows, outcome_of, told_subject
from exchange.limits import Limits, Reach
from exchange.records import Choice, Terms, by_two_officers, given_record
from exchange.representation import (
    decision_needs,
    granted_by,
    judge_still,
    pinned,
    represented,
    told_to_both,
)
from exchange.slip_codes import slip_code_hash
from exchange.slips import Slip, visit_ends
from storage.agencies import OFFICERS, SESSIONS, Agency
from storage.assistance import ASSISTED, SLIP_CODES, AssistedDecision, SlipCode, share_of
from storage.consents import LINKS, REQUESTS, CitizenLink, Consent, ConsentRequest
from storage.database import Database
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.limits import ALERTS, Alert
from storage.outbox import MESSAGES, notices_to
from storage.rights import DEATHS

Notice = Callable[[Sequence[str], Sequence[str], str], str]
"""Makes the citizen's message from granted types, refused types and the trail link."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """``recording`` is the record that officer B read; ``shown``: a password or a passkey was shown again just now."""

    officer: Officer
    recording: str
    shown: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """``slip`` says what came of it; ``code`` takes the consent back at any counter: it is known to this answer alone, and empty
    where nothing was granted.
    """

    slip: Slip
    consent: Consent
    outcome: Outcome
    code: str


async def confirm(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    desk: TokenDesk,
    *,
    by: Confirmation,
    slip: Slip,
    terms: Terms,
    notice: Notice,
    share_alarm: float,
    limits: Limits,
    link_life: timedelta,
    origin: str,
    zone: str,
    now: datetime,
) -> Confirmed:
    """``terms`` are of the slip as it is now. Raises ``AccessRefused`` after the refusal is on record."""
    request, recorded, officer = slip.request, slip.recorded, by.officer
    trail = await keyring.trail(request.subject_ref)
    decider = await keyring.trail(request.decider_ref) if represented(request) else None
    if recorded is None:
        details = caller_details(officer, act="assisted", service=request.service, request=request.id)
        await appender.submit(refusal("grant", trail, officer, Refused("nothing_recorded"), details))
        raise AccessRefused("nothing_recorded")
    # What is signed below is the record that was read from its row, and no other: a later one is refused in the batch.
    recording = by.recording if recorded.recording == by.recording else ""
    reach = Reach(officer, [request.subject_ref], limits, now)
    choices = [
        Choice(
            item.type,
            item.document_id if item.on_file else None,
            bool(item.on_file) and item.path in slip.granted,
        )
        for item in slip.items
    ]
    outcome = outcome_of(choices)
    consent_id, link_code = new_id("c"), new_code(keyring.site("link"))
    code = assistance.new_slip_code() if outcome.granted else ""
    visit = replace(request, valid_until=visit_ends(request))
    rows = decision_rows(
        keyring, trail, visit, consent_id, choices,
        _record(keyring, desk, consent_id, visit, slip.agency, recorded, officer, terms, choices, now),
        link_code=link_code, link_life=link_life, now=now, holder=decider,
    )  # fmt: skip
    link = f"{origin}/w/{link_code}"
    text = notice(outcome.granted, outcome.refused, link)
    told = await notices_to(database, keyring, decider or trail, text, now, link=link)
    more: list[CitizenLink] = []
    if decider is not None:
        more, also = await told_subject(
            database, keyring, trail, consent_id,
            words=lambda own: notice(outcome.granted, outcome.refused, own),
            origin=origin, life=link_life, now=now,
        )  # fmt: skip
        told += also
    slip_code = SlipCode(slip_code_hash(keyring, request.id, code), consent_id, now)
    alert = await _alert(database, recorded, share_alarm, now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        current, waiting = facts.get(REQUESTS, request.id), facts.get(ASSISTED, request.id)
        session = facts.get(SESSIONS, officer.session_id)
        return first_refusal(
            judged_caller(facts, officer, now),
            assistance.judge_asked(current, officer.agency_id),
            assistance.judge_open(current, now),
            assistance.judge_waiting(waiting, recording),
            assistance.judge_second_officer(current, waiting, officer.id),
            assistance.judge_first_officer(facts.get(OFFICERS, recorded.recorded_by), officer.agency_id),
            assistance.judge_text(waiting, terms.shown_sha256),
            assistance.judge_presence(session, shown=by.shown, now=now),
            reach.judge(facts),
            judge_alive(facts.group(DEATHS, "subject_ref", request.decider_ref)),
            judge_still(facts, request, zone, now) if outcome.granted else ALLOWED,
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        before, waiting = facts.get(REQUESTS, request.id), facts.get(ASSISTED, request.id)
        if before is None or waiting is None:
            return
        state = must_change(before.state, outcome.act)
        facts.put(REQUESTS, replace(before, state=state, decided_at=now, consent_id=consent_id))
        done = replace(waiting, state="confirmed", decided_by=officer.id, decided_at=now)
        facts.put(ASSISTED, done)
        rows.put(facts)
        for one in more:
            facts.put(LINKS, one)
        if code:
            facts.put(SLIP_CODES, slip_code)
        for message in told:
            facts.put(MESSAGES, message)
        if alert is not None and facts.get(ALERTS, alert.id) is None:
            facts.put(ALERTS, alert)

    details = caller_details(
        officer,
        act="assisted",
        service=request.service,
        lawful_basis=request.lawful_basis,
        request=request.id,
        recording=by.recording,
        recorded_by=recorded.recorded_by,
        consent=consent_id,
        consent_sha256=rows.consent.record_sha256,
        shown_sha256=terms.shown_sha256,
        witness=recorded.witness,
        slip_sha256=recorded.slip_sha256,
        granted=list(outcome.granted),
        refused=list(outcome.refused),
        absent=list(outcome.absent),
    )
    kind = "grant" if outcome.granted else "refuse"
    settled = await appender.submit(
        Work(
            kind=kind,
            caller=officer.actor,
            trail=trail,
            load=[
                *caller_needs(officer),
                *reach.needs,
                Need(REQUESTS, request.id),
                Need(ASSISTED, request.id),
                Need(OFFICERS, recorded.recorded_by),
                *rows.needs,
                *(Need(LINKS, one.id) for one in more),
                Need(SLIP_CODES, slip_code.id),
                Need(DEATHS, request.decider_ref, "subject_ref"),
                *(Need(MESSAGES, message.id) for message in told),
                *([Need(ALERTS, alert.id)] if alert else []),
                *decision_needs(request, [decider] if decider else []),
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.count_refused,
            events=lambda _facts, _now, _verdict: told_to_both(
                Event(kind, trail, officer.actor, details), decider, request.relation, pinned(request)
            ),
        )
    )
    settled.verdict.enforce()
    decided = {item.path: choice.granted for item, choice in zip(slip.items, choices, strict=True)}
    done = replace(
        slip,
        request=replace(request, state=must_change(request.state, outcome.act), consent_id=consent_id),
        recorded=replace(recorded, state="confirmed", decided_by=officer.id, decided_at=now),
        names={**slip.names, officer.id: officer.name},
        consent=rows.consent,
        decisions=decided,
    )
    return Confirmed(done, rows.consent, outcome, code)


def _record(
    keyring: Keyring,
    desk: TokenDesk,
    consent_id: str,
    visit: ConsentRequest,
    agency: Agency,
    recorded: AssistedDecision,
    officer: Officer,
    terms: Terms,
    choices: Sequence[Choice],
    now: datetime,
) -> str:
    return given_record(
        desk,
        consent_id=consent_id,
        principal=keyring.pseudonym(visit.agency_id, visit.subject_ref),
        request=visit,
        agency=agency,
        terms=terms,
        choices=choices,
        granted_by=granted_by(keyring, visit),
        authn=by_two_officers(recorded.recorded_at, transcript_sha256(recorded)),
        assist={
            "recorded_by": recorded.recorded_by,
            "confirmed_by": officer.id,
            "witness": recorded.witness,
            "helped_by": recorded.helped_by or None,
            "slip_sha256": recorded.slip_sha256,
            "counter": recorded.counter,
        },
        now=now,
    )


def transcript_sha256(recorded: AssistedDecision) -> str:
    """Of what the first officer recorded, as RFC 8785 writes JSON: who audits makes it again from the row."""
    told = {
        "counter": recorded.counter,
        "granted": json.loads(recorded.items),
        "helped_by": recorded.helped_by,
        "recorded_at": recorded.recorded_at.isoformat(),
        "recorded_by": recorded.recorded_by,
        "recording": recorded.recording,
        "request": recorded.id,
        "slip_sha256": recorded.slip_sha256,
        "text_sha256": recorded.text_sha256,
        "witness": recorded.witness,
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


async def _alert(
    database: Database, recorded: AssistedDecision, share_alarm: float, now: datetime
) -> Alert | None:
    """With this one, is that much of the first officer's work without a phone that somebody should look? It stops nobody, so that
    numbers of a moment ago will do. Once a day.
    """
    since = now - timedelta(days=assistance.SHARE_DAYS)
    async with database.reading() as reading:
        assisted, decided = await share_of(reading, recorded.recorded_by, since)
    if not assistance.too_often(assisted + 1, decided + 1, share_alarm):
        return None
    actor = f"officer:{recorded.recorded_by}"
    return Alert(f"{actor}/{now:%Y-%m-%d}/assisted", recorded.agency_id, actor, "assisted_share", now, None)
