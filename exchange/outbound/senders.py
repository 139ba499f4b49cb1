"""Which sender serves which channel."""

from __future__ import annotations

from exchange.message_settings import CHANNELS
from exchange.outbound.gateway import Gateway
from exchange.outbound.letters import Letter, NotSent, Sender
from exchange.outbound.mail import Mail
from exchange.settings import Settings


class Inbox:
    """The sandbox: the row itself is the delivery."""

    keeps = True

    async def send(self, letter: Letter) -> None:
        """Nothing leaves."""

    async def close(self) -> None:
        """Nothing is held."""


class Nobody:
    """Production without a way for this channel: its messages wait, seen by `berkas doctor`."""

    keeps = False

    async def send(self, letter: Letter) -> None:  # noqa: ARG002 - whoever it is for
        """Raises ``NotSent``."""
        raise NotSent("no_sender")

    async def close(self) -> None:
        """Nothing is held."""


def senders_for(settings: Settings) -> dict[str, Sender]:
    """One for each channel. A sandbox shows in its inbox what no other sender takes."""
    rest: Sender = Inbox() if settings.mode == "sandbox" else Nobody()
    senders = dict.fromkeys(sorted(CHANNELS), rest)
    if settings.smtp_url is not None:
        senders["email"] = Mail(
            settings.smtp_url.get_secret_value(), settings.mail_from, ca_file=settings.smtp_ca_file
        )
    if settings.gateway_url and settings.gateway_token is not None:
        gateway = Gateway(
            settings.gateway_url, settings.gateway_token.get_secret_value(), ca_file=settings.gateway_ca_file
        )
        senders |= dict.fromkeys(settings.by_gateway, gateway)
    return senders
