"""Linking, unlinking, and what ends at the provider: the session it names, or all; each with its entry."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from auth.verdict import AccessRefused
from exchange.flows import link_identity
from tests.provider import (
    CLIENT_ID,
    SID,
    SUBJECT,
    Provider,
    comes_back,
    goes_to_provider,
    links,
    provider_fixture,
    world_with_provider,
)
from tests.world import OfficerAt, World

__all__ = ["provider_fixture", "world_with_provider"]

BACKCHANNEL = "/v1/session/oidc/backchannel"


async def linked(world: World, agency: str = "DPMPTSP", subject: str = SUBJECT) -> OfficerAt:
    officer = await world.officer(agency)
    await links(world, officer, subject)
    return officer


async def signed_in(world: World, provider: Provider, sid: str) -> httpx.AsyncClient:
    provider.claims["sid"] = sid
    browser = world.browser()
    assert (await comes_back(browser, await goes_to_provider(browser))).status_code == 200
    return browser


async def stands(*browsers: Any) -> list[bool]:
    return [(await browser.get("/v1/session")).status_code == 200 for browser in browsers]


async def says(world: World, token: str) -> httpx.Response:
    return await world.client.post(BACKCHANNEL, data={"logout_token": token})


async def test_by_subject_every_session_of_the_officer_ends(world: World, provider: Provider) -> None:
    """Those with a password too; another officer's stays."""
    officer, other = await linked(world), await world.officer("POLRI")
    one, two = await signed_in(world, provider, "sesi-1"), await signed_in(world, provider, "sesi-2")
    assert await stands(officer, one, two, other) == [True] * 4
    answer = await says(world, provider.logout_token())
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["cache-control"] == "no-store"
    assert await stands(officer, one, two, other) == [False, False, False, True]
    entry = (await world.entries())[-1]
    assert (entry["act"], entry["way"], entry["result"]) == ("sign_out", "oidc", {"allowed": True})


@pytest.mark.parametrize("subject", [SUBJECT, None])
async def test_by_session_one_ends(world: World, provider: Provider, subject: str | None) -> None:
    """Keycloak names both."""
    officer = await linked(world)
    one, two = await signed_in(world, provider, "sesi-1"), await signed_in(world, provider, "sesi-2")
    assert (await says(world, provider.logout_token(sid="sesi-1", sub=subject))).status_code == 200
    assert await stands(officer, one, two) == [True, False, True]
    assert (await world.entries())[-1]["act"] == "sign_out"


async def test_a_session_that_we_do_not_know(world: World, provider: Provider) -> None:
    """Signing out too much is the safe side, for the person whom the token names."""
    officer = await linked(world)
    browser = await signed_in(world, provider, "sesi-1")
    assert (await says(world, provider.logout_token(sid="sesi-9", sub=None))).status_code == 200
    assert await stands(officer, browser) == [True, True]
    assert (await says(world, provider.logout_token(sid="sesi-9"))).status_code == 200
    assert await stands(officer, browser) == [False, False]


async def test_a_session_of_somebody_else_is_not_ended(world: World, provider: Provider) -> None:
    """The token names one person and another's session: only what is both is meant."""
    await linked(world)
    browser = await signed_in(world, provider, "sesi-1")
    other = await linked(world, "POLRI", "another")
    assert (await says(world, provider.logout_token(sid="sesi-1", sub="another"))).status_code == 200
    assert await stands(browser) == [True]
    assert await stands(other) == [False]


async def test_who_is_linked_to_nobody(world: World, provider: Provider) -> None:
    """As the specification says, it is well: there is nothing to end. No entry."""
    officer = await world.officer()
    before = len(await world.entries())
    assert (await says(world, provider.logout_token())).status_code == 200
    assert await stands(officer) == [True]
    assert len(await world.entries()) == before


@pytest.mark.parametrize("how", ["again", "at once"])
async def test_a_logout_counts_once(world: World, provider: Provider, how: str) -> None:
    """Wrong version: whoever kept one ends every later session with it, for as long as it lives."""
    officer = await linked(world)
    token = provider.logout_token()
    if how == "again":
        answers = [await says(world, token), await says(world, token)]
    else:
        answers = await asyncio.gather(*(says(world, token) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers)[:2] == [200, 400]
    assert [answer.status_code for answer in answers].count(200) == 1
    later = await world.officer()
    assert later.username == officer.username
    refused = await says(world, token)
    assert (refused.status_code, refused.json()["code"]) == (400, "BK-1026")
    assert await stands(later) == [True]


WRONG_LOGOUTS: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"aud": "another"},
    {"aud": [CLIENT_ID, "another"]},
    {"iat": 1_700_000_000, "exp": 1_700_000_120},
    {"jti": None},
    {"events": None},
    {"events": {}},
    {"nonce": "x"},
    {"sub": None},
    {"sub": "not a subject"},
    {"header": {"typ": "JWT"}},
    {"header": {"typ": None}},
    {"header": {"alg": "none"}},
    {"header": {"kid": "kunci-lain"}},
    {"header": {"kid": "kunci-RS256"}},
]


