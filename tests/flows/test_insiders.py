"""What one officer alone tries to do in a citizen's name (A27, A62; ``protocols.md`` 4.1), each beside what others may go on doing."""

from __future__ import annotations

from tests.authenticator import Authenticator
from tests.flows.test_administration import told
from tests.flows.test_citizen_passkeys import hours_pass, shows
from tests.flows.test_contact_changes import NEW, adds, days_pass, ruled
from tests.flows.test_legal_bases import _ground, _relies
from tests.flows.test_limits import _limited
from tests.flows.test_rights import phone_of, state_of
from tests.world import NIK, World, csrf_of, path_of

COPY = {"kind": "copy", "reason": "other", "about": "everything"}


async def test_a_passkey_is_no_further_from_an_officer_than_the_contact_it_came_from(world: World) -> None:
    """A27: the officer's own number, rested; from it a passkey, rested too; neither serves the officer's own request."""
    ruled(world)
    evil = await world.officer()
    subject = await world.enrols(evil, phone=None)
    await world.stores(evil, subject)
    assert (await adds(evil, subject, NEW, "whatsapp")).status_code == 201
    await days_pass(world)
    assert (await world.asks(evil, subject))["mode_reason"] == "contact_set_by_asker"
    assert (await evil.post(f"/v1/subjects/{subject}/rights-requests", json=COPY)).status_code == 201
    own = [m for m in await world.inbox("notice") if m.get("link") and m["to"] == NEW][-1]["link"]
    phone, device = world.browser(), Authenticator(world.origin)
    await world.proves(phone, own)
    assert (await shows(phone, path_of(own), device, "register")).status_code == 303
    second = Authenticator(world.origin)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE citizen_passkey SET added_at = added_at - interval '73 hours'")
    # Nor does another passkey, registered by the first one.
    other = world.browser()
    assert (await shows(other, path_of(own), device)).status_code == 303
    assert (await shows(other, path_of(own), second, "register")).status_code == 303
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE citizen_passkey SET added_at = added_at - interval '73 hours'")
    asked = await world.asks(evil, subject)
    assert (asked["mode"], asked["mode_reason"]) == ("assisted", "contact_set_by_asker")
    honest = await world.officer(name="jujur")
    asked = await world.asks(honest, subject)
    assert asked["mode"] == "link"
    await world.proves(world.browser(), asked["link"])
    async with (
        world.parts.database.transaction() as transaction
    ):  # the request as if the evil one had made it
        await transaction.raw.execute(
            "UPDATE consent_request SET asked_by = (SELECT set_by FROM contact LIMIT 1) WHERE id = $1",
            asked["id"],
        )
    for each in (device, second):
        assert (await shows(world.browser(), path_of(asked["link"]), each)).status_code == 422
        assert (await world.entries())[-1]["result"]["reason"] == "contact_set_by_asker"


async def test_typing_rights_in_reaches_citizens_like_every_act(world: World) -> None:
    """A62: suspending people one after another, with nothing but their numbers."""
    enroller = await world.officer("POLRI")
    refs = [await world.enrols(enroller, f"647209170890991{serial}", None) for serial in range(3)]
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    refs.append(await world.enrols(enroller, NIK, None))
    _limited(world, citizens_per_officer_hour=1)
    evil = await world.officer("POLRI", "jahat")
    suspended = [
        await evil.post(f"/v1/subjects/{ref}/rights-requests", json={**COPY, "kind": "suspension"})
        for ref in refs
    ]
    assert [answer.status_code for answer in suspended] == [201, 429, 429, 429]
    assert (await world.entries())[-1]["result"]["reason"] == "citizens_spent"
    assert await state_of(world, consent) == "active"
    phone = await phone_of(world)
    assert (
        await phone.asks("suspension", "everything", "other")
    ).status_code == 200  # the citizen's own hand
    assert await state_of(world, consent) == "frozen"


async def test_cases_typed_in_keep_no_citizen_from_objecting(world: World) -> None:
    """A counter's twenty cases fill the counter's room alone."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    police = await world.officer("POLRI")
    ref = await world.enrols(police, NIK, None)
    for _ in range(20):
        assert (await police.post(f"/v1/subjects/{ref}/rights-requests", json=COPY)).status_code == 201
    full = await police.post(f"/v1/subjects/{ref}/rights-requests", json=COPY)
    assert told(full) == (409, "BK-2085")
    phone = await phone_of(world)
    assert (await phone.asks("objection", f"consent:{consent}", "not_me")).status_code == 200
    assert await state_of(world, consent) == "frozen"


async def test_what_widens_is_not_done_in_an_officers_browser(world: World) -> None:
    """The code was read out at the counter: nothing goes on, closes, leaves or is registered there; stopping is always possible."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    phone = await phone_of(world)
    assert (await phone.asks("objection", f"consent:{consent}", "not_me")).status_code == 200
    await hours_pass(world)
    await world.proves(officer.client, world.origin + phone.path)
    page = await officer.client.get(phone.path)
    for form in (
        {"step": "thaw", "consent": consent},
        {"step": "export", "format": "json"},
        {"step": "close"},
    ):
        there = await officer.client.post(phone.path + "/hak", data={"csrf": csrf_of(page), **form})
        assert there.status_code == 403
        assert "Peramban ini sedang dipakai petugas" in there.text
        entry = (await world.entries())[-1]
        assert (entry["type"], entry["act"], entry["result"]["reason"]) == (
            "factor", "officer_browser", "officer_browser",
        )  # fmt: skip
        assert entry["actor"].startswith("officer:")
    assert await state_of(world, consent) == "frozen"
    assert (await officer.post("/v1/tickets", json={"consent_id": consent})).status_code == 403
    assert (
        await shows(officer.client, phone.path, Authenticator(world.origin), "register")
    ).status_code == 403
    stopped = await officer.client.post(
        phone.path, data={"step": "withdrawn", "csrf": csrf_of(page), "consent": consent}
    )
    assert stopped.status_code in {200, 303}
    assert await state_of(world, consent) == "withdrawn"


async def test_notices_by_law_are_no_flood(world: World) -> None:
    """Three an hour from one agency to one citizen, as for questions."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    await _ground(world)
    relied = [(await _relies(officer, subject)).status_code for _ in range(4)]
    assert relied == [201, 201, 201, 429]
    assert (await world.entries())[-1]["result"]["reason"] == "messages_spent"


async def test_who_tried_to_take_back_anothers_consent_is_named(world: World) -> None:
    """The entry names the agency whose officer tried, not the one whose consent it is."""
    officer = await world.officer()
    consent, _ = await world.consented(officer)
    police = await world.officer("POLRI")
    assert (await police.post(f"/v1/consents/{consent}/withdrawal")).status_code == 404
    entry = (await world.entries())[-1]
    assert (entry["agency"], entry["recipient"]) == (police.agency, officer.agency)
    assert entry["result"]["reason"] == "consent_of_another_agency"
    assert (await officer.post(f"/v1/consents/{consent}/withdrawal")).status_code == 200
    entry = (await world.entries())[-1]
    assert (entry["agency"], entry.get("recipient")) == (officer.agency, None)
