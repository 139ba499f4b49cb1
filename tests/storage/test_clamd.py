"""The malware scanner is believed only when it says exactly that it found nothing (A43, F34)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import clamd
from storage.clamd import Scanner
from storage.errors import ScannerUnavailable
from tests.files import noted
from tests.scanner import EICAR, VERSION, Said, clamd_binary, real_clamd, scripted
from tests.world import JPEG, PDF

NOW = datetime(2026, 11, 26, tzinfo=UTC)
WEEK = timedelta(days=7)
FILE = (b"one", b"two")
NONE = (
    b"", b"stream: OK", b"stream: OK\n", b"stream: OK\0x", b"stream: ok\0", b"OK\0", b" stream: OK\0", b"stream: OK\0stream: OK\0",
    b"INSTREAM size limit exceeded. ERROR\0", b"stream: Can't allocate memory ERROR\0", b"UNKNOWN COMMAND\0", b"stream: FOUND\0",
    b"stream:  FOUND\0", b"HTTP/1.1 200 OK\r\n\r\n", b"\0", b"x" * 100_000,
)  # fmt: skip


async def _asked(said: Said, oldest: timedelta | None = WEEK) -> bool:
    async with scripted(said):
        return await Scanner(said.address, oldest).is_clean(iter(FILE), NOW)


async def test_it_hears_the_whole_file() -> None:
    said = Said()
    assert await _asked(said)
    assert said.heard == [b"onetwo"]


async def test_found_is_found() -> None:
    assert not await _asked(Said(answer=b"stream: Eicar.UNOFFICIAL FOUND\0"))
    assert not await _asked(Said(answer=b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"))


@pytest.mark.parametrize("answer", NONE)
async def test_anything_else_is_no_verdict(answer: bytes) -> None:
    """A43. Wrong version: clean is what does not say FOUND."""
    with pytest.raises(ScannerUnavailable):
        await _asked(Said(answer=answer))


@pytest.mark.parametrize(
    "version",
    [
        b"ClamAV 1.4.6\0",  # no signatures of ClamAV's
        b"ClamAV 1.4.6/27400/Wed Nov 18 09:26:03 2026\0",  # eight days old
        b"ClamAV 1.4.6/27400/Wed Foo 18 09:26:03 2026\0",
        b"ClamAV 1.4.6/27500/Wed Nov 25 09:26:03 2026",
        b"SomethingElse 1.0\0",
        b"",
    ],
)
async def test_old_signatures_are_none(version: bytes) -> None:
    """F34: out of date. Wrong version: the scanner is asked for files only."""
    said = Said(version=version)
    with pytest.raises(ScannerUnavailable):
        await _asked(said)
    assert said.heard == []


async def test_a_sandbox_does_not_ask_how_old_they_are() -> None:
    assert await _asked(Said(version=b"ClamAV 1.4.6\0"), None)
    with pytest.raises(ScannerUnavailable):
        await _asked(Said(version=b"SomethingElse 1.0\0"), None)


async def test_how_old_they_are_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """They grow old while the service runs."""
    said = Said()
    async with scripted(said):
        scanner = Scanner(said.address, WEEK)
        assert await scanner.is_clean(iter(FILE), NOW)
        said.version = VERSION.replace(b"2026", b"2025")
        assert await scanner.is_clean(iter(FILE), NOW), "not for each file"
        monkeypatch.setattr("storage.clamd.time.monotonic", lambda: 1e12)
        with pytest.raises(ScannerUnavailable):
            await scanner.is_clean(iter(FILE), NOW)


async def test_away_hanging_and_hanging_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """F34."""
    monkeypatch.setattr(clamd, "CONNECT_LIMIT_S", 0.2)
    monkeypatch.setattr(clamd, "SCAN_LIMIT_S", 0.2)
    for address in (f"unix:{tmp_path}/nowhere", "tcp:127.0.0.1:1"):
        with pytest.raises(ScannerUnavailable):
            await Scanner(address, None).is_clean(iter(FILE), NOW)
    with pytest.raises(ScannerUnavailable):
        await _asked(Said(hang=True))
    with pytest.raises(ScannerUnavailable):
        await _asked(Said(deaf_after=3))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    binary = clamd_binary()
    if binary is None:
        pytest.skip("no clamd (Debian: apt-get install clamav-daemon)")
    with tempfile.TemporaryDirectory() as folder, real_clamd(binary, Path(folder)) as found:
        yield found


@pytest.mark.parametrize(
    ("content", "clean"),
    [
        (JPEG, True),
        (PDF, True),
        (EICAR, False),
        (JPEG + EICAR, False),
        (noted(JPEG, EICAR), False),
        (noted(PDF, EICAR), False),
        (noted(PDF, bytes(1_000_000)), True),
    ],
    ids=["jpeg", "pdf", "eicar", "appended", "in a jpeg", "in a pdf", "a megabyte"],
)
async def test_a_real_clamd(address: str, content: bytes, clean: bool) -> None:
    """A43, against ClamAV itself."""
    assert await Scanner(address, None).is_clean(iter((content,)), NOW) is clean


async def test_a_real_clamd_hangs_up_on_what_is_too_large_for_it(address: str) -> None:
    """A43: its own limit is 2 MB here. Wrong version: what broke off counts as scanned."""
    with pytest.raises(ScannerUnavailable):
        await Scanner(address, None).is_clean(iter([bytes(250_000)] * 12), NOW)


async def test_a_real_clamd_without_a_vendors_signatures_serves_no_production(address: str) -> None:
    with pytest.raises(ScannerUnavailable):
        await Scanner(address, WEEK).is_clean(iter(FILE), NOW)
