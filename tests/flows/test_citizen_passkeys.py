"""A citizen's passkey (WebAuthn): registered after the factor, shown in the place of a code, at the request and at the own list."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import httpx
import pytest

from auth.challenges import CHALLENGE_LIFE_S
from auth.passkeys import PASSKEYS_OF_ONE_CITIZEN
from storage.consents import CHALLENGES
from tests.authenticator import Authenticator, enrolled
from tests.files import noted
from tests.flows.test_contact_changes import contacts, days_pass, removes, ruled
from tests.flows.test_legal_bases import _ground, _relies
from tests.world import JPEG, NAME, NIK, OTHER_NIK, PHONE, OfficerAt, World, csrf_of, path_of

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; script-src 'self'"
)


@pytest.fixture
async def given(world: World) -> tuple[World, OfficerAt, str, str]:
    """(world, officer, the citizen with a paper on file, the path of the own list)"""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    await world.allows((await world.asks(officer, subject))["link"])
    return world, officer, subject, await trail_of(world)


async def trail_of(world: World) -> str:
    return path_of(next(m["link"] for m in reversed(await world.inbox("notice")) if m.get("link")))


def options_of(page: httpx.Response) -> dict[str, Any]:
    found = re.search(r'data-options="([^"]+)"', page.text)
    assert found, page.text[:800]
    return dict(json.loads(html.unescape(found.group(1))))


async def shows(
    browser: httpx.AsyncClient, path: str, device: Authenticator, step: str = "passkey", **twists: Any
) -> httpx.Response:
    """As the page's script does: what it was asked, signed, in the ordinary form."""
    page = await browser.get(f"{path}/passkey")
    assert page.status_code == 200, page.text
    signed = (device.create if step == "register" else device.get)(options_of(page), **twists)
    form = {"step": step, "csrf": csrf_of(page), "credential": json.dumps(signed)}
    return await browser.post(f"{path}/passkey", data=form)


async def registered(world: World, path: str) -> tuple[Authenticator, httpx.AsyncClient]:
    """A passkey of who holds this list, and the browser that has passed."""
    phone, device = world.browser(), Authenticator(world.origin)
    await hours_pass(world)
    await world.proves(phone, world.origin + path)
    kept = await shows(phone, path, device, "register")
    assert (kept.status_code, kept.headers["location"]) == (303, f"{path}/passkey")
    return device, phone


async def hours_pass(world: World) -> None:
    """Three codes an hour are enough for anybody but a test."""
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE challenge SET sent_at = sent_at - interval '2 hours'")


