"""Asked once more: only when the store said "not now", twice at most, never together, and never most of the work (F19)."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import DocumentMissing, StorageError, StoreUnavailable
from storage.retries import CREDIT, PAUSES_S, Retries

NOT_NOW = StoreUnavailable("503", passing=True)


class Store:
    """Raises what it is given, in turn, then answers."""

    def __init__(self, *errors: StorageError) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "bytes"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept, in seconds, without sleeping."""
    slept: list[float] = []

    async def sleep(pause_s: float) -> None:
        slept.append(pause_s)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


@pytest.mark.parametrize("failures", [0, 1, 2])
async def test_what_passes_is_asked_again(pauses: list[float], failures: int) -> None:
    store = Store(*[NOT_NOW] * failures)
    assert await Retries().run(store) == "bytes"
    assert (store.asked, len(pauses)) == (failures + 1, failures)


async def test_three_times_and_no_more(pauses: list[float]) -> None:
    store = Store(*[NOT_NOW] * 9)
    with pytest.raises(StoreUnavailable):
        await Retries().run(store)
    assert store.asked == 1 + len(PAUSES_S)
    assert len(pauses) == len(PAUSES_S)


@pytest.mark.parametrize("error", [StoreUnavailable("too slow"), DocumentMissing("no")], ids=repr)
async def test_what_does_not_pass_is_asked_once(pauses: list[float], error: StorageError) -> None:
    store = Store(error)
    with pytest.raises(type(error)):
        await Retries().run(store)
    assert (store.asked, pauses) == (1, [])


async def test_callers_who_were_refused_together_do_not_come_back_together(pauses: list[float]) -> None:
    """Wrong version: a fixed pause, with which a thousand callers hit the store again in one moment."""
    for _ in range(20):
        await Retries().run(Store(NOT_NOW))
    assert len(set(pauses)) > 10
    assert all(PAUSES_S[0] / 2 <= pause <= PAUSES_S[0] * 1.5 for pause in pauses)


async def test_a_store_that_refuses_everything_is_not_asked_thrice_by_everybody(pauses: list[float]) -> None:
    """Wrong version: without credit a hundred callers make three hundred requests of an overload."""
    kept, asked = Retries(), 0
    for _ in range(100):
        store = Store(*[NOT_NOW] * 9)
        with pytest.raises(StoreUnavailable):
            await kept.run(store)
        asked += store.asked
    assert asked == 100 + CREDIT
    for _ in range(15):
        await kept.run(Store())
    assert await kept.run(Store(NOT_NOW)) == "bytes"  # one was earned


async def test_a_cancelled_caller_asks_no_more() -> None:
    store = Store(*[NOT_NOW] * 9)
    task = asyncio.create_task(Retries(pauses_s=(5.0,)).run(store))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert store.asked == 1
