"""The trip wire trips: once for each kind, and not on what is harmless."""

from __future__ import annotations

import logging

import pytest

from exchange.logs import JsonLines
from tests.tripwire import leaks

NIK = "6472091708909901"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f'{{"nik": "{NIK}"}}', "nik"),
        (f"GET /v1/subjects?nik={NIK}&x=1", "nik"),
        ("eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJ0XzAxSkQwIn0.c2lnbmF0dXJlc2lnbmF0dXJl", "token"),
        ("GET /p/" + "a2" * 22 + "b HTTP/1.1", "link code"),
        ("enrolled Warga Contoh", "name"),
    ],
)
def test_it_trips(line: str, kind: str) -> None:
    assert kind in leaks(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"request_id":"01M86SQYYAHFEJ76R10374FV7P","route":"/p/{code}"}',
        "d_01JD0000000000000000000000",
        "1234567890123456",
        f"9{NIK}9",
        "64720917089099",
    ],
)
def test_it_does_not_cry_wolf(line: str) -> None:
    assert leaks(line) == []


def test_an_exceptions_message_is_not_logged() -> None:
    """A driver's message may quote a value: type and place are logged, the message is not."""
    formatter = JsonLines()
    try:
        raise ValueError(f"duplicate key ({NIK})")
    except ValueError:
        import sys

        record = logging.getLogger("berkas").makeRecord(
            "berkas", logging.ERROR, __file__, 1, "failed", (), sys.exc_info()
        )
    line = formatter.format(record)
    assert "ValueError" in line
    assert NIK not in line
