"""INApas in the place of a one-time code, at a provider of our own: whom it vouches for, for which link, in which browser, once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from exchange.factors import CitizenIdentity
from exchange.settings import Settings
from tests.conftest import StoreServer
from tests.files import noted
from tests.flows.test_citizen_passkeys import _record, trail_of
from tests.flows.test_contact_changes import ruled
from tests.flows.test_legal_bases import _ground, _relies
from tests.provider import CLIENT_ID, CLIENT_SECRET, SIGNER, Provider, provider_fixture
from tests.world import (
    CANARIES,
    JPEG,
    NAME,
    NIK,
    OTHER_NIK,
    PHONE,
    OfficerAt,
    World,
    csrf_of,
    path_of,
    running_world,
)

__all__ = ["provider_fixture"]


def inapas_settings(issuer: str) -> dict[str, Any]:
    return {
        "inapas_issuer": issuer,
        "inapas_client_id": CLIENT_ID,
        "inapas_client_secret": SecretStr(CLIENT_SECRET),
        "inapas_acr": "2 3",
    }


@pytest.fixture(name="world")
async def world_with_inapas(
    provider: Provider, database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[World]:
    provider.claims = {"nik": NIK}
    async with running_world(
        tmp_path,
        database_url=database_url,
        store=store,
        s3_bucket=bucket_name,
        **inapas_settings(provider.issuer),
    ) as running:
        yield running


@pytest.fixture
async def asked(world: World) -> tuple[World, OfficerAt, str, dict[str, Any]]:
    """(world, officer, citizen, a request)"""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    return world, officer, subject, await world.asks(officer, subject)


async def goes(browser: httpx.AsyncClient, path: str) -> str:
    """There, as if the person had signed in; the address that the browser is sent back to."""
    begun = await browser.get(f"{path}/inapas")
    assert begun.status_code == 302, begun.text
    assert begun.headers["cache-control"] == "no-store"
    CANARIES.update(value for name, value in browser.cookies.items() if name == "berkas-inapas")
    async with httpx.AsyncClient() as elsewhere:
        there = await elsewhere.get(begun.headers["location"])
    assert there.status_code == 302, there.text
    return str(there.headers["location"])


async def returns(browser: httpx.AsyncClient, address: str, **changes: str) -> httpx.Response:
    parts = urlsplit(address)
    assert parts.path == "/p/inapas/callback"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return await browser.get(parts.path, params={name: value for name, value in query.items() if value})


async def _passed(browser: httpx.AsyncClient, path: str) -> bool:
    return 'name="document"' in (await browser.get(path)).text


async def _entries(world: World) -> list[dict[str, Any]]:
    return [entry for entry in await world.entries() if entry["type"] == "factor"]


async def test_proved_and_decided(
    asked: tuple[World, OfficerAt, str, dict[str, Any]], provider: Provider
) -> None:
    """The strongest way on record; no code was sent, and the number stands nowhere."""
    world, officer, _, request = asked
    path, phone = path_of(request["link"]), world.browser()
    assert f'href="{path}/inapas"' in (await phone.get(path)).text
    address = await goes(phone, path)
    (wanted,) = [json.loads(asked["claims"]) for asked in provider.codes.values()]
    assert wanted == {"id_token": {"nik": {"essential": True}}}
    back = await returns(phone, address)
    assert (back.status_code, back.headers["location"]) == (303, path)
    assert "berkas-inapas" not in phone.cookies
    page = await phone.get(path)
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
    assert "Persetujuan tercatat" in (await phone.post(path, data=form)).text
    assert await world.inbox("otp") == []
    consent = (await officer.get(f"/v1/consent-requests/{request['id']}")).json()["consent_id"]
    record = await _record(world, consent)
    assert (record["authn"]["method"], record["authn"]["assurance"]) == ("inapas_verify", "high")
    (entry,) = await _entries(world)
    assert (entry["act"], entry["result"]["allowed"]) == ("identity_shown", True)
    assert NIK not in json.dumps(await world.entries())


async def test_the_own_list(asked: tuple[World, OfficerAt, str, dict[str, Any]]) -> None:
    """The list opens, and says by what."""
    world, _, _, request = asked
    await world.allows(request["link"])
    path, phone = await trail_of(world), world.browser()
    assert f'href="{path}/inapas"' in (await phone.get(path)).text
    back = await returns(phone, await goes(phone, path))
    assert back.headers["location"] == path
    told = (await phone.get(path)).text
    assert "Riwayat akses" in told
    assert "Anda membuktikan diri dengan INApas" in told


async def test_somebody_elses_account(
    asked: tuple[World, OfficerAt, str, dict[str, Any]], provider: Provider
) -> None:
    """A22: refused, on the citizen's trail; the page tells nothing about either of the two."""
    world, officer, _, request = asked
    await world.enrols(officer, OTHER_NIK)
    path, phone = path_of(request["link"]), world.browser()
    provider.claims = {"nik": OTHER_NIK}
    answer = await returns(phone, await goes(phone, path))
    assert answer.status_code == 403
    assert "Identitas tidak cocok" in answer.text
    for secret in (NIK, OTHER_NIK, NIK[-4:], NAME, PHONE):
        assert secret not in answer.text
    assert not await _passed(phone, path)
    (entry,) = await _entries(world)
    assert entry["result"] == {"allowed": False, "reason": "identity_of_another"}
    assert OTHER_NIK not in json.dumps(entry)


