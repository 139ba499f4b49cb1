"""AWS Signature Version 4 in a header, for the requests that move bytes ("Authenticating Requests (AWS Signature Version 4)",
Amazon S3 API Reference).

``minio`` signs too, at four times the CPU, since it derives the day's key anew for each request; it is the tests' oracle.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = "host;x-amz-content-sha256;x-amz-date"


class Signer:
    """For one store and one key. ``host`` is what the Host header says."""

    def __init__(self, access_key: str, secret_key: str, *, host: str, region: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._host = host
        self._region = region
        self._second: datetime | None = None
        self._moment = ""
        self._day = ""
        self._day_key = b""

    def headers(self, method: str, path: str, content_sha256: str, now: datetime) -> dict[str, str]:
        """The headers to send. ``path`` is already in its canonical spelling: ours hold letters, digits, ``/`` and ``-``."""
        second = now.replace(microsecond=0)
        if second != self._second:
            self._moment, self._second = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"), second
        moment = self._moment
        day = moment[:8]
        if day != self._day:
            self._day_key, self._day = self._derived(day), day
        request = (
            f"{method}\n{path}\n\n"
            f"host:{self._host}\nx-amz-content-sha256:{content_sha256}\nx-amz-date:{moment}\n\n"
            f"{_SIGNED}\n{content_sha256}"
        )
        scope = f"{day}/{self._region}/s3/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.digest(
            self._day_key, f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}".encode(), "sha256"
        )
        return {
            "Host": self._host,
            "x-amz-content-sha256": content_sha256,
            "x-amz-date": moment,
            "Authorization": f"{_ALGORITHM} Credential={self._access_key}/{scope}, "
            f"SignedHeaders={_SIGNED}, Signature={signature.hex()}",
        }

    def _derived(self, day: str) -> bytes:
        key = f"AWS4{self._secret_key}".encode()
        for part in (day, self._region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
