"""A citizen's contacts: which may carry a one-time code, and how often they may change (A27; ``protocols.md`` 4.1).

What trust means here: a contact **serves** when it was set at least ``rest`` ago and, where ``other_setter`` is on, not by whoever asks.
The first contact of a citizen is a change like every other; an earlier one goes on serving while a new one rests. That a code
sent there was typed rightly (``verified_at``) is told to officers and shortens nothing: whoever set a contact of their own could
type it as well. A passkey rests as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from auth.verdict import ALLOWED, Refused, Verdict

REST = timedelta(hours=72)
CONTACTS_OF_ONE_CITIZEN = 5
CHANGES_A_DAY = 3
# One phone for a couple is common; from the third citizen on somebody looks at it. It serves all the same: it is an alarm, no verdict.
ALARM_FROM_CITIZENS = 3


class ContactFact(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def subject_ref(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def value_index(self) -> str: ...
    @property
    def set_by(self) -> str: ...
    @property
    def set_at(self) -> datetime: ...
    @property
    def removed_at(self) -> datetime | None: ...


class OwnPasskeyFact(Protocol):
    @property
    def added_at(self) -> datetime: ...
    @property
    def active(self) -> bool: ...
    @property
    def set_by(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ContactRules:
    """``rest`` zero and ``other_setter`` False: off, as in the sandbox's main story."""

    rest: timedelta
    other_setter: bool


C = TypeVar("C", bound=ContactFact)


def kept(contacts: Iterable[C]) -> list[C]:
    """Those that were not removed, newest first."""
    return sorted(
        (one for one in contacts if one.removed_at is None),
        key=lambda one: (one.set_at, one.id),
        reverse=True,
    )


def serving(contacts: Iterable[C], rules: ContactRules, asked_by: str | None, now: datetime) -> list[C]:
    """Those that may carry a code, newest first. ``asked_by`` is the actor whose request it is; None for a citizen's own link."""
    return [
        one
        for one in kept(contacts)
        if now - one.set_at >= rules.rest and not (rules.other_setter and one.set_by == asked_by)
    ]


def judge_contacts(
    contacts: Sequence[ContactFact], rules: ContactRules, asked_by: str | None, now: datetime
) -> Verdict:
    """Is there one that may carry a code? Otherwise the reason that would be over first: one that only has to rest."""
    if serving(contacts, rules, asked_by, now):
        return ALLOWED
    there = kept(contacts)
    if not there:
        return Refused("no_contact")
    rests = any(not (rules.other_setter and one.set_by == asked_by) for one in there)
    return Refused("contact_too_new") if rests else Refused("contact_set_by_asker")


def judge_means(
    contacts: Sequence[ContactFact],
    passkeys: Sequence[OwnPasskeyFact],
    rules: ContactRules,
    asked_by: str,
    now: datetime,
) -> Verdict:
    """Can this citizen prove themselves on an own device, by a contact or a passkey? If not, the reason why they need assistance."""
    by_contact = judge_contacts(contacts, rules, asked_by, now)
    by_passkey = any(one.active and judge_passkey(one, rules, asked_by, now).allowed for one in passkeys)
    return ALLOWED if by_passkey else by_contact


def judge_passkey(
    passkey: OwnPasskeyFact, rules: ContactRules, asked_by: str | None, now: datetime
) -> Verdict:
    """One that was just registered may be somebody's who held the phone for a moment; and one that came from an officer's own
    contact is no further from that officer than the contact.
    """
    if now - passkey.added_at < rules.rest:
        return Refused("passkey_too_new")
    own = rules.other_setter and asked_by is not None and passkey.set_by == asked_by
    return Refused("contact_set_by_asker") if own else ALLOWED


def judge_addition(own: Sequence[ContactFact], channel: str, value_index: str, now: datetime) -> Verdict:
    """``own`` are all that the citizen ever had: what was added and removed today counts."""
    there = kept(own)
    if any((one.channel, one.value_index) == (channel, value_index) for one in there):
        return Refused("contact_exists")
    if len(there) >= CONTACTS_OF_ONE_CITIZEN:
        return Refused("contacts_full")
    return _judge_changes([one.set_at for one in own], now)


def judge_removal(own: Sequence[ContactFact], contact_id: str, now: datetime) -> Verdict:
    """A contact of another citizen is told like one that is not there."""
    if contact_id not in {one.id for one in kept(own)}:
        return Refused("contact_unknown")
    return _judge_changes([one.removed_at for one in own if one.removed_at], now)


def citizens_sharing(contacts: Iterable[ContactFact], subject_ref: str) -> int:
    """How many have one of these values, with this citizen."""
    return len({subject_ref, *(one.subject_ref for one in kept(contacts))})


def _judge_changes(changed_at: Sequence[datetime], now: datetime) -> Verdict:
    today = [at for at in changed_at if now - at < timedelta(days=1)]
    return ALLOWED if len(today) < CHANGES_A_DAY else Refused("contacts_spent")
