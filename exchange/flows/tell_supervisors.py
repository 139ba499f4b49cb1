"""Whom a limit stopped is told to those who oversee the agency, within a minute (A62)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from auth.callers import Officer
from auth.roles import OVERSEE, WHOLE_SITE, judge_right
from auth.verdict import ALLOWED, Verdict
from exchange.acts import demand_right, name_of
from exchange.pages import messages
from exchange.pages.witness_messages import witness_notice
from exchange.witnessing import REFUSED, WITNESS_REASONS
from storage.agencies import Officer as Row
from storage.agencies import all_officers, officers_of
from storage.database import Database, Reading
from storage.keyring import SITE, Keyring
from storage.ledger.facts import Facts, Need
from storage.ledger.log import Appender
from storage.ledger.work import Event, Work
from storage.limits import ALERTS, Alert, newest_alerts, untold_alerts
from storage.outbox import MESSAGES, Address, Message, new_message

ALERTS_A_ROUND = 20
SHOWN = 100


async def tell(
    database: Database, keyring: Keyring, appender: Appender, *, site: str, zone: str, now: datetime
) -> int:
    """One batch item for each new alert: the messages, and that it was told. Returns how many alerts there were."""
    async with database.reading() as reading:
        alerts = await untold_alerts(reading, ALERTS_A_ROUND)
        told = [
            (alert, await _text(reading, alert, site, zone), await _overseers(reading, alert))
            for alert in alerts
        ]
    for alert, text, overseers in told:
        await _tell(keyring, appender, alert, [await _message(keyring, row, text, now) for row in overseers])
    return len(told)


async def _text(reading: Reading, alert: Alert, site: str, zone: str) -> str:
    if alert.reason == "version_quarantined":
        return messages.damage_notice(site=site, at=alert.at, zone=zone)
    if alert.reason in WITNESS_REASONS:
        return witness_notice(
            site=site,
            witness=alert.actor.partition(":")[2],
            refused=alert.reason == REFUSED,
            at=alert.at,
            zone=zone,
        )
    if not alert.agency_id:
        return messages.codes_notice(site=site, at=alert.at, zone=zone)
    who = await name_of(reading, alert.actor)
    return messages.limit_notice(
        site=site,
        who=who,
        agency=alert.agency_id.partition("@")[0],
        reason=alert.reason,
        at=alert.at,
        zone=zone,
    )


async def _overseers(reading: Reading, alert: Alert) -> list[Row]:
    """Of the agency, but for who was stopped; of the site where the agency has none that can be reached."""
    own = await officers_of(reading, alert.agency_id)
    found = [row for row in own if _reachable(row) and f"officer:{row.id}" != alert.actor]
    if found:
        return found
    return [row for row in await all_officers(reading) if _reachable(row) and row.role in WHOLE_SITE]


def _reachable(row: Row) -> bool:
    return row.active and bool(row.email) and judge_right(row.role, OVERSEE).allowed


async def _message(keyring: Keyring, row: Row, text: str, now: datetime) -> Message:
    address = (await keyring.unseal(SITE, f"officer-email/{row.id}", row.email)).decode()
    return new_message(keyring.site_trail(), Address("email", address), "notice", text, now)


async def _tell(keyring: Keyring, appender: Appender, alert: Alert, notices: Sequence[Message]) -> None:
    trail = keyring.site_trail()

    def apply(facts: Facts, now: datetime, _verdict: Verdict) -> None:
        current = facts.get(ALERTS, alert.id)
        if current is None or current.told_at is not None:
            return  # another replica was first
        facts.put(ALERTS, replace(current, told_at=now))
        for message in notices:
            facts.put(MESSAGES, message)

    details = {
        "act": "tell_supervisors",
        "agency": alert.agency_id,
        "about": alert.actor,
        "why": alert.reason,
    }
    await appender.submit(
        Work(
            kind="officer",
            caller="",
            trail=trail,
            load=[Need(ALERTS, alert.id), *(Need(MESSAGES, message.id) for message in notices)],
            judge=lambda _facts, _now: ALLOWED,
            apply=apply,
            events=lambda _facts, _now, _verdict: [
                Event("officer", trail, "system", {**details, "messages": len(notices)})
            ],
        )
    )


async def list_alerts(
    database: Database, keyring: Keyring, appender: Appender, *, by: Officer
) -> list[Alert]:
    """The newest of the own agency, or of all for who is over the whole site. Raises ``AccessRefused``."""
    await demand_right(keyring, appender, by, OVERSEE, kind="officer", act="look_at_alerts")
    async with database.reading() as reading:
        found = await newest_alerts(reading, None if by.role in WHOLE_SITE else by.agency_id, SHOWN)
    return [alert for alert in found if alert.actor != by.actor]


def shown(alert: Alert) -> dict[str, str | None]:
    return {
        "agency": alert.agency_id or None,
        "actor": alert.actor,
        "reason": alert.reason,
        "at": alert.at.isoformat(),
        "told_at": alert.told_at.isoformat() if alert.told_at else None,
    }