@pytest.mark.parametrize(
    "claims", [{"nik": None}, {"nik": 6472091708909901}, {"nik": "12345"}, {"nik": ["x"]}]
)
async def test_no_number_no_proof(
    asked: tuple[World, OfficerAt, str, dict[str, Any]], provider: Provider, claims: dict[str, Any]
) -> None:
    world, _, _, request = asked
    path, phone = path_of(request["link"]), world.browser()
    provider.claims = claims
    answer = await returns(phone, await goes(phone, path))
    assert answer.status_code == 403
    assert "Pembuktian belum selesai" in answer.text
    assert not await _passed(phone, path)
    assert await _entries(world) == []


async def test_bound_to_browser_link_and_once(asked: tuple[World, OfficerAt, str, dict[str, Any]]) -> None:
    """Another browser with the address, one with the cookie too, an answer twice, another state: nothing of it passes."""
    world, officer, _, request = asked
    path, phone, thief = path_of(request["link"]), world.browser(), world.browser()
    await thief.get(path)
    address = await goes(phone, path)
    assert (await returns(thief, address)).status_code == 403
    thief.cookies.set("berkas-inapas", phone.cookies["berkas-inapas"], domain="127.0.0.1")
    assert (await returns(thief, address)).status_code == 403
    assert not await _passed(thief, path)
    assert (await returns(phone, address, state="another")).status_code == 403
    # The code was used up by the thief's try: it has to be begun anew, and then counts once.
    address = await goes(phone, path)
    kept = phone.cookies["berkas-inapas"]
    assert (await returns(phone, address)).status_code == 303
    assert await _passed(phone, path)
    phone.cookies.set("berkas-inapas", kept, domain="127.0.0.1")
    assert (await returns(phone, address)).status_code == 403
    # What was begun for one link opens no other.
    other = await world.enrols(officer, OTHER_NIK)
    await world.stores(officer, other, content=noted(JPEG, b"other"))
    second = path_of((await world.asks(officer, other))["link"])
    assert not await _passed(phone, second)
    entries = [entry["result"]["allowed"] for entry in await _entries(world)]
    assert entries == [True]


async def test_an_answer_that_counts_twice_at_the_provider(
    asked: tuple[World, OfficerAt, str, dict[str, Any]], provider: Provider
) -> None:
    world, _, _, request = asked
    provider.forgets_codes = False
    path, phone = path_of(request["link"]), world.browser()
    address = await goes(phone, path)
    kept = phone.cookies["berkas-inapas"]
    assert (await returns(phone, address)).status_code == 303
    phone.cookies.set("berkas-inapas", kept, domain="127.0.0.1")
    assert (await returns(phone, address)).status_code == 403
    assert len(await _entries(world)) == 1


@pytest.mark.parametrize(
    ("twist", "value"),
    [
        ("claims", {"nik": NIK, "nonce": "another"}),
        ("claims", {"nik": NIK, "aud": "another"}),
        ("claims", {"nik": NIK, "iss": "https://another.example"}),
        ("claims", {"nik": NIK, "acr": "1"}),
        ("claims", {"nik": NIK, "exp": 1}),
        ("header", {"alg": "none"}),
        ("jwks", [SIGNER.jwk("RS256")]),
    ],
)
async def test_what_is_not_vouched_for(
    asked: tuple[World, OfficerAt, str, dict[str, Any]], provider: Provider, twist: str, value: Any
) -> None:
    world, _, _, request = asked
    path, phone = path_of(request["link"]), world.browser()
    setattr(provider, twist, value)
    answer = await returns(phone, await goes(phone, path))
    assert answer.status_code == 403
    assert not await _passed(phone, path)
    assert await _entries(world) == []


