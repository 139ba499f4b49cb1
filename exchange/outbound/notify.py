"""Messages to citizens leave here, after commit, from the outbox; never a document.

E-mail goes over SMTP. SMS and WhatsApp need a provider's contract: without one their messages stay waiting and, after a
day of tries (a one-time code: five minutes), count as dead: `berkas doctor` counts them. The sandbox sends nothing: its inbox shows what would have gone.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from auth.grants import CODE_LIFE
from exchange.settings import Settings
from storage.database import Database
from storage.errors import KeyMissing, SealBroken
from storage.keyring import Keyring
from storage.outbox import Message, claim_due, is_anything_due, settle_message

MESSAGES_A_ROUND = 20
FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(hours=1)
ATTEMPTS = 30
MAX_DOUBLINGS = 12
CLAIM_LIFE = timedelta(seconds=60)
SMTP_TIMEOUT_S = 5.0
SUBJECT = "Berkas: pemberitahuan"

_log = logging.getLogger("berkas.notify")


class NotSent(Exception):
    """The message could not be handed over; it is tried again."""


class Sender(Protocol):
    async def send(self, channel: str, to: str, text: str) -> None:
        """Raises ``NotSent``."""


class Inbox:
    """The sandbox: the row itself is the delivery."""

    async def send(self, channel: str, to: str, text: str) -> None:
        """Nothing leaves."""


class Mail:
    """``url`` is ``smtp://[user:password@]host:port`` or ``smtps://``."""

    def __init__(self, url: str, sender: str) -> None:
        self._parts = urlsplit(url)
        self._sender = sender

    async def send(self, channel: str, to: str, text: str) -> None:
        """Raises ``NotSent``."""
        if channel != "email":
            raise NotSent("no provider for this channel")
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, SUBJECT
        message.set_content(text)
        parts = self._parts
        try:
            await aiosmtplib.send(
                message,
                hostname=parts.hostname,
                port=parts.port,
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                use_tls=parts.scheme == "smtps",
                timeout=SMTP_TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotSent(type(error).__name__) from error


class Nobody:
    """Production without a mail server: everything waits."""

    async def send(self, channel: str, to: str, text: str) -> None:  # noqa: ARG002 - whoever it is for
        """Raises ``NotSent``."""
        raise NotSent("no sender is configured")


def sender_for(settings: Settings) -> Sender:
    if settings.smtp_url is not None:
        return Mail(settings.smtp_url.get_secret_value(), settings.mail_from)
    return Inbox() if settings.mode == "sandbox" else Nobody()


async def deliver_due(database: Database, keyring: Keyring, sender: Sender, *, now: datetime) -> int:
    """Send what is due; returns how many were sent. A message sent twice after a crash is better than one lost."""
    async with database.reading() as reading:
        if not await is_anything_due(reading, now):
            return 0
    async with database.transaction() as transaction:
        messages = await claim_due(transaction, now, now + CLAIM_LIFE, MESSAGES_A_ROUND)
    sent = 0
    for message in messages:
        # Nothing is locked while we talk to somebody else's server.
        state = "dead" if _too_late(message, now) else await _sent(keyring, sender, message)
        sent += state == "sent"
        wait = min(LAST_RETRY, FIRST_RETRY * 2 ** min(message.attempts, MAX_DOUBLINGS))
        async with database.transaction() as transaction:
            await settle_message(
                transaction,
                message.id,
                state=state,
                attempts=message.attempts + 1,
                next_try_at=now + wait,
                # Codes and links that were sent serve nobody here any more; the sandbox's inbox is the delivery itself.
                keep=state == "waiting" or isinstance(sender, Inbox),
            )
    return sent


def _too_late(message: Message, now: datetime) -> bool:
    """A one-time code whose time is over helps nobody; its text would only frighten."""
    return message.kind == "otp" and now - message.created_at >= CODE_LIFE


async def _sent(keyring: Keyring, sender: Sender, message: Message) -> str:
    """The state after one try: sent, waiting or dead."""
    try:
        payload = json.loads(await keyring.unseal(message.subject_ref, "message", message.payload))
        await sender.send(message.channel, payload["to"], payload["text"])
    except NotSent as error:
        _log.warning("message not sent", extra={"channel": message.channel, "cause": str(error)})
        return "waiting" if message.attempts + 1 < ATTEMPTS else "dead"
    except (SealBroken, KeyMissing, ValueError) as error:
        # A message that cannot be opened never will be; it must not keep the others (F38).
        _log.error("message cannot be opened", extra={"cause": type(error).__name__})
        return "dead"
    return "sent"
