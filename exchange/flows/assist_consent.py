"""Consent without a phone: one officer records what the citizen decided (N05; UU 27/2022 art. 22).

1. the slip with the seven points of art. 21 is read to the citizen, from the screen or from paper
2. officer A records: one batch item; nobody may read anything yet, and the request still waits
3. officer B confirms this very record (``confirm_assisted``); or discards it, as A may too, and it is recorded anew
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from auth import assistance
from auth.callers import Officer
from auth.grants import first_refusal
from auth.rights import judge_alive
from auth.verdict import ALLOWED, AccessRefused, Refused, Verdict
from exchange.acts import caller_details, caller_needs, judged_caller, refusal
from exchange.limits import Limits, Reach
from exchange.slips import Slip, read_slip
from storage.assistance import ASSISTED, AssistedDecision
from storage.consents import REQUESTS, request_by_id
from storage.database import Database
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Json, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.rights import DEATHS


@dataclass(frozen=True, slots=True)
class Said:
    """What officer A saw and heard. ``granted`` are paths of the request; ``read_sha256`` is of the slip that was read aloud."""

    granted: frozenset[str]
    witness: str
    helped_by: str
    slip_sha256: str | None
    read_sha256: str


async def slip_for(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    officer: Officer,
    request_id: str,
    now: datetime,
    act: str = "slip",
) -> Slip:
    """The slip as it is now. Raises ``AccessRefused`` alike for "not yours" and "not there", which differ in the ledger only; and for a
    request that nobody can answer any more.
    """
    async with database.reading() as reading:
        request = await request_by_id(reading, request_id)
    verdict = assistance.judge_asked(request, officer.agency_id)
    if verdict.allowed and request is not None and request.consent_id is None and act == "slip":
        verdict = assistance.judge_open(request, now)
    if not verdict.allowed:
        trail = keyring.site_trail() if request is None else await keyring.trail(request.subject_ref)
        details = caller_details(officer, act=act, request=request_id)
        await appender.submit(refusal("request", trail, officer, verdict, details))
        verdict.enforce()
    if request is None:
        raise AccessRefused("request_unknown")
    return await read_slip(database, keyring, request)


async def record(
    keyring: Keyring,
    appender: Appender,
    *,
    officer: Officer,
    slip: Slip,
    said: Said,
    text_sha256: str,
    specific: Collection[str],
    excluded: bool,
    limits: Limits,
    now: datetime,
) -> AssistedDecision:
    """``text_sha256`` is of the slip as it is now; ``specific`` are the types of specific personal data (UU 27/2022 art. 4(2));
    ``excluded``: the site takes no assisted consent for this service. Raises ``AccessRefused`` after the refusal is on record.
    """
    request = slip.request
    trail = await keyring.trail(request.subject_ref)
    reach = Reach(officer, [request.subject_ref], limits, now)
    granted = [item for item in slip.items if item.path in said.granted]
    is_specific = any(item.type in specific for item in granted)
    offered = {item.path for item in granted if item.on_file} == said.granted
    row = AssistedDecision(
        id=request.id,
        recording=new_id("ar"),
        agency_id=request.agency_id,
        recorded_by=officer.id,
        recorded_at=now,
        counter=officer.counter,
        items=Json(json.dumps([item.path for item in granted])),
        witness=said.witness,
        helped_by=said.helped_by,
        slip_sha256=said.slip_sha256,
        text_sha256=said.read_sha256,
        state="recorded",
        decided_by="",
        decided_at=None,
        reason="",
    )
    kept: list[AssistedDecision] = []

    def judge(facts: Facts, now: datetime) -> Verdict:
        current = facts.get(REQUESTS, request.id)
        return first_refusal(
            judged_caller(facts, officer, now),
            assistance.judge_asked(current, officer.agency_id),
            assistance.judge_open(current, now),
            Refused("service_not_assisted") if excluded else ALLOWED,
            ALLOWED if offered else Refused("not_offered"),
            assistance.judge_evidence(
                said.witness, specific=is_specific, pinned=said.slip_sha256 is not None
            ),
            assistance.judge_recording(
                facts.get(ASSISTED, request.id), text_sha256=text_sha256, read_sha256=said.read_sha256
            ),
            reach.judge(facts),
            judge_alive(facts.group(DEATHS, "subject_ref", request.decider_ref)),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        reach.count(facts, now)
        kept[:] = [replace(row, recorded_at=now)]
        facts.put(ASSISTED, kept[0])

    details = caller_details(
        officer,
        act="record_assisted",
        service=request.service,
        lawful_basis=request.lawful_basis,
        request=request.id,
        recording=row.recording,
        document_types=[item.type for item in granted],
        witness=said.witness,
        helped_by=said.helped_by or None,
        slip_sha256=said.slip_sha256,
        shown_sha256=said.read_sha256,
    )
    settled = await appender.submit(
        Work(
            kind="request",
            caller=officer.actor,
            trail=trail,
            load=[
                *caller_needs(officer),
                *reach.needs,
                Need(REQUESTS, request.id),
                Need(ASSISTED, request.id),
                Need(DEATHS, request.decider_ref, "subject_ref"),
            ],
            judge=judge,
            apply=apply,
            apply_refused=reach.count_refused,
            events=lambda _facts, _now, _verdict: [Event("request", trail, officer.actor, details)],
        )
    )
    settled.verdict.enforce()
    return kept[0]


async def discard(
    keyring: Keyring, appender: Appender, *, officer: Officer, slip: Slip, recording: str, reason: str
) -> None:
    """By either officer: it was wrong, and nothing comes of it. Raises ``AccessRefused``."""
    request = slip.request
    trail = await keyring.trail(request.subject_ref)

    def judge(facts: Facts, now: datetime) -> Verdict:
        current = facts.get(REQUESTS, request.id)
        return first_refusal(
            judged_caller(facts, officer, now),
            assistance.judge_asked(current, officer.agency_id),
            assistance.judge_open(current, now),
            assistance.judge_waiting(facts.get(ASSISTED, request.id), recording),
        )

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        recorded = facts.get(ASSISTED, request.id)
        if recorded is not None:
            gone = replace(recorded, state="discarded", decided_by=officer.id, decided_at=now, reason=reason)
            facts.put(ASSISTED, gone)

    details = caller_details(
        officer, act="discard_assisted", service=request.service, request=request.id,
        recording=recording, why=reason,
    )  # fmt: skip
    settled = await appender.submit(
        Work(
            kind="request",
            caller=officer.actor,
            trail=trail,
            load=[*caller_needs(officer), Need(REQUESTS, request.id), Need(ASSISTED, request.id)],
            judge=judge,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("request", trail, officer.actor, details)],
        )
    )
    settled.verdict.enforce()
