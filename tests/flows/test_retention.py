"""When papers are due: by class and type, since the last use, and what keeps them (L01, L04, L24, L26, M41)."""

from __future__ import annotations

from tests.files import noted
from tests.flows.retaining import Given, ages, given, granted, live_again, whole
from tests.flows.test_rights import cases, phone_of, settles
from tests.flows.test_withdrawal_clock import answers, owed
from tests.world import JPEG, OTHER_NIK, PDF

__all__ = ["given", "whole"]


async def test_a_paper_is_due_when_its_time_is_over(given: Given) -> None:
    """L04, M41: 24 months after it came in, not a day before; a pairwise reference, the digest, no name and no NIK."""
    assert (await given.due())["total"] == 0
    await ages(given.world, 23)
    assert (await given.due())["total"] == 0
    await ages(given.world, 1)
    due = await given.due()
    (paper,) = due["data"]
    assert (due["total"], due["next_cursor"]) == (1, None)
    assert {name: paper[name] for name in ("document_id", "type", "subject_ref", "reason", "retention_months", "legal_hold")} == {
        "document_id": given.document,
        "type": "KTP",
        "subject_ref": given.subject,
        "reason": "unused",
        "retention_months": 24,
        "legal_hold": False,
    }  # fmt: skip
    assert [version["version"] for version in paper["versions"]] == [1]
    async with given.world.parts.database.reading() as reading:
        row = await reading.raw.fetchrow("SELECT sha256, taken_at FROM document_version")
    assert (paper["versions"][0]["sha256"], paper["last_used_at"]) == (
        row["sha256"],
        row["taken_at"].isoformat(),
    )


async def test_specific_data_are_kept_shorter_and_health_shortest(given: Given) -> None:
    """L01: a family card 12 months, a health certificate one."""
    world = given.world
    await world.stores(given.officer, given.subject, "KK", PDF)
    await world.stores(given.officer, given.subject, "SK_SEHAT", noted(JPEG, b"sehat"))

    async def types() -> list[str]:
        return sorted(row["type"] for row in (await given.due())["data"])

    assert await types() == []
    await ages(world, 1)
    assert await types() == ["SK_SEHAT"]
    await ages(world, 11)
    assert await types() == ["KK", "SK_SEHAT"]
    await ages(world, 12)
    assert await types() == ["KK", "KTP", "SK_SEHAT"]


async def test_every_use_begins_the_time_anew(given: Given) -> None:
    """L04: another copy, a grant, a release; the same bytes sent again are no new copy."""
    world = given.world
    await ages(world, 24)
    assert await given.ids() == [given.document]
    consent, ticket = await granted(given)  # the grant
    await ages(world, 1)
    assert await given.ids() == []
    await ages(world, 23)
    assert await given.ids() == [given.document]
    await live_again(world)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent SET valid_from = valid_from + interval '24 months' - interval '1 day'"
        )
    ticket = (await given.officer.post("/v1/tickets", json={"consent_id": consent})).json()
    assert (await world.fetches(given.officer, ticket)).content == JPEG  # the release
    await world.outcomes()
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent SET valid_from = valid_from - interval '24 months', valid_until = clock_timestamp()"
        )
    assert await given.ids() == []
    await ages(world, 24)
    assert await given.ids() == [given.document]
    (paper,) = (await given.due())["data"]
    async with world.parts.database.reading() as reading:
        released = await reading.raw.fetchval("SELECT released_at FROM ticket_use")
    assert paper["last_used_at"] == released.isoformat()
    assert (
        await world.stores(given.officer, given.subject, content=noted(JPEG, b"newer"))
    ).status_code == 201
    assert await given.ids() == []  # the copy


async def test_what_is_under_way_keeps_a_paper(given: Given) -> None:
    """L24, L26: a request that waits, a live consent, a frozen one, a case, a recipient who owes an answer."""
    world = given.world
    await ages(world, 30)
    assert await given.ids() == [given.document]
    asked = await world.asks(given.officer, given.subject)
    assert await given.ids() == []
    assert (await world.allows(asked["link"])).status_code == 200
    await ages(world, 30)
    assert await given.ids() == [given.document]
    await live_again(world)
    assert await given.ids() == []
    phone = await phone_of(world)
    consent = (await given.officer.get(f"/v1/consent-requests/{asked['id']}")).json()["consent_id"]
    assert (await phone.asks("objection", f"consent:{consent}", "not_me")).status_code == 200
    assert await given.ids() == []  # frozen, and a case
    (case,) = await cases(given.dpo)
    assert (await settles(given.dpo, case["id"], "explained")).status_code == 200
    assert await given.ids() == []  # frozen
    await ages(world, 30)
    assert await given.ids() == [given.document]
    assert (await phone.asks("correction", f"document:{given.document}", "wrong")).status_code == 200
    assert await given.ids() == []
    (case,) = await cases(given.dpo)
    assert (await settles(given.dpo, case["id"], "refused")).status_code == 200
    assert await given.ids() == [given.document]


async def test_a_recipient_who_owes_an_answer_keeps_it(given: Given) -> None:
    world = given.world
    consent, ticket = await granted(given)
    assert (await world.fetches(given.officer, ticket)).status_code == 200
    await world.outcomes()
    gone = await given.officer.post(f"/v1/consents/{consent}/withdrawal", json={})
    assert gone.status_code == 200, gone.text
    await ages(world, 30)
    assert await given.ids() == []
    (row,) = await owed(given.officer)
    assert (await answers(given.officer, row["id"], answer="deleted")).status_code == 200
    assert await given.ids() == [given.document]


async def test_what_another_s_consent_rests_on(given: Given) -> None:
    """A paper that shows why somebody may decide is kept as long as the request waits or the consent lives, of whomever it is."""
    world = given.world
    other = await world.enrols(given.officer, OTHER_NIK, "+6281200009902")
    assert (await world.stores(given.officer, other, content=noted(JPEG, b"other"))).status_code == 201
    await ages(world, 24)
    proposed = await given.proposed(document_ids=[given.document])
    asked = await world.asks(given.officer, other)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(
            "UPDATE consent_request SET evidence = jsonb_build_array(jsonb_build_object('document_id', $2::text))::text WHERE id = $1",
            asked["id"],
            given.document,
        )
    assert await given.ids() == []
    (paper,) = (await given.approves(proposed))["papers"]
    assert (paper["state"], paper["left_out_because"]) == ("left_out", "paper_in_use")
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE consent_request SET state = 'expired'")
    assert given.document in await given.ids()
    assert (await given.destroys(document_ids=[given.document]))["papers"][0]["state"] == "destroyed"


async def test_a_replaced_version_goes_by_itself(whole: Given) -> None:
    """L04: twelve months after another one took its place, also while the paper itself is in use; the newest stays readable."""
    given, world = whole, whole.world
    newer = noted(JPEG, b"newer")
    assert (await world.stores(given.officer, given.subject, content=newer)).status_code == 201
    await ages(world, 11)
    assert await given.ids() == []
    await ages(world, 1)
    _, ticket = await granted(given)
    (paper,) = (await given.due())["data"]
    assert (paper["reason"], paper["retention_months"]) == ("superseded", 12)
    assert [version["version"] for version in paper["versions"]] == [1]
    done = await given.destroys()
    assert [(p["state"], p["reason"]) for p in done["papers"]] == [("destroyed", "superseded")]
    assert await given.states() == [("KTP", 1, "erased"), ("KTP", 2, "ready")]
    assert (await world.fetches(given.officer, ticket)).content == newer
    assert await given.ids() == []
