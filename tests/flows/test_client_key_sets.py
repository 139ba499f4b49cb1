"""Client keys by address (RFC 7591 2): found at a real https server, kept when it fails, on record when they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth.client_keys import FOUND_KEYS_LIFE
from auth.verdict import AccessRefused
from exchange import loops
from exchange.client_assertions import REFUSED_AFTER_S
from exchange.deps import clock
from exchange.flows import fetch_client_keys, run_clients
from storage.clients import ClientKey
from tests.backend import AGENCY, CLIENT, Backend
from tests.conftest import StoreServer
from tests.key_server import KeyServer, key_server
from tests.world import World, running_world

REAL_FLOORS = True


@dataclass
class Agency:
    """A back end that publishes its keys, and the server where it does."""

    world: World
    server: KeyServer
    backend: Backend

    async def looks(self) -> str:
        return await self.world.parts.client_keys.refresh(CLIENT, clock())

    async def published(self, *backends: Backend) -> str:
        self.server.publishes(*(_public(one) for one in backends))
        return await self.looks()

    async def keys(self) -> dict[str, ClientKey]:
        listed = await run_clients.list_clients(self.world.parts.database)
        return {key.kid: key for row in listed if row.client.id == CLIENT for key in row.keys}

    async def fetches(self) -> list[dict[str, Any]]:
        return [entry for entry in await self.world.entries() if entry.get("act") == "fetch"]

    async def set_uri(self, uri: str, client_id: str = CLIENT) -> None:
        parts = self.world.parts
        await run_clients.set_client_jwks_uri(
            parts.keyring, parts.appender, parts.guarded, client_id=client_id, uri=uri
        )

    async def forget_asking(self, ago: timedelta = timedelta(hours=1)) -> None:
        """As if the last call was so long ago."""
        async with self.world.parts.database.transaction() as transaction:
            await transaction.raw.execute(
                "UPDATE client_key_fetch SET tried_at = tried_at - $1::interval", ago
            )


def _public(backend: Backend, **more: Any) -> dict[str, Any]:
    return {**backend.public, "kid": backend.jwk["kid"], "use": "sig", "x5t": "member of others", **more}


def _refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"}), answer.text


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[KeyServer]:
    async with key_server(tmp_path) as running:
        yield running


@pytest.fixture
async def agency(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    store: StoreServer,
    bucket_name: str,
    tmp_path: Path,
    server: KeyServer,
) -> AsyncIterator[Agency]:
    """Registered without any uploaded key. The loop is still unless a test says otherwise: most tests count the calls."""
    monkeypatch.setattr(loops, "CLIENT_KEYS_PERIOD_S", getattr(request, "param", 3_600.0))
    allowed = {"outbound_allow": f"localhost:{server.port}", "outbound_ca_file": server.certificate}
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, **allowed
    ) as world:
        parts = world.parts
        await run_clients.add_client(
            parts.database, parts.keyring, parts.appender,
            client_id=CLIENT, agency_id=AGENCY, name="OSS", scopes=["catalog.read"],
        )  # fmt: skip
        backend = Backend(world)
        server.publishes(_public(backend))
        running = Agency(world, server, backend)
        await running.set_uri(server.uri)
        yield running


@pytest.mark.parametrize("agency", [0.1], indirect=True)
async def test_the_loop_finds_the_keys(agency: Agency) -> None:
    """Nobody asks for it; the entry names each key by its thumbprint."""
    for _ in range(300):
        if await agency.keys():
            break
        await asyncio.sleep(0.05)
    assert await agency.keys()
    assert (await agency.backend.asks()).status_code == 200
    [entry] = await agency.fetches()
    assert (entry["type"], entry["actor"], entry["client"]) == ("key", "system", CLIENT)
    kid = agency.backend.jwk["kid"]
    assert entry["taken"] == [{"kid": kid, "jkt": kid}]
    assert entry["ended"] == []
    assert agency.server.asked == [(f"localhost:{agency.server.port}", "/jwks.json")]


async def test_a_new_key_in_the_same_request(agency: Agency) -> None:
    """OpenID Connect Core 10.1.1: a name that is not known is looked for once more; 20 at once ask once."""
    assert await agency.published(agency.backend) == ""
    await agency.forget_asking()
    fresh = Backend(agency.world)
    agency.server.publishes(_public(agency.backend), _public(fresh))
    before = len(agency.server.asked)
    answers = await asyncio.gather(*(fresh.asks() for _ in range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len(agency.server.asked) == before + 1
    assert (await agency.backend.asks()).status_code == 200


async def test_a_strangers_guesses_call_nobody(agency: Agency) -> None:
    """Once a minute for a client that is there, however many ask; never for one that is not, or that is suspended."""
    await agency.published(agency.backend)
    await agency.forget_asking()
    before = len(agency.server.asked)
    stranger = Backend(agency.world)
    for _ in range(3):
        for answer in await asyncio.gather(*(stranger.asks() for _ in range(10))):
            _refused(answer)
    assert len(agency.server.asked) == before + 1
    for answer in await asyncio.gather(*(Backend(agency.world, "nobody").asks() for _ in range(10))):
        _refused(answer)
    parts = agency.world.parts
    await run_clients.set_client_active(parts.keyring, parts.appender, client_id=CLIENT, active=False)
    await agency.forget_asking()
    _refused(await stranger.asks())
    await parts.client_keys.refresh_due(clock())
    assert len(agency.server.asked) == before + 1


async def test_the_same_answer_after_the_same_time(agency: Agency) -> None:
    """An unknown client, a wrong key, an unknown key while the address is slow, while it fails: seen differing by seconds when the
    call was waited for, and by nothing when only the unknown key waited.
    """
    await agency.published(agency.backend)

    async def slow(_request: Any) -> Any:
        await asyncio.sleep(2)

    loop = asyncio.get_running_loop()

    async def took(backend: Backend) -> float:
        form = backend.form()
        began_s = loop.time()
        _refused(await backend.asks(form))
        return loop.time() - began_s

    wrong = Backend(agency.world)
    wrong.jwk = wrong.jwk | {"kid": agency.backend.jwk["kid"]}
    times = [await took(Backend(agency.world, "nobody")), await took(wrong)]
    await agency.forget_asking()
    times.append(await took(Backend(agency.world)))
    await agency.forget_asking()
    agency.server.answer = slow
    times.append(await took(Backend(agency.world)))
    assert all(REFUSED_AFTER_S <= time_s < REFUSED_AFTER_S + 0.4 for time_s in times), times


async def test_what_was_found_last_is_kept_for_a_day(agency: Agency) -> None:
    """Also after a restart, for it stands in the database; one minute more than a day and it counts no longer, for tokens either."""
    assert await agency.published(agency.backend) == ""
    token = await agency.backend.token()
    for status, body, cause in (
        (500, b"{}", "status"),
        (200, b"no json", "set_json_malformed"),
        (200, b'{"keys": {}}', "set_malformed"),
        (200, b'{"keys": [' + b"{}," * 10 + b"{}]}", "set_too_large"),
    ):
        agency.server.status, agency.server.body = status, body
        assert await agency.looks() == cause
    listed = await run_clients.list_clients(agency.world.parts.database)
    assert listed[0].fetch == "set_too_large"
    assert (await agency.backend.asks()).status_code == 200
    assert len(await agency.fetches()) == 1

    async def last_seen(ago: timedelta) -> None:
        async with agency.world.parts.database.transaction() as transaction:
            await transaction.raw.execute("UPDATE client SET jwks_at = clock_timestamp() - $1::interval", ago)

    await last_seen(FOUND_KEYS_LIFE - timedelta(minutes=1))
    assert (await agency.backend.reads(f"Bearer {token}")).status_code == 200
    await last_seen(FOUND_KEYS_LIFE + timedelta(minutes=1))
    _refused(await agency.backend.asks())
    assert (await agency.backend.reads(f"Bearer {token}")).json()["code"] == "BK-1010"
    agency.server.status = 200
    assert await agency.published(agency.backend) == ""
    assert (await agency.backend.asks()).status_code == 200


async def test_an_entry_when_it_changed_and_each_six_hours(agency: Agency) -> None:
    for _ in range(3):
        await agency.published(agency.backend)
    assert len(await agency.fetches()) == 1
    six_hours = fetch_client_keys.CONFIRMED_EVERY + timedelta(seconds=1)
    await agency.world.parts.client_keys.refresh(CLIENT, clock() + six_hours)
    first, second = await agency.fetches()
    assert (len(first["taken"]), second["taken"], second["ended"]) == (1, [], [])


async def test_a_key_that_is_gone_and_one_that_was_withdrawn(agency: Agency) -> None:
    """What vanished may come back; what an operator withdrew never does, under its name, under another, or for the name."""
    world, parts = agency.world, agency.world.parts
    first, second = agency.backend, Backend(world)
    second_kid = second.jwk["kid"]
    await agency.published(first, second)
    token = await second.token()
    await agency.published(first)
    _refused(await second.asks())
    assert (await second.reads(f"Bearer {token}")).status_code == 401
    await agency.published(first, second)
    assert (await second.asks()).status_code == 200
    assert [(len(entry["taken"]), len(entry["ended"])) for entry in await agency.fetches()] == [
        (2, 0),
        (0, 1),
        (1, 0),
    ]

    await run_clients.withdraw_client_key(parts.keyring, parts.appender, client_id=CLIENT, kid=second_kid)
    await agency.published(first)
    await agency.published(first, second)
    _refused(await second.asks())
    assert not (await agency.keys())[second_kid].active
    agency.server.publishes(_public(first), _public(second, kid="renamed"))
    await agency.looks()
    second.jwk = second.jwk | {"kid": "renamed"}
    _refused(await second.asks())
    third = Backend(world)
    third.jwk = third.jwk | {"kid": first.jwk["kid"]}
    for _ in range(2):
        await agency.published(third)  # another key under a name that was used
    for one in (third, first):
        _refused(await one.asks())
    assert set(await agency.keys()) == {first.jwk["kid"], second_kid}
    await agency.published(first)
    assert (await first.asks()).status_code == 200


async def test_beside_uploaded_keys(agency: Agency) -> None:
    """An uploaded key is the operator's: the address neither ends it nor brings it back."""
    world, parts = agency.world, agency.world.parts
    uploaded = Backend(world)
    kid = uploaded.jwk["kid"]
    await run_clients.add_client_key(
        parts.keyring, parts.appender, client_id=CLIENT, kid=kid, jwk=uploaded.public
    )
    await agency.published(agency.backend)
    for one in (agency.backend, uploaded):
        assert (await one.asks()).status_code == 200
    await run_clients.withdraw_client_key(parts.keyring, parts.appender, client_id=CLIENT, kid=kid)
    await agency.published(agency.backend, uploaded)
    _refused(await uploaded.asks())


