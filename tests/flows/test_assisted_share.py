"""The share of consents without a phone, per officer and per pair of officers: a metric, and an alarm (N05, domain 7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth.assistance import too_often
from exchange.flows import tell_supervisors
from tests.flows.assisting import Desk, at_the_desk, told
from tests.flows.test_administration import id_of, signed_in
from tests.world import NAME, NIK, World


async def _share(officer: Any, **query: int) -> dict[str, Any]:
    answer = await officer.get("/v1/assisted-share", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _answered(
    world: World, desk: Desk, *, assisted: bool, first: Any = None, second: Any = None
) -> None:
    """One more decided request of the same citizen."""
    asker = first or desk.first
    request = await world.asks(asker, desk.subject, channel="assisted" if assisted else "qr")
    if assisted:
        await Desk(world, asker, second or desk.second, desk.subject, request).confirmed()
    else:
        await world.allows(request["link"])


async def test_shares_and_pairs(world: World) -> None:
    """Who asked or recorded, who confirmed, how often, and the other way round; of other agencies only for who is over the site."""
    desk = await at_the_desk(world, phone="+6281200009901")
    boss = await signed_in(world, "penyelia", "supervisor")
    first, second = await id_of(world, desk.first), await id_of(world, desk.second)
    assert await _share(boss) == {"days": 30, "share_alarm": 0.5, "officers": [], "pairs": []}
    await desk.confirmed()
    await _answered(world, desk, assisted=True)
    await _answered(world, desk, assisted=False)
    await _answered(world, desk, assisted=True, first=desk.second, second=desk.first)
    seen = await _share(boss)
    rows = {row.pop("officer"): row for row in seen["officers"]}
    own = {"agency": "DPMPTSP@6472", "alarm": False}
    assert rows == {
        first: {**own, "decided": 3, "recorded": 2, "confirmed": 1, "share": 0.667},
        second: {**own, "decided": 1, "recorded": 1, "confirmed": 2, "share": 1.0},
    }
    assert seen["pairs"] == [
        {"recorded_by": first, "confirmed_by": second, "number": 2, "the_other_way": 1},
        {"recorded_by": second, "confirmed_by": first, "number": 1, "the_other_way": 2},
    ]
    text = str(seen)
    assert not any(secret in text for secret in (NIK, NAME, desk.subject, "KTP", desk.request["id"]))
    assert (await _share(await signed_in(world, "lain", "supervisor", "POLRI")))["officers"] == []
    assert len((await _share(await signed_in(world, "auditor", "auditor", "POLRI")))["officers"]) == 2
    assert told(await desk.first.get("/v1/assisted-share")) == (403, "BK-1017")
    assert told(await boss.get("/v1/assisted-share", params={"days": 0})) == (422, "BK-2001")


async def test_a_record_for_somebody_elses_request(world: World) -> None:
    """It is work of both: of who asked and of who recorded; once each."""
    desk = await at_the_desk(world)
    boss = await signed_in(world, "penyelia", "supervisor")
    third = await world.officer(name="ketiga")
    recording = await desk.recorded(officer=desk.second)
    assert (await desk.confirms(recording, third)).status_code == 200
    rows = {
        row["officer"]: (row["decided"], row["recorded"], row["confirmed"])
        for row in (await _share(boss))["officers"]
    }
    assert rows == {
        await id_of(world, desk.first): (1, 0, 0),
        await id_of(world, desk.second): (1, 1, 0),
        await id_of(world, third): (0, 0, 1),
    }


async def test_what_was_long_ago_does_not_count(world: World) -> None:
    desk = await at_the_desk(world)
    boss = await signed_in(world, "penyelia", "supervisor")
    await desk.confirmed()
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent SET valid_from = $1", datetime.now(UTC) - timedelta(days=40)
        )
    assert (await _share(boss))["officers"] == []
    assert len((await _share(boss, days=50))["officers"]) == 2


async def test_above_the_threshold_somebody_is_told(world: World) -> None:
    """Once a day, to those who oversee; nobody is stopped, and no citizen is named."""
    desk = await at_the_desk(world)
    boss = await signed_in(world, "auditor", "auditor", "POLRI")
    await desk.confirmed()
    for _ in range(8):
        await _answered(world, desk, assisted=True)
    assert (await boss.get("/v1/alerts")).json()["alerts"] == []  # nine decisions say nothing yet
    for _ in range(2):
        await _answered(world, desk, assisted=True)
    alerts = (await boss.get("/v1/alerts")).json()["alerts"]
    actor = f"officer:{await id_of(world, desk.first)}"
    assert [(alert["reason"], alert["actor"]) for alert in alerts] == [("assisted_share", actor)]
    assert (await _share(boss))["officers"][0]["alarm"] is True
    parts = world.parts
    count = await tell_supervisors.tell(
        parts.database,
        parts.keyring,
        parts.appender,
        site=parts.site_name,
        zone=parts.zone,
        now=datetime.now(UTC),
    )
    assert count <= 1  # the loop beside this test may have been first
    entry = next(e for e in await world.entries() if e.get("act") == "tell_supervisors")
    assert entry["why"] == "assisted_share"


def test_the_notice_does_not_say_that_anybody_was_stopped() -> None:
    from exchange.pages.messages import limit_notice

    text = limit_notice(
        site="MPP", who="Petugas Contoh", agency="DPMPTSP@6472", reason="assisted_share",
        at=datetime(2026, 11, 24, 8, 5, tzinfo=UTC), zone="Asia/Makassar",
    )  # fmt: skip
    assert "tanpa ponsel warga" in text
    assert "dihentikan" not in text


@pytest.mark.parametrize(
    ("recorded", "decided", "often"),
    [(9, 9, False), (10, 10, True), (5, 10, False), (6, 10, True), (0, 50, False)],
)
def test_when_it_is_too_often(recorded: int, decided: int, *, often: bool) -> None:
    assert too_often(recorded, decided, 0.5) == often
