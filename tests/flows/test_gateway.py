"""SMS and WhatsApp over the operator's gateway: the contract of deploy/gateway.md, spoken to a real HTTP server."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.outbound.gateway import Gateway
from exchange.outbound.letters import Letter, NotSent
from tests.gateway_server import TOKEN, GatewayServer, gateway_server
from tests.outgoing import delivers, held_back, later, postman, queued, rows, states
from tests.rules.house import ROOT
from tests.storage.self_signed import make_certificate
from tests.world import World

PHONE = "+6281200009955"
LETTER = Letter(
    "m_01ARZ3NDEKTSV4RRFFQ69G5FAV", "sms", PHONE, "Kode 493021", datetime(2026, 11, 24, tzinfo=UTC)
)


@pytest.fixture
async def server() -> AsyncIterator[GatewayServer]:
    async with gateway_server() as running:
        yield running


async def _refused(gateway: Gateway, letter: Letter = LETTER) -> NotSent:
    with pytest.raises(NotSent) as refused:
        await gateway.send(letter)
    return refused.value


async def _asked(server: GatewayServer, *answers: tuple[int, dict[str, str]]) -> NotSent:
    gateway = Gateway(server.url, TOKEN)
    server.answers = list(answers)
    try:
        return await _refused(gateway)
    finally:
        await gateway.close()


async def test_what_is_asked(server: GatewayServer) -> None:
    gateway = Gateway(server.url, TOKEN)
    await gateway.send(LETTER)
    await gateway.send(LETTER)
    await gateway.close()
    first, second = server.asked
    assert first.body == {"id": LETTER.id, "channel": "sms", "to": PHONE, "text": "Kode 493021"}
    assert first.path == "/kirim"
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Idempotency-Key"] == LETTER.id
    assert (second.body, second.headers) == (first.body, first.headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 409])
async def test_handed_over(server: GatewayServer, status: int) -> None:
    """409: the gateway knows the id, from a try whose answer was lost."""
    gateway = Gateway(server.url, TOKEN)
    server.answers = [(status, {})]
    await gateway.send(LETTER)
    await gateway.close()


@pytest.mark.parametrize("status", [400, 402, 410, 413, 422])
async def test_for_good(server: GatewayServer, status: int) -> None:
    refused = await _asked(server, (status, {"Retry-After": "9"}))
    assert (refused.cause, refused.final) == (f"gateway_{status}", True)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 425, 429, 500, 502, 503, 504])
async def test_for_now(server: GatewayServer, status: int) -> None:
    """Of a token that was turned or a wrong path no message dies."""
    refused = await _asked(server, (status, {}))
    assert (refused.cause, refused.final, refused.retry_after_s) == (f"gateway_{status}", False, 0)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("-1", 0),
        ("1e9", 0),
        ("9" * 40, 0),
        ("\N{SUPERSCRIPT TWO}", 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 0),
    ],
)
async def test_what_retry_after_says(server: GatewayServer, told: str, seconds: int) -> None:
    refused = await _asked(server, (429, {"Retry-After": told}))
    assert refused.retry_after_s == seconds


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect(server: GatewayServer, status: int) -> None:
    """The token and the text go where the operator said, and nowhere else."""
    async with gateway_server() as elsewhere:
        refused = await _asked(server, (status, {"Location": elsewhere.url}))
        assert (refused.cause, refused.final) == (f"gateway_{status}", False)
        assert elsewhere.asked == []


async def test_an_answer_without_an_end_is_not_read(server: GatewayServer) -> None:
    server.endless = True
    gateway = Gateway(server.url, TOKEN)
    began = asyncio.get_running_loop().time()
    await gateway.send(LETTER)
    assert asyncio.get_running_loop().time() - began < 1
    await gateway.close()


async def test_nobody_answers(server: GatewayServer) -> None:
    gateway = Gateway(server.url, TOKEN, limit_s=0.2)
    server.slow_s = 2
    refused = await _refused(gateway)
    await gateway.close()
    assert not refused.final
    away = Gateway("http://127.0.0.1:9/", TOKEN)
    assert not (await _refused(away)).final
    await away.close()


async def test_over_tls(tmp_path: Path) -> None:
    """Certificate and name are verified; the operator's own authority by BERKAS_GATEWAY_CA_FILE."""
    (tmp_path / "other").mkdir()
    another, _ = make_certificate(tmp_path / "other", "localhost")
    async with gateway_server(tmp_path) as server:
        for url, ca_file in (
            (server.url, None),
            (server.url, another),
            (server.url.replace("localhost", "127.0.0.1"), server.ca_file),
        ):
            stranger = Gateway(url, TOKEN, ca_file=ca_file)
            refused = await _refused(stranger)
            await stranger.close()
            assert (refused.cause, refused.final) == ("ClientConnectorCertificateError", False)
        assert server.asked == []
        gateway = Gateway(server.url, TOKEN, ca_file=server.ca_file)
        await gateway.send(LETTER)
        await gateway.close()
        assert len(server.asked) == 1


