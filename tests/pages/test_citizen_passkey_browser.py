"""A citizen's passkey in chromium, with our own script and under the pages' own policy: made, shown, and what is left without a script."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from tests.pages.test_browser import ARGUMENTS, CHROMIUM
from tests.pages.test_passkey_browser import _device, local
from tests.world import CANARIES, World, path_of

__all__ = ["local"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (apt-get install chromium)")
PHONE: ViewportSize = {"width": 360, "height": 640}


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


async def _opened(chromium: Browser, *, script: bool = True) -> tuple[Page, list[str]]:
    """A phone's page, and what its policy kept from it."""
    context = await chromium.new_context(viewport=PHONE, java_script_enabled=script)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


async def _asked(world: World) -> tuple[str, str]:
    """(the link of a request, the citizen's own list)"""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    await world.allows((await world.asks(officer, subject))["link"])
    trail = next(m["link"] for m in reversed(await world.inbox("notice")) if m.get("link"))
    return (await world.asks(officer, subject))["link"], trail


async def _types_the_code(world: World, page: Page) -> None:
    await page.click("text=Kirim kode ke kontak terdaftar Anda")
    await page.fill("#code", (await world.inbox("otp"))[-1]["code"])
    await page.click("text=Lanjutkan")
    CANARIES.update(cookie["value"] for cookie in await page.context.cookies() if cookie["value"])


async def test_made_and_shown(local: World, chromium: Browser) -> None:
    """From the own list to the next request without a code; the phone's list shows nothing about the person."""
    link, trail = await _asked(local)
    page, complaints = await _opened(chromium)
    devtools, device = await _device(page)
    await page.goto(trail)
    await _types_the_code(local, page)
    await page.click("text=Atur kunci sandi (passkey) Anda")
    assert await page.is_hidden("#without")
    await page.click("button:has-text('Daftarkan kunci sandi')")
    await page.wait_for_selector("text=Kunci sandi 1")
    (made,) = (await devtools.send("WebAuthn.getCredentials", {"authenticatorId": device}))["credentials"]
    assert made["userName"] == "Berkas"
    codes = len(await local.inbox("otp"))
    await page.goto(link)
    await page.click("text=Gunakan kunci sandi (passkey)")
    await page.click("button:has-text('Gunakan kunci sandi')")
    await page.wait_for_selector("text=Izinkan yang dicentang")
    await page.check("input[name=document]")
    await page.click("text=Izinkan yang dicentang")
    await page.wait_for_selector("text=Persetujuan tercatat")
    # The own list once more, after leaving.
    await page.goto(trail)
    await page.click("text=Keluar")
    await page.click("text=Gunakan kunci sandi (passkey)")
    await page.click("button:has-text('Gunakan kunci sandi')")
    await page.wait_for_selector("text=Riwayat akses")
    assert len(await local.inbox("otp")) == codes
    assert complaints == []


async def test_a_phone_that_says_no(local: World, chromium: Browser) -> None:
    """Its owner was not recognised: the page says so, and that the code is there; nothing was sent."""
    link, _ = await _asked(local)
    page, _ = await _opened(chromium)
    await _device(page, isUserVerified=False)
    before = len(await local.entries())
    await page.goto(link)
    await page.click("text=Gunakan kunci sandi (passkey)")
    await page.click("button:has-text('Gunakan kunci sandi')")
    await page.wait_for_selector("#failed:not([hidden])")
    assert len(await local.entries()) == before
    await page.click("text=Pakai kode sekali pakai")
    assert "Kirim kode ke kontak" in await page.content()


async def test_without_a_script(local: World, chromium: Browser) -> None:
    """The page says what to do, and shows no button that would do nothing."""
    link, _ = await _asked(local)
    page, _ = await _opened(chromium, script=False)
    await page.goto(f"{link}/passkey")
    assert await page.is_visible("#without")
    assert await page.is_hidden("#passkey")
    assert await page.is_hidden("#failed")
    await page.click("text=Pakai kode sekali pakai")
    assert page.url == link


async def test_it_fits_a_small_phone(local: World, chromium: Browser) -> None:
    """320 px wide, nothing beside the screen; and an address that is no name offers no passkey at all."""
    link, _ = await _asked(local)
    page, _ = await _opened(chromium)
    await _device(page)
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.goto(f"{link}/passkey")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    start = await local.browser().get(path_of(link))
    assert re.search(r'href="/p/[a-z2-7]{45}/passkey"', start.text)