async def test_a_logout_token_that_is_not_right(world: World, provider: Provider) -> None:
    officer = await linked(world)
    before = len(await world.entries())
    for changes in WRONG_LOGOUTS:
        answer = await says(world, provider.logout_token(**changes))
        assert (answer.status_code, answer.json()["code"]) == (400, "BK-1026"), changes
    assert await stands(officer) == [True]
    assert len(await world.entries()) == before


async def test_an_id_token_is_no_logout(world: World, provider: Provider) -> None:
    officer = await linked(world)
    assert (await says(world, provider.id_token("nonce", "access"))).status_code == 400
    assert (await world.client.post(BACKCHANNEL)).status_code == 400
    assert (await world.client.post(BACKCHANNEL, data={"logout_token": "ä"})).status_code == 400
    assert await stands(officer) == [True]


async def test_an_unlinked_account_ends_nothing_more(world: World, provider: Provider) -> None:
    officer = await linked(world)
    parts = world.parts
    await link_identity.unlink(parts.database, parts.keyring, parts.appender, username=officer.username)
    assert await stands(officer) == [False], "unlinking ended it"
    later = await world.officer()
    assert (await says(world, provider.logout_token())).status_code == 200
    assert await stands(later) == [True]


async def test_linking(world: World) -> None:
    """One identity for an officer, one officer for an identity; each act and each refusal is an entry, none holds the subject."""
    parts = world.parts
    three = (parts.database, parts.keyring, parts.appender)
    officer, other = await world.officer(), await world.officer("POLRI")
    await links(world, officer)
    for whom, subject, reason in (
        (officer, SUBJECT, "identity_exists"),
        (officer, "another", "identity_exists"),
        (other, SUBJECT, "identity_exists"),
        (other, "", "identity_unknown"),
        (other, "two words", "identity_unknown"),
        (other, "x" * 256, "identity_unknown"),
        (OfficerAt(other.client, "nobody", ""), "free", "officer_unknown"),
    ):
        with pytest.raises(AccessRefused, match=f"^{reason}$"):
            await links(world, whom, subject)
        assert (await world.entries())[-1]["result"] == {"allowed": False, "reason": reason}
    await link_identity.unlink(*three, username=officer.username)
    assert (await world.entries())[-1]["act"] == "unlink"
    for name, reason in ((officer.username, "identity_unknown"), ("nobody", "officer_unknown")):
        with pytest.raises(AccessRefused, match=f"^{reason}$"):
            await link_identity.unlink(*three, username=name)
    await links(world, other)  # the account is free again
    await links(world, officer, "another")
    assert [entry["act"] for entry in (await world.entries())[-2:]] == ["link", "link"]
    assert SUBJECT not in str(await world.entries())


async def test_an_account_that_went_to_another_officer(world: World, provider: Provider) -> None:
    """Unlinked from one, linked to another: the sign-in is the other's, and the sessions of before are over."""
    officer = await linked(world)
    browser = await signed_in(world, provider, SID)
    parts = world.parts
    await link_identity.unlink(parts.database, parts.keyring, parts.appender, username=officer.username)
    assert await stands(browser) == [False]
    await linked(world, "POLRI")
    later = await signed_in(world, provider, SID)
    assert (await later.get("/v1/session")).json()["officer"]["agency"] == "POLRI@6472"


async def test_signing_out_here(world: World, provider: Provider) -> None:
    await linked(world)
    browser = await signed_in(world, provider, SID)
    csrf = (await browser.get("/v1/session")).json()["csrf"]
    assert (await browser.delete("/v1/session")).status_code == 403
    assert (await browser.delete("/v1/session", headers={"X-CSRF-Token": csrf})).status_code == 204
    assert await stands(browser) == [False]


async def test_old_marks_are_forgotten(world: World, provider: Provider) -> None:
    """What is remembered of answers and logouts goes when nobody would take them any more."""
    await linked(world)
    await signed_in(world, provider, SID)
    await says(world, provider.logout_token())
    async with world.parts.database.reading() as reading:
        rows = await reading.raw.fetch("SELECT until FROM used_once")
    assert len(rows) == 2
    assert all(0 < row["until"].timestamp() - time.time() <= 660 for row in rows)
