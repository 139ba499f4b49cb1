"""Passkeys in a real browser: chromium's own authenticator (by its debugging protocol) makes and shows them, our options in, its
``toJSON`` out. A host that is an IP address is no relying party, so the application is reached as localhost.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import APIResponse, CDPSession, Page, async_playwright

from tests.conftest import StoreServer
from tests.pages.test_browser import ARGUMENTS, CHROMIUM
from tests.rules.house import ROOT
from tests.world import CANARIES, PASSWORD, World, running_world

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (apt-get install chromium)")

# As a console would call them (WebAuthn Level 3, 5.1.9, 5.1.10); only these two need a script.
CREATE = """async options => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({publicKey})).toJSON();
}"""
GET = """async options => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({publicKey})).toJSON();
}"""
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
async def local(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[World]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = {"listen": f"127.0.0.1:{port}", "public_origin": f"http://localhost:{port}"}
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name, **where
    ) as running:
        yield running


@pytest.fixture
async def page(local: World) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await (await browser.new_context()).new_page()
        await page.goto(f"{local.origin}/problems/BK-1002")
        yield page
        await browser.close()


async def _device(page: Page, **changes: Any) -> tuple[CDPSession, str]:
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    added = await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE | changes})
    return devtools, added["authenticatorId"]


async def _post(page: Page, path: str, body: Any = None, csrf: str = "") -> APIResponse:
    """With the browser's own cookies."""
    origin = "/".join(page.url.split("/")[:3])
    headers = {"X-CSRF-Token": csrf, "Content-Type": "application/json"}
    return await page.context.request.post(origin + path, data=json.dumps(body or {}), headers=headers)


async def test_a_browser_registers_and_signs_in(local: World, page: Page) -> None:
    """Twice with the same device: its count grows, and its copy with the old count is found out."""
    username = (await local.officer()).username
    devtools, device = await _device(page)
    signed = await _post(page, "/v1/session", {"username": username, "password": PASSWORD})
    csrf = (await signed.json())["csrf"]
    begun = await _post(page, "/v1/session/passkeys/options", {"password": PASSWORD}, csrf)
    options = await begun.json()
    assert options["rp"]["id"] == "localhost"
    made = await page.evaluate(CREATE, options)
    kept = await _post(page, "/v1/session/passkeys", {"name": "Chromium", "credential": made}, csrf)
    assert kept.status == 201, await kept.text()
    assert len((await kept.json())["recovery_codes"]) == 10
    await page.context.clear_cookies()

    alone = await _post(page, "/v1/session", {"username": username, "password": PASSWORD})
    assert alone.status == 401
    for _ in range(2):
        asked = await (await _post(page, "/v1/session/passkey/options")).json()
        shown = await page.evaluate(GET, asked)
        answer = await _post(page, "/v1/session/passkey", shown)
        assert answer.status == 201, await answer.text()
        told = await answer.json()
        cookies = await page.context.cookies()
        CANARIES.update({told["csrf"], *(cookie["value"] for cookie in cookies)})
        assert told["officer"]["agency"] == "DPMPTSP@6472"
        services = await page.context.request.get(f"{local.origin}/v1/services")
        assert services.status == 200
        assert (await _post(page, "/v1/session/passkey", shown)).status == 401  # once

    # The browser itself knows that this device has one already.
    asked = await (await _post(page, "/v1/session/passkey/options")).json()
    again = {"passkey": await page.evaluate(GET, asked)}
    options = await (await _post(page, "/v1/session/passkeys/options", again, told["csrf"])).json()
    with pytest.raises(Exception, match="InvalidStateError"):
        await page.evaluate(CREATE, options)

    (credential,) = (await devtools.send("WebAuthn.getCredentials", {"authenticatorId": device}))[
        "credentials"
    ]
    await devtools.send("WebAuthn.clearCredentials", {"authenticatorId": device})
    await devtools.send(
        "WebAuthn.addCredential",
        {"authenticatorId": device, "credential": credential | {"signCount": 0}},
    )
    asked = await (await _post(page, "/v1/session/passkey/options")).json()
    copied = await _post(page, "/v1/session/passkey", await page.evaluate(GET, asked))
    assert copied.status == 401
    entry = (await local.entries())[-1]
    assert (entry["way"], entry["result"]["reason"]) == ("passkey", "passkey_cloned")


async def test_the_script_of_the_readme(local: World, page: Page) -> None:
    """As it stands there, with the two things that it takes."""
    username = (await local.officer()).username
    await _device(page)
    await page.goto(
        f"{local.origin}/health/live"
    )  # a page with no policy of its own, as a console has another
    signed = await (await _post(page, "/v1/session", {"username": username, "password": PASSWORD})).json()
    (script,) = re.findall(r"```js\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    told = await page.evaluate(
        f"async ({{password, csrf}}) => {{ {script}; return {{recovery_codes, officer, fresh}}; }}",
        {"password": PASSWORD, "csrf": signed["csrf"]},
    )
    assert len(told["recovery_codes"]) == 10
    assert told["officer"]["id"] == signed["officer"]["id"]
    assert told["fresh"] != signed["csrf"]
    CANARIES.update({told["fresh"], signed["csrf"]})


async def test_a_device_that_does_not_know_its_owner(local: World, page: Page) -> None:
    """The browser itself refuses what we ask for; and another origin's page gets nothing for our host."""
    officer = await local.officer()
    await _device(page, isUserVerified=False)
    begun = await officer.post("/v1/session/passkeys/options", json={"password": PASSWORD})
    with pytest.raises(Exception, match="NotAllowedError"):
        await page.evaluate(CREATE, begun.json() | {"timeout": 500})
    await page.goto(f"{local.origin.replace('localhost', '127.0.0.1')}/problems/BK-1002")
    asked = (await local.client.post("/v1/session/passkey/options")).json()
    with pytest.raises(Exception, match="SecurityError"):
        await page.evaluate(GET, asked)
