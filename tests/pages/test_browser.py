"""The pages in a real browser: Debian's Chromium, JavaScript off, against a loopback server with the real policy."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from playwright.async_api import Browser, Page, async_playwright

from exchange.pages import CONTENT_SECURITY_POLICY, icon, qr_svg, stylesheet
from tests.pages.samples import ALL, DECIDE, PAGES, PAPERS

CHROMIUM = (
    os.environ.get("BERKAS_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COLD_BYTES = 30 * 1024
TARGET_PX = 44

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (apt-get install chromium)")


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[tuple[str, int]]] = []

    def do_GET(self) -> None:
        name = self.path.partition("?")[0]
        if name.startswith("/static/"):
            svg = name.endswith(".svg")
            body, kind = (icon(), "image/svg+xml") if svg else (stylesheet(), "text/css")
        elif name == "/qr":
            body, kind = (
                f"<!doctype html><title>QR</title>{qr_svg('https://b.example/p/ABC')}".encode(),
                "text/html",
            )
        else:
            body, kind = ALL[name.strip("/")]().encode(), "text/html; charset=utf-8"
        self.asked.append((name, len(body)))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def phone(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 360, "height": 640}, java_script_enabled=False)
    page = await context.new_page()
    yield page
    await context.close()


async def box(page: Page, selector: str, at: int = 0) -> dict[str, float]:
    found = await page.locator(selector).nth(at).bounding_box()
    assert found is not None
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


async def look(page: Page, selector: str, at: int) -> dict[str, str]:
    """Computed style by the browser's own protocol: the page itself runs no script."""
    session = await page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        await session.send(f"{domain}.enable")
    document = await session.send("DOM.getDocument")
    nodes = await session.send(
        "DOM.querySelectorAll", {"nodeId": document["root"]["nodeId"], "selector": selector}
    )
    style: Any = await session.send("CSS.getComputedStyleForNode", {"nodeId": nodes["nodeIds"][at]})
    return {entry["name"]: entry["value"] for entry in style["computedStyle"]}


async def content_width(page: Page) -> float:
    session = await page.context.new_cdp_session(page)
    metrics: Any = await session.send("Page.getLayoutMetrics")
    return float(metrics["cssContentSize"]["width"])


@pytest.mark.parametrize("width", [320, 360, 1280])
async def test_no_page_scrolls_sideways(phone: Page, origin: str, width: int) -> None:
    await phone.set_viewport_size({"width": width, "height": 640})
    for name in ALL:
        await phone.goto(f"{origin}/{name}")
        assert await content_width(phone) <= width, name


async def test_every_target_can_be_hit_with_a_thumb(phone: Page, origin: str) -> None:
    for name in ALL:
        await phone.goto(f"{origin}/{name}")
        for selector in ("button", "a.act", "summary", ".tick label", "input.code", ".turn a"):
            for at in range(await phone.locator(selector).count()):
                size = await box(phone, selector, at)
                assert size["height"] >= TARGET_PX, (name, selector, at)
                assert size["width"] >= TARGET_PX, (name, selector, at)


async def test_decision_of_three_documents_ends_above_800_px(phone: Page, origin: str) -> None:
    await phone.goto(f"{origin}/consent_decide")
    for at in (0, 1):
        button = await box(phone, ".choice button", at)
        assert button["y"] + button["height"] <= 800


async def test_refusing_looks_exactly_like_granting(phone: Page, origin: str) -> None:
    for name, selector in (("consent_decide", ".choice button"), ("withdraw_confirm", ".choice button")):
        await phone.goto(f"{origin}/{name}")
        first, second = await box(phone, selector, 0), await box(phone, selector, 1)
        assert (first["width"], first["height"], first["x"]) == (
            second["width"],
            second["height"],
            second["x"],
        )
        styles = [await look(phone, selector, at) for at in (0, 1)]
        assert styles[0] == styles[1], {key for key in styles[0] if styles[0][key] != styles[1].get(key)}


async def test_a_tap_on_the_name_ticks_the_box(phone: Page, origin: str) -> None:
    await phone.goto(f"{origin}/consent_decide")
    boxes = phone.get_by_role("checkbox")
    assert [await boxes.nth(at).is_checked() for at in range(3)] == [False, False, False]
    await phone.get_by_text(PAPERS[1].name, exact=True).click()
    await boxes.nth(2).click()
    assert [await boxes.nth(at).is_checked() for at in range(3)] == [False, True, True]


async def test_the_policy_holds_and_nothing_else_is_asked_for(phone: Page, origin: str) -> None:
    complaints: list[str] = []
    addresses: list[str] = []
    phone.on("console", lambda message: complaints.append(message.text))
    phone.on("request", lambda request: addresses.append(request.url))
    for name in ALL:
        await phone.goto(f"{origin}/{name}")
    assert complaints == []
    assert {address for address in addresses if not address.startswith(origin)} == set()
    background = await look(phone, "header", 0)
    assert background["background-color"] == "rgb(11, 74, 90)", "the stylesheet was loaded under the policy"


async def test_a_cold_phone_loads_three_files_of_thirty_kilobytes(browser: Browser, origin: str) -> None:
    context = await browser.new_context(viewport={"width": 360, "height": 640}, java_script_enabled=False)
    page = await context.new_page()
    Handler.asked.clear()
    await page.goto(f"{origin}/consent_decide", wait_until="networkidle")
    await asyncio.sleep(0.2)  # the icon is fetched after the page has loaded
    asked = list(Handler.asked)
    await context.close()
    assert len(asked) <= 3
    assert sum(size for _, size in asked) <= COLD_BYTES


async def test_text_at_twice_the_size_still_fits(phone: Page, origin: str) -> None:
    """200 % text by the reader's own setting: long words break rather than run out of the screen."""
    session = await phone.context.new_cdp_session(phone)
    for name in ALL:
        await phone.goto(f"{origin}/{name}")
        await session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
        assert (await look(phone, "body", 0))["font-size"] == "34px"
        assert await content_width(phone) <= 360, name


async def test_qr_is_five_centimetres_on_screen(phone: Page, origin: str) -> None:
    await phone.goto(f"{origin}/qr")
    assert (await box(phone, "svg"))["width"] >= 50 / 25.4 * 96


def test_one_document_is_asked_in_the_singular_too() -> None:
    assert "meminta 1 dokumen Anda" in PAGES.consent_decide(replace(DECIDE, papers=PAPERS[:1]))
