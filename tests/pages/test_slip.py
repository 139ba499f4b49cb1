"""The printed slip: seven points, boxes for both answers, on A4 and on a roll of 80 mm (U09, L06, L09; ux.md 3.2)."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

import exchange.pages
from exchange.pages import CONTENT_SECURITY_POLICY, SLIP_VERSION, icon, messages, slip_stylesheet
from tests.pages.samples import LINK, NOW, PAGES, SITE
from tests.pages.slips import ALL, TO_SIGN
from tests.pages.test_browser import ARGUMENTS, CHROMIUM
from tests.pages.test_markup import EVIL, LONGEST_SENTENCE_WORDS
from tests.pages.test_markup import Page as Markup

PX_PER_MM = 96 / 25.4
A4, ROLL = ("210mm", "297mm"), ("80mm", "800mm")


@pytest.fixture(params=sorted(ALL))
def markup(request: pytest.FixtureRequest) -> str:
    return ALL[request.param]()


def test_it_holds_nothing_that_the_policy_forbids(markup: str) -> None:
    page = Markup(markup)
    for tag in ("script", "style", "img", "base", "form"):
        assert not page.all(tag)
    assert not [
        name
        for _, attributes in page.elements
        for name in attributes
        if name == "style" or name.startswith("on")
    ]
    assert [link["href"] for link in page.all("link")] == ["/static/berkas.svg", "/static/lembar.css"]
    assert markup.startswith("<!doctype html>")
    assert len(page.all("h1")) == 1


def test_the_seven_points_stand_before_the_decision() -> None:
    """L06: a to g, each once, in this order."""
    points = [
        attributes["data-pasal21"]
        for _, attributes in Markup(ALL["to_sign"]()).elements
        if "data-pasal21" in attributes
    ]
    assert points == list("abcdefg")


def test_both_answers_have_the_same_box_for_each_paper() -> None:
    """L09, L10: nothing is ticked, refusing is as easy; specific data is marked; what is not on file is not asked."""
    text = ALL["to_sign"]()
    assert text.count('<span class="box"></span>Izinkan <span class="box"></span>Tolak') == 3
    assert text.count("Data pribadi spesifik.") == 1
    assert "Belum tersimpan; bawa ke loket: Surat Keterangan Sehat (jasmani/rohani)." in text
    assert text.count('class="line"') == 3
    assert "Anda boleh menolak" in text


def test_short_sentences(markup: str) -> None:
    """L09: of the running text, not of names and laws."""
    for paragraph in re.findall(r"<(?:p|li)[^>]*>(.*?)</(?:p|li)>", markup, re.DOTALL):
        for sentence in re.split(r"(?<=[.?])\s", re.sub(r"<[^>]+>", " ", paragraph)):
            assert len(sentence.split()) <= LONGEST_SENTENCE_WORDS, sentence


def test_the_code_stands_on_the_first_copy_only() -> None:
    assert "B4XN-8T0W" in ALL["granted"]()
    for other in ("again", "refused", "withdrawn", "to_sign"):
        assert "B4XN-8T0W" not in ALL[other]()
    assert "Menarik kembali persetujuan" not in ALL["refused"]()
    assert "sudah ditarik kembali pada 24 November 2026 pukul 17.05 WITA" in ALL["withdrawn"]()


def test_hostile_names_are_text() -> None:
    text = PAGES.slip(
        replace(TO_SIGN, agency=EVIL, officer=EVIL, counter=EVIL, application_no=EVIL, service_law=EVIL)
    )
    assert "<script" not in text
    assert "onload=&#34;" in text or "onload=" not in text.replace("&#34;", "")
    assert "\u202e" not in text


def test_a_changed_slip_is_a_new_text_version() -> None:
    """The version stands in the record: whoever changes the words raises it, and pins the new pair here."""
    words = (Path(exchange.pages.__file__).parent / "slip.html").read_bytes()
    pinned = ("lembar-2026-11-26.2", "131805e887135652")
    assert (SLIP_VERSION, hashlib.sha256(words).hexdigest()[:16]) == pinned


def test_the_notice() -> None:
    def text(granted: list[str], refused: list[str]) -> str:
        return messages.assisted_notice(
            site="MPP Samarinda", agency="DPMPTSP", counter="Loket 4", granted=granted, refused=refused,
            use_until=NOW + timedelta(hours=24), reference="PST-7KQ2-M9XD", trail_link=LINK, zone=SITE.zone,
        )  # fmt: skip

    assert text(["KTP-el"], ["KK"]) == (
        "MPP Samarinda: Dibantu petugas DPMPTSP, Loket 4, Anda mengizinkan instansi itu membaca KTP-el s.d. "
        "25 November 2026 pukul 16.05 WITA. Tidak diizinkan: KK. Nomor PST-7KQ2-M9XD. "
        f"Bukan Anda? Tarik kembali di {LINK} atau di loket."
    )
    assert text([], ["KTP-el"]) == (
        "MPP Samarinda: Dibantu petugas DPMPTSP, Loket 4, Anda tidak membagikan dokumen. Nomor PST-7KQ2-M9XD. "
        f"Lihat semua akses di {LINK}"
    )


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/static/"):
            svg = self.path.endswith(".svg")
            body, kind = (icon(), "image/svg+xml") if svg else (slip_stylesheet(), "text/css")
        else:
            body, kind = ALL[self.path.strip("/")]().encode(), "text/html; charset=utf-8"
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
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    yield page
    await context.close()


def _pages(pdf: bytes) -> list[tuple[float, float]]:
    """The sizes in points of a PDF's pages, as chromium writes them."""
    return [
        (float(width), float(height))
        for width, height in re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", pdf)
    ]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (apt-get install chromium)")
