"""The trip wire trips: once for each kind, for this process and for others, and not on what is harmless."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from exchange.logs import JsonLines
from exchange.pages.messages import consent_code_message, trail_code_message
from tests.pages.samples import NOW
from tests.tripwire import NAMES, Tripwire, leaks

NIK = "6472091708909901"
LINK = "a2" * 22 + "b"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJ0XzAxSkQwIn0.c2lnbmF0dXJlc2lnbmF0dXJl"
ZONE = "Asia/Makassar"
CONSENT_CODE = consent_code_message(
    code="482913", agency="DPMPTSP", documents=["KTP-el"], use_until=NOW, zone=ZONE
)
TRAIL_CODE = trail_code_message(site="MPP", code="482913", expires_at=NOW, zone=ZONE)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f'{{"nik": "{NIK}"}}', "nik"),
        (f"GET /v1/subjects?nik={NIK}&x=1", "nik"),
        (f"a driver said: Key (nik)=({NIK}) already exists", "nik"),
        (quote(f'{{"nik":"{NIK}"}}'), "nik"),
        (TOKEN, "token"),
        (f"Authorization: Bearer {TOKEN}", "token"),
        (f"GET /p/{LINK} HTTP/1.1", "link code"),
        (f"https://berkas.example/w/{LINK.upper()}?x", "link code"),
        ("enrolled Warga Contoh", "name"),
        ("WARGA CONTOH", "name"),
        ("name=Warga+Contoh&x=1", "name"),
        ("/x?name=Warga%20Contoh", "name"),
        ("Warga\n  Contoh", "name"),
        (CONSENT_CODE, "one-time code"),
        (TRAIL_CODE, "one-time code"),
        (json.dumps({"kind": "otp", "code": "482913"}), "one-time code"),
        ("otp sent: 482 913", "one-time code"),
        ("POST step=code&code=482913", "one-time code"),
    ],
)
def test_it_trips(text: str, kind: str) -> None:
    assert leaks(text) == [kind]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_it_knows_every_person_of_the_fixtures(name: str) -> None:
    assert leaks(f'{{"event":"x","who":"{name}"}}') == ["name"]


def test_it_tells_kinds_and_never_the_thing() -> None:
    told = leaks(f"{NIK} {TOKEN} {LINK} Warga Contoh {CONSENT_CODE} {NIK}")
    assert told == ["link code", "name", "nik", "one-time code", "token"]


@pytest.mark.parametrize(
    "text",
    [
        '{"request_id":"01M86SQYYAHFEJ76R10374FV7P","route":"/p/{code}"}',
        "d_01JD0000000000000000000000",
        "1234567890123456",  # sixteen digits, no such date
        f"9{NIK}9",  # part of a longer number
        "64720917089099",
        "eyJhbGciOiJFUzI1NiJ9.e30.",  # no signature
        "BK-4003 code 401 exit code 143",
        '{"code":"BK-2037","status":403,"ms":482913}',
        "rpc error: code = Unknown desc = failed at 14:21:51.901489",
        "code = Unavailable, 7 of 482913 bytes",
        "0" * 64,  # a digest
        "petugas contoh dan warga",
    ],
)
def test_it_does_not_cry_wolf(text: str) -> None:
    assert leaks(text) == []


@pytest.fixture
def wire() -> Iterator[Tripwire]:
    """One of its own, beside the one that this test runs under; on a logger that the other does not hear."""
    wire = Tripwire()
    logger = logging.getLogger("berkas-of-the-trip-wire")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(wire)
    yield wire
    logger.removeHandler(wire)


def test_it_hears_what_is_logged_and_tells_it_once(wire: Tripwire) -> None:
    logger = logging.getLogger("berkas-of-the-trip-wire")
    logger.debug("enrolled", extra={"nik": NIK})
    logger.info("opened", extra={"route": f"/p/{LINK}"})
    logger.info("counted", extra={"entries": 3})
    assert wire.tripped() == ["link code", "nik"]
    assert wire.tripped() == []


def test_it_reads_the_log_of_a_started_process(wire: Tripwire, tmp_path: Path) -> None:
    log = tmp_path / "planted.log"
    wire.watch(log)
    assert wire.tripped() == []  # not there yet
    with log.open("wb") as output:
        subprocess.run([sys.executable, "-c", "print('ready')"], stdout=output, check=True)
        assert wire.tripped() == []
        code = f"import sys; print('said {NIK}', file=sys.stderr); print('{TOKEN}', end='')"
        subprocess.run([sys.executable, "-c", code], stdout=output, stderr=output, check=True)
    assert wire.tripped() == ["nik in planted.log", "token in planted.log"]
    assert wire.tripped() == []


def test_a_line_in_two_pieces_is_read_whole(wire: Tripwire, tmp_path: Path) -> None:
    log = tmp_path / "planted.log"
    wire.watch(log)
    log.write_text(f"fine\nnik {NIK[:9]}")
    assert wire.tripped() == []
    log.write_text(f"fine\nnik {NIK}\n")
    assert wire.tripped() == ["nik in planted.log"]


def test_a_log_that_nobody_watched_is_found_at_the_end(wire: Tripwire, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "server.log").write_text(f"LOG: {NIK}\n")
    (tmp_path / "a" / "000001.log").write_text(f"a store's own bytes {NIK}\n")
    assert wire.left_behind(tmp_path) == ["nik in a/b/server.log"]
    (tmp_path / "a" / "b" / "server.log").unlink()  # the run's own look at its end finds nothing


def test_a_wire_that_was_cut_is_noticed(log_tripwire: Tripwire) -> None:
    """``logs.configure`` in a test would silence it for all that follow."""
    root = logging.getLogger()
    root.removeHandler(log_tripwire)
    assert log_tripwire.cut()
    log_tripwire.install()
    assert not log_tripwire.cut()


PROBE = """
import logging
from tests.tripwire import log_tripwire
__all__ = ["log_tripwire"]
def test_leaks():
    logging.getLogger("berkas.web").info("looked up", extra={{"nik": "{nik}"}})
