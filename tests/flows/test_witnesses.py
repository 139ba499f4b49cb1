"""Two real witnesses beside a running application: quorum, one that is down, an alert, and what the public, operators and citizens are shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from exchange import wiring
from exchange.cli import prepare
from exchange.deps import clock
from exchange.flows import run_officers, tell_supervisors, watch_witnesses
from exchange.settings import Settings, SettingsRefused
from storage.ledger.checkpoint import NoteSigner
from storage.ledger.policy import Policy
from storage.witness.memory import heads_in
from tests.conftest import StoreServer
from tests.flows.test_administration import admin
from tests.witness_process import WitnessAt, witnesses
from tests.world import NIK, World, running_world

WITHIN_S = 30.0
LATE = timedelta(minutes=31)


@dataclass
class Witnessed:
    world: World
    policy: Policy
    one: WitnessAt
    two: WitnessAt

    async def acts(self) -> None:
        officer = await self.world.officer()
        await officer.post("/v1/readiness", json={"nik": NIK, "service": "DPMPTSP.NIB"})

    async def text(self, path: str) -> str:
        answer = await self.world.client.get(path)
        return answer.text if answer.status_code == 200 else ""

    async def signers(self, path: str = "/log/checkpoint") -> set[str]:
        note = await self.text(path)
        return set(self.policy.judged(note).signed) if note else set()

    async def standing(self, late: timedelta = timedelta()) -> dict[str, object]:
        """What an operator reads; ``late`` from now."""
        return await watch_witnesses.state(
            self.world.parts.database,
            self.policy,
            at_once=True,
            late_after=timedelta(minutes=30),
            now=clock() + late,
        )

    async def alarms(self, late: timedelta) -> None:
        parts = self.world.parts
        await watch_witnesses.alarm(
            parts.database,
            parts.keyring,
            parts.appender,
            self.policy,
            at_once=True,
            late_after=timedelta(minutes=30),
            now=clock() + late,
        )


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WitnessAt]]:
    with witnesses(tmp_path_factory.mktemp("witnesses"), "inspektorat.test", "diskominfo.test") as made:
        yield made


@pytest.fixture
async def witnessed(
    pair: list[WitnessAt], database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[Witnessed]:
    one, two = pair
    path = tmp_path / "policy"
    path.write_text(
        f"witness inspektorat {one.vkey} {one.url}\nwitness diskominfo {two.vkey} {two.url}/\n"
        "group saksi any inspektorat diskominfo\nquorum saksi\n"
    )
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, witness_policy=path
    ) as world:
        vkey = await Witnessed(world, Policy.read(path.read_text()), one, two).text("/log/vkey")
        policy = Policy.read(f"log {vkey.strip()}\n{path.read_text()}")
        yield Witnessed(world, policy, one, two)


async def test_the_whole_way(witnessed: Witnessed) -> None:
    """A witness that does not know the log refuses it, and is told of at once; known, it signs, and the checkpoint that everybody gets has its
    line; one of two that is down keeps nobody waiting but is late; it comes back, and signs from where it stood.
    """
    world, one, two = witnessed.world, witnessed.one, witnessed.two
    vkey = (await witnessed.text("/log/vkey")).strip()
    answer = await world.client.get("/log/checkpoint/cosigned")
    assert (answer.status_code, answer.json()["code"]) == (404, "BK-9011")

    async def refused() -> bool:
        return (await witnessed.standing())["refused"] == {
            "inspektorat": "unknown_log",
            "diskominfo": "unknown_log",
        }

    await witnessed.acts()
    await until(refused)
    one.knows(vkey)
    two.knows(vkey)

    async def both() -> bool:
        return await witnessed.signers() == {"inspektorat", "diskominfo"}

    await until(both)
    note = await witnessed.text("/log/checkpoint")
    assert note.split("\n\n")[1].startswith(f"\u2014 {world.parts.log_origin} ")  # the log's own line first
    assert witnessed.policy.judged(note).met
    assert await witnessed.text("/log/checkpoint/cosigned") == note
    good, words = await prepare._witnesses(world.parts)
    assert good, words
    assert words.startswith("quorum met, ")
    ready = (await world.client.get("/health/ready")).json()
    assert ready["status"] == "ok"
    size = int(note.split("\n")[1])
    assert ready["witnesses"] == {"quorum": "met", "size": size, "late": [], "refused": {}}
    assert heads_in(one.folder)[world.parts.log_origin].size == size

    two.kill()
    await witnessed.acts()

    async def grown() -> bool:
        return await witnessed.signers() == {"inspektorat"}

    await until(grown)
    assert int((await witnessed.text("/log/checkpoint/cosigned")).split("\n")[1]) > size
    assert (await witnessed.standing())["late"] == []
    assert await witnessed.standing(LATE) | {"size": 0} == {
        "quorum": "met",
        "size": 0,
        "late": ["diskominfo"],
        "refused": {},
    }
    await asyncio.to_thread(two.start)
    await until(both)
    assert (await witnessed.standing(LATE))["late"] == []


async def test_who_is_late_is_told_once(witnessed: Witnessed) -> None:
    """To whoever is over the site: the list, with an entry in the ledger; once a day, whatever the number of rounds and replicas."""
    world, parts = witnessed.world, witnessed.world.parts
    boss = await admin(world, "situs", "site_admin")
    await run_officers.set_email(
        parts.keyring,
        parts.appender,
        officer_id=await run_officers.id_of(parts.database, "situs"),
        email="situs@contoh.invalid",
    )
    await witnessed.acts()
    await asyncio.gather(*(witnessed.alarms(LATE) for _ in range(3)))
    await witnessed.alarms(LATE)
    alerts = (await boss.at.get("/v1/alerts")).json()["alerts"]
    reasons = {"witness_late", "witness_refused"}
    told = [(one["actor"], one["agency"]) for one in alerts if one["reason"] in reasons]
    assert sorted(set(told)) == [("witness:diskominfo", None), ("witness:inspektorat", None)]
    assert len({(one["actor"], one["reason"]) for one in alerts}) == len(alerts)
    await tell_supervisors.tell(
        parts.database, parts.keyring, parts.appender, site=parts.site_name, zone=parts.zone, now=clock()
    )
    texts = [one["text"] for one in await world.inbox("notice") if one["to"] == "situs@contoh.invalid"]
    assert any("saksi inspektorat " in text and "`berkas doctor`" in text for text in texts)
    assert next(entry for entry in await world.entries() if entry["type"] == "witness")["act"] == "alarm"


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "No such file"), ("quorum X\n", "line 1"), ("witness W {vkey} ftp://x/\nquorum W\n", "address of W"),
     ("witness W {vkey} http://user@x/\nquorum W\n", "address of W")],
)  # fmt: skip
async def test_a_policy_that_cannot_be_used_stops_the_start(
    pair: list[WitnessAt], tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "policy"
    if text is not None:
        path.write_text(text.format(vkey=pair[0].vkey))
    with pytest.raises(SettingsRefused, match=f"BERKAS_WITNESS_POLICY.*{words}"):
        wiring._policy(Settings(witness_policy=path).witness_policy)


async def test_without_a_policy_it_says_so(world: World) -> None:
    ready = (await world.client.get("/health/ready")).json()
    assert ready["witnesses"] == {"quorum": "no policy"}
    assert await prepare._witnesses(world.parts) == (
        True,
        "none (BERKAS_WITNESS_POLICY): nobody outside vouches for the log",
    )
    assert (await world.client.get("/log/checkpoint/cosigned")).status_code == 404


async def test_a_policy_for_another_log_is_red(world: World) -> None:
    """`berkas doctor` finds a policy file whose log line is not ours: no reader who holds it would believe a checkpoint of this log."""
    stranger = NoteSigner("another.test/akses", b"s" * 32).vkey()
    await world.officer()
    await world.parts.publisher.sign_head()
    parts = replace(world.parts, witnesses=Policy.read(f"log {stranger}\nquorum none\n"))
    good, words = await prepare._witnesses(parts)
    assert not good
    assert words == "quorum none, 0 entries cosigned; the policy does not list this log's key (/log/vkey)"


class TestDoor:
    """What a witness answers to what is no add-checkpoint."""

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [("GET", "/add-checkpoint", b"", 405), ("POST", "/", b"", 404), ("POST", "/add-checkpoint/", b"", 404), ("GET", "/state.json", b"", 404),
         ("POST", "/add-checkpoint", b"", 400), ("POST", "/add-checkpoint", b"x" * 70_000, 413)],
    )  # fmt: skip
    async def test_refused(
        self, pair: list[WitnessAt], method: str, path: str, body: bytes, status: int
    ) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.request(method, pair[0].url + path, content=body)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert "server" not in answer.headers
