"""The two rules of a contact as a factor, on as in production (A27, protocols.md 4.1), and browsers of officers.

Each was seen failing against an obvious wrong version: judged before the batch, judged at the request alone, the newest contact only.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from exchange.deps import clock
from exchange.factors import Target
from exchange.flows import prove_self
from exchange.routes import contacts as contact_routes
from exchange.routes import counter
from exchange.settings import Settings
from storage.ledger.work import Work
from tests.flows.test_contact_changes import NEW, NIKS, adds, contacts, days_pass, removes, ruled
from tests.world import ANSWERS, PHONE, SERVICE, OfficerAt, World, csrf_of, path_of


@pytest.fixture
async def ready(world: World) -> tuple[World, OfficerAt, OfficerAt, str]:
    """(world, who enrolled, a colleague, the citizen with a paper on file): the rules are on, the contact is fresh."""
    ruled(world)
    setter, colleague = await world.officer(), await world.officer(name="rekan")
    subject = await world.enrols(setter)
    await world.stores(setter, subject)
    return world, setter, colleague, subject


async def _sent(world: World, link: str, status: int = 303) -> str:
    """Ask for a code; the page, or where it went."""
    browser = world.browser()
    page = await browser.get(path_of(link))
    answer = await browser.post(path_of(link), data={"step": "send", "csrf": csrf_of(page)})
    assert answer.status_code == status, answer.text
    return str((await world.inbox("otp"))[-1]["to"]) if status == 303 else answer.text


def _assisted(asked: dict[str, Any], reason: str) -> None:
    assert (asked["mode"], asked["mode_reason"]) == ("assisted", reason)
    assert (asked["link"], asked["qr"], asked["state"]) == (None, None, "pending")
    assert len(asked["pairing_code"]) == 4


async def test_a_fresh_contact_means_assistance(ready: tuple[World, OfficerAt, OfficerAt, str]) -> None:
    """A first contact counts as a change: 201 with ``assisted``, never an error; after 72 hours by link, for who did not set it."""
    world, setter, colleague, subject = ready
    _assisted(await world.asks(colleague, subject), "contact_too_new")
    _assisted(await world.asks(setter, subject), "contact_set_by_asker")
    entry = next(e for e in reversed(await world.entries()) if e["type"] == "request")
    assert (entry["mode"], entry["mode_reason"]) == ("assisted", "contact_set_by_asker")
    await days_pass(world, 71)
    _assisted(await world.asks(colleague, subject), "contact_too_new")
    await days_pass(world, 1)
    asked = await world.asks(colleague, subject)
    assert (asked["mode"], asked["mode_reason"]) == ("link", None)
    seen = (await colleague.get(f"/v1/consent-requests/{asked['id']}")).json()
    assert seen["mode"] == "link"
    assert (await world.allows(asked["link"])).status_code == 200
    _assisted(await world.asks(setter, subject), "contact_set_by_asker")


async def test_a_slow_clock_makes_no_old_contact(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """D11: a replica whose clock is four days behind: a contact is as old as the batch says. Wrong version: the process's clock."""
    ruled(world)
    setter, colleague = await world.officer(), await world.officer(name="rekan")
    behind = clock() - timedelta(days=4)
    for module in (counter, contact_routes):
        monkeypatch.setattr(module, "clock", lambda: behind)
    subject = await world.enrols(setter)
    await world.stores(setter, subject)
    _assisted(await world.asks(colleague, subject), "contact_too_new")
    await days_pass(world)
    old = (await contacts(setter, subject))[0]["id"]
    assert (await adds(setter, subject)).status_code == 201
    assert (await removes(setter, subject, old)).status_code == 204
    _assisted(await world.asks(colleague, subject), "contact_too_new")