def test_cuts():
    logging.getLogger().handlers.clear()
def test_is_fine():
    logging.getLogger("berkas.web").info("looked up", extra={{"route": "/p/{{code}}"}})
def test_starts_a_server(tmp_path):
    (tmp_path / "server.log").write_text("FATAL: {name}")
"""


def test_a_run_fails_for_what_its_tests_log(tmp_path: Path) -> None:
    """The whole wire, as conftest.py hangs it: a leaking test fails, one that cuts the wire fails, the others pass."""
    probe = tmp_path / "test_probe.py"
    probe.write_text(PROBE.format(nik=NIK, name="Warga Contoh"))
    options = (
        f"-q -p no:cacheprovider -c /dev/null --rootdir {tmp_path} --basetemp {tmp_path / 'base'}".split()
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(probe)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "4 passed, 3 errors" in ran.stdout, ran.stdout[-3000:]
    said = [line.removeprefix("E       AssertionError: ") for line in ran.stdout.splitlines()]
    assert "a log gave something away" in said
    assert "this test took the trip wire's handler off the root logger" in said
    assert "the log of a started process gave something away" in said
    assert [
        name for name in ("leaks", "cuts", "is_fine", "starts_a_server") if f"::test_{name} " in ran.stdout
    ] == [
        "leaks",
        "cuts",
        "starts_a_server",  # the last test carries what the end of the run found
    ]
    assert NIK not in "".join(line for line in said if line.startswith("E"))
    for log in (tmp_path / "base").rglob("server.log"):
        log.unlink()  # planted here, no process's: the run's own look at its end must not find it


def test_an_exceptions_message_is_not_logged() -> None:
    """A driver's message may quote a value: type and place are logged, the message is not."""
    formatter = JsonLines()
    try:
        raise ValueError(f"duplicate key ({NIK})")
    except ValueError:
        record = logging.getLogger("berkas").makeRecord(
            "berkas", logging.ERROR, __file__, 1, "failed", (), sys.exc_info()
        )
    line = formatter.format(record)
    assert "ValueError" in line
    assert leaks(line) == []