async def test_another_address_is_another_word(agency: Agency) -> None:
    """What was found at the one before ends at once; a set that was under way is not taken any more."""
    await agency.published(agency.backend)
    await agency.set_uri(agency.server.uri + "?v=2")
    assert [key.active for key in (await agency.keys()).values()] == [False]
    assert await agency.looks() == ""
    assert (await agency.backend.asks()).status_code == 200

    async def changes_meanwhile(_request: Any) -> Any:
        agency.server.answer = None
        await agency.set_uri("")
        return await agency.server.serve(_request)

    await agency.set_uri(agency.server.uri)
    agency.server.answer = changes_meanwhile
    await agency.looks()
    _refused(await agency.backend.asks())
    entry = (await agency.fetches())[-1]
    assert entry["result"] == {"allowed": False, "reason": "jwks_uri_refused"}
    assert await agency.looks() == "no_address"


async def test_only_signing_keys_are_taken(agency: Agency) -> None:
    """Of a set with everything that others publish: one key."""
    others = [Backend(agency.world) for _ in range(6)]
    agency.server.publishes(
        _public(agency.backend, key_ops=["verify"], alg="ES256", x5c=["MII"]),
        _public(others[0], use="enc"),
        _public(others[1], key_ops=["encrypt"]),
        _public(others[2], d=others[2].jwk["d"]),
        _public(others[3], crv="P-384"),
        _public(others[4], kid="two words"),
        {**others[5].public},
        {"kty": "oct", "kid": "secret", "k": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": others[5].public["x"]},
        {"kty": "RSA", "kid": "rsa", "n": "0vx7", "e": "AQAB"},
    )
    assert await agency.looks() == ""
    assert set(await agency.keys()) == {agency.backend.jwk["kid"]}
    twice = Backend(agency.world)
    agency.server.publishes(_public(agency.backend), _public(twice, kid="two"), _public(others[0], kid="two"))
    await agency.looks()
    assert set(await agency.keys()) == {agency.backend.jwk["kid"]}


async def test_so_many_keys_in_a_clients_life(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that invents keys for ever does not fill our database; what was there goes on."""
    monkeypatch.setattr(fetch_client_keys, "KEYS_EVER", 3)
    await agency.published(agency.backend)
    for _ in range(4):
        await agency.published(agency.backend, Backend(agency.world))
    assert len(await agency.keys()) == 3
    assert (await agency.backend.asks()).status_code == 200


async def test_addresses_that_are_refused(agency: Agency) -> None:
    """A51 at registration: nothing is changed, the refusal is on record and holds no password of the address."""
    await agency.published(agency.backend)
    for uri in (
        "http://localhost/jwks.json", "https://127.0.0.1/", "https://169.254.169.254/", "https://2130706433/", "https://0/",
        "https://0x7f.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/", "file:///etc/passwd",
        "gopher://localhost/", "https://localhost:22/", f"https://petugas:sandi@localhost:{agency.server.port}/",
    ):  # fmt: skip
        with pytest.raises(AccessRefused, match="jwks_uri_refused"):
            await agency.set_uri(uri)
        entry = (await agency.world.entries())[-1]
        assert entry["result"] == {"allowed": False, "reason": "jwks_uri_refused"}
        assert "uri" not in entry
    with pytest.raises(AccessRefused, match="client_unknown"):
        await agency.set_uri(agency.server.uri, "nobody")
    assert (await agency.backend.asks()).status_code == 200


async def test_who_asks_when(agency: Agency) -> None:
    """Ten minutes after it went well, a minute after it failed, once for two replicas."""
    parts, asked = agency.world.parts, agency.server.asked
    await agency.published(agency.backend)
    replica = fetch_client_keys.ClientKeySets(parts.database, parts.keyring, parts.appender, parts.guarded)
    for ago, status, calls in (
        (timedelta(minutes=9), 200, 0),
        (timedelta(minutes=2), 500, 1),
        (timedelta(seconds=50), 500, 0),
        (timedelta(seconds=20), 200, 1),
        (timedelta(seconds=70), 200, 0),
    ):
        await agency.forget_asking(ago)
        agency.server.status = status
        before = len(asked)
        await asyncio.gather(parts.client_keys.refresh_due(clock()), replica.refresh_due(clock()))
        assert len(asked) - before == calls, (ago, status)
