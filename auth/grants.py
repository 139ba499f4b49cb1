"""May they? The judges of every act: facts and ``now`` in, verdict out.

They see the rows of ``storage`` through the protocols of ``auth.facts`` and never import them. ``now`` is the clock of the batch
that judges; ``None`` for a fact means that the row does not exist, which is refused like everything unknown.
Reasons are stable codes: the table in ``exchange.errors`` says what a caller is told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from auth.facts import (
    ActiveFact,
    AgencyFact,
    ChallengeFact,
    ClientFact,
    ConsentFact,
    ItemFact,
    RequestFact,
    SessionFact,
    StoredFact,
    UseFact,
    VersionFact,
)
from auth.verdict import ALLOWED, Refused, Verdict

SESSION_IDLE_LIMIT = timedelta(minutes=15)
SESSION_LIFE_LIMIT = timedelta(hours=8)
FACTOR_LIFE = timedelta(minutes=15)
CODE_LIFE = timedelta(minutes=5)
CODE_TRIES = 5
TRIES_COME_BACK_AFTER = timedelta(hours=24)
CODE_SENDS_PER_HOUR = 3
MESSAGES_PER_HOUR = 3
ONE_TIME_CODE = "otp_registered"
REDELIVERY_WINDOW = timedelta(seconds=120)
REDELIVERY_ATTEMPTS = 3

# The one table of legal state changes of a consent request (and with it of the consent it led to).
LEGAL_CHANGES: dict[tuple[str, str], str] = {
    ("pending", "grant_all"): "granted",
    ("pending", "grant_some"): "partial",
    ("pending", "refuse"): "refused",
    ("pending", "expire"): "expired",
    ("pending", "replace"): "withdrawn",
    ("granted", "withdraw"): "withdrawn",
    ("partial", "withdraw"): "withdrawn",
}
# A consent exists from its decision on; one that was refused is evidence and never changes.
CONSENT_AFTER: dict[str, str] = {"grant_all": "active", "grant_some": "active", "refuse": "refused"}
# Frozen: its citizen said "this is wrong" (art. 41) and it waits for an answer. Ended: whoever could uphold it is gone (a death, a majority).
CONSENT_CHANGES: dict[tuple[str, str], str] = {
    ("active", "withdraw"): "withdrawn",
    ("active", "freeze"): "frozen",
    ("active", "end"): "ended",
    ("frozen", "thaw"): "active",
    ("frozen", "withdraw"): "withdrawn",
    ("frozen", "end"): "ended",
}


def changed(state: str, act: str) -> str | None:
    """The state of a request after ``act``; None when the law of the table does not know this change."""
    return LEGAL_CHANGES.get((state, act))


def must_change(state: str, act: str) -> str:
    """For who has judged before. Raises ``LookupError`` for a change that the table does not know: a bug."""
    return LEGAL_CHANGES[state, act]


def judge_session(
    session: SessionFact | None, officer: ActiveFact | None, agency: AgencyFact | None, now: datetime
) -> Verdict:
    """A signed-in officer of an active agency: idle at most 15 minutes, 8 hours in all."""
    if session is None or (officer is not None and officer.id != session.officer_id):
        return Refused("session_ended")
    if officer is None or not officer.active:
        return Refused("officer_suspended")  # first: suspending ends the sessions, and why is what helps
    if session.ended_at is not None:
        return Refused("session_ended")
    if now - session.last_seen_at > SESSION_IDLE_LIMIT or now - session.created_at > SESSION_LIFE_LIMIT:
        return Refused("session_expired")
    return judge_agency(agency, now)


def judge_agency(agency: AgencyFact | None, now: datetime) -> Verdict:
    """It takes part, and the agreement under which it does has not lapsed."""
    if agency is None or not agency.active:
        return Refused("agency_suspended")
    lapsed = agency.agreement_until is not None and now >= agency.agreement_until
    return Refused("agreement_lapsed") if lapsed else ALLOWED


def judge_machine(
    client: ClientFact | None, agency: AgencyFact | None, agency_id: str, scope: str, now: datetime
) -> Verdict:
    """A client of an active agency that is still allowed what this call needs."""
    if client is None or client.agency_id != agency_id or not client.active:
        return Refused("client_suspended")
    may_ask = ALLOWED if scope in client.scopes.split(" ") else Refused("scope_missing")
    return first_refusal(judge_agency(agency, now), may_ask)


def judge_purpose(client: ClientFact | None, service: str) -> Verdict:
    """Is this service among those that the client is for? One that names none is for all of its agency."""
    confined = client is not None and client.purposes != "" and service not in client.purposes.split(" ")
    return Refused("purpose_missing") if confined else ALLOWED


def judge_messages(sent: Sequence[datetime], now: datetime) -> Verdict:
    """Three messages an hour from one agency to one citizen: more is a flood."""
    recent = [at for at in sent if now - at < timedelta(hours=1)]
    return ALLOWED if len(recent) < MESSAGES_PER_HOUR else Refused("messages_spent")


def judge_sending(
    request: RequestFact | None,
    challenges: Sequence[ChallengeFact],
    of_target: Sequence[ChallengeFact],
    now: datetime,
) -> Verdict:
    """May another one-time code go out? ``challenges`` are all of this citizen, ``of_target`` those for the same request
    or link; ``request`` is None for a trail. No code goes out that could not be tried.
    """
    if request is not None and (refused := _open_link(request, now)):
        return refused
    if tries_left(of_target, now, for_ever=request is not None) == 0:
        return Refused("tries_spent")
    recent = [
        one for one in challenges if one.method == ONE_TIME_CODE and now - one.sent_at < timedelta(hours=1)
    ]
    return ALLOWED if len(recent) < CODE_SENDS_PER_HOUR else Refused("codes_spent")


def judge_code(
    request: RequestFact | None,
    challenges: Sequence[ChallengeFact],
    live: ChallengeFact | None,
    *,
    browser: str,
    right: bool,
    now: datetime,
) -> Verdict:
    """One try of a one-time code. ``challenges`` are those of the target: five wrong codes in all end it, however
    many browsers, codes or parallel tries they were spread over. ``live`` is the newest challenge.
    """
    if request is not None and (refused := _open_link(request, now)):
        return refused
    if tries_left(challenges, now, for_ever=request is not None) == 0:
        return Refused("tries_spent")
    if live is None or live.browser != browser or now >= live.expires_at or live.verified_at is not None:
        return Refused("code_unknown")
    return ALLOWED if right else Refused("code_wrong")


def tries_left(challenges: Sequence[ChallengeFact], now: datetime, *, for_ever: bool) -> int:
    """Five for a request, which they end. A citizen's own link lives a year: there they come back after a day, or anybody
    who was sent it could close it for good, and with it the way to withdraw.
    """
    counted = [c for c in challenges if for_ever or now - c.sent_at < TRIES_COME_BACK_AFTER]
    return max(0, CODE_TRIES - sum(challenge.tries for challenge in counted))


def tries_return_at(challenges: Sequence[ChallengeFact], now: datetime) -> datetime:
    """When a citizen's own link that is locked now can be tried again."""
    ends = sorted(challenge.sent_at + TRIES_COME_BACK_AFTER for challenge in challenges)
    return next((end for end in ends if end > now and tries_left(challenges, end, for_ever=False)), now)


