"""What every way of proving oneself shares: for what it is, that it was passed, and that it ends with what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from auth.grants import first_refusal, judge_link
from auth.verdict import Verdict
from storage.consents import CHALLENGES, REQUESTS, Challenge, ConsentRequest
from storage.ids import new_id
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Trail, Work, nothing

if TYPE_CHECKING:
    from exchange.identity_provider import Answer


@dataclass(frozen=True, slots=True)
class Target:
    """What the proof is for. ``id`` names the request or the link; ``request_id`` is None for a trail."""

    id: str
    subject_ref: str
    request_id: str | None


def target_of(request: ConsentRequest) -> Target:
    """A notice is not decided: its tries come back, like a trail's."""
    return Target(request.id, request.decider_ref, None if request.mode == "notice" else request.id)


def open_target(request: ConsentRequest, now: datetime) -> Target | None:
    """None where nothing can be proved any more: it is decided, or past its end."""
    is_open = now < request.expires_at and (request.mode == "notice" or request.state == "pending")
    return target_of(request) if is_open else None


@dataclass(frozen=True, slots=True)
class Proof:
    """How it was proved: ``method`` and ``rests_on`` as in ``storage.consents.Challenge``, ``act`` the word of the entry."""

    method: str
    act: str
    rests_on: str | None = None


class CitizenIdentity(Protocol):
    """A service of the state that says who a citizen is: INApas, over OpenID Connect (``exchange.citizen_identity``)."""

    @property
    def method(self) -> str:
        """The word of the consent record."""

    async def begin_at(self, about: str, now: datetime) -> tuple[str, str]:
        """(where the browser is sent, value of the cookie that remembers ``about``). Raises ``AccessRefused`` when it is away."""

    async def finish(self, cookie: str, answer: Answer, now: datetime) -> tuple[str, str]:
        """(the NIK that it vouches for, what was remembered); counts once. Raises ``AccessRefused``."""


async def put_proof(
    appender: Appender,
    trail: Trail,
    target: Target,
    browser: str,
    proof: Proof,
    *,
    judge: Callable[[Facts, datetime], Verdict],
    apply: Callable[[Facts, datetime, Verdict], None] = nothing,
    load: Sequence[Need] = (),
) -> Verdict:
    """One batch item: this browser has passed for this target, by something that needs no code. Returns the verdict."""
    challenge_id = new_id("ch")

    def judged(facts: Facts, now: datetime) -> Verdict:
        request = facts.get(REQUESTS, target.request_id) if target.request_id else None
        return first_refusal(judge_link(request, now), judge(facts, now))

    def applied(facts: Facts, now: datetime, verdict: Verdict) -> None:
        row = Challenge(
            id=challenge_id,
            target_id=target.id,
            subject_ref=target.subject_ref,
            browser=browser,
            channel="",
            code=b"",
            sent_at=now,
            expires_at=now,
            tries=0,
            verified_at=now,
            method=proof.method,
            rests_on=proof.rests_on,
        )
        facts.put(CHALLENGES, row)
        apply(facts, now, verdict)

    settled = await appender.submit(
        Work(
            kind="factor",
            caller=f"factor:{target.id}",
            trail=trail,
            load=[*([Need(REQUESTS, target.request_id)] if target.request_id else []), *load],
            judge=judged,
            apply=applied,
            events=lambda _facts, _now, _verdict: [
                Event("factor", trail, "citizen", {"act": proof.act, "for": target.id})
            ],
        )
    )
    return settled.verdict


def proofs_needs(subject_ref: str) -> list[Need]:
    """For ``end_proofs``."""
    return [Need(CHALLENGES, subject_ref, "subject_ref"), Need(REQUESTS, subject_ref, "subject_ref")]


def end_proofs(facts: Facts, subject_ref: str, rests_on: str, now: datetime) -> None:
    """Of the requests that are not decided, and of own links: what was decided keeps the proof that it rested on."""
    decided = {row.id for row in facts.group(REQUESTS, "subject_ref", subject_ref) if row.state != "pending"}
    for proof in facts.group(CHALLENGES, "subject_ref", subject_ref):
        if proof.rests_on == rests_on and proof.target_id not in decided:
            facts.put(CHALLENGES, replace(proof, verified_at=None, expires_at=min(proof.expires_at, now)))
