"""Whatever goes wrong, a phone shows a page in Indonesian with the status of the problem and a number to tell."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from storage.errors import (
    DatabaseUnavailable,
    JudgeFailed,
    LedgerBusy,
    LedgerUnavailable,
    OutcomeUnknown,
    TooManyRefusals,
)
from tests.world import World, csrf_of, path_of


@pytest.fixture
async def link(world: World) -> tuple[World, str]:
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    return world, path_of((await world.asks(officer, subject))["link"])


def _is_a_page(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "no-store" in answer.headers["cache-control"]
    number = re.search(r"Nomor gangguan: ([0-9A-Z]{26})\.", answer.text)
    assert number
    assert answer.headers.get("x-request-id", number[1]) == number[1]
    assert "BK-" not in answer.text


async def test_a_form_without_its_step(link: tuple[World, str]) -> None:
    """Seen failing: JSON on the phone."""
    world, path = link
    before = len(await world.entries())
    for body in ({}, {"step": "x" * 11}, {"step": "decide", "document": [str(n) for n in range(51)]}):
        answer = await world.browser().post(path, data=body)
        _is_a_page(answer, 422)
        assert "Tidak ada yang tercatat" in answer.text
    assert len(await world.entries()) == before


@pytest.mark.parametrize("before", ["abc", "0", "-1", str(2**63), "1.5", "%00", ""])
async def test_an_address_that_was_tampered_with(link: tuple[World, str], before: str) -> None:
    world, path = link
    await world.allows("x://y" + path)
    messages = await world.inbox("notice")
    trail = path_of(messages[-1]["link"])
    phone = world.browser()
    page = await world.proves(phone, world.origin + trail)
    assert page.status_code == 200
    _is_a_page(await phone.get(f"{trail}?before={before}"), 422)
    last = await phone.get(f"{trail}?before={2**63 - 1}")
    assert last.status_code == 200
    assert "Riwayat akses" in last.text


@pytest.mark.parametrize("consent", ["\x00", "c_\x00", "é", "a b", "x" * 41])
async def test_what_is_no_consent(link: tuple[World, str], consent: str) -> None:
    world, path = link
    await world.allows("x://y" + path)
    trail = path_of((await world.inbox("notice"))[-1]["link"])
    phone = world.browser()
    page = await world.proves(phone, world.origin + trail)
    before = len(await world.entries())
    form = {"csrf": csrf_of(page), "consent": consent}
    for step in ("withdraw", "withdrawn"):
        _is_a_page(await phone.post(trail, data={"step": step, **form}), 422)
    assert len(await world.entries()) == before


@pytest.mark.parametrize("path", ["/p/", "/w/", "/p/a/b", "/w/a/b"])
async def test_no_such_page(world: World, path: str) -> None:
    answer = await world.client.get(path)
    _is_a_page(answer, 404)
    assert "Halaman tidak ditemukan" in answer.text


async def test_another_method(world: World) -> None:
    answer = await world.client.put("/p/" + "a" * 45)
    _is_a_page(answer, 405)
    assert answer.headers["allow"]


async def test_a_body_that_is_too_long(link: tuple[World, str]) -> None:
    world, path = link
    answer = await world.browser().post(path, data={"step": "send", "csrf": "x" * 70_000})
    _is_a_page(answer, 413)


@pytest.mark.parametrize(
    ("error", "status", "told", "not_told"),
    [
        (TooManyRefusals(7), 429, "Terlalu banyak percobaan", "terganggu"),
        (LedgerUnavailable("x"), 503, "Tidak ada yang berubah", "Hasil belum"),
        (LedgerBusy(3), 503, "Silakan coba beberapa saat lagi", "Hasil belum"),
        (DatabaseUnavailable("x"), 503, "Tidak ada yang berubah", "Hasil belum"),
        # Whether it stands is not known: nothing may be claimed.
        (OutcomeUnknown("x"), 503, "Hasil belum diketahui", "Tidak ada yang berubah"),
        (JudgeFailed("x"), 500, "Ada kesalahan", "Tidak ada yang berubah"),
        (RuntimeError("x"), 500, "Ada kesalahan", "Tidak ada yang berubah"),
    ],
)
async def test_what_is_away(
    link: tuple[World, str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    told: str,
    not_told: str,
) -> None:
    """Seen failing: problem+json for each, and BK-5005 as "nothing changed"."""
    world, path = link
    phone = world.browser()
    page = await phone.get(path)

    async def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(world.parts.appender, "submit", fails)
    answer = await phone.post(path, data={"step": "send", "csrf": csrf_of(page)})
    _is_a_page(answer, status)
    assert told in answer.text
    assert not_told not in answer.text
    retry_after = getattr(error, "retry_after_s", 2 if status == 503 else None)
    assert answer.headers.get("retry-after") == (str(retry_after) if retry_after else None)


async def test_programs_still_read_problem_documents(world: World) -> None:
    for path in ("/v1/none", "/pp/x", "/v1/p/x"):
        answer = await world.client.get(path)
        assert answer.headers["content-type"] == "application/problem+json"
