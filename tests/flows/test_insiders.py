"""What one insider tries alone, and what is left lying about (A33, A35, A62, A63). Each was possible once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from auth.callers import Officer, csrf_of, new_session_secret, session_of
from auth.verdict import ALLOWED
from exchange import passwords
from exchange.flows import run_officers, turn_keys
from exchange.flows import sign_in as flow
from exchange.limits import Limits, Reach
from exchange.opening import OpeningHours
from exchange.sessions import admit
from storage.agencies import OFFICERS
from storage.factors import TRIES
from storage.ledger.facts import Facts, Need
from storage.ledger.work import Event, Work
from tests.flows.test_administration import (
    NEW_PASSWORD,
    Admin,
    _approved,
    _proposed,
    added,
    admin,
    id_of,
    last,
    let_in,
    signed_in,
    told,
)
from tests.world import NIK, PASSWORD, SITE, OfficerAt, World


async def _without_password(world: World, username: str, role: str) -> str:
    """As the operator invites one: `officer add --invite`."""
    parts = world.parts
    return await run_officers.add_officer(
        parts.keyring, parts.appender, username=username, name="X",
        agency_id=f"DPMPTSP@{SITE}", counter="K", role=role, password_hash="",
    )  # fmt: skip


async def _resumes(boss: Admin, officer_id: str) -> Any:
    address = f"/v1/officers/{officer_id}/suspension"
    return await boss.at.client.delete(address, headers={"X-CSRF-Token": boss.at.csrf})


@pytest.mark.parametrize("role", ["site_admin", "officer"])
async def test_whom_the_operator_invited_nobody_else_lets_in(world: World, role: str) -> None:
    """Who has no password yet is nobody's to become."""
    boss = await admin(world, "jahat")
    target = await _without_password(world, "situs", role)
    answer = await boss.at.post(f"/v1/officers/{target}/admission")
    assert told(answer) == ((403, "BK-1017") if role == "site_admin" else (409, "BK-1031"))
    assert not (await last(world))["result"]["allowed"]


@pytest.mark.parametrize(
    ("actor", "victim", "act"),
    [
        ("agency_admin", "site_admin", "suspension"),
        ("agency_admin", "auditor", "unlocking"),
        ("supervisor", "agency_admin", "unlocking"),
        ("supervisor", "site_admin", "unlocking"),
    ],
)
async def test_nobody_has_power_over_somebody_above(world: World, actor: str, victim: str, act: str) -> None:
    boss, above = await admin(world, "pelaku", actor), await signed_in(world, "korban", victim)
    assert told(await boss.at.post(f"/v1/officers/{await id_of(world, above)}/{act}")) == (403, "BK-1017")
    assert (await last(world))["result"]["reason"] == "role_missing"
    assert (await above.get("/v1/session")).status_code == 200


async def test_whom_the_site_suspended_no_agency_lets_come_back(world: World) -> None:
    """And a session that was open then stays closed: it may be why."""
    operator, boss = await admin(world, "jaga", "operator", "POLRI"), await admin(world, "kepala")
    site = await admin(world, "situs", "site_admin", "POLRI")
    officer = await world.officer()
    officer_id = await id_of(world, officer)
    assert (await operator.at.post(f"/v1/officers/{officer_id}/suspension")).status_code == 204
    assert told(await _resumes(boss, officer_id)) == (403, "BK-1017")
    assert (await _resumes(site, officer_id)).status_code == 204
    assert told(await officer.get("/v1/session")) == (401, "BK-1001")
    # What the agency suspended, the agency resumes.
    assert (await boss.at.post(f"/v1/officers/{officer_id}/suspension")).status_code == 204
    assert (await _resumes(boss, officer_id)).status_code == 204


async def test_a_suspension_ends_codes_that_are_out(world: World) -> None:
    boss, other = await admin(world, "kepala"), await admin(world, "penyelia", "supervisor")
    officer_id = await added(boss)
    code = await let_in(other, officer_id)
    assert (await boss.at.post(f"/v1/officers/{officer_id}/suspension")).status_code == 204
    assert (await _resumes(boss, officer_id)).status_code == 204
    answer = await world.client.post("/v1/invitation", json={"code": code, "password": NEW_PASSWORD})
    assert told(answer) == (403, "BK-1020")


async def test_another_role_ends_codes_that_are_out(world: World) -> None:
    boss, other = await admin(world, "satu"), await admin(world, "dua")
    officer_id = await added(boss)
    code = await let_in(other, officer_id)
    proposal = (await _proposed(other, "appoint", officer_id, role="agency_admin")).json()["id"]
    assert (await _approved(boss, proposal)).status_code == 200
    answer = await world.client.post("/v1/invitation", json={"code": code, "password": NEW_PASSWORD})
    assert told(answer) == (403, "BK-1020")


