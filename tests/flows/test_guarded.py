"""A51: addresses that an agency chooses are called at public names only, and the connection goes where it was checked to go."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exchange import guarded
from exchange.guarded import LIMIT_BYTES, CallRefused, Guarded, is_public
from tests.key_server import KeyServer, key_server

NAME = "kunci.contoh.test"
JSON = ("application/json", "application/jwk-set+json")
PUBLIC = "8.8.8.8"


class Resolver:
    """Gives one answer after the other; the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[KeyServer]:
    async with key_server(tmp_path, NAME) as running:
        yield running


def _inside(server: KeyServer, *answers: Sequence[str]) -> Guarded:
    """A sandbox's: the one name and port may be on loopback."""
    resolve = Resolver(*(answers or (["127.0.0.1"],)))
    return Guarded(allowed=[f"{NAME}:{server.port}"], ca_file=server.certificate, resolve=resolve)


def _at(server: KeyServer, path: str = "/jwks.json?v=1") -> str:
    return f"https://{NAME}:{server.port}{path}"


async def _cause(guarded: Guarded, url: str) -> set[str]:
    """Why it is refused, at registration and when it is called: the same."""
    causes = set()
    for attempt in (guarded.check(url), guarded.get(url, JSON)):
        with pytest.raises(CallRefused) as refused:
            await attempt
        causes.add(refused.value.cause)
    return causes


async def test_the_answer_comes_from_the_checked_address(server: KeyServer) -> None:
    """One resolution; the name stays in SNI, Host and the certificate."""
    resolve = Resolver(["127.0.0.1"], ["192.0.2.1"])
    inside = Guarded(allowed=[f"{NAME}:{server.port}"], ca_file=server.certificate, resolve=resolve)
    assert await inside.get(_at(server), JSON) == server.body
    assert resolve.asked == [NAME]
    assert server.asked == [(f"{NAME}:{server.port}", "/jwks.json?v=1")]
    assert server.names == [NAME]


async def test_a_name_that_is_bound_anew_between_check_and_call() -> None:
    """DNS rebinding: good when it is registered, loopback when it is called; and one bad address among good ones."""
    moving = Guarded(resolve=Resolver([PUBLIC], ["127.0.0.1"]))
    await moving.check(f"https://{NAME}/")
    with pytest.raises(CallRefused, match="address_not_public"):
        await moving.get(f"https://{NAME}/", JSON)
    mixed = Guarded(resolve=Resolver([PUBLIC, "10.0.0.1"]))
    assert await _cause(mixed, f"https://{NAME}/") == {"address_not_public"}


NOT_PUBLIC = (
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.8", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "", "localhost", "0x7f.1", "2130706433",
)  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_a_name_that_leads_inside(address: str) -> None:
    assert not is_public(address)
    assert await _cause(Guarded(resolve=Resolver([address])), f"https://{NAME}/") == {"address_not_public"}


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    assert is_public(address)


# Spelt by whoever registers it; the resolver would say that each is public.
SPELLINGS = {
    "https://127.0.0.1/": "address_not_a_name",
    "https://[::1]/": "address_not_a_name",
    "https://[::ffff:127.0.0.1]/": "address_not_a_name",
    "https://169.254.169.254/latest/meta-data": "address_not_a_name",
    "https://0/": "address_not_a_name",
    "https://2130706433/": "address_not_a_name",
    "https://0x7f000001/": "address_not_a_name",
    "https://0x7f.1/": "address_not_a_name",
    "https://0177.0.0.1/": "address_not_a_name",
    "https://127.1/": "address_not_a_name",
    "https://127.0.0.0x1/": "address_not_a_name",
    "https://8.8.8.8/": "address_not_a_name",
    "https://localhost/": "address_not_a_name",
    "https://localhost./": "address_not_a_name",
    "https://kunci.contoh.test./": "address_not_a_name",
    "https://kunci_contoh.test/": "address_not_a_name",
    "https://-kunci.test/": "address_not_a_name",
    "https:///jwks.json": "address_not_a_name",
    "http://kunci.contoh.test/": "address_malformed",
    "file:///etc/passwd": "address_malformed",
    "gopher://kunci.contoh.test/": "address_malformed",
    "ftp://kunci.contoh.test/": "address_malformed",
    "kunci.contoh.test/jwks": "address_malformed",
    "": "address_malformed",
    "https://": "address_malformed",
    "https://petugas@kunci.contoh.test/": "address_malformed",
    "https://petugas:sandi@kunci.contoh.test/": "address_malformed",
    "https://kunci.contoh.test#@127.0.0.1/": "address_malformed",
    "https://kunci.contoh.test/jwks#x": "address_malformed",
    "https://kunci.contoh.test\\@127.0.0.1/": "address_malformed",
    "https://kunci.contoh.test /": "address_malformed",
    "https://kunci.contoh.test/\r\nHost: x": "address_malformed",
    "https://kunci。contoh.test/": "address_malformed",
    "https://[::1/": "address_malformed",
    "https://kunci.contoh.test:99999/": "address_malformed",
    "https://kunci.contoh.test:x/": "address_malformed",
    f"https://kunci.contoh.test/{'x' * 512}": "address_malformed",
    "https://kunci.contoh.test:22/": "port_not_allowed",
    "https://kunci.contoh.test:80/": "port_not_allowed",
    "https://kunci.contoh.test:0/": "port_not_allowed",
    "https://kunci.contoh.test:8443/": "port_not_allowed",
}


