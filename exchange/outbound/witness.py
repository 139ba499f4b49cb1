"""Calls to witnesses (https://c2sp.org/tlog-witness).

Their addresses are the operator's own setting (the policy file), and commonly inside of the network or, in a trial, on this machine: they do
not go through ``exchange.guarded``, which is for addresses that others choose. What comes back is a stranger's all the same: no redirect,
five seconds in all, 64 KiB, and nothing of it is believed before its signature held. Plain http would betray nothing either: a checkpoint
is public, and nobody on the way can make a cosignature.
"""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp

from exchange.guarded import CallRefused
from storage.ledger.add_checkpoint import LIMIT_BYTES, PATH, Answer

LIMIT_S = 5.0


class WitnessCalls:
    """``ca_file`` holds authorities to trust beside the system's."""

    def __init__(self, *, ca_file: Path | None = None, limit_s: float = LIMIT_S) -> None:
        self._ca_file = ca_file
        self._limit_s = limit_s
        self._session: aiohttp.ClientSession | None = None

    async def add_checkpoint(self, url: str, body: bytes) -> Answer:
        """``url`` is the submission prefix. Raises ``CallRefused``."""
        try:
            async with (
                asyncio.timeout(self._limit_s),
                self._opened().post(f"{url.rstrip('/')}{PATH}", data=body, allow_redirects=False) as response,
            ):
                found = bytearray()
                async for part in response.content.iter_any():
                    found += part
                    if len(found) > LIMIT_BYTES:
                        raise CallRefused("too_large")
                return Answer(response.status, bytes(found), response.content_type)
        except TimeoutError:
            raise CallRefused("too_slow") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise CallRefused("not_reachable") from None

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
                connector=aiohttp.TCPConnector(ssl=context),
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "berkas"},
            )
        return self._session
