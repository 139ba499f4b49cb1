"""How messages leave is checked at the start, in a sentence without a value; and which sender serves which channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.cli.setup import load_settings
from exchange.outbound.gateway import Gateway
from exchange.outbound.mail import Mail
from exchange.outbound.senders import Inbox, Nobody, senders_for
from exchange.settings import SettingsRefused, is_loopback
from tests.cli.test_single_sign_on import PRODUCTION

SECRET = "0123456789abcdef-not-a-sample"
MESSAGES = {
    "BERKAS_SMTP_URL": f"smtps://berkas:{SECRET}@mail.contoh.go.id:465",
    "BERKAS_MAIL_FROM": "MPP Kota Samarinda <berkas@contoh.go.id>",
    "BERKAS_GATEWAY_URL": "https://gerbang.contoh.go.id/kirim",
    "BERKAS_GATEWAY_TOKEN": SECRET,
}


def _set(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"BERKAS_SMTP_URL": "mail.contoh.go.id:25"}, "BERKAS_SMTP_URL must be smtp"),
        ({"BERKAS_SMTP_URL": "smtp://"}, "BERKAS_SMTP_URL must be smtp"),
        ({"BERKAS_SMTP_URL": "smtp://mail.contoh.go.id:99999"}, "BERKAS_SMTP_URL must be smtp"),
        ({"BERKAS_SMTP_URL": "smtp://mail.contoh.go.id/?tls=no"}, "BERKAS_SMTP_URL must be smtp"),
        ({"BERKAS_SMTP_URL": "smtps://berkas:changeme@mail.contoh.go.id"}, "BERKAS_SMTP_URL has a sample"),
        ({"BERKAS_SMTP_CA_FILE": "/nowhere/ca.pem"}, "BERKAS_SMTP_CA_FILE is no file"),
        ({"BERKAS_MAIL_FROM": "berkas@localhost"}, "BERKAS_MAIL_FROM belongs to BERKAS_SMTP_URL"),
        ({"BERKAS_MAIL_FROM": "berkas"}, "BERKAS_MAIL_FROM is one address"),
        ({"BERKAS_MAIL_FROM": "a@contoh.go.id, b@contoh.go.id"}, "BERKAS_MAIL_FROM is one address"),
        ({"BERKAS_MAIL_FROM": "MPP\r\nBcc: x@y.example <a@contoh.go.id>"}, "BERKAS_MAIL_FROM is one address"),
        (
            {"BERKAS_GATEWAY_URL": "http://gerbang.contoh.go.id/kirim"},
            "BERKAS_GATEWAY_URL must be https, but",
        ),
        ({"BERKAS_GATEWAY_URL": "http://10.0.0.7/kirim"}, "BERKAS_GATEWAY_URL must be https, but"),
        ({"BERKAS_GATEWAY_URL": "file:///etc/passwd"}, "BERKAS_GATEWAY_URL must be an https address"),
        ({"BERKAS_GATEWAY_URL": "https://u:p@gerbang.contoh.go.id"}, "BERKAS_GATEWAY_URL must be an https"),
        ({"BERKAS_GATEWAY_URL": "https:///kirim"}, "BERKAS_GATEWAY_URL must be an https address"),
        ({"BERKAS_GATEWAY_TOKEN": ""}, "BERKAS_GATEWAY_TOKEN .* belongs to"),
        ({"BERKAS_GATEWAY_TOKEN": "dua\r\nX: baris"}, "BERKAS_GATEWAY_TOKEN .* belongs to"),
        ({"BERKAS_GATEWAY_TOKEN": "changeme"}, "BERKAS_GATEWAY_TOKEN is a sample secret"),
        ({"BERKAS_GATEWAY_CHANNELS": "sms fax"}, "BERKAS_GATEWAY_CHANNELS is made of"),
        ({"BERKAS_GATEWAY_CHANNELS": "sms email"}, "not by both"),
        ({"BERKAS_GATEWAY_CA_FILE": "/nowhere/ca.pem"}, "BERKAS_GATEWAY_CA_FILE is no file"),
    ],
)
def test_it_refuses_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], words: str
) -> None:
    _set(monkeypatch, PRODUCTION | MESSAGES)
    assert load_settings().gateway_url == MESSAGES["BERKAS_GATEWAY_URL"]
    _set(monkeypatch, change)
    with pytest.raises(SettingsRefused, match=words) as refused:
        load_settings()
    assert "0123456789abcdef" not in str(refused.value)


async def test_one_sender_for_each_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {channel: type(sender) for channel, sender in senders_for(load_settings()).items()}
    assert kinds == dict.fromkeys(("email", "sms", "whatsapp"), Inbox)
    _set(monkeypatch, PRODUCTION)
    kinds = {channel: type(sender) for channel, sender in senders_for(load_settings()).items()}
    assert kinds == dict.fromkeys(("email", "sms", "whatsapp"), Nobody)
    _set(monkeypatch, MESSAGES)
    senders = senders_for(load_settings())
    assert isinstance(senders["email"], Mail)
    assert isinstance(senders["sms"], Gateway)
    assert senders["sms"] is senders["whatsapp"]
    monkeypatch.setenv("BERKAS_GATEWAY_CHANNELS", "sms")
    assert isinstance(senders_for(load_settings())["whatsapp"], Nobody)
    monkeypatch.setenv("BERKAS_GATEWAY_CHANNELS", "email sms")
    monkeypatch.delenv("BERKAS_SMTP_URL")
    assert isinstance(senders_for(load_settings())["email"], Gateway)


def test_on_this_machine_plain_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relay and an adapter on loopback, in production too."""
    _set(monkeypatch, PRODUCTION | MESSAGES)
    _set(monkeypatch, {"BERKAS_GATEWAY_URL": "http://127.0.0.1:9090/", "BERKAS_SMTP_URL": "smtp://localhost"})
    assert load_settings().gateway_url == "http://127.0.0.1:9090/"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
        ("10.0.0.1", False), ("0.0.0.0", False), ("127.1", False), ("localhost.contoh.go.id", False), ("", False),
        ("::ffff:10.0.0.1", False), ("2130706433", False), ("mail.contoh.go.id", False),
    ],
)  # fmt: skip
def test_what_loopback_is(host: str, loopback: bool) -> None:
    """What is not surely loopback is the network, and gets TLS or nothing."""
    assert is_loopback(host) is loopback
