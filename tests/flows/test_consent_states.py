"""No step can be skipped: random walks over the pages find no way to a granted request but through a factor of this citizen, for this
request, in this browser (A22, A25, A26, A28; U13).

A second writing of the rules (``consent_model``) predicts each answer; the rows are compared after each step. The suite walks the same
way each time; ``make history`` walks further and elsewhere.
"""

from __future__ import annotations

import asyncio
import re
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from auth import grants
from auth.verdict import ALLOWED
from exchange.flows import give_consent, prove_self
from storage.consents import CHALLENGES, challenges_for
from storage.ledger.refusals import RefusalBudget
from tests.conftest import PostgresServer, StoreServer, _remove_bucket
from tests.databases import Databases
from tests.files import noted
from tests.flows.campaign import LONG, OPEN_WIDE, SEED, citizens, newest_code
from tests.flows.consent_model import Door, Model, Sent
from tests.world import JPEG, SERVICE, OfficerAt, World, csrf_of, path_of, running_world

WALKS, STEPS = (300, 50) if LONG else (20, 40)
REQUEST_MINUTES = 240
JUMPS = (6, 6, 6, 16, 16, 61)  # past a code, past a proof, past the hour of the sends
BROWSERS = st.sampled_from((0, 1))
WHOSE = st.sampled_from(("own", "own", "own", "other browser", "other page", ""))  # form
T = TypeVar("T")


class Unpredicted(AssertionError):
    """The application answered, or its rows stand, otherwise than the model says."""


@dataclass
class Place:
    """A door in the world: where its page is, its row's id, which consent a link can take back."""

    door: Door
    path: str
    row: str
    subject_ref: str
    officer: OfficerAt | None = None
    consent_id: str = ""


class Stage:
    """What every walk shares: the world, two counters, the loop on which they live."""

    def __init__(self, world: World, here: OfficerAt, there: OfficerAt) -> None:
        self.world = world
        self.here = here
        self.there = there
        self.loop = asyncio.get_running_loop()
        self.reached: Counter[str] = Counter()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def places(self) -> list[Place]:
        """One citizen with two requests of two agencies, and another citizen with one. Sixty refusals a minute are enough for any officer but
        one of many walks.
        """
        self.world.parts.appender._budget = RefusalBudget()
        first, second = next(citizens()), next(citizens())
        return [
            await self._place("first", self.here, first, SERVICE, ("KTP", "NPWP"), (2, 2)),
            await self._place("first", self.there, first, "POLRI.SIM_PERPANJANG", (), (1, 3)),
            await self._place("second", self.here, second, SERVICE, ("KTP",), (1, 1)),
        ]

    async def _place(
        self,
        citizen: str,
        officer: OfficerAt,
        who: tuple[str, str],
        service: str,
        stored: tuple[str, ...],
        papers: tuple[int, int],
    ) -> Place:
        reference = await self.world.enrols(officer, *who)
        for paper in stored:
            await self.world.stores(officer, reference, paper, content=noted(JPEG, paper.encode()))
        asked = await self.world.asks(officer, reference, service)
        assert len(asked["items"]) == papers[1]
        subject_ref = self.world.parts.keyring.meant(officer.agency, reference)
        door = Door(citizen, 0, REQUEST_MINUTES, papers)
        return Place(door, path_of(asked["link"]), asked["id"], subject_ref, officer)

    async def minutes_pass(self, subjects: list[str], minutes: int) -> None:
        """For these citizens only, and for everything that has a time."""
        moved = {
            "challenge": ("sent_at", "expires_at", "verified_at"),
            "consent_request": ("created_at", "expires_at"),
        }
        async with self.world.parts.database.transaction() as transaction:
            for table, columns in moved.items():
                changes = ", ".join(f"{column} = {column} - make_interval(mins => $1)" for column in columns)
                await transaction.raw.execute(
                    f"UPDATE {table} SET {changes} WHERE subject_ref = ANY($2)", minutes, subjects
                )

    async def states(self, rows: list[str]) -> dict[str, str]:
        async with self.world.parts.database.reading() as reading:
            found = await reading.raw.fetch("SELECT id, state FROM consent_request WHERE id = ANY($1)", rows)
        return {row["id"]: row["state"] for row in found}


