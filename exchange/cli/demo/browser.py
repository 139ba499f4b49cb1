"""A plain HTTP client for the demo: cookies, forms, problem documents. Nothing but the standard library, so that what
the demo does can be done by anybody.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    ms: float

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def code(self) -> str:
        """The BK code of a problem document; empty for anything else."""
        if "problem+json" not in self.headers.get("content-type", ""):
            return ""
        return str(self.json()["code"])


class Browser:
    """One cookie jar. ``csrf`` is sent as a header with every changing call once it is set."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        # A replica is spoken to past the TLS of the front: on loopback, where browsers send Secure cookies over http too.
        policy = DefaultCookiePolicy(secure_protocols=("https", "http"))
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar(policy)))
        self.csrf = ""

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self._send("GET", path, None, headers or {})

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """``body``: bytes as they are, anything else as JSON."""
        sent = dict(headers or {})
        if isinstance(body, bytes):
            data = body
        else:
            data = json.dumps(body if body is not None else {}).encode()
            sent.setdefault("Content-Type", "application/json")
        return self._send("POST", path, data, {"X-CSRF-Token": self.csrf, **sent})

    def form(self, path: str, **fields: Any) -> Answer:
        """A form as a browser without JavaScript sends it; redirects are followed."""
        data = urlencode(fields, doseq=True).encode()
        return self._send("POST", path, data, {"Content-Type": "application/x-www-form-urlencoded"})

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        url = path if path.startswith("http") else self._origin + path
        request = Request(url, data=data, headers=headers, method=method)  # noqa: S310 - the sandbox's own address
        began_s = time.perf_counter()
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                body, status, sent = response.read(), response.status, response.headers
        except HTTPError as error:
            body, status, sent = error.read(), error.code, error.headers
        ms = (time.perf_counter() - began_s) * 1000
        return Answer(status, {name.lower(): value for name, value in sent.items()}, body, ms)


def csrf_in(page: Answer) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    return found.group(1) if found else ""


def boxes_in(page: Answer) -> list[str]:
    """The values of the checkboxes of the decision page."""
    return re.findall(r'name="document" value="([^"]+)"', page.text)


def told_in(page: Answer) -> str:
    """The page's heading, as a person would read it."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found.group(1)).split()) if found else f"HTTP {page.status}"
