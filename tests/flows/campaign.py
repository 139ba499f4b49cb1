"""Crowds at two replicas: citizens decide and take back while officers look, take tickets and fetch; every act with its times.

A ``Case`` is one citizen with two papers, one request and two browsers that proved themselves for it. What is prepared is
prepared through the application in this process; what is judged goes to the replicas over HTTP.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.files import noted
from tests.flows.history import LIVE, UNKNOWN, Act, contradiction, replay
from tests.flows.replicas import Replica, as_officer
from tests.world import ANSWERS, JPEG, SERVICE, OfficerAt, World, csrf_of, path_of

# `make history` sets them; the suite runs short.
LONG = "BERKAS_HISTORY_OPERATIONS" in os.environ
OPERATIONS = int(os.environ.get("BERKAS_HISTORY_OPERATIONS", "300"))
SEED = int(os.environ.get("BERKAS_HISTORY_SEED", "2026"))
# What protects a site would end a campaign: more happens here than in any hour of any office.
OPEN_WIDE = {
    "readiness_per_officer_hour": 10_000_000,
    "citizens_per_officer_hour": 10_000_000,
    "citizens_per_agency_hour": 10_000_000,
    "sequential_numbers_per_hour": 10_000_000,
    "codes_per_hour": 10_000_000,
    "request_life_counter_s": 3_600,
}
PAPERS = ("KTP", "NPWP")
BROWSERS = 2  # three codes an hour: one for each of them, one for the citizen's own link
TICKS = {"granted": ["0", "1"], "partial": ["0"], "refused": []}
_TOLD = {
    "Anda mengizinkan 2 dari 2": "granted",
    "Anda mengizinkan 1 dari 2": "partial",
    "Anda menolak": "refused",
}
_REFUSED = {
    "BK-4003": "used",
    "BK-4008": "used",
    "BK-4005": "withdrawn",
    "BK-4004": "refused",
    "BK-2036": "not_active",
}
# Turned away before the ledger: nothing happened, and no entry says so.
_NOTHING_HAPPENED = frozenset({"BK-1006", "BK-5003"})
_NUMBERS = itertools.count(1)


@dataclass
class Case:
    """Everything that is known of one citizen's request; ``browsers`` are the headers of each."""

    subject_ref: str
    request_id: str
    path: str
    officer: dict[str, str]
    browsers: list[dict[str, str]]
    acts: list[Act] = field(default_factory=list)
    consent_id: str = ""
    own_link: str = ""
    own_browser: dict[str, str] = field(default_factory=dict)
    tickets: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    ended: bool = False