@pytest.fixture(scope="module")
async def stage(
    databases: Databases,
    postgres: PostgresServer,
    store: StoreServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stage]:
    name, bucket = await databases.take(), f"t-{uuid.uuid4().hex[:12]}"
    changes = {**OPEN_WIDE, "request_life_counter_s": REQUEST_MINUTES * 60}
    async with running_world(
        tmp_path_factory.mktemp("stage"),
        database_url=postgres.at(postgres.app, name),
        store=store,
        s3_bucket=bucket,
        **changes,
    ) as world:
        yield Stage(world, await world.officer(), await world.officer("POLRI"))
    databases.drop(name)
    await asyncio.to_thread(_remove_bucket, store, bucket)


class Walk(RuleBasedStateMachine):
    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.places = self.stage.run(self.stage.places())
        self.model = Model([place.door for place in self.places])
        self.stage.reached["walk"] += 1
        self.browsers = [{"Cookie": f"berkas-peramban={uuid.uuid4().hex * 2}"} for _ in range(2)]
        # Form tokens as pages gave them: of the steps before the proof, and of the decision.
        self.forms: dict[tuple[int, int], str] = {}
        self.read: dict[tuple[int, int], str] = {}
        for number in range(len(self.places)):
            self._harvest(number)

    def _harvest(self, number: int) -> None:
        """Both browsers open a page: their tokens of its first steps."""
        for browser in range(2):
            self.forms[browser, number] = csrf_of(self._get(number, browser))

    def _get(self, number: int, browser: int) -> httpx.Response:
        client = self.stage.world.client
        return self.stage.run(client.get(self.places[number].path, headers=self.browsers[browser]))

    def _post(self, number: int, browser: int, **form: Any) -> httpx.Response:
        client = self.stage.world.client
        return self.stage.run(
            client.post(self.places[number].path, headers=self.browsers[browser], data=form)
        )

    def _expect(self, answer: httpx.Response, status: int, told: str) -> None:
        self.stage.reached[f"{told} {status}"] += 1
        if answer.status_code != status:
            raise Unpredicted(f"{told}: {answer.status_code} where {status} was predicted")

    def _some(self, data: st.DataObject, *, links: bool | None = None) -> int:
        chosen = [n for n, place in enumerate(self.places) if links in {None, not place.door.is_request}]
        return data.draw(st.sampled_from([*chosen, chosen[-1]]))

    def _form(self, number: int, browser: int, whose: str) -> tuple[str, bool]:
        """A form token, and whether it is the right one for a step before the proof."""
        if whose == "own":
            return self.forms[browser, number], True
        if whose == "other browser":
            return self.forms[1 - browser, number], False
        if whose == "other page":
            return self.forms[browser, (number + 1) % len(self.places)], False
        return "", False

    @rule(data=st.data(), browser=BROWSERS)
    def opens(self, data: st.DataObject, browser: int) -> None:
        number = self._some(data)
        answer = self._get(number, browser)
        page = _page(answer)
        if page != (predicted := self.model.page(self.places[number].door, browser)):
            raise Unpredicted(f"the page {page} where {predicted} was predicted")
        self.stage.reached[f"page {page}"] += 1
        if page == "decide":
            self.read[browser, number] = csrf_of(answer)

    @rule(data=st.data(), browser=BROWSERS, whose=WHOSE)
    def asks_for_a_code(self, data: st.DataObject, browser: int, whose: str) -> None:
        self._asks(self._some(data), browser, whose)

    def _asks(self, number: int, browser: int, whose: str) -> None:
        place = self.places[number]
        token, own = self._form(number, browser, whose)
        sends = self.model.sends(place.door, browser, own_form=own)
        predicted = self.model.send(place.door, browser, own_form=own)
        self._expect(self._post(number, browser, step="send", csrf=token), predicted, "send")
        if sends:
            code = self.stage.run(newest_code(self.stage.world, place.subject_ref))
            self.model.went_out(place.door, browser, code)

    @rule(data=st.data(), browser=BROWSERS)
    def proves_itself(self, data: st.DataObject, browser: int) -> None:
        """The two steps of an honest citizen, as far as the budget allows."""
        number = self._some(data)
        self._asks(number, browser, "own")
        if sent := self.places[number].door.sent[-1:]:
            self._types(number, browser, sent[0].code, "own")

    def _codes(self) -> list[tuple[int, Sent]]:
        return [(number, sent) for number, place in enumerate(self.places) for sent in place.door.sent]

    @precondition(lambda self: self._codes())
    @rule(data=st.data(), whose=WHOSE)
    def types_a_code_where_it_belongs(self, data: st.DataObject, whose: str) -> None:
        """Perhaps an older one, perhaps once more."""
        number, sent = data.draw(st.sampled_from(self._codes()[-4:]))
        self._types(number, sent.browser, sent.code, whose)

    @precondition(lambda self: self._codes())
    @rule(data=st.data(), browser=BROWSERS)
    def types_a_code_anywhere(self, data: st.DataObject, browser: int) -> None:
        """Of another request, of another citizen, in another browser."""
        _, sent = data.draw(st.sampled_from(self._codes()))
        self._types(self._some(data), browser, sent.code, "own")

    @precondition(lambda self: self._codes())
    @rule(data=st.data(), times=st.integers(1, 5))
    def guesses(self, data: st.DataObject, times: int) -> None:
        number, sent = data.draw(st.sampled_from(self._codes()))
        for guess in range(1, times + 1):
            self._types(number, sent.browser, f"{(int(sent.code) + guess) % 1_000_000:06d}", "own")

    def _types(self, number: int, browser: int, code: str, whose: str) -> None:
        token, own = self._form(number, browser, whose)
        predicted = self.model.type_code(self.places[number].door, browser, code, own_form=own)
        self._expect(self._post(number, browser, step="code", csrf=token, code=code), predicted, "code")

    @rule(
        data=st.data(),
        browser=BROWSERS,
        ticked=st.sampled_from((None, 0, 1, 2)),
        whose=st.sampled_from(("read", "read", "first", "other browser", "other page", "")),
    )
    def decides(self, data: st.DataObject, browser: int, ticked: int | None, whose: str) -> None:
        self._decides(self._some(data, links=False), browser, ticked, whose)

    def _proved(self) -> list[tuple[int, int]]:
        return [
            (number, browser)
            for number, place in enumerate(self.places)
            for browser in range(2)
            if place.door.is_request
            and not self.model.dead(place.door)
            and self.model.proved(place.door, browser)
        ]

    @precondition(lambda self: self._proved())
    @rule(data=st.data(), ticked=st.sampled_from((None, 1, 2)))
    def decides_where_it_proved_itself(self, data: st.DataObject, ticked: int | None) -> None:
        number, browser = data.draw(st.sampled_from(self._proved()))
        self._decides(number, browser, ticked, "read")

    @precondition(lambda self: self._proved())
    @rule(data=st.data(), neighbour=st.sampled_from(("browser", "page")), ticked=st.sampled_from((None, 1)))
    def decides_beside_a_proof(self, data: st.DataObject, neighbour: str, ticked: int | None) -> None:
        """The same request in the other browser, another request in the same one."""
        number, browser = data.draw(st.sampled_from(self._proved()))
        if neighbour == "browser":
            self._decides(number, 1 - browser, ticked, "other browser")
        else:
            self._decides((number + 1) % 3, browser, ticked, "other page")

    def _decides(self, number: int, browser: int, ticked: int | None, whose: str) -> None:
        place = self.places[number]
        on_file, _ = place.door.papers
        ticked = None if ticked is None else min(ticked, on_file)
        if whose == "read" and self.model.page(place.door, browser) == "decide":
            self.read[browser, number] = csrf_of(self._get(number, browser))
        key = {
            "read": (browser, number),
            "other browser": (1 - browser, number),
            "other page": (browser, (number + 1) % len(self.places)),
        }.get(whose)
        token = self.forms[browser, number] if key is None and whose else self.read.get(key or (-1, -1), "")
        own = token != "" and token == self.read.get((browser, number))
        predicted = self.model.decide(place.door, browser, ticked, own_form=own)
        keys = [] if ticked is None else _keys(place)[:ticked]
        decision = "refuse" if ticked is None else "grant"
        answer = self._post(number, browser, step="decide", csrf=token, decision=decision, document=keys)
        self._expect(answer, predicted, "decide")
        if (link := re.search(r'href="[^"]*(/w/[a-z2-7]{45})"', answer.text)) is not None:
            self._links(place, link[1])

    def _links(self, decided: Place, path: str) -> None:
        """The citizen's own link came with the decision."""
        assert decided.officer is not None
        state = self.stage.run(decided.officer.get(f"/v1/consent-requests/{decided.row}")).json()
        decided.consent_id = state.get("consent_id") or ""
        door = Door(decided.door.citizen, self.model.now, 0)
        self.places.append(Place(door, path, decided.row, decided.subject_ref, consent_id=decided.consent_id))
        self.model.doors.append(door)
        self._harvest(len(self.places) - 1)
        self.stage.reached[decided.door.state] += 1

    @precondition(lambda self: any(place.consent_id for place in self.places[:3]))
    @rule(data=st.data(), browser=BROWSERS, whose=WHOSE)
    def withdraws_by_the_own_link(self, data: st.DataObject, browser: int, whose: str) -> None:
        link = self._some(data, links=True)
        request = data.draw(st.sampled_from([place for place in self.places[:3] if place.consent_id]))
        token, own = self._form(link, browser, whose)
        predicted = self.model.withdraw_by_link(self.places[link].door, browser, request.door, own_form=own)
        answer = self._post(link, browser, step="withdrawn", csrf=token, consent=request.consent_id)
        self._expect(answer, predicted, "withdrawn")

    @precondition(lambda self: len(self.places) > 3)
    @rule(data=st.data(), browser=BROWSERS, whose=st.sampled_from(("own", "other browser")))
    def leaves(self, data: st.DataObject, browser: int, whose: str) -> None:
        link = self._some(data, links=True)
        token, own = self._form(link, browser, whose)
        predicted = self.model.leave(self.places[link].door, browser, own_form=own)
        self._expect(self._post(link, browser, step="leave", csrf=token), predicted, "leave")

    @precondition(lambda self: any(place.consent_id for place in self.places[:3]))
    @rule(data=st.data())
    def an_officer_withdraws(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from([place for place in self.places[:3] if place.consent_id]))
        assert request.officer is not None
        predicted = self.model.withdraw_by_officer(request.door)
        path = f"/v1/consents/{request.consent_id}/withdrawal"
        self._expect(self.stage.run(request.officer.post(path)), predicted, "officer withdraws")

    @rule(minutes=st.sampled_from(JUMPS))
    def time_passes(self, minutes: int) -> None:
        subjects = sorted({place.subject_ref for place in self.places})
        self.stage.run(self.stage.minutes_pass(subjects, minutes))
        self.model.now += minutes

    @invariant()
    def rows_are_as_predicted(self) -> None:
        """Time alone changes no row: a request that ran out stays pending there."""
        found = self.stage.run(self.stage.states([place.row for place in self.places[:3]]))
        if found != {place.row: place.door.state for place in self.places[:3]}:
            raise Unpredicted(f"rows say {list(found.values())}")


