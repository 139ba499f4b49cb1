"""E-mail over SMTP (RFC 5321), encrypted wherever somebody could listen.

``smtps://`` speaks TLS from the first byte (RFC 8314); ``smtp://`` must become TLS by STARTTLS (RFC 3207) before anything is
said, or nothing is sent. Only to loopback it stays plain, unless a file of authorities was named. What the server says goes
no further than its three digits: its text may quote the address.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib

from exchange.message_settings import is_loopback
from exchange.outbound.letters import Letter, NotSent

SUBJECT = "Berkas: pemberitahuan"
STEP_S = 10.0  # one command; a filter may read a while before it answers to DATA
LIMIT_S = 25.0
GOODBYE_S = 1.0
PERMANENT = range(500, 600)
# One address and nothing that a mail server would read as more (RFC 5322 3.4.1: dot-atom; letters, digits, hyphens).
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", re.ASCII
)


class Mail:
    """``url`` is ``smtp://[user:password@]host[:port]`` or ``smtps://``; ``ca_file`` holds authorities beside the system's."""

    keeps = False

    def __init__(self, url: str, sender: str, *, ca_file: Path | None = None, step_s: float = STEP_S) -> None:
        self._parts = urlsplit(url)
        name, address = parseaddr(sender)
        self._sender = Address(display_name=name, addr_spec=address)
        self._ca_file = ca_file
        self._step_s = step_s

    async def send(self, letter: Letter) -> None:
        """Raises ``NotSent``: for good when the server refuses the recipient or the content for good."""
        message = self._message(letter)
        server = self._server()
        try:
            async with asyncio.timeout(LIMIT_S):
                await server.connect()
                await server.send_message(message, sender=self._sender.addr_spec, recipients=[letter.to])
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _answered("recipient", error.recipients[0].code) from None
        except aiosmtplib.SMTPDataError as error:
            raise _answered("content", error.code) from None
        except aiosmtplib.SMTPResponseException as error:
            # About us (greeting, TLS, password, sender): a message must not die of an operator's mistake.
            raise NotSent(f"smtp_{error.code}") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # Of the bare kind are the library's own refusals to go on: no STARTTLS, no way to sign in.
            bare = type(error) is aiosmtplib.SMTPException
            raise NotSent("tls_or_login_not_offered" if bare else type(error).__name__) from None
        else:
            # It was taken over: nothing that goes wrong while saying goodbye makes it unsent.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await server.quit(timeout=GOODBYE_S)
        finally:
            server.close()

    async def close(self) -> None:
        """Each message has a connection of its own."""

    def _message(self, letter: Letter) -> EmailMessage:
        """The same bytes each time it is tried. Raises ``NotSent`` for good."""
        if not _ADDRESS.fullmatch(letter.to):
            raise NotSent("address_malformed", final=True)
        try:
            to = Address(addr_spec=letter.to)
        except (ValueError, IndexError):  # what the standard library raises for dots at the wrong places
            raise NotSent("address_malformed", final=True) from None
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, SUBJECT
        message["Date"] = format_datetime(letter.written_at)
        message["Message-ID"] = f"<{letter.id}@{self._sender.domain}>"  # RFC 5322 3.6.4
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 5: nobody's absence note comes back
        message.set_content(letter.text)
        return message

    def _server(self) -> aiosmtplib.SMTP:
        parts = self._parts
        from_the_start = parts.scheme == "smtps"
        encrypted = from_the_start or self._ca_file is not None or not is_loopback(parts.hostname or "")
        return aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port,
            # The name of this machine is nobody's business, and looking for it may take long.
            local_hostname=self._sender.domain,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=from_the_start,
            start_tls=encrypted and not from_the_start,
            tls_context=self._tls if encrypted else None,
            timeout=self._step_s,
        )

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """Certificate and name are verified."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context


def _answered(what: str, code: int) -> NotSent:
    """RFC 5321 4.2.1: with a five it will never be taken, with a four perhaps later."""
    return NotSent(f"{what}_{code}", final=code in PERMANENT)
