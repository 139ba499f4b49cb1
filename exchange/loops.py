"""What each replica does beside its requests, again and again; or a worker, for all of them."""

from __future__ import annotations

import logging
from functools import partial

from exchange.deps import Parts, clock
from exchange.flows import erase_trails, remind_data_officers, tell_supervisors, tidy_up, turn_keys
from exchange.outbound import notify
from exchange.outbound.senders import senders_for
from exchange.rights_pages import reminder_text
from storage.inspection import Gate
from storage.signing_keys import SigningKeyRow

TIDY_PERIOD_S = 20.0
COLLECT_PERIOD_S = 60.0  # one shard of 256: everything in four hours
KEYS_PERIOD_S = 1.0  # a revoked key ends on every replica within this (A16)
CLIENT_KEYS_PERIOD_S = 5.0  # how often it is seen whose address is due
MAIL_PERIOD_S = 1.0  # a notice is out within five seconds
REMINDERS_PERIOD_S = 60.0  # clocks of days
GATE_PERIOD_S = 60.0  # workers that were lost while nobody sent a file
TRAILS_PERIOD_S = 3_600.0  # clocks of years
ALERTS_PERIOD_S = 5.0  # within a minute at the supervisors (A62)
_log = logging.getLogger("berkas.app")


def start_loops(parts: Parts, *, shared: bool) -> None:
    """``shared``: also what one process may do for all (messages, alerts, reminders, sweeps). Several may: what is due is claimed
    in the database.
    """

    async def forget() -> None:
        parts.keyring.forget_old()
        parts.vault.forget_old()
        for _, count in parts.sign_ins.owed():
            _log.warning("sign-ins turned away", extra={"count": count})
        for _, count in parts.verifications.owed():
            _log.warning("verifications turned away", extra={"count": count})

    kept: list[SigningKeyRow] = []

    async def turn() -> None:
        nonlocal kept
        if (now := await turn_keys.listed(parts.database)) != kept:
            parts.desk.turn(await turn_keys.loaded(parts.keyring, now))
            parts.publisher.turn(await turn_keys.log_signers(parts.keyring, now, parts.log_origin))
            _log.info("signing keys turned", extra={"keys": len(now)})
            kept = now

    parts.background.repeat(turn, KEYS_PERIOD_S)
    parts.background.repeat(forget, TIDY_PERIOD_S)
    if shared:
        _start_shared(parts)


def _start_shared(parts: Parts) -> None:
    async def reap() -> None:
        await tidy_up.close_abandoned(parts.database, parts.keyring, parts.appender)

    async def sweep() -> None:
        await tidy_up.sweep_intakes(parts.database, parts.keyring, parts.appender, parts.vault)
        await tidy_up.forget_old(parts.database)

    async def tell() -> None:
        await tell_supervisors.tell(
            parts.database,
            parts.keyring,
            parts.appender,
            site=parts.site_name,
            zone=parts.zone,
            now=clock(),
        )

    async def remind() -> None:
        await remind_data_officers.remind(
            parts.database,
            parts.keyring,
            parts.appender,
            words=reminder_text(parts.site_name, parts.zone),
            now=clock(),
        )

    postman = notify.Postman(parts.database, parts.keyring, senders_for(parts.settings))

    collector = tidy_up.Collector(parts.database, parts.vault)

    async def collect() -> None:
        await collector.round(clock())

    async def erase() -> None:
        if (years := parts.settings.trail_retention_years) is not None:
            await erase_trails.erase_due(
                parts.database, parts.keyring, parts.appender, years=years, now=clock()
            )

    async def ask() -> None:
        await parts.client_keys.refresh_due(clock())

    parts.background.repeat(reap, TIDY_PERIOD_S)
    parts.background.repeat(ask, CLIENT_KEYS_PERIOD_S)
    parts.background.repeat(tell, ALERTS_PERIOD_S)
    parts.background.repeat(remind, REMINDERS_PERIOD_S)
    parts.background.repeat(sweep, TIDY_PERIOD_S)
    parts.background.repeat(erase, TRAILS_PERIOD_S)
    parts.background.repeat(collect, COLLECT_PERIOD_S)
    parts.background.repeat(
        postman.round, MAIL_PERIOD_S if parts.settings.mode == "production" else MAIL_PERIOD_S / 10
    )
    parts.background.at_end(postman.stop)


def keep_gate(parts: Parts) -> None:
    """For who answers requests: the gate's processes are there before the first file, and again when they were lost."""
    if parts.gate is not None:
        parts.background.repeat(partial(_kept_warm, parts.gate), GATE_PERIOD_S)


async def _kept_warm(gate: Gate) -> None:
    await gate.workers.warm()
    if (await gate.state(clock()))["malware_scan"] == "unavailable":
        _log.warning("the malware scanner gives no verdict: no paper comes in")
