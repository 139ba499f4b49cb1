"""How a question reaches who decides: by a link, where something may serve as a factor, or at the counter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from auth.callers import Caller
from auth.contacts import ContactRules, judge_means, serving
from auth.contacts import kept as remaining
from auth.verdict import ALLOWED, Refused, Verdict
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Trail
from storage.outbox import MESSAGES, Message, addresses_of, new_message
from storage.subjects import CITIZEN_PASSKEYS, CONTACTS

SILENT = frozenset({"qr", "assisted"})
"""Channels that send no message."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How the question reaches who decides: by a link, where something may serve as a factor, or at the counter. ``messages`` are prepared
    for every contact of the channel; the batch chooses by the facts.
    """

    decider_ref: str
    asker: str
    channel: str
    rules: ContactRules
    messages: Mapping[str, Message]

    @property
    def needs(self) -> list[Need]:
        return [
            Need(CONTACTS, self.decider_ref, "subject_ref"),
            Need(CITIZEN_PASSKEYS, self.decider_ref, "subject_ref"),
            *(Need(MESSAGES, message.id) for message in self.messages.values()),
        ]

    def why_not(self, facts: Facts, now: datetime) -> str | None:
        """Why a link would lead nowhere; None where it leads, or was not wanted."""
        if self.channel == "assisted":
            return None
        contacts = facts.group(CONTACTS, "subject_ref", self.decider_ref)
        passkeys = facts.group(CITIZEN_PASSKEYS, "subject_ref", self.decider_ref)
        return judge_means(contacts, passkeys, self.rules, self.asker, now).reason

    def end_at_counter(self, facts: Facts, now: datetime) -> bool:
        return self.channel == "assisted" or self.why_not(facts, now) is not None

    def message(self, facts: Facts, now: datetime) -> Message | None:
        """A link is no factor: it goes where it is asked to go, first to a contact that may carry the code as well."""
        contacts = facts.group(CONTACTS, "subject_ref", self.decider_ref)
        ordered = [*serving(contacts, self.rules, self.asker, now), *remaining(contacts)]
        return next((self.messages[row.id] for row in ordered if row.id in self.messages), None)

    def judge(self, facts: Facts, now: datetime) -> Verdict:
        sends = self.channel not in SILENT
        return Refused("no_contact") if sends and self.message(facts, now) is None else ALLOWED


async def ways_to(
    database: Database,
    keyring: Keyring,
    holder: Trail,
    caller: Caller,
    channel: str,
    rules: ContactRules,
    text: str,
    link: str,
    now: datetime,
) -> Ways:
    addresses = {} if channel in SILENT else await addresses_of(database, keyring, holder.subject_ref)
    messages = {
        contact_id: new_message(holder, address, "link", text, now, link=link)
        for contact_id, address in addresses.items()
        if address.channel == channel
    }
    return Ways(holder.subject_ref, caller.actor, channel, rules, messages)