def factor_passed(challenges: Sequence[ChallengeFact], browser: str, now: datetime) -> bool:
    """Did this browser prove itself for this target within the last 15 minutes?"""
    return any(
        challenge.browser == browser
        and challenge.verified_at is not None
        and now - challenge.verified_at <= FACTOR_LIFE
        for challenge in challenges
    )


def judge_decision(
    request: RequestFact | None, challenges: Sequence[ChallengeFact], *, browser: str, now: datetime
) -> Verdict:
    """Grant or refuse: once, before the expiry, by the browser that passed the factor."""
    if request is None:
        return Refused("link_unknown")
    if refused := _open_link(request, now):
        return refused
    return ALLOWED if factor_passed(challenges, browser, now) else Refused("factor_missing")


def judge_consent(consent: ConsentFact | None, agency_id: str, now: datetime) -> Verdict:
    """Is there a live consent for this agency?"""
    if consent is None:
        return Refused("consent_unknown")
    if consent.agency_id != agency_id:
        return Refused("consent_of_another_agency")
    if consent.state == "withdrawn":
        return Refused("consent_withdrawn")
    if consent.state == "frozen":
        return Refused("consent_frozen")
    if consent.state == "ended":
        return Refused("consent_ended")
    if consent.state != "active":
        return Refused("consent_refused")
    return ALLOWED if now < consent.valid_until else Refused("consent_expired")


