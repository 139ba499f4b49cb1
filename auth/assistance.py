"""Consent without a phone (UU 27/2022 art. 22, 26): one officer records what the citizen decided, a second one confirms it.

The judges of ``exchange.flows.assist_consent``, like those of ``auth.grants``; and the code on the printed slip, with which a consent
is taken back at any counter:

    code = 8 characters of Crockford's base 32, 40 random bits, shown as XXXX-XXXX; of it only a keyed hash is kept
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Protocol

from auth.facts import ActiveFact, RequestFact
from auth.roles import SERVE, judge_right
from auth.verdict import ALLOWED, Refused, Verdict

VISIT = timedelta(hours=24)
"""The longest an assisted consent may last: one visit."""
JUST_NOW = timedelta(minutes=5)
WRONG_CODES_AN_HOUR = 10
SHARE_DAYS = 30
SHARE_DECISIONS = 10
"""With fewer decided requests than that a share says nothing about somebody."""
CODE_CHARACTERS = 8
REFERENCE_CHARACTERS = 8
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# As they are read aloud and typed: Crockford's own table of what is meant.
_MEANT = str.maketrans("OIL", "011")
_NUMBER = "PST"


class AskedFact(RequestFact, Protocol):
    @property
    def agency_id(self) -> str: ...
    @property
    def asked_by(self) -> str: ...
    @property
    def mode(self) -> str: ...


class RecordedFact(Protocol):
    @property
    def recording(self) -> str: ...
    @property
    def recorded_by(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def text_sha256(self) -> str: ...


class CounterOfficerFact(ActiveFact, Protocol):
    @property
    def agency_id(self) -> str: ...
    @property
    def role(self) -> str: ...


class BegunFact(Protocol):
    @property
    def created_at(self) -> datetime: ...
    @property
    def provider_session(self) -> str | None: ...


def judge_asked(request: AskedFact | None, agency_id: str) -> Verdict:
    """Is there a request of this agency that is answered at the counter?"""
    if request is None:
        return Refused("request_unknown")
    if request.agency_id != agency_id:
        return Refused("request_of_another_agency")
    return ALLOWED if request.mode == "assisted" else Refused("not_assisted")


def judge_open(request: RequestFact | None, now: datetime) -> Verdict:
    if request is None or request.state != "pending":
        return Refused("request_closed")
    return Refused("request_expired") if now >= request.expires_at else ALLOWED


def judge_recording(recorded: RecordedFact | None, *, text_sha256: str, read_sha256: str) -> Verdict:
    """What is recorded stays until somebody discards it, so that a second officer never confirms another record than was read.
    ``text_sha256`` is of the slip as it is now, ``read_sha256`` of the one that was read to the citizen.
    """
    if recorded is not None and recorded.state == "recorded":
        return Refused("recorded_before")
    return ALLOWED if text_sha256 == read_sha256 else Refused("slip_changed")


def judge_evidence(witness: str, *, specific: bool, pinned: bool) -> Verdict:
    """A recorded voice is nothing without the recording; and what is specific data (UU 27/2022 art. 4(2)) is granted with more than
    the word of two officers: the signed slip, or the recording, pinned by its hash (art. 22, 24).
    """
    needed = specific or witness == "spoken_recorded"
    return ALLOWED if pinned or not needed else Refused("evidence_needed")


def judge_waiting(recorded: RecordedFact | None, recording: str) -> Verdict:
    """Does this very record wait for a second officer?"""
    if recorded is None or recorded.state != "recorded":
        return Refused("nothing_recorded")
    return ALLOWED if recorded.recording == recording else Refused("recording_changed")


def judge_second_officer(
    request: AskedFact | None, recorded: RecordedFact | None, officer_id: str
) -> Verdict:
    """Four eyes: neither who recorded it nor who asked."""
    own = {recorded.recorded_by if recorded else "", request.asked_by.partition(":")[2] if request else ""}
    return Refused("another_officer_needed") if officer_id in own else ALLOWED


def judge_first_officer(officer: CounterOfficerFact | None, agency_id: str) -> Verdict:
    """Whoever recorded it could still do so now (as in ``four_eyes``: both persons are judged when it takes effect)."""
    serves = officer is not None and officer.active and officer.agency_id == agency_id
    if officer is None or not serves or not judge_right(officer.role, SERVE).allowed:
        return Refused("recorder_suspended")
    return ALLOWED


def judge_text(recorded: RecordedFact | None, text_sha256: str) -> Verdict:
    """What would be on record as read is still what the slip says."""
    same = recorded is not None and recorded.text_sha256 == text_sha256
    return ALLOWED if same else Refused("slip_changed")


def judge_presence(session: BegunFact | None, *, shown: bool, now: datetime) -> Verdict:
    """Nobody confirms at a colleague's open session: a password or a passkey was ``shown`` again, or who signs in elsewhere did so just
    now (such an officer may have neither).
    """
    if shown:
        return ALLOWED
    from_provider = session is not None and session.provider_session is not None
    fresh = session is not None and now - session.created_at <= JUST_NOW
    return ALLOWED if from_provider and fresh else Refused("presence_unproved")


def judge_code_tries(wrong: int) -> Verdict:
    """Ten wrong ones an hour and officer."""
    return ALLOWED if wrong < WRONG_CODES_AN_HOUR else Refused("slip_codes_spent")


def too_often(recorded: int, decided: int, share: float) -> bool:
    """Is that much of an officer's work without a phone that somebody should look?"""
    return decided >= SHARE_DECISIONS and recorded > share * decided


def new_slip_code() -> str:
    """Eight characters without a dash."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_CHARACTERS))


def typed_code(text: str) -> str:
    """A code as it is hashed, however it was typed; empty for what is none."""
    plain = _plain(text)
    return plain if len(plain) == CODE_CHARACTERS else ""


def typed_reference(text: str) -> str:
    """The number of a consent without ``PST`` and dashes; empty for what is none."""
    plain = _plain(text)
    if len(plain) == REFERENCE_CHARACTERS + len(_NUMBER):
        plain = plain.removeprefix(_NUMBER)
    return plain if len(plain) == REFERENCE_CHARACTERS else ""


def _plain(text: str) -> str:
    kept = "".join(character for character in text.upper() if character not in " -").translate(_MEANT)
    return kept if set(kept) <= set(_ALPHABET) else ""