@pytest.mark.parametrize(("url", "cause"), SPELLINGS.items())
async def test_a_spelling_that_is_no_public_name(url: str, cause: str) -> None:
    resolve = Resolver([PUBLIC])
    assert await _cause(Guarded(resolve=resolve), url) == {cause}
    assert resolve.asked == []


async def test_what_an_operator_allows() -> None:
    """A port, at public addresses; a place of a sandbox, exactly that one; nothing without https."""
    await Guarded(ports=[443, 8443], resolve=Resolver([PUBLIC])).check(f"https://{NAME}:8443/")
    inside = Guarded(ports=[443, 8443], resolve=Resolver(["10.0.0.1"]))
    assert await _cause(inside, f"https://{NAME}:8443/") == {"address_not_public"}
    sandbox = Guarded(allowed=["127.0.0.1:9443"], resolve=Resolver(["127.0.0.1"]))
    await sandbox.check("https://127.0.0.1:9443/")
    for other in ("https://127.0.0.1/", "https://127.0.0.2:9443/", "http://127.0.0.1:9443/"):
        with pytest.raises(CallRefused):
            await sandbox.check(other)


async def test_a_name_that_nobody_has() -> None:
    async def fails(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is not known")

    assert await _cause(Guarded(resolve=fails), f"https://{NAME}/") == {"name_unknown"}
    assert await _cause(Guarded(resolve=Resolver([])), f"https://{NAME}/") == {"name_unknown"}


async def test_no_redirect_is_followed(server: KeyServer) -> None:
    for status in (301, 302, 303, 307, 308):
        server.status = status
        server.headers = {"Location": f"https://127.0.0.1:{server.port}/inside", "Content-Type": JSON[0]}
        with pytest.raises(CallRefused, match="status"):
            await _inside(server).get(_at(server), JSON)
    assert {path for _, path in server.asked} == {"/jwks.json?v=1"}


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "not found": ({"status": 404}, "status"),
    "no content": ({"status": 204, "body": b""}, "status"),
    "a page": ({"headers": {"Content-Type": "text/html"}}, "media_type"),
    "without a type": ({"headers": {}}, "media_type"),
    "packed": ({"body": gzip.compress(b"{}"), "headers": {"Content-Type": JSON[0], "Content-Encoding": "gzip"}}, "coded"),
    "one byte too many": ({"body": b"x" * (LIMIT_BYTES + 1)}, "too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_not_taken(server: KeyServer, name: str) -> None:
    members, cause = ANSWERS[name]
    for member, value in members.items():
        setattr(server, member, value)
    with pytest.raises(CallRefused, match=cause):
        await _inside(server).get(_at(server), JSON)


async def test_the_largest_answer(server: KeyServer) -> None:
    server.body = b"x" * LIMIT_BYTES
    server.headers = {"Content-Type": "application/json; charset=utf-8"}
    assert await _inside(server).get(_at(server), JSON) == server.body


async def test_an_answer_without_end(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drop by drop, or all at once: 64 KiB and the time limit hold."""

    async def forever(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": JSON[0]})
        await answer.prepare(request)
        while True:
            await answer.write(drop)
            await asyncio.sleep(pause_s)

    server.answer = forever
    drop, pause_s = b"x" * 8_192, 0.0
    with pytest.raises(CallRefused, match="too_large"):
        await _inside(server).get(_at(server), JSON)
    monkeypatch.setattr(guarded, "LIMIT_S", 0.3)
    drop, pause_s = b"x", 0.05
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(CallRefused, match="too_slow"):
        await _inside(server).get(_at(server), JSON)
    assert loop.time() - began_s < 2


async def test_the_certificate_is_verified(server: KeyServer) -> None:
    """By an authority that is trusted, and for the name that was asked for; nothing is sent to anybody else."""
    allowed = [f"{NAME}:{server.port}", f"lain.contoh.test:{server.port}"]
    untrusting = Guarded(allowed=allowed, resolve=Resolver(["127.0.0.1"]))
    with pytest.raises(CallRefused, match="not_reachable"):
        await untrusting.get(_at(server), JSON)
    other = Guarded(allowed=allowed, ca_file=server.certificate, resolve=Resolver(["127.0.0.1"]))
    with pytest.raises(CallRefused, match="not_reachable"):
        await other.get(f"https://lain.contoh.test:{server.port}/", JSON)
    assert server.asked == []
    assert other._tls.verify_mode is ssl.CERT_REQUIRED


async def test_nobody_listens(server: KeyServer) -> None:
    nowhere = Guarded(allowed=[f"{NAME}:1"], ca_file=server.certificate, resolve=Resolver(["127.0.0.1"]))
    with pytest.raises(CallRefused, match="not_reachable"):
        await nowhere.get(f"https://{NAME}:1/", JSON)


async def test_no_proxy_of_the_environment(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would resolve the name itself, and go where it leads."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await _inside(server).get(_at(server), JSON) == server.body