class TestOnPaper:
    @pytest.mark.parametrize("name", sorted(ALL))
    async def test_three_papers_are_one_sheet(self, page: Page, origin: str, name: str) -> None:
        """A4, and one piece of the roll; the page's size is the printer's, never the sheet's own."""
        await page.goto(f"{origin}/{name}")
        for width, height in (A4, ROLL):
            pdf = await page.pdf(width=width, height=height)
            sizes = _pages(pdf)
            assert len(sizes) == 1, (name, width)
            assert sizes[0][0] == pytest.approx(float(width.removesuffix("mm")) / 25.4 * 72, abs=1)

    @pytest.mark.parametrize("name", sorted(ALL))
    async def test_nothing_is_cut_off_at_80_mm(self, page: Page, origin: str, name: str) -> None:
        """72 mm is what a thermal printer prints of 80; boxes and code stay whole."""
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.emulate_media(media="print")
        width = int(72 * PX_PER_MM)
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(f"{origin}/{name}")
        session = await page.context.new_cdp_session(page)
        metrics: Any = await session.send("Page.getLayoutMetrics")
        assert metrics["cssContentSize"]["width"] <= width
        for selector in (".box", ".digits", ".qr", ".line", ".nik"):
            for at in range(await page.locator(selector).count()):
                box = await page.locator(selector).nth(at).bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width, selector
        assert complaints == []

    async def test_both_boxes_are_alike(self, page: Page, origin: str) -> None:
        for width in (72, 190):
            await page.emulate_media(media="print")
            await page.set_viewport_size({"width": int(width * PX_PER_MM), "height": 800})
            await page.goto(f"{origin}/to_sign")
            boxes = [await page.locator(".box").nth(at).bounding_box() for at in range(6)]
            sizes = {(round(box["width"]), round(box["height"])) for box in boxes if box}
            assert len(sizes) == 1
            assert min(sizes)[0] >= 4.5 * PX_PER_MM

    async def test_the_code_can_be_read_by_a_phone(self, page: Page, origin: str) -> None:
        """The QR symbol is at least 25 mm wide on A4, and larger on the roll."""
        for width, least in ((72, 30), (190, 25)):
            await page.set_viewport_size({"width": int(width * PX_PER_MM), "height": 800})
            await page.goto(f"{origin}/granted")
            box = await page.locator(".qr").bounding_box()
            assert box is not None
            assert box["width"] >= least * PX_PER_MM
