"""Who keeps the log without its cosignatures is told to those who are over the site.

1. late: something published has waited for one witness longer than the operator allows
2. refused: a witness that holds another history, or does not take this log, is told at once
An alert is one batch item, once a day for each witness and reason; it is told like every other (``tell_supervisors``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from auth.verdict import ALLOWED, Verdict
from exchange.witnessing import NO_POLICY, watch
from storage.database import Database
from storage.keyring import Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.policy import Policy
from storage.ledger.work import Event, Work
from storage.limits import ALERTS, Alert, known_alerts


async def alarm(
    database: Database,
    keyring: Keyring,
    appender: Appender,
    policy: Policy,
    *,
    at_once: bool,
    late_after: timedelta,
    now: datetime,
) -> None:
    """A new alert for each witness that has none of today."""
    async with database.reading() as reading:
        watched = await watch(reading, policy, at_once=at_once, late_after=late_after, now=now)
        wanted = {
            f"witness:{name}/{now:%Y-%m-%d}/{reason}": name for name, reason in watched.alarms().items()
        }
        known = await known_alerts(reading, list(wanted))
    for alert_id in wanted.keys() - known:
        name = wanted[alert_id]
        await _raise(keyring, appender, alert_id, name, watched.witnesses[name].cause)


async def state(
    database: Database, policy: Policy | None, *, at_once: bool, late_after: timedelta, now: datetime
) -> dict[str, Any]:
    """For operators: ``quorum`` is met, waiting, late, none (the policy asks for none) or no policy."""
    if policy is None:
        return NO_POLICY
    async with database.reading() as reading:
        watched = await watch(reading, policy, at_once=at_once, late_after=late_after, now=now)
    return watched.told()


async def _raise(keyring: Keyring, appender: Appender, alert_id: str, name: str, cause: str) -> None:
    trail = keyring.site_trail()
    reason = alert_id.rpartition("/")[2]

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        if facts.get(ALERTS, alert_id) is None:
            facts.put(ALERTS, Alert(alert_id, "", f"witness:{name}", reason, now, None))

    details = {"act": "alarm", "witness": name, "why": reason, "cause": cause}
    await appender.submit(
        Work(
            kind="witness",
            caller="",
            trail=trail,
            load=[Need(ALERTS, alert_id)],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [Event("witness", trail, "system", details)],
        )
    )