@dataclass
class Figures:
    """What a campaign did; times in seconds."""

    acts: Counter[str] = field(default_factory=Counter)
    turned_away: int = 0
    shown_after: list[float] = field(default_factory=list)
    refused_after: list[float] = field(default_factory=list)
    tried_after_withdrawal: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self.acts.items()))


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest of ``values`` that ``part`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def citizens() -> Iterator[tuple[str, str]]:
    """(NIK, telephone) of grown-up citizens that nobody else in this process has: serials of 99xx."""
    while True:
        number = next(_NUMBERS)
        day, month, year, serial = number % 28, number // 28 % 12, number // 336 % 40, number // 13_440 % 100
        yield f"647209{day + 1:02d}{month + 1:02d}{year + 60:02d}99{serial:02d}", f"+62813{number:08d}"


async def newest_code(world: World, subject_ref: str) -> str:
    """The newest one-time code to a citizen, from the outbox: waiting for its delivery would take longer than all the rest."""
    import json

    async with world.parts.database.reading() as reading:
        payload = await reading.raw.fetchval(
            "SELECT payload FROM outbox WHERE subject_ref = $1 AND kind = 'otp' ORDER BY created_at DESC, id DESC LIMIT 1",
            subject_ref,
        )
    return str(json.loads(await world.parts.keyring.unseal(subject_ref, "message", payload))["code"])


async def prove(
    world: World, at: World | Replica, path: str, subject_ref: str, headers: dict[str, str]
) -> httpx.Response:
    """Ask for a code and type it, in the browser of ``headers``."""
    client = at.client
    page = await client.get(path, headers=headers)
    form = {"csrf": csrf_of(page)}
    sent = await client.post(path, headers=headers, data={"step": "send", **form})
    assert sent.status_code == 303, sent.text
    code = await newest_code(world, subject_ref)
    passed = await client.post(path, headers=headers, data={"step": "code", "code": code, **form})
    assert passed.status_code == 303, passed.text
    return await client.get(path, headers=headers)


async def prepared(world: World, officer: OfficerAt) -> Case:
    nik, phone = next(citizens())
    reference = await world.enrols(officer, nik, phone)
    for paper in PAPERS:
        assert (
            await world.stores(officer, reference, paper, content=noted(JPEG, paper.encode()))
        ).status_code == 201
    asked = await world.asks(officer, reference)
    subject_ref, path = world.parts.keyring.meant(officer.agency, reference), path_of(asked["link"])
    browsers = [{"Cookie": f"berkas-peramban={random.getrandbits(256):064x}"} for _ in range(BROWSERS)]
    for headers in browsers:
        await prove(world, world, path, subject_ref, headers)
    return Case(subject_ref, asked["id"], path, as_officer(officer), browsers)


class Crowd:
    """Visitors of cases at ``replicas``; ``figures`` grow. The choices follow ``seed``, the order of events is the machine's."""

    def __init__(self, world: World, replicas: Sequence[Replica], seed: int) -> None:
        self.world = world
        self.replicas = replicas
        self.seed = seed
        self.figures = Figures()

    async def decide(self, case: Case, at: Replica, browser: int, choice: str, csrf: str = "") -> str:
        """The page is read where it is answered, unless its token is given. The next look is at the other replica."""
        headers = case.browsers[browser]
        if not csrf:
            page = await self.open(case, at, browser)
            if page is None or 'value="decide"' not in page.text:
                return ""
            csrf = csrf_of(page)
        form = {"step": "decide", "csrf": csrf, "document": TICKS[choice]}
        form["decision"] = "grant" if TICKS[choice] else "refuse"
        began = time.perf_counter()
        answer = await _asked(at.post(case.path, headers, form=form))
        told = _page_says(answer)
        if answer is not None and (link := re.search(r'href="[^"]*(/w/[a-z2-7]{45})"', answer.text)):
            case.own_link, case.own_browser, told = link[1], headers, "won"
        self._note(case, Act("decide", told, began, _ended(told), choice, str(browser)))
        if told == "won":
            await self.look(case, self._other(at))
            self.figures.shown_after.append(time.perf_counter() - began)
        return told

    async def open(self, case: Case, at: Replica, browser: int) -> httpx.Response | None:
        began = time.perf_counter()
        answer = await _asked(at.get(case.path, case.browsers[browser]))
        told = "asks" if answer is not None and 'value="decide"' in answer.text else _page_says(answer)
        self._note(case, Act("open", told, began, _ended(told), by=str(browser)))
        return answer

    async def look(self, case: Case, at: Replica) -> str:
        began = time.perf_counter()
        answer = await _asked(at.get(f"/v1/consent-requests/{case.request_id}", case.officer))
        told = UNKNOWN if answer is None else str(answer.json().get("state", answer.status_code))
        self._note(case, Act("state", told, began, _ended(told)))
        if answer is not None and answer.json().get("consent_id"):
            case.consent_id = answer.json()["consent_id"]
        return told

    async def withdraw(self, case: Case, at: Replica) -> str:
        """An officer for the citizen. Then the other replica is tried at once."""
        began = time.perf_counter()
        answer = await _asked(at.post(f"/v1/consents/{case.consent_id}/withdrawal", case.officer, body={}))
        return await self._withdrawn(case, at, began, "done" if _is(answer, 200) else _problem(answer))

    async def withdraw_by_link(self, case: Case, at: Replica) -> str:
        """The citizen, behind a factor of the own link."""
        link, headers = case.own_link, case.own_browser
        case.own_link = ""  # one code is left for it
        page = await prove(self.world, at, link, case.subject_ref, headers)
        form = {"step": "withdrawn", "csrf": csrf_of(page), "consent": case.consent_id}
        began = time.perf_counter()
        answer = await _asked(at.post(link, headers, form=form))
        done = answer is not None and "Persetujuan ditarik kembali" in answer.text
        return await self._withdrawn(case, at, began, "again" if done else _problem(answer))

    async def _withdrawn(self, case: Case, at: Replica, began: float, told: str) -> str:
        self._note(case, Act("withdraw", told, began, _ended(told)))
        case.ended = True
        if told in {"done", "again"}:
            acknowledged = time.perf_counter()
            fresh = [(token, doc) for token, docs in case.tickets for doc in docs]
            await self.fetch(case, self._other(at), *fresh[-1]) if fresh else await self.ticket(
                case, self._other(at)
            )
            self.figures.refused_after.append(time.perf_counter() - acknowledged)
        return told

    async def ticket(self, case: Case, at: Replica) -> str:
        began = time.perf_counter()
        answer = await _asked(at.post("/v1/tickets", case.officer, body={"consent_id": case.consent_id}))
        told = "issued" if _is(answer, 201) else _problem(answer)
        self._note(case, Act("ticket", told, began, _ended(told)))
        if answer is not None and told == "issued":
            documents = [(row["document_id"], row["content_url"]) for row in answer.json()["documents"]]
            case.tickets.append((answer.json()["ticket"], documents))
        return told

    async def fetch(self, case: Case, at: Replica, token: str, document: tuple[str, str]) -> str:
        began = time.perf_counter()
        headers = {**case.officer, "Authorization": f"Bearer {token}"}
        answer = await _asked(at.get(document[1], headers))
        told = "served" if _is(answer, 200) else _problem(answer)
        self._note(case, Act("fetch", told, began, _ended(told), f"{_number(token)} {document[0]}"))
        return told

    async def ask_again(self, case: Case, at: Replica) -> str:
        """A newer request of the same agency for the same service takes the place of one that is open."""
        reference = self.world.parts.keyring.pseudonym("DPMPTSP@6472", case.subject_ref)
        body = {"subject_ref": reference, "service": SERVICE, "channel": "qr", "answers": ANSWERS}
        began = time.perf_counter()
        answer = await _asked(at.post("/v1/consent-requests", case.officer, body=body))
        told = "done" if _is(answer, 201) else _problem(answer)
        self._note(case, Act("ask", told, began, _ended(told)))
        return told

    async def visit(self, case: Case, number: int, count: int) -> None:
        """One of several visitors of a case, each at one replica, each with ``count`` acts at random."""
        choose = random.Random(f"{self.seed} {case.path[-8:]} {number}")
        at = self.replicas[number % len(self.replicas)]
        for _ in range(count):
            await self._act(case, at, choose)
            if choose.random() < 0.3:
                await asyncio.sleep(choose.random() * 0.01)

    async def _act(self, case: Case, at: Replica, choose: random.Random) -> None:
        roll = choose.random()
        if not case.consent_id:
            if roll < 0.35:
                choice = choose.choices(list(TICKS), (6, 3, 2))[0]
                await self.decide(case, at, choose.randrange(BROWSERS), choice)
            elif roll < 0.38:
                await self.ask_again(case, at)
            elif roll < 0.6:
                await self.open(case, at, choose.randrange(BROWSERS))
            else:
                await self.look(case, at)
        elif roll < 0.05:
            await self.decide(case, at, choose.randrange(BROWSERS), choose.choice(list(TICKS)))
        elif roll < 0.15:
            await self.look(case, at)
        elif roll < 0.2 and not case.ended:
            await (self.withdraw_by_link(case, at) if case.own_link else self.withdraw(case, at))
        elif roll < 0.45 or not case.tickets:
            await self.ticket(case, at)
        else:
            token, documents = choose.choice(case.tickets[-3:])
            await self.fetch(case, at, token, choose.choice(documents))

    def _other(self, at: Replica) -> Replica:
        return next(replica for replica in self.replicas if replica is not at)

    def _note(self, case: Case, act: Act) -> None:
        if act.answer == "nothing":
            self.figures.turned_away += 1
            return
        self.figures.acts[f"{act.kind} {act.answer}"] += 1
        if act.kind in {"fetch", "ticket"} and any(
            before.kind == "withdraw" and before.answer in {"done", "again"} and before.ended < act.began
            for before in case.acts
        ):
            self.figures.tried_after_withdrawal[act.answer] += 1
        case.acts.append(act)


async def disagreements(world: World, cases: Sequence[Case]) -> list[str]:
    """What clients saw, what the ledger tells, and what the rows say, case by case: everything that does not agree."""
    entries: dict[str, list[dict[str, Any]]] = {case.subject_ref: [] for case in cases}
    for subject_ref in entries:
        entries[subject_ref] = await entries_of(world, subject_ref)
    wrong: list[str] = []
    for case in cases:
        if (told := contradiction(case.acts)) is not None:
            wrong.append(f"{case.request_id}: {told}")
        now, recorded, illegal = replay(entries[case.subject_ref], case.request_id)
        wrong += [f"{case.request_id}: the ledger says {one}" for one in illegal]
        seen = Counter(f"{act.kind} {act.answer}" for act in case.acts)
        if not any(act.answer == UNKNOWN for act in case.acts):
            wrong += [
                f"{case.request_id}: {seen[name]} times {name} seen, {recorded[name]} recorded"
                for name in (
                    "decide won",
                    "ticket issued",
                    "ticket withdrawn",
                    "fetch served",
                    "fetch used",
                    "fetch withdrawn",
                )
                if seen[name] != recorded[name]
            ]
        rows = await standing_of(world, case)
        wrong += [f"{case.request_id}: {one}" for one in _unlike(now.state, recorded, rows)]
    return wrong


async def entries_of(world: World, subject_ref: str) -> list[dict[str, Any]]:
    """One citizen's entries, opened, oldest first."""
    import json

    from storage.ledger.history import opened

    trail = await world.parts.keyring.trail(subject_ref)
    async with world.parts.database.reading() as reading:
        rows = await reading.raw.fetch(
            "SELECT * FROM audit_event WHERE subject_ref = $1 ORDER BY idx", subject_ref
        )
    return [json.loads(opened(trail, row)[1]) for row in rows]


async def standing_of(world: World, case: Case) -> dict[str, Any]:
    """The rows of a case: request, consents, their items and the events of the signed record."""
    import base64
    import json

    async with world.parts.database.reading() as reading:
        request = await reading.raw.fetchrow("SELECT * FROM consent_request WHERE id = $1", case.request_id)
        consents = await reading.raw.fetch("SELECT * FROM consent WHERE request_id = $1", case.request_id)
        items = await reading.raw.fetch(
            "SELECT * FROM consent_item WHERE consent_id = $1 ORDER BY id", request["consent_id"]
        )
    events = []
    for row in consents:
        record = await world.parts.keyring.unseal(case.subject_ref, "consent", row["record"])
        for revision in record.decode().split("\n"):
            claims = json.loads(base64.urlsafe_b64decode(revision.split(".")[1] + "=="))
            events.append(claims["event"]["type"])
    return {
        "request": request["state"],
        "consents": [row["state"] for row in consents],
        "items": [row["decision"] for row in items],
        "record": events,
    }


def _unlike(state: str, recorded: Counter[str], rows: dict[str, Any]) -> list[str]:
    """A29: state, record, ledger and items say one thing."""
    decided = recorded["decide won"]
    wrong = []
    if rows["request"] != ("withdrawn" if state == "replaced" else state):
        wrong.append(f"the ledger leads to {state}, the row says {rows['request']}")
    if decided > 1 or len(rows["consents"]) != decided:
        wrong.append(f"{decided} decisions recorded, {len(rows['consents'])} consents")
    granted = rows["items"].count("granted")
    if decided and (granted > 0) != (state in LIVE | {"withdrawn"}):
        wrong.append(f"{granted} items granted, and {state}")
    withdrawn = recorded["withdraw done"]
    if withdrawn > 1 or len(rows["record"]) != decided + withdrawn:
        wrong.append(
            f"{decided} decisions and {withdrawn} withdrawals in the ledger, the record says {rows['record']}"
        )
    return wrong


async def _asked(request: Any) -> httpx.Response | None:
    """None when no answer came: what was asked may have happened."""
    try:
        answer: httpx.Response = await request
    except httpx.TransportError:
        return None
    return answer


def _is(answer: httpx.Response | None, status: int) -> bool:
    return answer is not None and answer.status_code == status


def _problem(answer: httpx.Response | None) -> str:
    """A word of the law for a problem document; what has none is told as it is, and no law will explain it."""
    if answer is None:
        return UNKNOWN
    found = re.search(r"BK-\d{4}", answer.text)
    code = found[0] if found else f"HTTP {answer.status_code}"
    if code == "BK-5005":
        return UNKNOWN
    return "nothing" if code in _NOTHING_HAPPENED else _REFUSED.get(code, code)


def _page_says(answer: httpx.Response | None) -> str:
    if answer is None:
        return UNKNOWN
    if answer.status_code == 410:
        return "dead"
    if answer.status_code == 429:
        return "nothing"
    state = next((state for words, state in _TOLD.items() if words in answer.text), None)
    return f"echo:{state}" if answer.status_code == 200 and state else f"HTTP {answer.status_code}"


def _ended(told: str) -> float:
    return math.inf if told == UNKNOWN else time.perf_counter()


def _number(token: str) -> str:
    """The ticket's own number: what the ledger calls it."""
    import base64
    import json

    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return str(claims["jti"])
