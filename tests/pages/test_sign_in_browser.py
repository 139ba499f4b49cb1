"""Signing in at the office's provider with a real browser and a provider that we did not write. The provider is on another site
(localhost, we are on 127.0.0.1), so the browser's rules for cookies between sites hold as they do in an office.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import oidc_provider_mock
import pytest
from playwright.async_api import Page, async_playwright
from pydantic import SecretStr

from tests.conftest import StoreServer
from tests.pages.test_browser import ARGUMENTS, CHROMIUM
from tests.provider import links
from tests.world import CANARIES, World, running_world

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the provider's own
]
LOOPBACK = {"127.0.0.1", "localhost"}
SECRET = "rahasia klien peramban"
CANARIES.add(SECRET)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def world(
    issuer: str, database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[World]:
    async with running_world(
        tmp_path,
        database_url=database_url,
        store=store,
        s3_bucket=bucket_name,
        oidc_issuer=issuer,
        oidc_client_id="berkas",
        oidc_client_secret=SecretStr(SECRET),
    ) as running:
        yield running


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(java_script_enabled=False)
        # The provider's pages ask for a stylesheet elsewhere: nothing here leaves the machine.
        await context.route(lambda url: urlsplit(url).hostname not in LOOPBACK, lambda route: route.abort())
        yield await context.new_page()
        await browser.close()


async def signs_in(page: Page, world: World, subject: str) -> None:
    await page.goto(f"{world.origin}/v1/session/oidc")
    assert page.url.startswith("http://localhost:"), "at the provider's own login page"
    await page.get_by_placeholder("sub").fill(subject)
    await page.get_by_role("button", name="Authorize").click()


async def shown(page: Page) -> Any:
    return json.loads(await page.locator("body").inner_text())


async def test_signed_in_after_the_redirect(world: World, page: Page) -> None:
    """The session's cookie is strict: a redirect from the callback to a page of ours would still belong to the chain that began
    at the provider, and would be sent without it. Wrong version: a 303 instead of the page with its button.
    """
    officer = await world.officer()
    await links(world, officer, "petugas-1")
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: complaints.append(message.text) if page.url.startswith(world.origin) else None,
    )
    await signs_in(page, world, "petugas-1")
    assert page.url.startswith(f"{world.origin}/v1/session/oidc/callback")
    assert await page.get_by_role("heading", level=1).inner_text() == "Anda sudah masuk"
    assert complaints == [], "the page keeps to its policy"
    await page.get_by_role("link", name="Lanjutkan").click()
    session = await shown(page)
    assert session["officer"]["agency"] == officer.agency
    CANARIES.add(session["csrf"])
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(world.origin)}
    assert set(cookies) == {"berkas"}, "what was begun is forgotten"
    assert cookies["berkas"]["sameSite"] == "Strict"
    assert cookies["berkas"]["httpOnly"]
    CANARIES.add(cookies["berkas"]["value"])
    out = await page.goto(session["provider_logout"])
    assert out is not None
    assert out.status == 200
    assert out.url.startswith("http://localhost:")


async def test_whom_nobody_linked(world: World, page: Page) -> None:
    """A page that says what to ask for, and a way to try another account."""
    await signs_in(page, world, "orang-lain")
    assert "tidak dapat masuk" in await page.get_by_role("heading", level=1).inner_text()
    assert "BK-1024" in await page.locator("footer").inner_text()
    await page.get_by_role("link", name="Masuk lagi").click()
    assert page.url.startswith("http://localhost:")
    await page.goto(f"{world.origin}/v1/session")
    assert (await shown(page))["code"] == "BK-1001"


async def test_who_declines(world: World, page: Page) -> None:
    await page.goto(f"{world.origin}/v1/session/oidc")
    await page.get_by_role("button", name="Deny").click()
    assert page.url.startswith(f"{world.origin}/v1/session/oidc/callback")
    assert "BK-1025" in await page.locator("footer").inner_text()
