"""Messages to citizens leave here, after commit, from the outbox; never a document.

1. take up what is due, as far as places are free: eight in each channel for what somebody waits for (codes, links), eight
   for notices, so that neither a slow provider nor a pile of notices keeps anybody else's message
2. hand each over (``senders``); nothing is locked while we talk to somebody else's server
3. settle: sent; or once more after a while that doubles, for a day; or dead, with its cause (`berkas doctor` counts them)
A message sent twice after a crash is better than one lost: its id goes along, so that mail servers and the gateway know it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from auth.grants import CODE_LIFE
from exchange.outbound.letters import Letter, NotSent, Sender
from storage.database import Database
from storage.errors import KeyMissing, SealBroken
from storage.keyring import Keyring
from storage.outbox import Claimed, Lane, Message, claim_due, is_anything_due, settle_message

PLACES = 8
SETTLING_AT_ONCE = 2
FIRST_RETRY = timedelta(seconds=2)
LAST_RETRY = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)
MAX_DOUBLINGS = 12
SEND_LIMIT_S = 30.0
CLAIM_LIFE = timedelta(seconds=60)  # longer than a try may take, and what it takes to settle it
FULL_AGAIN_S = 1.0
STOP_PATIENCE_S = 3.0

_log = logging.getLogger("berkas.notify")
_luck = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state after one try, and when the next may be."""

    state: str
    cause: str = ""
    wait: timedelta = timedelta(0)


class Postman:
    """One in each process; any number over one database. ``senders`` has one for each channel."""

    def __init__(self, database: Database, keyring: Keyring, senders: Mapping[str, Sender]) -> None:
        self._database = database
        self._keyring = keyring
        self._senders = senders
        # Of the pool's connections the requests shall have the most.
        self._settling = asyncio.Semaphore(SETTLING_AT_ONCE)
        self._lanes: dict[Lane, set[asyncio.Task[None]]] = {
            Lane(channel, urgent): set() for channel in senders for urgent in (True, False)
        }

    async def round(self) -> None:
        """Begin what is due; nobody waits here for a provider. As long as a lane's places were all taken, more may be due
        behind them: then it goes on as soon as one is free.
        """
        while await self._take_up():
            if tries := self._tries():
                await asyncio.wait(tries, timeout=FULL_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)

    async def idle(self) -> None:
        """Wait for every try that was begun."""
        while tries := self._tries():
            await asyncio.wait(tries)

    async def stop(self) -> None:
        """What is under way may end within seconds; what does not is tried again when its claim is over, here or elsewhere."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_PATIENCE_S):
                await self.idle()
        for attempt in self._tries():
            attempt.cancel()
        await self.idle()
        for sender in {id(sender): sender for sender in self._senders.values()}.values():
            await sender.close()

    def _tries(self) -> set[asyncio.Task[None]]:
        return set().union(*self._lanes.values())

    async def _take_up(self) -> bool:
        """May more be due behind what was taken?"""
        async with self._database.reading() as reading:
            if not await is_anything_due(reading):
                return False
        places = {lane: PLACES - len(tries) for lane, tries in self._lanes.items()}
        async with self._database.transaction() as transaction:
            claims = await claim_due(transaction, places, CLAIM_LIFE)
        for claimed in claims:
            tries = self._lanes[claimed.lane]
            attempt = asyncio.create_task(self._deliver(claimed))
            tries.add(attempt)
            attempt.add_done_callback(tries.discard)
        taken = Counter(claimed.lane for claimed in claims)
        return any(taken[lane] == free for lane, free in places.items())

    async def _deliver(self, claimed: Claimed) -> None:
        message = claimed.message
        try:
            outcome = await self._tried(claimed)
            async with self._settling, self._database.transaction() as transaction:
                await settle_message(
                    transaction,
                    message,
                    state=outcome.state,
                    cause=outcome.cause,
                    wait=outcome.wait,
                    # Codes and links that were sent serve nobody here any more; the sandbox's inbox is the delivery itself.
                    keep=outcome.state == "waiting" or self._senders[message.channel].keeps,
                )
        except Exception as error:  # noqa: BLE001 - it is tried again when its claim is over
            _log.exception("message not settled", extra={"error": type(error).__name__})

    async def _tried(self, claimed: Claimed) -> Outcome:
        message = claimed.message
        if message.kind == "otp" and claimed.age >= CODE_LIFE:
            # A one-time code whose time is over helps nobody; its text would only frighten.
            return Outcome("dead", "too_late")
        try:
            letter = await self._letter(message)
            async with asyncio.timeout(SEND_LIMIT_S):
                await self._senders[message.channel].send(letter)
        except NotSent as error:
            failed = error
        except TimeoutError:
            failed = NotSent("too_slow")
        except Exception as error:  # noqa: BLE001 - a sender that breaks is a try that failed, for a day at most
            _log.exception("sender broke", extra={"error": type(error).__name__})
            failed = NotSent(type(error).__name__)
        else:
            return Outcome("sent")
        over = failed.final or claimed.age >= GIVEN_UP_AFTER
        words = {"channel": message.channel, "kind": message.kind, "cause": failed.cause}
        _log.warning("message given up" if over else "message not sent", extra=words)
        if over:
            return Outcome("dead", failed.cause)
        wait = wait_after(message.attempts, luck=_luck.random(), asked_s=failed.retry_after_s)
        return Outcome("waiting", failed.cause, wait)

    async def _letter(self, message: Message) -> Letter:
        """Raises ``NotSent`` for good: a message that cannot be opened never will be; it must not keep the others (F38)."""
        try:
            payload = json.loads(await self._keyring.unseal(message.subject_ref, "message", message.payload))
            return Letter(message.id, message.channel, payload["to"], payload["text"], message.created_at)
        except (SealBroken, KeyMissing, ValueError, KeyError, TypeError):
            raise NotSent("unreadable", final=True) from None


def wait_after(attempts: int, *, luck: float, asked_s: float = 0.0) -> timedelta:
    """How long to wait after a try that failed, ``attempts`` having failed before: 1 to 2 s at first, twice as much each time,
    an hour at most. ``luck`` (0 to 1) keeps the messages of one outage from coming back together; ``asked_s`` is what
    the other side asked for.
    """
    doubled = min(LAST_RETRY, FIRST_RETRY * (1 << min(attempts, MAX_DOUBLINGS)))
    return max(doubled * (0.5 + luck / 2), min(timedelta(seconds=asked_s), LAST_RETRY))
