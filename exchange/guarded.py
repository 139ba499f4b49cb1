"""Calls to addresses that somebody else chose: an agency's keys. The one door for them (A51, server-side request forgery).

1. the address: https, a name and never a number, port 443 or one that the operator allows
2. the name is resolved once; one address that is not public refuses all of them
3. the connection goes to exactly what was checked, with the name in SNI, Host and the certificate
4. no redirect, no proxy, no cookie; at most 64 KiB and 3 s in all
What is refused or fails is told by a stable word, without the address.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

LIMIT_S = 3.0
LIMIT_BYTES = 65_536
URL_CHARACTERS = 512
HTTPS_PORT = 443
# A name of two labels or more whose last begins with a letter: no way of writing an IPv4 address is one of these.
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])", re.ASCII)
_URL = re.compile(r"https://[!-~]+", re.ASCII)
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
# Not for anybody to reach, or a way around, and public to Python's own tables of some versions.
_NEVER = tuple(
    ipaddress.ip_network(network) for network in ("2001::/32", "3fff::/20", "192.0.0.0/24", "192.88.99.0/24")
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class CallRefused(Exception):
    """Not an address that we call, or no answer that we take. ``cause`` is a stable word for the log."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Place:
    url: URL
    host: str
    port: int


class Guarded:
    """``ports`` may be called at public addresses. ``allowed`` are ``host:port`` that may be anywhere: for a sandbox. ``ca_file`` holds
    authorities to trust beside the system's. ``resolve`` gives the addresses of a name.
    """

    def __init__(
        self,
        *,
        ports: Collection[int] = frozenset({HTTPS_PORT}),
        allowed: Collection[str] = (),
        ca_file: Path | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._ports = frozenset(ports)
        self._allowed = frozenset(allowed)
        self._ca_file = ca_file
        self._resolve = resolve or _addresses_of

    async def check(self, url: str) -> None:
        """Would it be called now? Raises ``CallRefused``."""
        async with _in_time():
            await self._checked(self._place(url))

    async def get(self, url: str, media_types: Collection[str]) -> bytes:
        """The body of a 200 of one of these types. Raises ``CallRefused``."""
        async with _in_time():
            place = self._place(url)
            resolver = _Pinned(place.host, await self._checked(place))
            connector = aiohttp.TCPConnector(
                resolver=resolver, use_dns_cache=False, force_close=True, ssl=self._tls
            )
            async with aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                trust_env=False,  # a proxy would resolve the name once more
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": ", ".join(media_types), "Accept-Encoding": "identity"},
            ) as session:
                return await _body(session, place, media_types)

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """Certificate and name are verified; made when it is first needed (reading the authorities takes 20 ms)."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context

    def _place(self, url: str) -> _Place:
        if len(url) > URL_CHARACTERS or not _URL.fullmatch(url) or "\\" in url:
            raise CallRefused("address_malformed")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", HTTPS_PORT if parts.port is None else parts.port
        except ValueError:
            raise CallRefused("address_malformed") from None
        if "@" in parts.netloc or "#" in url:
            raise CallRefused("address_malformed")
        if f"{host}:{port}" not in self._allowed:
            if not _NAME.fullmatch(host):
                raise CallRefused("address_not_a_name")
            if port not in self._ports:
                raise CallRefused("port_not_allowed")
        # Put together from what was checked: two readers of one text could find two hosts in it.
        plain = URL.build(
            scheme="https",
            host=host,
            port=port,
            path=parts.path or "/",
            query_string=parts.query,
            encoded=True,
        )
        return _Place(plain, host, port)

    async def _checked(self, place: _Place) -> list[str]:
        try:
            addresses = list(await self._resolve(place.host, place.port))
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise CallRefused("name_unknown")
        if f"{place.host}:{place.port}" not in self._allowed and not all(map(is_public, addresses)):
            raise CallRefused("address_not_public")
        return addresses


def is_public(text: str) -> bool:
    """A unicast address that the whole internet reaches, and no private one inside of it (mapped, NAT64, 6to4)."""
    try:
        address = _innermost(ipaddress.ip_address(text))
    except ValueError:
        return False
    if address.is_multicast or any(address in network for network in _NEVER):
        return False
    return address.is_global and (address.version == 4 or address in _PUBLIC_V6)  # noqa: PLR2004 - IPv4


def _innermost(address: Address) -> Address:
    """The IPv4 address that a packet to this one may end at."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


async def _addresses_of(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Pinned(AbstractResolver):
    """Answers with what was checked, for the one name that was checked."""

    def __init__(self, host: str, addresses: Sequence[str]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - each address is of its own
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError("another name than the one that was checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


@contextlib.asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """One limit over resolving, connecting and reading; what other libraries raise quotes the address and goes no further."""
    try:
        async with asyncio.timeout(LIMIT_S):
            yield
    except TimeoutError:
        raise CallRefused("too_slow") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise CallRefused("not_reachable") from None


async def _body(session: aiohttp.ClientSession, place: _Place, media_types: Collection[str]) -> bytes:
    async with session.get(place.url, allow_redirects=False) as response:
        if response.status != HTTPStatus.OK:
            raise CallRefused("status")
        if response.content_type not in media_types:
            raise CallRefused("media_type")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise CallRefused("coded")
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > LIMIT_BYTES:
                raise CallRefused("too_large")
        return bytes(body)