def _keys(place: Place) -> list[str]:
    """The boxes that can be ticked: what is on file comes first in each of these requests."""
    on_file, _ = place.door.papers
    return [str(number) for number in range(on_file)]


def _page(answer: httpx.Response) -> str:
    """Which page it is, by what it lets one do."""
    if answer.status_code == 410:
        return "gone"
    if answer.status_code == 403:
        return "locked"
    marks = {
        'value="decide"': "decide",
        'value="leave"': "trail",
        'name="code"': "code",
        'value="send"': "start",
    }
    return next((page for mark, page in marks.items() if mark in answer.text), "receipt")


def _walks(stage: Stage, walks: int = WALKS, *, shrink: bool = LONG) -> None:
    stage.reached.clear()
    machine = type("Walk", (Walk,), {"stage": stage})
    chosen = settings(
        max_examples=walks,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=not LONG,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(seed(SEED)(machine) if LONG else machine, settings=chosen)


async def test_no_walk_skips_a_step(stage: Stage) -> None:
    """The model knows one way to ``granted``; the application has no other, and answers each step on it as the model says."""
    await asyncio.to_thread(_walks, stage)
    if LONG:
        print(f"\n{WALKS} walks of {STEPS} steps: {dict(sorted(stage.reached.items()))}")
    seen = stage.reached
    assert seen["granted"] + seen["partial"] > 0
    every_walk = ["code 303", "code 422", "decide 403", "send 403", "refused"]
    rare = [
        "granted",
        "partial",
        "code 403",
        "decide 409",
        "decide 410",
        "withdrawn 200",
        "officer withdraws 200",
    ]
    for name in every_walk + (rare if LONG else []):
        assert seen[name] > 0, f"no walk came to {name}: {dict(seen)}"


def _of_any_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The factor is bound to the request and not to the browser."""
    passed = grants.factor_passed

    def anybody(challenges: Any, _browser: str, now: Any) -> bool:
        return any(passed(challenges, challenge.browser, now) for challenge in challenges)

    for module in [
        module for module in sys.modules.values() if getattr(module, "factor_passed", None) is passed
    ]:
        monkeypatch.setattr(module, "factor_passed", anybody)


def _of_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who proved themselves for one request of theirs may decide another one."""

    async def of_the_citizen(reading: Any, target_id: str) -> Any:
        own = await challenges_for(reading, target_id)
        subject = await reading.raw.fetchval(
            "SELECT subject_ref FROM consent_request WHERE id = $1", target_id
        )
        return [*(await CHALLENGES.load(reading.raw, "subject_ref", [subject])), *own] if subject else own

    monkeypatch.setattr(prove_self, "challenges_for", of_the_citizen)
    monkeypatch.setattr(give_consent, "judge_decision", lambda *_, **__: ALLOWED)


def _an_expired_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code lives as long as its request."""

    def for_ever(request: Any, challenges: Any, live: Any, *, now: Any, **more: Any) -> Any:
        lives_on = live and replace(live, expires_at=now + timedelta(hours=1))
        return grants.judge_code(request, challenges, lives_on, now=now, **more)

    monkeypatch.setattr(prove_self, "judge_code", for_ever)


def _an_older_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first code stays good after a second one was sent."""
    monkeypatch.setattr(
        prove_self, "newest", lambda challenges: min(challenges, key=lambda one: one.sent_at, default=None)
    )


PLANTED = [_of_any_browser, _of_any_request, _an_expired_code, _an_older_code]


@pytest.mark.parametrize("plant", PLANTED if LONG else PLANTED[:2])
async def test_walks_find_a_planted_bug(stage: Stage, monkeypatch: pytest.MonkeyPatch, plant: Any) -> None:
    plant(monkeypatch)
    with pytest.raises(Unpredicted) as found:
        await asyncio.to_thread(_walks, stage, 200, shrink=False)
    print(f"\n{plant.__name__}: walk {stage.reached['walk']}, {str(found.value).splitlines()[0]}")
