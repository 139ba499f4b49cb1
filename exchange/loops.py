"""What each replica does beside its requests, again and again."""

from __future__ import annotations

import logging

from exchange.deps import Parts, clock
from exchange.flows import tell_supervisors, tidy_up, turn_keys
from exchange.outbound import notify
from storage.signing_keys import SigningKeyRow

TIDY_PERIOD_S = 20.0
KEYS_PERIOD_S = 1.0  # a revoked key ends on every replica within this (A16)
CLIENT_KEYS_PERIOD_S = 5.0  # how often it is seen whose address is due
MAIL_PERIOD_S = 1.0
ALERTS_PERIOD_S = 5.0  # within a minute at the supervisors (A62)
_log = logging.getLogger("berkas.app")


def start_loops(parts: Parts) -> None:
    async def reap() -> None:
        await tidy_up.close_abandoned(parts.database, parts.keyring, parts.appender)

    async def sweep() -> None:
        await tidy_up.sweep_intakes(parts.database, parts.vault)
        await tidy_up.forget_old(parts.database)
        parts.keyring.forget_old()
        parts.vault.forget_old()
        for _, count in parts.sign_ins.owed():
            _log.warning("sign-ins turned away", extra={"count": count})

    kept: list[SigningKeyRow] = []

    async def turn() -> None:
        nonlocal kept
        if (now := await turn_keys.listed(parts.database)) != kept:
            parts.desk.turn(await turn_keys.loaded(parts.keyring, now))
            parts.publisher.turn(await turn_keys.log_signers(parts.keyring, now, parts.log_origin))
            _log.info("signing keys turned", extra={"keys": len(now)})
            kept = now

    async def tell() -> None:
        await tell_supervisors.tell(
            parts.database,
            parts.keyring,
            parts.appender,
            site=parts.site_name,
            zone=parts.zone,
            now=clock(),
        )

    sender = notify.sender_for(parts.settings)

    async def send() -> None:
        await notify.deliver_due(parts.database, parts.keyring, sender, now=clock())

    async def ask() -> None:
        await parts.client_keys.refresh_due(clock())

    parts.background.repeat(reap, TIDY_PERIOD_S)
    parts.background.repeat(ask, CLIENT_KEYS_PERIOD_S)
    parts.background.repeat(turn, KEYS_PERIOD_S)
    parts.background.repeat(tell, ALERTS_PERIOD_S)
    parts.background.repeat(sweep, TIDY_PERIOD_S)
    parts.background.repeat(
        send, MAIL_PERIOD_S if parts.settings.mode == "production" else MAIL_PERIOD_S / 10
    )