def judge_documents(items: Sequence[ItemFact], wanted: Collection[str]) -> Verdict:
    """Every wanted document is one that the citizen granted."""
    granted = {item.document_id for item in items if item.decision == "granted"}
    return ALLOWED if wanted and granted.issuperset(wanted) else Refused("not_granted")


def judge_version(version: VersionFact | None) -> Verdict:
    if version is None:
        return Refused("version_unknown")
    return ALLOWED if version.state == "ready" else Refused(f"version_{version.state}")


def judge_examined(seen: StoredFact, now: StoredFact | None) -> Verdict:
    """Is the row still the one that was examined? A key that was turned meanwhile makes another row, and so does whoever was first."""
    if now is None or now.state != seen.state:
        return Refused("version_changed")
    same = (now.object_key, now.wrapped_key, now.cipher_sha256, now.sha256, now.cipher_size, now.size) == (
        seen.object_key, seen.wrapped_key, seen.cipher_sha256, seen.sha256, seen.cipher_size, seen.size,
    )  # fmt: skip
    return ALLOWED if same else Refused("version_changed")


def judge_people(version: VersionFact | None, read: str) -> Verdict:
    """Does the paper still name those, and only those, for whom entries were prepared? Whoever it names has one of their own."""
    return ALLOWED if version is None or version.subjects == read else Refused("subjects_changed")


def judge_use(use: UseFact | None, caller: str, now: datetime) -> Verdict:
    """Once; and until the whole delivery is on record, the same caller may repeat it three times in 120 s."""
    if use is None:
        return ALLOWED
    if use.open:
        return Refused("delivery_open")
    repeats_left = use.attempts <= REDELIVERY_ATTEMPTS and now - use.released_at <= REDELIVERY_WINDOW
    if use.delivered or use.caller != caller or not repeats_left:
        return Refused("ticket_used")
    return ALLOWED


def judge_proof(use: UseFact | None, replay_id: str | None) -> Verdict:
    """A proof of possession counts once (RFC 9449 11.1). It is about one ticket (``ath``) and one address (``htu``), so the use of
    that ticket for that document version remembers all there are.
    """
    seen = use is not None and replay_id is not None and replay_id in use.proofs.split(" ")
    return Refused("proof_used") if seen else ALLOWED


def judge_ticket_time(expires_at: datetime, now: datetime) -> Verdict:
    return ALLOWED if now < expires_at else Refused("ticket_expired")


def judge_epoch(consent_epoch: int, ticket_epoch: int) -> Verdict:
    """A ticket is bound to the revision of the consent that it was issued under."""
    return ALLOWED if consent_epoch == ticket_epoch else Refused("consent_changed")


def judge_withdrawal(consent: ConsentFact | None) -> Verdict:
    """UU 27/2022 art. 40: may be taken back at any time, once. What rests on another basis is no consent (art. 20(2))."""
    if consent is None:
        return Refused("consent_unknown")
    if consent.lawful_basis != "consent":
        return Refused("not_a_consent")
    return ALLOWED if (consent.state, "withdraw") in CONSENT_CHANGES else Refused("consent_not_active")


def judge_link(request: RequestFact | None, now: datetime) -> Verdict:
    """May somebody prove themselves at this link? ``request`` is None for a citizen's own."""
    return (request is not None and _open_link(request, now)) or ALLOWED


def first_refusal(*verdicts: Verdict) -> Verdict:
    for verdict in verdicts:
        if not verdict.allowed:
            return verdict
    return ALLOWED


def _open_link(request: RequestFact, now: datetime) -> Refused | None:
    """What is recorded at the counter is decided by no link, whoever found one."""
    return Refused("assisted_only") if request.mode == "assisted" else _open_request(request, now)


def _open_request(request: RequestFact, now: datetime) -> Refused | None:
    if request.state != "pending":
        return Refused("link_used")
    return Refused("link_expired") if now >= request.expires_at else None
