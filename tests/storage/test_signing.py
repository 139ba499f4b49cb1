"""Signature Version 4 against the MinIO SDK's signer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3
from minio.time import to_amz_date

from storage.signing import Signer

HOST, REGION = "127.0.0.1:8333", "us-east-1"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NOON = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
LAST_SECOND = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def _by_the_sdk(method: str, path: str, content: str, now: datetime) -> dict[str, object]:
    headers: dict[str, str | list[str] | tuple[str]] = {
        "Host": HOST,
        "x-amz-content-sha256": content,
        "x-amz-date": to_amz_date(now),
    }
    return dict(
        sign_v4_s3(
            method=method,
            url=urlsplit(f"http://{HOST}{path}"),
            region=REGION,
            headers=headers,
            credentials=Credentials("key", "secret"),
            content_sha256=content,
            date=now,
        )
    )


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("content", [EMPTY, "UNSIGNED-PAYLOAD"])
@pytest.mark.parametrize("path", ["/berkas/ab/ab0123456789abcdef0123456789abcd", "/a-b/00/0"])
def test_the_same_headers_as_the_sdk(method: str, content: str, path: str) -> None:
    signer = Signer("key", "secret", host=HOST, region=REGION)
    assert signer.headers(method, path, content, NOON) == _by_the_sdk(method, path, content, NOON)


def test_the_days_key_goes_with_its_day() -> None:
    """Wrong version: the key of the first day is kept, and at midnight every store refuses us."""
    signer = Signer("key", "secret", host=HOST, region=REGION)
    for now in (LAST_SECOND, LAST_SECOND + timedelta(seconds=1), LAST_SECOND):
        assert signer.headers("GET", "/b/0", EMPTY, now) == _by_the_sdk("GET", "/b/0", EMPTY, now)
