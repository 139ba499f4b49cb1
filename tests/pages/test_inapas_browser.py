"""INApas with a real browser, without a script, and a provider that we did not write, on another site (localhost; we are on 127.0.0.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import oidc_provider_mock
import pytest
from playwright.async_api import Page, async_playwright
from pydantic import SecretStr

from tests.conftest import StoreServer
from tests.pages.test_browser import ARGUMENTS, CHROMIUM
from tests.world import CANARIES, NIK, OTHER_NIK, World, running_world

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the provider's own
]
LOOPBACK = {"127.0.0.1", "localhost"}
SECRET = "rahasia klien warga"
CANARIES.add(SECRET)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    people = [
        oidc_provider_mock.User(sub="warga", claims={"nik": NIK}),
        oidc_provider_mock.User(sub="orang-lain", claims={"nik": OTHER_NIK}),
    ]
    with oidc_provider_mock.run_server_in_thread(require_nonce=True, user_claims=people) as server:
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
        inapas_issuer=issuer,
        inapas_client_id="berkas",
        inapas_client_secret=SecretStr(SECRET),
    ) as running:
        yield running


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 640})
        # The provider's pages ask for a stylesheet elsewhere: nothing here leaves the machine.
        await context.route(lambda url: urlsplit(url).hostname not in LOOPBACK, lambda route: route.abort())
        yield await context.new_page()
        await browser.close()


@pytest.mark.parametrize(
    ("who", "told"), [("warga", "Izinkan yang dicentang"), ("orang-lain", "Identitas tidak cocok")]
)
async def test_there_and_back(world: World, page: Page, who: str, told: str) -> None:
    """The browser's own cookie is Lax, so it is known again when it comes back from another site."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    await page.goto((await world.asks(officer, subject))["link"])
    await page.click("text=Gunakan INApas")
    assert page.url.startswith("http://localhost:"), "at the provider's own login page"
    await page.get_by_placeholder("sub").fill(who)
    await page.get_by_role("button", name="Authorize").click()
    CANARIES.update(cookie["value"] for cookie in await page.context.cookies() if cookie["value"])
    assert page.url.startswith(world.origin)
    assert told in await page.inner_text("main")
