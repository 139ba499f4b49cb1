"""E-mail to a real SMTP server: encrypted wherever somebody could listen, plain text, and never a header too many."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange.outbound import mail
from exchange.outbound.letters import Letter, NotSent
from exchange.outbound.mail import Mail
from tests.outgoing import EMAIL
from tests.smtp_sink import Sink, smtp_sink
from tests.storage.self_signed import make_certificate

FROM = "MPP Kota Samarinda <berkas@contoh.go.id>"
TEXT = "MPP: DPMPTSP melihat KTP Anda.\nBaris kedua \N{LATIN SMALL LETTER E WITH ACUTE}, " + "panjang " * 200
LETTER = Letter(
    "m_01ARZ3NDEKTSV4RRFFQ69G5FAV", "email", EMAIL, TEXT, datetime(2026, 11, 24, 8, 5, tzinfo=UTC)
)


async def _refused(sender: Mail, letter: Letter = LETTER) -> NotSent:
    with pytest.raises(NotSent) as refused:
        await sender.send(letter)
    return refused.value


def _letter(to: str = EMAIL, text: str = TEXT) -> Letter:
    return Letter(LETTER.id, "email", to, text, LETTER.written_at)


async def test_what_arrives() -> None:
    with smtp_sink() as sink:
        await Mail(sink.url, FROM).send(LETTER)
    arrived = sink.arrived[0]
    assert (arrived.from_, arrived.to) == ("berkas@contoh.go.id", [EMAIL])
    message = arrived.message
    assert {name: str(value) for name, value in message.items() if name != "Content-Transfer-Encoding"} == {
        "From": FROM,
        "To": EMAIL,
        "Subject": "Berkas: pemberitahuan",
        "Date": "Tue, 24 Nov 2026 08:05:00 +0000",
        "Message-ID": "<m_01ARZ3NDEKTSV4RRFFQ69G5FAV@contoh.go.id>",
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'text/plain; charset="utf-8"',
        "MIME-Version": "1.0",
    }
    assert message.get_content().split() == TEXT.split()
    assert not message.is_multipart()
    assert arrived.called_itself == "contoh.go.id"  # the machine's own name stays at home


async def test_twice_the_same_bytes() -> None:
    with smtp_sink() as sink:
        for _ in range(2):
            await Mail(sink.url, FROM).send(LETTER)
    first, second = (arrived.message.as_bytes() for arrived in sink.arrived)
    assert first == second


@pytest.mark.parametrize("tls", ["start", "offered", "demanded"])
async def test_over_tls(tls: str, tmp_path: Path) -> None:
    """RFC 8314, RFC 3207: with the certificate verified, and the password only behind it."""
    # aiosmtpd does not count TLS from the first byte as TLS where it offers to sign in.
    with smtp_sink(tmp_path, tls=tls, auth_require_tls=tls != "start") as sink:
        url = sink.url.replace("://", "://berkas%40contoh.go.id:sandi%20surat@")
        await Mail(url, FROM, ca_file=sink.ca_file).send(LETTER)
    assert [arrived.encrypted for arrived in sink.arrived] == [True]
    assert sink.passwords == [(b"berkas@contoh.go.id", b"sandi surat")]


@pytest.mark.parametrize("tls", ["start", "offered"])
async def test_a_certificate_that_nobody_vouches_for(tls: str, tmp_path: Path) -> None:
    """Another authority, and a certificate for another name: nothing is said to either."""
    (tmp_path / "other").mkdir()
    another, _ = make_certificate(tmp_path / "other", "localhost")
    for ca_file, host in ((another, "localhost"), (None, "mail.contoh.go.id")):
        with smtp_sink(tmp_path, tls=tls, host=host, auth_require_tls=tls != "start") as sink:
            url = sink.url.replace("://", "://berkas:sandi%20surat@")
            refused = await _refused(Mail(url, FROM, ca_file=ca_file or sink.ca_file))
        assert not refused.final
        assert (sink.asked, sink.passwords, sink.arrived) == (0, [], [])


async def test_without_tls_nothing_is_said_outside_of_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail closed: a server (or who sits before it) that offers no STARTTLS gets neither password nor message."""
    with smtp_sink(auth_require_tls=False) as sink:
        url = sink.url.replace("://", "://berkas:sandi%20surat@")
        await Mail(url, FROM).send(LETTER)  # loopback: nobody listens
        assert sink.passwords == [(b"berkas", b"sandi surat")]
        asked = sink.asked
        monkeypatch.setattr(mail, "is_loopback", lambda _host: False)
        refused = await _refused(Mail(url, FROM))
        assert (refused.cause, refused.final) == ("tls_or_login_not_offered", False)
        monkeypatch.undo()
        named, _ = make_certificate(tmp_path, "localhost")
        assert not (await _refused(Mail(url, FROM, ca_file=named))).final
    assert (sink.asked, len(sink.passwords), len(sink.arrived)) == (asked, 1, 1)


