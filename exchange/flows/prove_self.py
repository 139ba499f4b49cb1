"""A citizen proves who they are with a one-time code sent to a registered contact.

The same factor guards a consent request (``/p/``) and the citizen's trail (``/w/``): the target. Sending and every
try are batch items, so parallel tries are counted one by one (A25), also across replicas. The code is bound to the
target and to the browser that asked for it; knowing a NIK or a birth date is never a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auth.callers import same_bytes
from auth.contacts import ContactRules, judge_contacts, serving
from auth.grants import (
    CODE_LIFE,
    ONE_TIME_CODE,
    factor_passed,
    first_refusal,
    judge_code,
    judge_sending,
    must_change,
    tries_left,
    tries_return_at,
)
from auth.links import new_one_time_code, one_time_code_hash
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.factors import Target
from exchange.limits import CodesOfTheHour
from storage.consents import CHALLENGES, REQUESTS, Challenge, challenges_for
from storage.database import Database
from storage.ids import new_id
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.outbox import MESSAGES, addresses_of, new_message
from storage.subjects import CONTACTS, Contact


@dataclass(frozen=True, slots=True)
class FactorState:
    """What the page shows: has this browser passed, is a code on its way, how many tries are left, and, when none are,
    from when on there are some again (a trail; a request never gets them back).
    """

    passed: bool
    code_sent: bool
    code_expires_at: datetime | None
    tries_left: int
    locked_until: datetime | None


async def factor_state(database: Database, *, target: Target, browser: str, now: datetime) -> FactorState:
    async with database.reading() as reading:
        challenges = await challenges_for(reading, target.id)
    live = newest(challenges)
    waiting = (
        live is not None and live.browser == browser and live.verified_at is None and now < live.expires_at
    )
    left = tries_left(challenges, now, for_ever=target.request_id is not None)
    return FactorState(
        passed=factor_passed(challenges, browser, now),
        code_sent=waiting,
        code_expires_at=live.expires_at if live else None,
        tries_left=left,
        locked_until=tries_return_at(challenges, now) if left == 0 else None,
    )


async def send_code(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    *,
    target: Target,
    browser: str,
    rules: ContactRules,
    text: Callable[[str, datetime], str],
    codes_per_hour: int,
    now: datetime,
) -> Verdict:
    """``text`` makes the message from the code and its end: it states the transaction. It goes to the newest contact that may carry it by
    now: which one, the batch says. ``codes_per_hour`` is for all citizens together. Returns
    the verdict.
    """
    trail = await keyring.trail(target.subject_ref)
    addresses = await addresses_of(database, keyring, target.subject_ref)
    code, challenge_id = new_one_time_code(), new_id("ch")
    challenge = Challenge(
        id=challenge_id,
        target_id=target.id,
        subject_ref=target.subject_ref,
        browser=browser,
        channel="",
        code=one_time_code_hash(keyring.site("one-time-code"), challenge_id, code),
        sent_at=now,
        expires_at=now + CODE_LIFE,
        tries=0,
        verified_at=None,
    )
    words = text(code, challenge.expires_at)
    messages = {
        contact_id: new_message(trail, address, "otp", words, now, code=code)
        for contact_id, address in addresses.items()
    }

    def chosen(facts: Facts, now: datetime) -> Contact | None:
        """Nothing is prepared for one that was set since they were read, nor was anything judged by it."""
        contacts = facts.group(CONTACTS, "subject_ref", target.subject_ref)
        serve = serving(contacts, rules, _asker(facts, target), now)
        return next((contact for contact in serve if contact.id in messages), None)

    everybody = CodesOfTheHour(codes_per_hour, now)

    def judge(facts: Facts, now: datetime) -> Verdict:
        request = facts.get(REQUESTS, target.request_id) if target.request_id else None
        everything = facts.group(CHALLENGES, "subject_ref", target.subject_ref)
        contacts = facts.group(CONTACTS, "subject_ref", target.subject_ref)
        verdict = first_refusal(
            judge_sending(request, everything, facts.group(CHALLENGES, "target_id", target.id), now),
            judge_contacts(contacts, rules, _asker(facts, target), now),
        )
        if verdict.allowed and chosen(facts, now) is None:
            return Refused("no_contact")
        return first_refusal(verdict, everybody.judge(facts))

    channel = None

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        nonlocal channel
        if (contact := chosen(facts, now)) is None:
            return
        everybody.count(facts)
        channel, ends = contact.channel, now + CODE_LIFE
        sent = replace(challenge, channel=channel, rests_on=contact.id, sent_at=now, expires_at=ends)
        facts.put(CHALLENGES, sent)
        facts.put(MESSAGES, messages[contact.id])

    settled = await appender.submit(
        Work(
            kind="factor",
            caller=f"factor:{target.id}",
            trail=trail,
            load=[*_needs(target), *everybody.needs],
            judge=judge,
            apply=apply,
            apply_refused=everybody.stopped,
            events=lambda _facts, _now, _verdict: [
                Event(
                    "factor",
                    trail,
                    "citizen",
                    {"act": "code_sent", "for": target.id, "channel": channel or ""},
                )
            ],
        )
    )
    return settled.verdict


async def verify_code(
    keyring: Keyring, appender: Appender, *, target: Target, browser: str, code: str
) -> tuple[Verdict, int]:
    """One try. Returns the verdict and how many tries are left; the fifth wrong one ends the request."""
    trail = await keyring.trail(target.subject_ref)
    key = keyring.site("one-time-code")

    def live(facts: Facts) -> Challenge | None:
        return newest(facts.group(CHALLENGES, "target_id", target.id))

    def judge(facts: Facts, now: datetime) -> Verdict:
        challenge = live(facts)
        right = challenge is not None and same_bytes(
            one_time_code_hash(key, challenge.id, code), challenge.code
        )
        request = facts.get(REQUESTS, target.request_id) if target.request_id else None
        challenges = facts.group(CHALLENGES, "target_id", target.id)
        return judge_code(request, challenges, challenge, browser=browser, right=right, now=now)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if (challenge := live(facts)) is None:
            return
        facts.put(CHALLENGES, replace(challenge, verified_at=now))
        for contact in facts.group(CONTACTS, "subject_ref", target.subject_ref):
            if contact.id == challenge.rests_on and contact.verified_at is None:
                facts.put(CONTACTS, replace(contact, verified_at=now))

    left = [0]

    def apply_refused(facts: Facts, now: datetime, verdict: Verdict) -> None:
        challenge = live(facts)
        if verdict.reason == "code_wrong" and challenge is not None:
            facts.put(CHALLENGES, replace(challenge, tries=challenge.tries + 1))
        challenges = facts.group(CHALLENGES, "target_id", target.id)
        left[0] = tries_left(challenges, now, for_ever=target.request_id is not None)
        request = facts.get(REQUESTS, target.request_id) if target.request_id else None
        if left[0] == 0 and request is not None and request.state == "pending":
            facts.put(REQUESTS, replace(request, state=must_change(request.state, "expire")))

    settled = await appender.submit(
        Work(
            kind="factor",
            caller=f"factor:{target.id}",
            trail=trail,
            load=_needs(target),
            judge=judge,
            apply=apply,
            apply_refused=apply_refused,
            events=lambda _facts, _now, _verdict: [
                Event("factor", trail, "citizen", {"act": "code_tried", "for": target.id})
            ],
        )
    )
    return settled.verdict, left[0]


async def leave(keyring: Keyring, appender: Appender, *, target: Target, browser: str) -> None:
    """End this browser's proof, for whoever holds its cookie; the code behind it cannot be typed once more."""
    trail = await keyring.trail(target.subject_ref)

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        for challenge in facts.group(CHALLENGES, "target_id", target.id):
            if challenge.browser == browser:
                facts.put(CHALLENGES, replace(challenge, verified_at=None, expires_at=now))

    await appender.submit(
        Work(
            kind="factor",
            caller="",
            trail=trail,
            load=_needs(target),
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("factor", trail, "citizen", {"act": "left", "for": target.id})
            ],
        )
    )


def newest(challenges: Sequence[Challenge]) -> Challenge | None:
    """The code that counts. By the time of the batch that sent it: ids are made by replicas, whose clocks differ."""
    codes = [challenge for challenge in challenges if challenge.method == ONE_TIME_CODE]
    return max(codes, key=lambda challenge: (challenge.sent_at, challenge.id), default=None)


def _asker(facts: Facts, target: Target) -> str | None:
    """Whose request it is; None for a citizen's own link."""
    request = facts.get(REQUESTS, target.request_id) if target.request_id else None
    return request.asked_by if request else None


def _needs(target: Target) -> list[Need]:
    needs = [
        Need(CHALLENGES, target.id, "target_id"),
        Need(CHALLENGES, target.subject_ref, "subject_ref"),
        Need(CONTACTS, target.subject_ref, "subject_ref"),
    ]
    return [*needs, Need(REQUESTS, target.request_id)] if target.request_id else needs
