"""A real SMTP server on loopback that keeps what arrives, and answers as a test wants it to: well, or with every wrong thing."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.storage.self_signed import make_certificate

HOST = "localhost"


@dataclass(frozen=True)
class Arrived:
    """``encrypted``: over TLS. ``from_`` and ``to`` of the envelope."""

    message: EmailMessage
    from_: str
    to: list[str]
    encrypted: bool
    called_itself: str

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass
class Sink:
    """``at_rcpt`` and ``at_data``: how the next ones are answered, one after the other; ``drop`` takes a message over and cuts the
    connection in place of an answer, ``keep`` takes it over and says nothing, ``hang`` neither. ``slow_s`` before each other answer to
    DATA.
    """

    url: str = ""
    ca_file: Path | None = None
    at_rcpt: list[str] = field(default_factory=list)
    at_data: list[str] = field(default_factory=list)
    slow_s: float = 0.0
    arrived: list[Arrived] = field(default_factory=list)
    asked: int = 0
    at_once: int = 0
    most_at_once: int = 0
    passwords: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.asked += 1
        answer = self.at_rcpt.pop(0) if self.at_rcpt else "250 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.at_data.pop(0) if self.at_data else "250 OK"
            if answer not in {"hang", "keep"}:
                await asyncio.sleep(self.slow_s)
            if answer.startswith("2") or answer in {"drop", "keep"}:
                self._keep(server, session, envelope)
            if answer in {"hang", "keep"}:
                await asyncio.sleep(60)
            if answer == "drop":
                server.transport.abort()
            return answer
        finally:
            self.at_once -= 1

    def _keep(self, server: Any, session: Any, envelope: Any) -> None:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.arrived.append(
            Arrived(message, envelope.mail_from, envelope.rcpt_tos, encrypted, session.host_name)
        )

    def _lets_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.passwords.append((data.login, data.password))
        return AuthResult(success=data.password == b"sandi surat", handled=False)


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """With the port that the system chose."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # of a library without types


@contextlib.contextmanager
def smtp_sink(
    folder: Path | None = None, *, tls: str = "", host: str = HOST, **server: Any
) -> Iterator[Sink]:
    """``tls``: ``start`` (from the first byte), ``offered``, ``demanded``; with a certificate for ``host`` that signs itself."""
    sink = Sink()
    contexts: dict[str, Any] = {}
    if tls:
        assert folder is not None
        sink.ca_file, key = make_certificate(folder, host)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sink.ca_file, key)
        contexts = {"ssl_context" if tls == "start" else "tls_context": context}
        if tls == "demanded":
            contexts["require_starttls"] = True
    controller = _Controller(
        sink, hostname="127.0.0.1", port=0, authenticator=sink._lets_in, **contexts, **server
    )
    controller.start()
    sink.url = f"{'smtps' if tls == 'start' else 'smtp'}://{HOST}:{controller.port}"
    try:
        yield sink
    finally:
        controller.stop(no_assert=True)
