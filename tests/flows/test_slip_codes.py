"""The withdrawal code on the slip: at any counter, once, and hard to guess (A62; UU 27/2022 art. 9, 40)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from auth.assistance import new_slip_code, typed_code, typed_reference
from tests.backend import Backend
from tests.flows.assisting import Desk, at_the_desk, last, told
from tests.flows.test_administration import signed_in
from tests.world import CANARIES, OTHER_NIK, PHONE, SERVICE, OfficerAt, World


async def _takes_back(officer: OfficerAt, reference: str, code: str) -> httpx.Response:
    return await officer.post("/v1/withdrawals", json={"reference": reference, "code": code})


async def _granted(world: World, **how: Any) -> tuple[Desk, dict[str, Any]]:
    desk = await at_the_desk(world, **how)
    return desk, await desk.confirmed()


async def test_at_the_counter_of_another_agency(world: World) -> None:
    """The citizen is told, the next fetch fails, the 72 hours run, and the entry says at whose counter."""
    desk, done = await _granted(world, phone=PHONE)
    police = await world.officer("POLRI")
    answer = await _takes_back(police, done["reference"], done["withdrawal_code"])
    assert answer.status_code == 200
    assert answer.json().keys() == {"reference", "state", "stop_before"}
    assert (answer.json()["reference"], answer.json()["state"]) == (done["reference"], "withdrawn")
    entry = await last(world)
    assert (entry["type"], entry["act"], entry["for_citizen"]) == ("withdraw", "with_code", True)
    assert (entry["agency"], entry["recipient"]) == ("POLRI@6472", "DPMPTSP@6472")
    assert entry["document_types"] == ["KTP"]
    ticket = await desk.first.post("/v1/tickets", json={"consent_id": done["consent_id"]})
    assert told(ticket) == (403, "BK-4005")
    assert (await desk.state())["state"] == "withdrawn"
    notice = (await world.inbox("notice"))[-1]["text"]
    assert f"persetujuan {done['reference']} ditarik kembali" in notice
    link = (await world.inbox("notice"))[0]["link"]
    page = await world.proves(world.browser(), link)
    assert (
        "POLRI</b>, Loket 3, mencatat penarikan kembali persetujuan Anda dengan kode pada lembar" in page.text
    )


@pytest.mark.parametrize("typed", ["plain", "lower", "spaced", "misread"])
async def test_however_it_is_typed(world: World, typed: str) -> None:
    """Read aloud, a 0 is an O and a 1 an I or an l."""
    _, done = await _granted(world)
    reference, code = done["reference"], done["withdrawal_code"]
    ways: dict[str, Callable[[str], str]] = {
        "plain": lambda text: text.replace("-", ""),
        "lower": str.lower,
        "spaced": lambda text: f" {text.replace('-', ' ')} ",
        "misread": lambda text: text.replace("0", "o").replace("1", "l"),
    }
    change = ways[typed]
    if typed == "plain":
        reference = reference.removeprefix("PST")
    assert (
        await _takes_back(await world.officer("POLRI"), change(reference), change(code))
    ).status_code == 200


async def test_unknown_and_used_are_told_alike(world: World) -> None:
    """And differ in the ledger. Nothing is told of somebody else's consent either."""
    desk, done = await _granted(world)
    police = await world.officer("POLRI")
    CANARIES.add(unknown := "0000-0000")
    answers = [
        await _takes_back(police, done["reference"], unknown),
        await _takes_back(police, "PST-0000-0000", done["withdrawal_code"]),
        await _takes_back(police, done["reference"], "tidak ada"),
        await _takes_back(police, "", ""),
    ]
    assert (await last(world))["result"]["reason"] == "slip_code_unknown"
    assert (await _takes_back(police, done["reference"], done["withdrawal_code"])).status_code == 200
    answers.append(await _takes_back(police, done["reference"], done["withdrawal_code"]))
    assert (await last(world))["result"]["reason"] == "slip_code_used"
    seen = {(answer.status_code, answer.text.replace(answer.json()["request_id"], "")) for answer in answers}
    assert len(seen) == 1
    assert told(answers[0]) == (404, "BK-2058")
    assert [
        e["type"] for e in await world.entries() if e["type"] == "withdraw" and e["result"]["allowed"]
    ] == ["withdraw"]
    del desk


