"""SMS and WhatsApp over a gateway of the operator's own: one small HTTP contract (deploy/gateway.md), whoever the provider is.

The address is the operator's own setting, like that of the database, and is commonly inside of the network or on this machine:
it does not go through ``exchange.guarded``, which is for addresses that others choose. What comes back is a stranger's all the
same: no redirect, five seconds, and of the answer nothing but its status and ``Retry-After``.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from pathlib import Path

import aiohttp

from exchange.outbound.letters import Letter, NotSent

LIMIT_S = 5.0
RETRY_AFTER_DIGITS = 6
ACCEPTED = range(200, 300)
# About the call, not about the message: it must not die of a turned token, a wrong address or a busy provider.
NOT_ABOUT_THE_MESSAGE = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_ABOUT_THE_MESSAGE = range(400, 500)


class Gateway:
    """``ca_file`` holds authorities to trust beside the system's."""

    keeps = False

    def __init__(
        self, url: str, token: str, *, ca_file: Path | None = None, limit_s: float = LIMIT_S
    ) -> None:
        self._url = url
        self._token = token
        self._ca_file = ca_file
        self._limit_s = limit_s
        self._session: aiohttp.ClientSession | None = None

    async def send(self, letter: Letter) -> None:
        """Raises ``NotSent``."""
        body = {"id": letter.id, "channel": letter.channel, "to": letter.to, "text": letter.text}
        try:
            async with self._opened().post(
                self._url, json=body, headers={"Idempotency-Key": letter.id}, allow_redirects=False
            ) as answer:
                status, again = answer.status, answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotSent(type(error).__name__) from None
        if status in ACCEPTED or status == HTTPStatus.CONFLICT:  # 409: it knows this id already
            return
        final = status in _ABOUT_THE_MESSAGE and status not in NOT_ABOUT_THE_MESSAGE
        raise NotSent(f"gateway_{status}", final=final, retry_after_s=_seconds(again))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Made when it is first needed: a session belongs to the loop that runs."""
        if self._session is None:
            context = ssl.create_default_context()
            if self._ca_file is not None:
                context.load_verify_locations(self._ca_file)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=context, limit=0
                ),  # how many at once is the sweep's to say
                timeout=aiohttp.ClientTimeout(total=self._limit_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={
                    "Authorization": f"Bearer {self._token}",
                    "Accept-Encoding": "identity",
                    "User-Agent": "berkas",
                },
            )
        return self._session


def _seconds(text: str) -> float:
    """RFC 9110 10.2.3, the number; a date is as good as nothing."""
    return float(text) if text.isascii() and text.isdigit() and len(text) <= RETRY_AFTER_DIGITS else 0.0
