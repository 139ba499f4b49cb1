"""What every act of a citizen shares: the own link and its factor, judged live; and the notices, which carry a way to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Concatenate, Generic, ParamSpec

from auth.callers import Officer
from auth.grants import factor_passed
from auth.links import code_hash, own_code
from auth.roles import WITHDRAW
from auth.verdict import ALLOWED, Refused, Verdict
from exchange.acts import caller_needs, judged_caller
from storage.consents import CHALLENGES, LINKS, CitizenLink
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Trail
from storage.outbox import MESSAGES, Address, Message, new_message

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Holder:
    """The citizen's own link with the browser that holds it."""

    link: CitizenLink
    browser: str


By = Officer | Holder
"""Who acts: the citizen, or an officer for the citizen at the counter."""


def by_needs(by: By) -> list[Need]:
    return caller_needs(by) if isinstance(by, Officer) else [Need(CHALLENGES, by.link.id, "target_id")]


def judged_by(facts: Facts, by: By, now: datetime) -> Verdict:
    """An officer who may record for a citizen; a browser that proved itself on the citizen's own link."""
    if isinstance(by, Officer):
        return judged_caller(facts, by, now, WITHDRAW)
    passed = factor_passed(facts.group(CHALLENGES, "target_id", by.link.id), by.browser, now)
    return ALLOWED if passed else Refused("factor_missing")


def actor_of(by: By) -> str:
    return by.actor if isinstance(by, Officer) else "citizen"


def counted_as(kind: str, by: By) -> str:
    """Whose refusals are counted. Apart from everything else: nothing that was refused elsewhere may keep a right waiting."""
    return f"{kind}:{by.actor if isinstance(by, Officer) else by.browser}"


@dataclass(frozen=True, slots=True)
class Posted:
    """A notice as the batch keeps it, once for each contact, and the link in it."""

    messages: tuple[Message, ...]
    link: CitizenLink

    @property
    def needs(self) -> list[Need]:
        return [*(Need(MESSAGES, message.id) for message in self.messages), Need(LINKS, self.link.id)]

    def keep(self, facts: Facts) -> None:
        for message in self.messages:
            facts.put(MESSAGES, message)
        if facts.get(LINKS, self.link.id) is None:
            facts.put(LINKS, self.link)


@dataclass(frozen=True, slots=True)
class Letter(Generic[P]):
    """The words of a notice. The citizen's own link is handed to them first: there one can stop, and say "this is wrong" (N04). The
    link is the same for a month, so that it can be repeated although only its hash is kept.
    """

    origin: str
    link_life: timedelta
    words: Callable[Concatenate[str, P], str]

    def write(
        self,
        keyring: Keyring,
        trail: Trail,
        addresses: Collection[Address],
        now: datetime,
        *args: P.args,
        **members: P.kwargs,
    ) -> Posted | None:
        """To every contact: whoever slipped in a number does not receive alone what its owner should hear. None where nobody can be
        reached.
        """
        if not addresses:
            return None
        key = keyring.site("link")
        code = own_code(key, trail.subject_ref, f"{now:%Y-%m}")
        url = f"{self.origin}/w/{code}"
        hashed = (code_hash(key, code) or b"").hex()
        link = CitizenLink(hashed, trail.subject_ref, "", now, now + self.link_life)
        text = self.words(url, *args, **members)
        messages = [
            new_message(trail, address, "notice", text, now, link=url) for address in dict.fromkeys(addresses)
        ]
        return Posted(tuple(messages), link)