async def test_an_old_code_costs_nothing_and_keeps_nobody_from_working(world: World) -> None:
    """It leaves no entry, no hash is made for it, and its refusals are not the officer's."""
    officer_id = await _without_password(world, "petugas", "officer")
    parts = world.parts
    invited = await run_officers.invite(parts.keyring, parts.appender, officer_id=officer_id)
    body = {"code": invited.code, "password": PASSWORD}
    assert (await world.client.post("/v1/invitation", json=body)).status_code == 200
    officer = await world.signs_in("petugas")
    before = len(await world.entries())
    parts.sign_ins._clock = lambda: 30.0
    answers = [await world.client.post("/v1/invitation", json=body) for _ in range(75)]
    assert {told(answer) for answer in answers} == {(403, "BK-1020"), (429, "BK-1006")}
    assert len(await world.entries()) == before
    assert (await officer.post("/v1/subjects", json={"nik": NIK, "name": "X"})).status_code == 201


async def test_a_password_that_was_reset_meanwhile_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verifying is slow, and what was verified may not be the password any more when the batch judges."""
    one, two = await admin(world, "satu"), await admin(world, "dua")
    officer = await world.officer()
    proposal = (await _proposed(one, "reset_password", await id_of(world, officer))).json()["id"]
    reached, gate, real = asyncio.Event(), asyncio.Event(), passwords.verified

    async def slow(stored: str | None, password: str) -> bool:
        answer = await real(stored, password)
        if not reached.is_set():
            reached.set()
            await gate.wait()
        return answer

    browser = world.browser()
    monkeypatch.setattr(flow, "verified", slow)
    body = {"username": officer.username, "password": PASSWORD}
    late = asyncio.create_task(browser.post("/v1/session", json=body))
    await reached.wait()
    code = (await _approved(two, proposal)).json()["code"]
    accepted = await world.client.post("/v1/invitation", json={"code": code, "password": NEW_PASSWORD})
    assert accepted.status_code == 200
    gate.set()
    assert told(await late) == (401, "BK-1002")


async def test_nobody_rejects_what_is_about_themselves_or_above_them(world: World) -> None:
    site, boss = await admin(world, "situs", "site_admin", "POLRI"), await admin(world, "kepala")
    other = await admin(world, "wakil")
    about = (await _proposed(site, "appoint", await id_of(world, boss.at), role="officer")).json()["id"]
    assert told(await boss.at.post(f"/v1/proposals/{about}/rejection")) == (403, "BK-1018")
    above = (await _proposed(site, "resume_agency", f"DPMPTSP@{SITE}")).json()["id"]
    assert told(await boss.at.post(f"/v1/proposals/{above}/rejection")) == (403, "BK-1017")
    assert (await other.at.post(f"/v1/proposals/{about}/rejection")).status_code == 200
    own = (await _proposed(boss, "appoint", await id_of(world, boss.at), role="dpo")).json()["id"]
    assert (await boss.at.post(f"/v1/proposals/{own}/rejection")).status_code == 200  # taken back


async def _by_provider(world: World, username: str, *, strong: bool) -> OfficerAt:
    """A session as single sign-on makes it."""
    parts = world.parts
    officer_id = await run_officers.id_of(parts.database, username)
    async with parts.database.reading() as reading:
        row = (await OFFICERS.load(reading.raw, "id", [officer_id]))[0]
    secret, trail = new_session_secret(), parts.keyring.site_trail()
    await parts.appender.submit(
        Work(
            "officer", "", trail, [Need(TRIES, officer_id)], lambda _facts, _now: ALLOWED,
            lambda *_: [Event("officer", trail, f"officer:{officer_id}", {"act": "sign_in"})],
            lambda facts, now, _verdict: admit(
                facts, row, session_of(secret), now, strong=strong, provider_session="issuer sid"
            ),
        )
    )  # fmt: skip
    browser = world.browser()
    browser.cookies.set("berkas", secret)
    return OfficerAt(browser, username, row.agency_id, csrf_of(secret))


async def test_a_factor_on_record_is_not_one_that_was_shown(world: World) -> None:
    """Whoever stole the account at the provider has not the authenticator that is enrolled here."""
    await admin(world, "kepala")
    body = {"username": "pegawai", "name": "B", "counter": "9"}
    weak = await _by_provider(world, "kepala", strong=False)
    assert told(await weak.post("/v1/officers", json=body)) == (403, "BK-1019")
    strong = await _by_provider(world, "kepala", strong=True)
    assert (await strong.post("/v1/officers", json=body)).status_code == 201


async def test_no_agency_reads_of_anothers_officers(world: World) -> None:
    """Also where somebody of the own agency acted over the whole site."""
    site = await admin(world, "situs", "site_admin")
    dpo = await signed_in(world, "pelindung", "dpo")
    other = await id_of(world, await world.officer("POLRI"))
    assert (await _proposed(site, "take_away_factor", other)).status_code == 201
    assert other not in (await dpo.get("/v1/administration")).text
    assert other in (await site.at.get("/v1/administration")).text


async def test_who_was_stopped_does_not_read_of_it(world: World) -> None:
    supervisor, other = (
        await signed_in(world, "satu", "supervisor"),
        await signed_in(world, "dua", "supervisor"),
    )
    for number in range(6):
        await supervisor.post("/v1/subjects", json={"nik": f"{int(NIK) + number:016d}", "name": "X"})
    assert (await supervisor.get("/v1/alerts")).json() == {"alerts": []}
    assert len((await other.get("/v1/alerts")).json()["alerts"]) == 1


async def test_who_counts_numbers_up_by_enrolling_is_stopped_for_the_hour(world: World) -> None:
    officer = await world.officer()
    numbers = [int(NIK) + step for step in (*range(6), 40, 41)]
    answers = [
        await officer.post("/v1/subjects", json={"nik": f"{number:016d}", "name": "X"}) for number in numbers
    ]
    assert [answer.status_code for answer in answers] == [201] * 4 + [429] * 4


def test_closing_time_counts_whom_it_closes_to() -> None:
    """Whoever was served until closing is looked at once more; those who come afterwards are counted apart."""
    limits = Limits(30, 600, 1500, 3, OpeningHours.parse("mon-sun 07:30-16:30"), 2, 3, "Asia/Makassar")
    who = Officer("off_1", "", "A@1", "A", "1", "", "officer", "s_1")
    before, after = (datetime(2026, 11, 26, 8, minute, tzinfo=UTC) for minute in (10, 31))
    facts = Facts()

    def reach(citizen: str, at: datetime) -> Reach:
        one = Reach(who, [citizen], limits, at)
        facts._read.update((need.table.name, need.column, need.key) for need in one.needs)
        return one

    for number in range(5):
        assert reach(f"sbj_{number}", before).judge(facts).allowed
        reach(f"sbj_{number}", before).count(facts, before)
    assert reach("sbj_0", after).judge(facts).allowed
    told_apart = []
    for number in range(5, 8):
        verdict = reach(f"sbj_{number}", after).judge(facts)
        told_apart.append(verdict.reason)
        if verdict.allowed:
            reach(f"sbj_{number}", after).count(facts, after)
    assert told_apart == [None, None, "outside_hours"]


async def test_a_retired_key_of_the_ledger_leaves_no_seed(world: World) -> None:
    """Nor where an older log's was adopted from."""
    parts = world.parts
    await parts.keyring.site_secret("log-seed", "log-seed", bytes(range(32)), datetime.now(UTC))
    async with parts.database.transaction() as transaction:
        await transaction.raw.execute("DELETE FROM signing_key WHERE purpose = 'ledger'")
        await transaction.raw.execute("DELETE FROM site_key WHERE purpose = 'sign-ledger'")
    now = datetime.now(UTC)
    await turn_keys.first_keys(parts.database, parts.keyring, parts.appender, now)
    row = next(row for row in await turn_keys.listed(parts.database) if row.purpose == "ledger")
    await turn_keys.retire(parts.database, parts.keyring, parts.appender, kid=row.id, revoked=True, now=now)
    async with parts.database.reading() as reading:
        left = await reading.raw.fetch(
            "SELECT kid FROM site_key WHERE purpose IN ('sign-ledger', 'log-seed')"
        )
    living = [row for row in await turn_keys.listed(parts.database) if row.purpose == "ledger"][-1]
    assert [row["kid"] for row in left] == [living.label]
    listed = await turn_keys.known_log_vkeys(parts.database)
    assert list(listed.values()) == [living.id]  # what a stolen key signed proves nothing