async def test_what_ended_otherwise_cannot_be_taken_back_with_it(world: World) -> None:
    desk, done = await _granted(world)
    await desk.first.post(f"/v1/consents/{done['consent_id']}/withdrawal")
    answer = await _takes_back(desk.second, done["reference"], done["withdrawal_code"])
    assert told(answer) == (404, "BK-2058")


async def test_ten_guesses_an_hour(world: World) -> None:
    """Counted one by one in the batch, also when they come together; then even the right one waits, and those who oversee are told. It
    is this officer's budget: at the next counter the citizen is served.
    """
    _, done = await _granted(world)
    police = await world.officer("POLRI")
    boss = await signed_in(world, "kepala", "auditor", "IMIGRASI")
    guesses = [_takes_back(police, done["reference"], f"0000-{n:04d}") for n in range(2, 14)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*guesses))
    assert statuses == [404] * 10 + [429] * 2
    spent = await _takes_back(police, done["reference"], done["withdrawal_code"])
    assert told(spent) == (429, "BK-2059")
    assert 0 < int(spent.headers["retry-after"]) <= 3_600
    assert (await last(world))["result"]["reason"] == "slip_codes_spent"
    alerts = (await boss.get("/v1/alerts")).json()["alerts"]
    assert [(alert["reason"], alert["agency"]) for alert in alerts] == [("slip_codes_spent", "POLRI@6472")]
    other = await world.officer("POLRI", "kedua")
    assert (await _takes_back(other, done["reference"], done["withdrawal_code"])).status_code == 200


async def test_who_may(world: World) -> None:
    """Whose role may withdraw for a citizen; a machine has no counter; who was suspended does not."""
    desk, done = await _granted(world)
    auditor = await signed_in(world, "auditor", "auditor", "IMIGRASI")
    refused = await _takes_back(auditor, done["reference"], done["withdrawal_code"])
    assert told(refused) == (403, "BK-1017")
    assert (await last(world))["result"]["reason"] == "role_missing"
    backend = await Backend(world).registered(scopes=["consents.request"])
    body = {"reference": done["reference"], "code": done["withdrawal_code"]}
    assert (await backend.calls("POST", "/v1/withdrawals", json=body)).status_code == 401
    dpo = await signed_in(world, "pelindung", "dpo", "IMIGRASI")
    assert (await _takes_back(dpo, done["reference"], done["withdrawal_code"])).status_code == 200
    del desk


async def test_a_code_is_for_one_consent(world: World) -> None:
    first, done = await _granted(world)
    subject = await world.enrols(first.first, OTHER_NIK, None)
    await world.stores(first.first, subject)
    request = await world.asks(first.first, subject, SERVICE, channel="assisted")
    other = await Desk(world, first.first, first.second, subject, request).confirmed()
    assert other["withdrawal_code"] != done["withdrawal_code"]
    mixed = await _takes_back(first.first, other["reference"], done["withdrawal_code"])
    assert told(mixed) == (404, "BK-2058")
    assert (await _takes_back(first.first, done["reference"], done["withdrawal_code"])).status_code == 200
    assert (
        await first.first.post("/v1/tickets", json={"consent_id": other["consent_id"]})
    ).status_code == 201


def test_forty_random_bits() -> None:
    codes = {new_slip_code() for _ in range(2_000)}
    assert len(codes) == 2_000
    assert {character for code in codes for character in code} == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert all(len(code) == 8 for code in codes)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("7kq2-m9xd", "7KQ2M9XD"),
        ("OIL1 0000", "01110000"),
        ("7KQ2M9X", ""),
        ("7KQ2M9XDD", ""),
        ("7KQ2M9XU", ""),
        ("\uff17KQ2M9XD", ""),
        ("", ""),
    ],
)
def test_what_a_typed_code_means(text: str, meant: str) -> None:
    assert typed_code(text) == meant
    assert typed_reference(f"PST-{text}") == meant
    assert typed_reference(text) == meant