@pytest.mark.toy_entries
async def test_what_is_said_goes_into_no_log(
    world: World, server: GatewayServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Dead at once with its cause; what the gateway answers, the number, the token and the text stand in no line."""
    held_back(world)
    subject = await world.enrols(await world.officer())
    server.answers, server.body = [(422, {})], f"{PHONE} {TOKEN}".encode()
    gateway = Gateway(server.url, TOKEN)
    (message_id,) = await queued(world, subject, channel="sms", to=PHONE, text="Kata-kata khas")
    with caplog.at_level(logging.DEBUG):
        await delivers(postman(world, sms=gateway))
    await gateway.close()
    assert await states(world) == [("dead", "gateway_422")]
    assert server.asked[0].headers["Idempotency-Key"] == message_id
    lines = str([record.__dict__ for record in caplog.records])
    assert "gateway_422" in lines
    assert not [word for word in (PHONE[1:], TOKEN, "khas") if word in lines]


@pytest.mark.toy_entries
async def test_retry_after_is_honoured_up_to_an_hour(world: World, server: GatewayServer) -> None:
    held_back(world)
    subject = await world.enrols(await world.officer())
    gateway = Gateway(server.url, TOKEN)
    await queued(world, subject, 2, channel="sms", to=PHONE)
    server.answers = [(429, {"Retry-After": "30"}), (503, {"Retry-After": "86400"})]
    gates = postman(world, sms=gateway)
    await delivers(gates)
    waits = sorted(row["wait"] for row in await rows(world))
    assert timedelta(seconds=28) < waits[0] <= timedelta(seconds=30)
    assert timedelta(minutes=59) < waits[1] <= timedelta(hours=1)
    await later(world, timedelta(hours=1))
    await delivers(gates)
    await gateway.close()
    assert await states(world) == [("sent", "")] * 2
    assert len(server.asked) == 4


async def test_the_adapter_of_the_manual(tmp_path: Path) -> None:
    """The block of deploy/gateway.md as it stands, before a provider that loses, refuses and takes."""
    block = re.search(
        r"```python\n(.*?)```", (ROOT / "deploy" / "gateway.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert block
    assert len(block[1].splitlines()) <= 45
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with gateway_server() as provider:
        adapter = subprocess.Popen(  # noqa: ASYNC220 - starting one takes a millisecond
            [sys.executable, "-c", block[1]],
            env={
                **os.environ, "PORT": str(port), "TOKEN": TOKEN, "IDS_FILE": str(tmp_path / "ids.db"),
                "PROVIDER_URL": provider.url, "PROVIDER_KEY": "kunci",
            },
        )  # fmt: skip
        gateway = Gateway(f"http://127.0.0.1:{port}/kirim", TOKEN)
        try:
            async with asyncio.timeout(10):
                while True:
                    try:
                        await gateway.send(LETTER)
                        break
                    except NotSent:
                        await asyncio.sleep(0.1)
            assert provider.asked[0].body == {"phone": PHONE, "message": "Kode 493021"}
            await gateway.send(LETTER)
            assert len(provider.asked) == 1  # 409, and the provider was not asked again
            other = Letter("m_other", "whatsapp", PHONE, "teks", LETTER.written_at)
            provider.answers = [(500, {}), (400, {})]
            assert ((await _refused(gateway, other)).cause) == "gateway_503"
            assert ((await _refused(gateway, other)).cause) == "gateway_422"
            await gateway.send(other)
            assert len(provider.asked) == 4
            stranger = Gateway(f"http://127.0.0.1:{port}/kirim", "salah")
            assert (await _refused(stranger, other)).cause == "gateway_401"
            await stranger.close()
        finally:
            await gateway.close()
            adapter.terminate()
            adapter.wait(5)
