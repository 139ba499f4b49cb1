"""How messages leave: mail by SMTP, the other channels by a gateway of the operator's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings

SAMPLE_SECRETS = frozenset({"minioadmin", "changeme", "password", "secret", "admin", "berkas", "postgres"})


class SettingsRefused(ValueError):
    """A configuration that must not run; the message names the variable, never its value."""


CHANNELS = frozenset({"sms", "whatsapp", "email"})
LOCAL_SENDER = "berkas@localhost"
# An address, or a name before one; nothing that a header could end with.
_ADDRESS = r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,253}"
_SENDER = re.compile(rf"{_ADDRESS}|[^\x00-\x1f\x7f-\x9f<>()\"@,;:\\]{{1,100}} <{_ADDRESS}>")
_TOKEN = re.compile(r"[!-~]{1,4096}", re.ASCII)


def is_loopback(host: str) -> bool:
    """Nobody on the network hears what goes there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _place(url: str, schemes: Collection[str]) -> SplitResult | None:
    """The parts of an address that names a host and no fragment; None for any other."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        return None
    return parts if whole and "\\" not in url and not any(character.isspace() for character in url) else None


class MessageSettings(BaseSettings):
    """The part of ``Settings`` that is about messages."""

    mode: Literal["sandbox", "production"] = "sandbox"
    # Messages to citizens: e-mail by SMTP, the other channels by a gateway (deploy/gateway.md).
    smtp_url: SecretStr | None = None
    smtp_ca_file: Path | None = None
    mail_from: str = LOCAL_SENDER
    gateway_url: str = ""
    gateway_token: SecretStr | None = None
    gateway_channels: str = "sms whatsapp"
    gateway_ca_file: Path | None = None

    @model_validator(mode="after")
    def _mails_safely(self) -> Self:
        if not _SENDER.fullmatch(self.mail_from):
            raise SettingsRefused("BERKAS_MAIL_FROM is one address, or a name and <an address>")
        if self.smtp_ca_file is not None and not self.smtp_ca_file.is_file():
            raise SettingsRefused("BERKAS_SMTP_CA_FILE is no file")
        if self.smtp_url is None:
            return self
        parts = _place(self.smtp_url.get_secret_value(), {"smtp", "smtps"})
        if parts is None or parts.path not in {"", "/"} or parts.query:
            raise SettingsRefused(
                "BERKAS_SMTP_URL must be smtp:// or smtps:// with a host and nothing behind it"
            )
        if self.mode == "production":
            if self.mail_from == LOCAL_SENDER:
                raise SettingsRefused("BERKAS_MAIL_FROM belongs to BERKAS_SMTP_URL in production")
            if unquote(parts.password or "").lower() in SAMPLE_SECRETS:
                raise SettingsRefused("BERKAS_SMTP_URL has a sample password")
        return self

    @model_validator(mode="after")
    def _hands_over_safely(self) -> Self:
        if self.gateway_ca_file is not None and not self.gateway_ca_file.is_file():
            raise SettingsRefused("BERKAS_GATEWAY_CA_FILE is no file")
        if not self.by_gateway <= CHANNELS:
            raise SettingsRefused("BERKAS_GATEWAY_CHANNELS is made of sms, whatsapp and email")
        if not self.gateway_url:
            return self
        parts = _place(self.gateway_url, {"https", "http"})
        if parts is None or parts.username is not None:
            raise SettingsRefused("BERKAS_GATEWAY_URL must be an https address")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise SettingsRefused("BERKAS_GATEWAY_URL must be https, but for loopback")
        token = self.gateway_token.get_secret_value() if self.gateway_token else ""
        if not _TOKEN.fullmatch(token):
            raise SettingsRefused("BERKAS_GATEWAY_TOKEN (visible ASCII) belongs to BERKAS_GATEWAY_URL")
        if self.mode == "production" and token.lower() in SAMPLE_SECRETS:
            raise SettingsRefused("BERKAS_GATEWAY_TOKEN is a sample secret")
        if self.smtp_url is not None and "email" in self.by_gateway:
            raise SettingsRefused("e-mail leaves by BERKAS_SMTP_URL or by BERKAS_GATEWAY_URL, not by both")
        return self

    @property
    def by_gateway(self) -> frozenset[str]:
        """The channels that the gateway serves, where there is one."""
        return frozenset(self.gateway_channels.split())