async def test_one_name_is_taken_once(world: World) -> None:
    """Also in one batch; the others are told so, and nothing is poisoned."""
    boss = await admin(world, "kepala")
    body = {"username": "kembar", "name": "P", "counter": "9"}
    answers = await asyncio.gather(*(boss.at.post("/v1/officers", json=body) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"BK-1008"}
    assert not [entry for entry in await world.entries() if entry["type"] == "poison"]


@pytest.mark.parametrize("odd", ["%00", "off_%00", "..%2f", "off_01jd0000000000000000000000", "x" * 300])
async def test_odd_ids_reach_no_batch(world: World, odd: str) -> None:
    officer = await world.officer()
    before = len(await world.entries())
    for path in (
        f"officers/{odd}/suspension",
        f"officers/{odd}/admission",
        f"officers/{odd}/unlocking",
        f"agencies/{odd}/suspension",
    ):
        answer = await officer.post(f"/v1/{path}")
        assert answer.status_code in {404, 422}, (path, answer.text)
    assert len(await world.entries()) == before


async def test_a_role_is_proposed_with_an_appointment_and_nothing_else(world: World) -> None:
    boss = await admin(world, "kepala")
    officer_id = await id_of(world, await world.officer())
    for wrong in ({"act": "reset_password", "role": "supervisor"}, {"act": "appoint"}):
        answer = await boss.at.post(
            "/v1/proposals", json={"target": officer_id, "password": PASSWORD, **wrong}
        )
        assert told(answer) == (422, "BK-2001")
    waiting = await added(boss)
    answer = await _proposed(boss, "reset_password", waiting)
    assert told(answer) == (409, "BK-1031")  # who is not let in has no password to reset