@pytest.mark.parametrize(
    ("at_rcpt", "at_data", "cause", "final"),
    [
        ("550 5.1.1 no such user <warga@contoh.example>", "", "recipient_550", True),
        ("552 5.2.2 mailbox full", "", "recipient_552", True),
        ("450 4.2.0 greylisted", "", "recipient_450", False),
        ("", "554 5.7.1 spam", "content_554", True),
        ("", "451 try again later", "content_451", False),
        ("421 closing", "", "recipient_421", False),
    ],
)
async def test_what_the_server_refuses(at_rcpt: str, at_data: str, cause: str, final: bool) -> None:
    """RFC 5321 4.2.1: five for good, four for now. What it says besides goes nowhere: it quotes the address."""
    with smtp_sink() as sink:
        sink.at_rcpt, sink.at_data = [at_rcpt] if at_rcpt else [], [at_data] if at_data else []
        refused = await _refused(Mail(sink.url, FROM))
    assert (refused.cause, refused.final) == (cause, final)
    assert EMAIL not in str(refused.__dict__)
    assert refused.__suppress_context__


async def test_an_operators_mistake_is_no_messages_end() -> None:
    """A wrong password and a sender that is not taken are refused with a five, and are about us."""
    with smtp_sink(auth_require_tls=False) as sink:
        url = sink.url.replace("://", "://berkas:salah@")
        refused = await _refused(Mail(url, FROM))
        assert (refused.cause, refused.final) == ("smtp_535", False)
    with smtp_sink(auth_require_tls=False, auth_required=True) as sink:
        refused = await _refused(Mail(sink.url, FROM))
        assert (refused.cause, refused.final) == ("smtp_530", False)


async def test_taken_over_and_cut_off() -> None:
    """Nobody knows whether it was taken: it goes again, as the same message."""
    with smtp_sink() as sink:
        sink.at_data = ["drop"]
        assert not (await _refused(Mail(sink.url, FROM))).final
        await Mail(sink.url, FROM).send(LETTER)
    assert [arrived.id for arrived in sink.arrived] == ["<m_01ARZ3NDEKTSV4RRFFQ69G5FAV@contoh.go.id>"] * 2


@contextmanager
def _silent(lines: bytes = b"") -> Iterator[str]:
    """Takes the connection, says ``lines`` and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        yield f"smtp://localhost:{port}"


async def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    with _silent() as url:
        began = loop.time()
        assert not (await _refused(Mail(url, FROM, step_s=0.3))).final
        assert loop.time() - began < 1.5
    with smtp_sink() as sink:
        sink.at_data = ["hang"]
        began = loop.time()
        assert not (await _refused(Mail(sink.url, FROM, step_s=0.3))).final
        assert loop.time() - began < 1.5
        monkeypatch.setattr(mail, "LIMIT_S", 0.3)
        sink.at_data = ["hang"]
        began = loop.time()
        assert (await _refused(Mail(sink.url, FROM))).cause == "TimeoutError"
        assert loop.time() - began < 1.5


async def test_a_server_that_hangs_up_while_saying_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has taken the message: another try would be a second copy."""

    class Rude(Sink):
        async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            await asyncio.sleep(5)
            return "221 bye"

    monkeypatch.setattr("tests.smtp_sink.Sink", Rude)
    monkeypatch.setattr(mail, "GOODBYE_S", 0.2)
    with smtp_sink() as sink:
        await Mail(sink.url, FROM).send(LETTER)
    assert len(sink.arrived) == 1


@pytest.mark.parametrize(
    "url", ["smtp://127.0.0.1:9", "smtp://tidak-ada.contoh.invalid", "smtps://127.0.0.1:9"]
)
async def test_a_server_that_is_away(url: str) -> None:
    assert not (await _refused(Mail(url, FROM, step_s=2))).final


@pytest.mark.parametrize(
    "to",
    [
        "warga@contoh.example\r\nBcc: orang@lain.example",
        "warga@contoh.example, orang@lain.example",
        "warga@contoh.example>\r\nRCPT TO:<orang@lain.example",
        "Warga <warga@contoh.example>",
        "warga@contoh.example\x00",
        "a,b@contoh.example",
        '"a b"@contoh.example',
        "w\N{CYRILLIC SMALL LETTER A}rga@contoh.example",
        ".warga@contoh.example",
        "warga..dua@contoh.example",
        "@contoh.example",
        "warga@",
        "",
        "warga",
        "w" * 65 + "@contoh.example",
    ],
)
async def test_an_address_is_one_address(to: str) -> None:
    """Injection through the address: refused before a word is said, for good."""
    with smtp_sink() as sink:
        refused = await _refused(Mail(sink.url, FROM), _letter(to))
    assert (refused.cause, refused.final) == ("address_malformed", True)
    assert (sink.asked, sink.arrived) == (0, [])


async def test_a_text_is_no_header_and_no_end_of_the_message() -> None:
    text = "Satu\r\n.\r\nMAIL FROM:<x@y.example>\r\nBcc: orang@lain.example\r\n\r\n--batas\r\nDua"
    with smtp_sink() as sink:
        await Mail(sink.url, FROM).send(_letter(text=text))
    assert len(sink.arrived) == 1
    assert sink.arrived[0].to == [EMAIL]
    assert sink.arrived[0].message["Bcc"] is None
    assert sink.arrived[0].message.get_content().split() == text.split()