async def test_registered_and_used(given: tuple[World, OfficerAt, str, str]) -> None:
    """At a request and at the own list; the record says by what it was proved, and no code was sent."""
    world, officer, subject, path = given
    device, _ = await registered(world, path)
    codes = len(await world.inbox("otp"))
    asked = await world.asks(officer, subject)
    phone = world.browser()
    passed = await shows(phone, path_of(asked["link"]), device)
    assert (passed.status_code, passed.headers["location"]) == (303, path_of(asked["link"]))
    page = await phone.get(path_of(asked["link"]))
    form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
    assert "Persetujuan tercatat" in (await phone.post(path_of(asked["link"]), data=form)).text
    other = world.browser()
    assert (await shows(other, path, device)).status_code == 303
    told = (await other.get(path)).text
    assert "Riwayat akses" in told
    for words in ("Kunci sandi baru didaftarkan", "Anda membuktikan diri dengan kunci sandi"):
        assert words in told
    assert len(await world.inbox("otp")) == codes
    consent = (await officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    record = await _record(world, consent)
    assert (record["authn"]["method"], record["authn"]["assurance"]) == ("passkey", "substantial")
    assert record["authn"]["at"] is not None


async def _record(world: World, consent: str) -> dict[str, Any]:
    import base64

    async with world.parts.database.transaction() as transaction:
        row = await transaction.raw.fetchrow("SELECT subject_ref, record FROM consent WHERE id = $1", consent)
    jws = (await world.parts.keyring.unseal(row["subject_ref"], "consent", bytes(row["record"]))).decode()
    payload = jws.split("\n")[0].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


async def test_every_contact_hears_of_it(given: tuple[World, OfficerAt, str, str]) -> None:
    world, _, _, path = given
    _, phone = await registered(world, path)
    page = await phone.get(f"{path}/passkey")
    (own,) = re.findall(r'name="passkey" value="([^"]+)"', page.text)
    gone = await phone.post(f"{path}/passkey", data={"step": "remove", "csrf": csrf_of(page), "passkey": own})
    assert gone.status_code == 303
    told = [(m["to"], m["text"]) for m in (await world.inbox("notice"))[-2:]]
    assert [to for to, _ in told] == [PHONE, PHONE]
    assert "kunci sandi (passkey) Anda didaftarkan" in told[0][1]
    assert "kunci sandi (passkey) Anda dihapus" in told[1][1]


async def test_the_pages_tell_nothing(given: tuple[World, OfficerAt, str, str]) -> None:
    """A22: with a passkey and without one the same page, which names no credential; opening changes nothing; its own policy."""
    world, officer, subject, path = given
    asked = await world.asks(officer, subject)
    link = path_of(asked["link"])
    before = await world.browser().get(f"{link}/passkey")
    device, _ = await registered(world, path)
    entries = len(await world.entries())
    after = await world.browser().get(f"{link}/passkey")

    def bare(page: httpx.Response) -> str:
        return re.sub(r'(data-options|value)="[^"]*"', "", page.text)

    assert bare(before) == bare(after)
    for page in (before, after):
        assert page.headers["content-security-policy"] == POLICY
        assert page.headers["cache-control"] == "no-store"
        options = options_of(page)
        assert options.get("allowCredentials", []) == []
        assert options["userVerification"] == "required"
        for secret in (NIK, NAME, PHONE, device.credential_id, "KTP"):
            assert secret not in page.text
        assert "memerlukan JavaScript" in page.text
    assert len(await world.entries()) == entries
    assert "script" not in (await world.browser().get(link)).headers["content-security-policy"]
    script = await world.client.get("/static/passkey.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert len(script.text.splitlines()) <= 100
    assert not re.search(r"https?:|fetch|XMLHttpRequest|eval|localStorage", script.text)


async def test_bound_to_target_and_browser_and_once(given: tuple[World, OfficerAt, str, str]) -> None:
    """A26: the answer to another link's question, to another browser's, and the same once more."""
    world, officer, subject, path = given
    device, _ = await registered(world, path)
    link = path_of((await world.asks(officer, subject))["link"])
    phone, other = world.browser(), world.browser()
    at_link, at_trail = await phone.get(f"{link}/passkey"), await phone.get(f"{path}/passkey")
    elsewhere = await other.get(f"{link}/passkey")
    for asked in (at_trail, elsewhere):
        form = {
            "step": "passkey", "csrf": csrf_of(at_link),
            "credential": json.dumps(device.get(options_of(asked))),
        }  # fmt: skip
        refused = await phone.post(f"{link}/passkey", data=form)
        assert refused.status_code == 422
        assert "Kunci sandi tidak dapat dipakai" in refused.text
        assert (await world.entries())[-1]["result"]["reason"] == "passkey_refused"
    form["credential"] = json.dumps(device.get(options_of(at_link)))
    assert (await phone.post(f"{link}/passkey", data=form)).status_code == 303
    # Left, and the very same answer again: it is spent.
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE challenge SET verified_at = NULL")
    assert (await phone.post(f"{link}/passkey", data=form)).status_code == 422
    assert (await world.entries())[-1]["result"]["reason"] == "passkey_replayed"


async def test_whose_passkey(given: tuple[World, OfficerAt, str, str]) -> None:
    """Another citizen's, an officer's and an unknown one prove nothing, and fill nobody's list."""
    world, officer, subject, _path = given
    other = await world.enrols(officer, OTHER_NIK)
    await world.stores(officer, other, content=noted(JPEG, b"other"))
    await world.allows((await world.asks(officer, other))["link"])
    theirs, _ = await registered(world, await trail_of(world))
    staff, _ = await enrolled(world, officer)
    unknown = Authenticator(world.origin)
    unknown.handle = theirs.handle
    link = path_of((await world.asks(officer, subject))["link"])
    before = len(await world.entries())
    for device in (theirs, staff, unknown):
        assert (await shows(world.browser(), link, device)).status_code == 422
    assert len(await world.entries()) == before
    # And a citizen's signs no officer in.
    begun = (await world.client.post("/v1/session/passkey/options")).json()
    answer = await world.browser().post("/v1/session/passkey", json=theirs.get(begun))
    assert answer.status_code == 401


async def test_it_rests_like_a_contact(given: tuple[World, OfficerAt, str, str]) -> None:
    """Who held the phone for a moment: 72 hours, in which the citizen hears of it. Then it serves where no contact does."""
    world, _officer, subject, path = given
    colleague = await world.officer(name="rekan")
    device, phone = await registered(world, path)
    ruled(world)
    await days_pass(world)
    link = path_of((await world.asks(colleague, subject))["link"])
    early = await shows(world.browser(), link, device)
    assert early.status_code == 422
    assert "baru saja didaftarkan" in early.text
    assert (await world.entries())[-1]["result"]["reason"] == "passkey_too_new"
    assert "Dapat dipakai mulai" in (await phone.get(f"{path}/passkey")).text
    contact = (await contacts(colleague, subject))[0]["id"]
    await removes(colleague, subject, contact)
    assert (await world.asks(colleague, subject))["mode_reason"] == "no_contact"
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE citizen_passkey SET added_at = added_at - interval '72 hours'")
    asked = await world.asks(colleague, subject)
    assert (asked["mode"], asked["mode_reason"]) == ("link", None)
    assert (await shows(world.browser(), path_of(asked["link"]), device)).status_code == 303


async def test_registering_needs_the_factor(given: tuple[World, OfficerAt, str, str]) -> None:
    """A22: the link alone registers nothing, whatever is posted; judged in the batch as well."""
    world, _, _subject, path = given
    stranger = world.browser()
    page = await stranger.get(f"{path}/passkey")
    assert "data-make" not in page.text
    made = Authenticator(world.origin).create({"challenge": "AAAA", "user": {"id": "AAAA"}})
    before = len(await world.entries())
    for form in (
        {"step": "register", "credential": json.dumps(made)},
        {"step": "remove", "passkey": "A" * 43},
    ):
        answer = await stranger.post(f"{path}/passkey", data={"csrf": csrf_of(page), **form})
        assert answer.status_code == 403
    assert len(await world.entries()) == before
    async with world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT count(*) FROM citizen_passkey") == 0


async def test_what_it_proved_ends_with_it(given: tuple[World, OfficerAt, str, str]) -> None:
    """A lost phone: the passkey is removed in another browser, and the one that had passed by it has not any more."""
    world, officer, subject, path = given
    device, phone = await registered(world, path)
    lost = world.browser()
    link = path_of((await world.asks(officer, subject))["link"])
    assert (await shows(lost, link, device)).status_code == 303
    assert (await shows(lost, path, device)).status_code == 303
    page = await phone.get(f"{path}/passkey")
    form = {"step": "remove", "csrf": csrf_of(page), "passkey": device.credential_id}
    for _ in range(2):  # a second tap changes nothing
        assert (await phone.post(f"{path}/passkey", data=form)).status_code == 303
    assert "Riwayat akses" not in (await lost.get(path)).text
    assert 'name="document"' not in (await lost.get(link)).text
    refused = await shows(lost, link, device)
    assert refused.status_code == 422
    assert (await world.entries())[-1]["result"]["reason"] == "passkey_inactive"
    again = await shows(phone, path, device, "register")
    assert again.status_code == 422
    assert "sudah pernah didaftarkan" in again.text


async def test_five_of_one_citizen_and_a_copy(given: tuple[World, OfficerAt, str, str]) -> None:
    world, _, _, path = given
    device, phone = await registered(world, path)
    for _ in range(PASSKEYS_OF_ONE_CITIZEN - 1):
        assert (await shows(phone, path, Authenticator(world.origin), "register")).status_code == 303
    full = await shows(phone, path, Authenticator(world.origin), "register")
    assert full.status_code == 422
    assert "mencapai batas" in full.text
    assert (await shows(world.browser(), path, device, count=9)).status_code == 303
    assert (await shows(world.browser(), path, device, count=9)).status_code == 422
    assert (await world.entries())[-1]["result"]["reason"] == "passkey_cloned"


@pytest.mark.parametrize("credential", ["", "{}", "null", "[" * 5_000, '{"id": 1}', "é", "x" * 20_000])
async def test_what_no_script_of_ours_writes(
    given: tuple[World, OfficerAt, str, str], credential: str
) -> None:
    world, _, _, path = given
    phone = world.browser()
    page = await phone.get(f"{path}/passkey")
    before = len(await world.entries())
    form = {"step": "passkey", "csrf": csrf_of(page), "credential": credential}
    assert (await phone.post(f"{path}/passkey", data=form)).status_code == 422
    assert (await phone.post(f"{path}/passkey", data={**form, "csrf": "0"})).status_code in {403, 422}
    assert len(await world.entries()) == before


async def test_a_passkey_is_no_code(given: tuple[World, OfficerAt, str, str]) -> None:
    """Its row is nothing that could be typed, uses up none of the three codes an hour, and is not the newest code."""
    world, officer, subject, path = given
    device, _ = await registered(world, path)
    await hours_pass(world)
    asked = await world.asks(officer, subject)
    link = path_of(asked["link"])
    for _ in range(4):
        assert (await shows(world.browser(), link, device)).status_code == 303
    phone = world.browser()
    page = await phone.get(link)
    await phone.post(link, data={"step": "send", "csrf": csrf_of(page)})
    code = (await world.inbox("otp"))[-1]["code"]
    assert (await shows(world.browser(), link, device)).status_code == 303
    typed = await phone.post(link, data={"step": "code", "csrf": csrf_of(page), "code": code})
    assert typed.status_code == 303
    async with world.parts.database.transaction() as transaction:
        rows = await CHALLENGES.load(transaction.raw, "target_id", [asked["id"]])
    assert sorted(row.method for row in rows) == ["otp_registered", *["passkey"] * 5]
    assert CHALLENGE_LIFE_S == 300


async def test_dead_links(given: tuple[World, OfficerAt, str, str]) -> None:
    """A21: the way to a decided, an expired and an unknown request is one page."""
    world, officer, subject, _ = given
    asked = await world.asks(officer, subject)
    await hours_pass(world)
    await world.allows(asked["link"])
    for path in (path_of(asked["link"]), "/p/" + "a" * 45, "/w/" + "a" * 45):
        assert (await world.browser().get(f"{path}/passkey")).status_code == 410
        form = {"step": "passkey", "csrf": "0"}
        assert (await world.browser().post(f"{path}/passkey", data=form)).status_code == 410


async def test_a_notice_by_law_is_read_with_one_too(given: tuple[World, OfficerAt, str, str]) -> None:
    """A way that a page offers is one that leads somewhere (M20)."""
    world, officer, subject, _ = given
    device, _ = await registered(world, await trail_of(world))
    await hours_pass(world)
    await _ground(world)
    path, phone = path_of((await _relies(officer, subject)).json()["link"]), world.browser()
    assert (await shows(phone, path, device)).status_code == 303
    assert "bukan permintaan persetujuan" in (await phone.get(path)).text
