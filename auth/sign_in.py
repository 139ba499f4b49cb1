"""Who may sign in: password, second factor (RFC 6238), and how long guessing takes. The judges of ``exchange.flows.sign_in``."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pyotp

from auth.facts import ActiveFact, AgencyFact
from auth.grants import first_refusal, judge_agency
from auth.verdict import ALLOWED, Refused, Verdict

STEP_S = 30
DRIFT_STEPS = 1
TRIES = 10
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)
RECOVERY_CODES = 10
PASSWORD_CHARACTERS = 12
DIFFERENT_CHARACTERS = 5
# What an identity provider may call somebody (OpenID Connect Core 2: at most 255 ASCII characters); no space, which divides
# it from the issuer.
_SUBJECT = re.compile(r"[!-~]{1,255}", re.ASCII)


class TriesFact(Protocol):
    @property
    def locked_until(self) -> datetime | None: ...


class FactorFact(Protocol):
    @property
    def confirmed(self) -> bool: ...
    @property
    def last_step(self) -> int: ...


class IdentityFact(Protocol):
    @property
    def officer_id(self) -> str: ...
    @property
    def active(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What an officer typed. ``password`` was verified before; ``secret`` is the officer's (RFC 4226, base 32), None without an
    authenticator; ``recovery`` says whether ``code`` is one of the recovery codes that are left.
    """

    password: bool
    code: str
    secret: str | None
    recovery: bool


class InvitationFact(Protocol):
    @property
    def expires_at(self) -> datetime: ...
    @property
    def used_at(self) -> datetime | None: ...


def new_secret() -> str:
    """160 bits."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, username: str, issuer: str) -> str:
    """``otpauth://``, for the QR code of an authenticator."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=username, issuer_name=issuer)


def code_at(secret: str, step: int) -> str:
    return pyotp.HOTP(secret).at(step)


def step_of(secret: str, code: str, last_step: int, now: datetime) -> int | None:
    """The step whose code this is, with a drift of one either way; None when it is none of them, or not later than the last one
    that was used: a code counts once (RFC 6238 5.2).
    """
    current = int(now.timestamp()) // STEP_S
    fitting = [
        step
        for step in range(max(0, current - DRIFT_STEPS), current + DRIFT_STEPS + 1)
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode())
    ]
    return max((step for step in fitting if step > last_step), default=None)


def judge_sign_in(
    officer: ActiveFact | None,
    agency: AgencyFact | None,
    tries: TriesFact | None,
    factor: FactorFact | None,
    shown: Shown,
    now: datetime,
    *,
    has_passkey: bool,
) -> Verdict:
    """Every refusal reads the same outside; the ledger has the reason. While a name is locked nothing is right."""
    password = ALLOWED if shown.password else Refused("sign_in_failed")
    code = judge_factor(factor, shown, now) if asks_for_code(factor, has_passkey=has_passkey) else ALLOWED
    return first_refusal(judge_standing(officer, agency, tries, now), password, code)


def judge_standing(
    officer: ActiveFact | None, agency: AgencyFact | None, tries: TriesFact | None, now: datetime
) -> Verdict:
    """Whatever way in is taken: an active officer of an active agency, whose name is not locked."""
    if officer is None or not officer.active or not judge_agency(agency, now).allowed:
        return Refused("sign_in_failed")
    locked = tries is not None and tries.locked_until is not None and now < tries.locked_until
    return Refused("sign_in_locked") if locked else ALLOWED


def judge_identity(identity: IdentityFact | None, officer_id: str) -> Verdict:
    """Whom the provider vouches for is this officer: linked by an operator, never by a name or an address."""
    linked = identity is not None and identity.active and identity.officer_id == officer_id
    return ALLOWED if linked else Refused("identity_unlinked")


def judge_link(
    officer: ActiveFact | None, taken: IdentityFact | None, own: Sequence[IdentityFact]
) -> Verdict:
    """An identity is one officer's, and an officer has one: who shall have another is unlinked first. ``taken`` is the identity's
    row, ``own`` are those of the officer.
    """
    if officer is None:
        return Refused("officer_unknown")
    if any(identity is not None and identity.active for identity in (taken, *own)):
        return Refused("identity_exists")
    return ALLOWED


def names_somebody(subject: str) -> bool:
    return _SUBJECT.fullmatch(subject) is not None


def asks_for_code(factor: FactorFact | None, *, has_passkey: bool) -> bool:
    """Beside the password. Who has a passkey is not got at by the password alone either."""
    return has_passkey or (factor is not None and factor.confirmed)


def judge_factor(factor: FactorFact | None, shown: Shown, now: datetime) -> Verdict:
    """A code of the authenticator, if one is confirmed, or one of the recovery codes."""
    if shown.recovery:
        return ALLOWED
    if factor is None or not factor.confirmed or shown.secret is None:
        return Refused("second_factor_failed")
    step = step_of(shown.secret, shown.code, factor.last_step, now)
    return ALLOWED if step is not None else Refused("second_factor_failed")


def locked_until(failed: int, locks: int, now: datetime) -> datetime | None:
    """After ten failures in a row; each lock twice as long as the one before, until somebody gets in."""
    return now + min(FIRST_LOCK * 2 ** min(locks, 10), LONGEST_LOCK) if failed >= TRIES else None


def judge_enrolment(factor: FactorFact | None) -> Verdict:
    """One that is confirmed is replaced only after an administrator took it away."""
    return Refused("factor_exists") if factor is not None and factor.confirmed else ALLOWED


def judge_confirmation(factor: FactorFact | None, secret: str, code: str, now: datetime) -> Verdict:
    """With the first code that the authenticator shows: who mistyped the secret is not locked out."""
    if factor is None or factor.confirmed:
        return Refused("factor_unknown")
    return (
        ALLOWED if step_of(secret, code, factor.last_step, now) is not None else Refused("factor_code_wrong")
    )


def judge_invitation(
    invitation: InvitationFact | None, officer: ActiveFact | None, agency: AgencyFact | None, now: datetime
) -> Verdict:
    """Once, in time, by an officer who may sign in."""
    if invitation is None or invitation.used_at is not None or now >= invitation.expires_at:
        return Refused("invitation_unknown")
    standing = judge_standing(officer, agency, None, now)
    return ALLOWED if standing.allowed else Refused("invitation_unknown")


def judge_password(password: str, username: str) -> Verdict:
    """Length decides (NIST SP 800-63B); only what is no secret at all is refused beside it."""
    plain = password.casefold()
    weak = (
        len(password) < PASSWORD_CHARACTERS
        or len(set(plain)) < DIFFERENT_CHARACTERS
        or username.casefold() in plain
    )
    return Refused("password_weak") if weak else ALLOWED