async def test_no_contact_at_all_means_assistance(world: World) -> None:
    """Also where the rules are off: there is nothing to send a code to. A channel without a contact stays an error (BK-2033)."""
    officer = await world.officer()
    subject = await world.enrols(officer, phone=None)
    await world.stores(officer, subject)
    _assisted(await world.asks(officer, subject), "no_contact")
    body = {"subject_ref": subject, "service": SERVICE, "channel": "whatsapp", "answers": ANSWERS}
    answer = await officer.post("/v1/consent-requests", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-2033")


async def test_no_message_of_an_assisted_request(ready: tuple[World, OfficerAt, OfficerAt, str]) -> None:
    """Nothing leaves, and nothing is used up of the three messages an hour."""
    world, _, colleague, subject = ready
    for _ in range(4):
        _assisted(await world.asks(colleague, subject, channel="whatsapp"), "contact_too_new")
    assert await world.inbox() == []
    await days_pass(world)
    asked = await world.asks(colleague, subject, channel="whatsapp")
    assert asked["mode"] == "link"
    assert [message["to"] for message in await world.inbox("link")] == [PHONE]


async def test_an_earlier_contact_serves_meanwhile(ready: tuple[World, OfficerAt, OfficerAt, str]) -> None:
    """Wrong version: the newest only. The code goes to the one that has rested, never to the one that was slipped in."""
    world, _, colleague, subject = ready
    await days_pass(world)
    assert (await adds(colleague, subject)).status_code == 201
    asked = await world.asks(colleague, subject)
    assert asked["mode"] == "link"
    assert await _sent(world, asked["link"]) == PHONE
    await days_pass(world)
    third = await world.officer(name="ketiga")
    assert await _sent(world, (await world.asks(third, subject))["link"]) == NEW  # the newest that serves
    # Of who set the new one the code still goes to the old one.
    assert await _sent(world, (await world.asks(colleague, subject))["link"]) == PHONE


async def test_a_link_goes_where_it_is_asked_to_go(ready: tuple[World, OfficerAt, OfficerAt, str]) -> None:
    """A link is no factor: the fresh e-mail address may receive it, the code goes to the phone that has rested."""
    world, _, colleague, subject = ready
    await days_pass(world)
    await adds(colleague, subject, "warga@contoh.example", "email")
    asked = await world.asks(colleague, subject, channel="email")
    assert asked["mode"] == "link"
    assert [message["to"] for message in await world.inbox("link")] == ["warga@contoh.example"]
    assert await _sent(world, asked["link"]) == PHONE


async def test_every_contact_hears_of_a_decision_and_of_an_access(
    ready: tuple[World, OfficerAt, OfficerAt, str],
) -> None:
    """Wrong version: the newest contact only, which is the one that somebody slipped in."""
    world, _, colleague, subject = ready
    await days_pass(world)
    await adds(colleague, subject)
    before = len(await world.inbox("notice"))
    asked = await world.asks(colleague, subject)
    await world.allows(asked["link"])
    consent = (await colleague.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    assert (await colleague.post("/v1/tickets", json={"consent_id": consent})).status_code == 201
    assert (await colleague.post(f"/v1/consents/{consent}/withdrawal")).status_code == 200
    told = (await world.inbox("notice"))[before:]
    for words in ("Anda mengizinkan", "melihat", "ditarik kembali"):
        assert sorted(m["to"] for m in told if words in m["text"]) == sorted([PHONE, NEW]), words


async def test_judged_again_when_the_code_is_sent(ready: tuple[World, OfficerAt, OfficerAt, str]) -> None:
    """Wrong version: at the request only. The contact that served is gone when the citizen opens the link, a fresh one is there."""
    world, _, colleague, subject = ready
    await days_pass(world)
    asked = await world.asks(colleague, subject)
    await adds(colleague, subject)
    old = next(row["id"] for row in await contacts(colleague, subject) if row["channel"] == "whatsapp")
    assert (await removes(colleague, subject, old)).status_code == 204
    assert "Kontak Anda baru saja diubah" in await _sent(world, asked["link"], 403)
    assert await world.inbox("otp") == []
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["act"], entry["result"]["reason"]) == (
        "factor", "code_sent", "contact_set_by_asker",
    )  # fmt: skip


async def test_a_contact_set_by_the_asker_after_the_request(world: World) -> None:
    """The rule of the setter alone: without rest, what the asker adds after asking carries no code either."""
    ruled(world, 0)
    setter, asker = await world.officer(), await world.officer(name="rekan")
    subject = await world.enrols(setter)
    await world.stores(setter, subject)
    asked = await world.asks(asker, subject)
    assert asked["mode"] == "link"
    await adds(asker, subject)
    assert await _sent(world, asked["link"]) == PHONE


async def test_judged_in_the_batch(
    ready: tuple[World, OfficerAt, OfficerAt, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong version: judged before the batch. The contact goes in the very batch that judges a request and a code, before them."""
    world, _, colleague, subject = ready
    await days_pass(world)
    asked = await world.asks(colleague, subject)
    contact = (await contacts(colleague, subject))[0]["id"]
    browser = world.browser()
    page = await browser.get(path_of(asked["link"]))
    form = {"step": "send", "csrf": csrf_of(page)}
    line, go, submit = [], asyncio.Event(), world.parts.appender.submit

    async def held(work: Work[Any]) -> Any:
        line.append(work)
        await go.wait()
        return await submit(work)

    with monkeypatch.context() as patch:
        patch.setattr(world.parts.appender, "submit", held)
        calls: list[asyncio.Task[Any]] = []
        for call in (
            removes(colleague, subject, contact),
            browser.post(path_of(asked["link"]), data=form),
            world.asks(colleague, subject),
        ):
            calls.append(asyncio.create_task(call))
            for _ in range(500):
                if len(line) == len(calls):
                    break
                await asyncio.sleep(0.01)
        go.set()
        going, sending, asking = await asyncio.gather(*calls)
    assert [work.kind for work in line] == ["contact", "factor", "request"]
    assert going.status_code == 204
    assert sending.status_code == 403
    _assisted(asking, "no_contact")
    assert await world.inbox("otp") == []


async def test_the_citizens_own_link_rests_too(ready: tuple[World, OfficerAt, OfficerAt, str]) -> None:
    """A27: the phone was changed: the code alone does not open the old list; nobody asks, so who set it does not matter."""
    world, setter, colleague, subject = ready
    await days_pass(world)
    asked = await world.asks(colleague, subject)
    await world.allows(asked["link"])
    trail = next(m["link"] for m in reversed(await world.inbox("notice")) if m.get("link"))
    old = (await contacts(setter, subject))[0]["id"]
    await adds(setter, subject)
    await removes(setter, subject, old)
    assert "Kontak Anda baru saja diubah" in await _sent(world, trail, 403)
    await days_pass(world)
    assert await _sent(world, trail) == NEW


async def test_an_assisted_request_is_decided_by_no_link(
    ready: tuple[World, OfficerAt, OfficerAt, str],
) -> None:
    """Whoever found the code of a link: no page, no code, no decision; judged in the batch as well."""
    world, _, colleague, subject = ready
    await days_pass(world)
    asked = await world.asks(colleague, subject)
    path, browser = path_of(asked["link"]), world.browser()
    page = await world.proves(browser, asked["link"])
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE consent_request SET mode = 'assisted'")
    assert (await browser.get(path)).status_code == 410
    for form in (
        {"step": "send"},
        {"step": "code", "code": "123456"},
        {"step": "decide", "decision": "refuse"},
    ):
        assert (await browser.post(path, data={"csrf": csrf_of(page), **form})).status_code == 410
    parts, internal = world.parts, parts_subject(world, colleague, subject)
    target = Target(asked["id"], internal, asked["id"])
    verdict, _ = await prove_self.verify_code(
        parts.keyring, parts.appender, target=target, browser="b", code="123456"
    )
    assert verdict.reason == "assisted_only"


def parts_subject(world: World, officer: OfficerAt, subject: str) -> str:
    return world.parts.keyring.meant(officer.agency, subject)


@pytest.mark.parametrize(
    "changed", [{"contact_rest_hours": 71}, {"contact_rest_hours": 0}, {"contact_other_setter": False}]
)
def test_the_rules_are_fixed_in_production(changed: dict[str, Any]) -> None:
    from pydantic import SecretStr

    secret = SecretStr("0123456789abcdef-not-a-sample")
    given = {
        "mode": "production", "public_origin": "https://berkas.example", "s3_endpoint": "https://s3.example",
        "database_url": SecretStr("postgresql://app:0123456789abcdef@127.0.0.1:1/berkas"),
        "s3_access_key": secret, "s3_secret_key": secret, "root_key": "file:/run/berkas/root.key",
    }  # fmt: skip
    settings = Settings(**given)  # type: ignore[arg-type]  # members of one dict
    assert (settings.contact_rest, settings.contact_setter_apart) == (72, True)
    with pytest.raises(ValidationError, match="BERKAS_CONTACT_REST_HOURS is 72"):
        Settings(**{**given, **changed})
    sandbox = Settings(mode="sandbox")
    assert (sandbox.contact_rest, sandbox.contact_setter_apart) == (0, False)


async def test_an_officers_browser_decides_nothing(world: World) -> None:
    """protocols.md 4.1: the code was read out at the counter and typed there; refused with a page, and the citizen sees whose session."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    asked = await world.asks(officer, subject)
    page = await world.proves(officer.client, asked["link"])
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
    for decision in ("grant", "refuse"):
        answer = await officer.client.post(path_of(asked["link"]), data={**form, "decision": decision})
        assert answer.status_code == 403
        assert "Bukalah tautan di ponsel Anda sendiri" in answer.text
    assert (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()["state"] == "pending"
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["act"], entry["result"]["reason"]) == (
        "factor", "officer_browser", "officer_browser",
    )  # fmt: skip
    assert entry["actor"].startswith("officer:off_")
    assert entry["counter"] == "Loket 3"
    # Signed out, and with a cookie that opens nothing, the same browser is a citizen's.
    old = officer.client.cookies["berkas"]
    await officer.client.request("DELETE", "/v1/session", headers={"X-CSRF-Token": officer.csrf})
    for cookie in (old, "invented"):
        officer.client.cookies.set("berkas", cookie, domain="127.0.0.1")
        done = await officer.client.post(path_of(asked["link"]), data=form)
        assert done.status_code == 200, done.text
        assert "Persetujuan tercatat" in done.text


async def test_without_the_factor_an_officers_browser_leaves_no_entry(world: World) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer, NIKS[0])
    await world.stores(officer, subject)
    asked = await world.asks(officer, subject)
    page = await officer.client.get(path_of(asked["link"]))
    before = len(await world.entries())
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "refuse"}
    assert (await officer.client.post(path_of(asked["link"]), data=form)).status_code == 403
    assert len(await world.entries()) == before