async def test_turned_back_and_away(
    asked: tuple[World, OfficerAt, str, dict[str, Any]], provider: Provider
) -> None:
    """The person said no there; and a provider that does not answer."""
    world, _, _, request = asked
    path, phone = path_of(request["link"]), world.browser()
    answer = await returns(phone, await goes(phone, path), code="", error="access_denied")
    assert (answer.status_code, "Pembuktian belum selesai" in answer.text) == (403, True)
    address = await goes(phone, path)

    async def broken(_request: Any) -> Any:
        from aiohttp import web

        return web.Response(status=500)

    provider.faults["/token"] = broken
    away = await returns(phone, address)
    assert (away.status_code, "Layanan sedang terganggu" in away.text) == (503, True)
    assert not await _passed(phone, path)


async def test_dead_links_lead_nowhere(asked: tuple[World, OfficerAt, str, dict[str, Any]]) -> None:
    """A21: a decided and an unknown one; and a link that was decided while somebody was away passes for nothing."""
    world, _, _, request = asked
    path, phone = path_of(request["link"]), world.browser()
    address = await goes(phone, path)
    await world.allows(request["link"])
    late = await returns(phone, address)
    assert late.status_code == 410
    for dead in (path, "/p/" + "a" * 45, "/w/" + "a" * 45):
        assert (await world.browser().get(f"{dead}/inapas")).status_code == 410


async def test_where_the_contact_rules_bite_it_stays_with_assistance(
    asked: tuple[World, OfficerAt, str, dict[str, Any]],
) -> None:
    """Whether somebody has an account is not known when the request is made (ARCHITECTURE, Decisions)."""
    world, officer, subject, _ = asked
    ruled(world)
    assert (await world.asks(officer, subject))["mode"] == "assisted"


async def test_it_is_an_interface(asked: tuple[World, OfficerAt, str, dict[str, Any]]) -> None:
    """Whoever vouches for a NIK takes its place; the flow knows nothing of OpenID Connect."""

    class Desk:
        method = "inapas_verify"

        async def begin_at(self, about: str, now: Any) -> tuple[str, str]:
            self.about = about
            return "https://meja.example/", "cookie"

        async def finish(self, cookie: str, answer: Any, now: Any) -> tuple[str, str]:
            return NIK, self.about

    desk: CitizenIdentity = Desk()
    world, _, _, request = asked
    world.app.state.parts = replace(world.parts, citizen_identity=desk)
    path, phone = path_of(request["link"]), world.browser()
    begun = await phone.get(f"{path}/inapas")
    assert begun.headers["location"] == "https://meja.example/"
    assert (await phone.get("/p/inapas/callback")).headers["location"] == path
    assert await _passed(phone, path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inapas_client_id": ""}, "belong to BERKAS_INAPAS_ISSUER"),
        ({"inapas_client_secret": None}, "belong to BERKAS_INAPAS_ISSUER"),
        ({"inapas_issuer": "ftp://inapas.example"}, "BERKAS_INAPAS_ISSUER must be an https address"),
        ({"inapas_nik_claim": ""}, "BERKAS_INAPAS_NIK_CLAIM is empty"),
        ({"oidc_algs": "HS256"}, "BERKAS_OIDC_ALGS"),
    ],
)
def test_settings_that_must_not_run(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(**{**inapas_settings("https://inapas.example"), **changed})


async def test_a_notice_by_law_is_read_with_it_too(
    asked: tuple[World, OfficerAt, str, dict[str, Any]],
) -> None:
    """A way that a page offers is one that leads somewhere (M20)."""
    world, officer, subject, _ = asked
    await _ground(world)
    path, phone = path_of((await _relies(officer, subject)).json()["link"]), world.browser()
    assert f'href="{path}/inapas"' in (await phone.get(path)).text
    assert (await returns(phone, await goes(phone, path))).status_code == 303
    assert "bukan permintaan persetujuan" in (await phone.get(path)).text
