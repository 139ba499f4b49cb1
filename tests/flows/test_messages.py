"""Messages leave from the outbox: to a real SMTP server, once, again after a failure, and never with a document."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import AsyncMessage

from exchange.deps import clock
from exchange.outbound.notify import Mail, Nobody, NotSent, deliver_due
from tests.world import World, csrf_of, path_of


class _Sink(AsyncMessage):
    """Keeps what arrives; refuses the first ``refusals`` messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []
        self.refusals = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refusals:
            self.refusals -= 1
            return "451 try again later"
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    async def handle_message(self, message: Any) -> None:
        """Not used: handle_DATA keeps."""


@pytest.fixture
def sink() -> Iterator[tuple[_Sink, str]]:
    handler = _Sink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, f"smtp://127.0.0.1:{port}"
    controller.stop()


async def _code_wanted(world: World, contact: dict[str, str]) -> None:
    """A citizen with this contact asks for a one-time code; delivery is held back."""
    world.parts.background._loops[-1].cancel()  # the application's own sender
    officer = await world.officer()
    body = {"nik": "6472091708909901", "name": "Warga Contoh", "contacts": [contact]}
    subject = (await officer.post("/v1/subjects", json=body)).json()["subject_ref"]
    await world.stores(officer, subject)
    asked = await world.asks(officer, subject)
    browser = world.browser()
    page = await browser.get(path_of(asked["link"]))
    sent = await browser.post(path_of(asked["link"]), data={"step": "send", "csrf": csrf_of(page)})
    assert sent.status_code == 303


async def test_by_mail(world: World, sink: tuple[_Sink, str]) -> None:
    handler, url = sink
    await _code_wanted(world, {"channel": "email", "value": "Warga@Contoh.example"})
    parts = world.parts
    sender = Mail(url, "berkas@contoh.example")
    assert await deliver_due(parts.database, parts.keyring, sender, now=clock()) == 1
    assert await deliver_due(parts.database, parts.keyring, sender, now=clock()) == 0
    message = handler.messages[0]
    assert message["To"] == "warga@contoh.example"
    text = message.get_content()
    assert "MENYETUJUI" in text
    assert "Jangan berikan" in text
    assert not list(message.iter_attachments())


async def test_again_after_a_failure(world: World, sink: tuple[_Sink, str]) -> None:
    """F31: refused once, waits, arrives once."""
    handler, url = sink
    handler.refusals = 1
    await _code_wanted(world, {"channel": "email", "value": "warga@contoh.example"})
    parts = world.parts
    sender = Mail(url, "berkas@contoh.example")
    now = clock()
    assert await deliver_due(parts.database, parts.keyring, sender, now=now) == 0
    assert await deliver_due(parts.database, parts.keyring, sender, now=now) == 0
    later = now + timedelta(minutes=2)
    assert await deliver_due(parts.database, parts.keyring, sender, now=later) == 1
    assert len(handler.messages) == 1


async def test_no_provider_for_the_channel(world: World, sink: tuple[_Sink, str]) -> None:
    """It waits, visible to an operator, and is never sent to somebody else."""
    handler, url = sink
    await _code_wanted(world, {"channel": "whatsapp", "value": "+6281200009901"})
    parts = world.parts
    assert await deliver_due(parts.database, parts.keyring, Mail(url, "a@b.example"), now=clock()) == 0
    assert handler.messages == []
    async with parts.database.transaction() as transaction:
        row = await transaction.raw.fetchrow("SELECT state, attempts FROM outbox")
    assert (row["state"], row["attempts"]) == ("waiting", 1)


async def test_two_workers_send_one_message_once(world: World, sink: tuple[_Sink, str]) -> None:
    import asyncio

    handler, url = sink
    await _code_wanted(world, {"channel": "email", "value": "warga@contoh.example"})
    parts = world.parts
    sender = Mail(url, "berkas@contoh.example")
    now = clock()
    counts = await asyncio.gather(
        *(deliver_due(parts.database, parts.keyring, sender, now=now) for _ in range(5))
    )
    assert sorted(counts) == [0, 0, 0, 0, 1]
    assert len(handler.messages) == 1


async def test_an_old_code_is_not_sent_any_more(world: World, sink: tuple[_Sink, str]) -> None:
    """Seen failing: after an hour without a mail server a code arrived that nobody could use, with a text that frightens."""
    handler, url = sink
    handler.refusals = 1
    await _code_wanted(world, {"channel": "email", "value": "warga@contoh.example"})
    parts = world.parts
    sender = Mail(url, "berkas@contoh.example")
    now = clock()
    assert await deliver_due(parts.database, parts.keyring, sender, now=now) == 0
    late = now + timedelta(minutes=5)
    assert await deliver_due(parts.database, parts.keyring, sender, now=late) == 0
    assert await deliver_due(parts.database, parts.keyring, sender, now=late + timedelta(days=1)) == 0
    assert handler.messages == []
    async with parts.database.transaction() as transaction:
        row = await transaction.raw.fetchrow("SELECT state, payload FROM outbox WHERE kind = 'otp'")
    assert (row["state"], bytes(row["payload"])) == ("dead", b"")


async def test_an_old_notice_is_still_sent(world: World, sink: tuple[_Sink, str]) -> None:
    handler, url = sink
    await _code_wanted(world, {"channel": "email", "value": "warga@contoh.example"})
    parts = world.parts
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE outbox SET kind = 'notice'")
    sender = Mail(url, "berkas@contoh.example")
    assert await deliver_due(parts.database, parts.keyring, sender, now=clock() + timedelta(days=1)) == 1
    assert len(handler.messages) == 1


async def test_nobody_and_a_server_that_is_away() -> None:
    for sender in (Nobody(), Mail("smtp://127.0.0.1:9", "a@b.example")):
        with pytest.raises(NotSent):
            await sender.send("email", "warga@contoh.example", "teks")
