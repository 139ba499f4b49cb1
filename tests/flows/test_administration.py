"""Administrators: roles, invitations, and what takes two persons (A33, A35, A63)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pyotp
import pytest

from auth.roles import AT_THE_COUNTER, ROLES, SERVE, STAFF, judge_right
from auth.sign_in import judge_password
from exchange.flows import run_officers
from tests.authenticator import enrolled
from tests.world import PASSWORD, PASSWORD_HASH, SITE, OfficerAt, World

NEW_PASSWORD = "sandi baru yang cukup panjang"


@dataclass
class Admin:
    """An administrator with a second factor: ``again`` proves once more who sits there, with a recovery code."""

    at: OfficerAt
    codes: list[str]

    def again(self) -> dict[str, str]:
        return {"password": PASSWORD, "code": self.codes.pop()}


async def signed_in(world: World, username: str, role: str, agency: str = "DPMPTSP") -> OfficerAt:
    await run_officers.add_officer(
        world.parts.keyring, world.parts.appender, username=username, name="Admin Contoh",
        agency_id=f"{agency}@{SITE}", counter="Kantor", role=role, password_hash=PASSWORD_HASH,
    )  # fmt: skip
    return await world.signs_in(username, agency)


async def admin(world: World, username: str, role: str = "agency_admin", agency: str = "DPMPTSP") -> Admin:
    at = await signed_in(world, username, role, agency)
    begun = (await at.post("/v1/session/totp", json={"password": PASSWORD})).json()
    code = pyotp.TOTP(begun["secret"]).now()
    done = await at.post("/v1/session/totp/confirmation", json={"code": code})
    return Admin(at, done.json()["recovery_codes"])


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def id_of(world: World, officer: OfficerAt) -> str:
    return await run_officers.id_of(world.parts.database, officer.username)


async def last(world: World) -> dict[str, Any]:
    return (await world.entries())[-1]


def test_who_serves_administers_nothing_and_who_administers_reads_no_papers() -> None:
    for role, rights in ROLES.items():
        assert (SERVE in rights) == (role in AT_THE_COUNTER)
        assert not {SERVE, STAFF} <= rights
    assert judge_right("nobody's", SERVE).reason == "role_missing"


@pytest.mark.parametrize("role", sorted(set(ROLES) - AT_THE_COUNTER))
async def test_an_administrator_looks_at_nobody(world: World, role: str) -> None:
    """A35: the role as it stands in the batch; the refusal is an entry on the citizen's own trail where there is one."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    at = await signed_in(world, "kepala", role)
    body = {"subject_ref": subject, "service": "DPMPTSP.NIB"}
    assert told(await at.post("/v1/readiness", json=body)) == (403, "BK-1017")
    entry = await last(world)
    assert (entry["type"], entry["result"]["reason"]) == ("readiness", "role_missing")


async def added(boss: Admin, **how: str) -> str:
    """The id of an officer who waits to be let in."""
    body = {"username": "pegawai", "name": "Petugas Baru", "counter": "Loket 9", **how}
    answer = await boss.at.post("/v1/officers", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json().keys() == {"officer_id"}  # no code for who adds
    return str(answer.json()["officer_id"])


async def let_in(boss: Admin, officer_id: str) -> str:
    """The code with which the new officer chooses a password."""
    answer = await boss.at.post(f"/v1/officers/{officer_id}/admission")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["code"])


async def test_an_officer_is_added_by_one_and_let_in_by_another(world: World) -> None:
    """A63: nobody alone makes an officer; who lets one in is told the code, who added never."""
    boss, other = await admin(world, "kepala"), await admin(world, "penyelia", "supervisor")
    officer_id = await added(boss)
    alone = await boss.at.post(f"/v1/officers/{officer_id}/admission")
    assert told(alone) == (403, "BK-1018")
    assert (await last(world))["result"]["reason"] == "second_person_needed"
    resumed = await boss.at.client.delete(
        f"/v1/officers/{officer_id}/suspension", headers={"X-CSRF-Token": boss.at.csrf}
    )
    assert told(resumed) == (403, "BK-1018")  # that is no way round
    code = await let_in(other, officer_id)
    assert told(await other.at.post(f"/v1/officers/{officer_id}/admission")) == (409, "BK-1031")
    # Without a password nobody signs in, whatever is typed.
    for guess in ("", "nobody has this password", PASSWORD):
        answer = await world.browser().post("/v1/session", json={"username": "pegawai", "password": guess})
        assert told(answer) == (401, "BK-1002")
    accept = {"code": code, "password": NEW_PASSWORD}
    weak = await world.client.post("/v1/invitation", json=accept | {"password": "pegawai pegawai"})
    assert told(weak) == (422, "BK-1021")
    accepted = await world.client.post("/v1/invitation", json=accept)
    assert (accepted.status_code, accepted.json()) == (200, {"username": "pegawai"})
    assert (await last(world))["act"] == "choose_password"
    signed = await world.browser().post("/v1/session", json={"username": "pegawai", "password": NEW_PASSWORD})
    assert signed.status_code == 201
    # Once: nobody chooses another one with it.
    again = await world.client.post("/v1/invitation", json=accept | {"password": "sandi orang lain ini"})
    assert told(again) == (403, "BK-1020")
    listed = (await boss.at.get("/v1/officers")).json()["officers"]
    assert [(row["username"], row["role"], row["invited"]) for row in listed] == [
        ("kepala", "agency_admin", False), ("penyelia", "supervisor", False), ("pegawai", "officer", False),
    ]  # fmt: skip


async def test_codes_that_nobody_was_given_leave_nothing(world: World) -> None:
    """A23: the same answer for garbage and for a code of the right form; anonymous callers do not grow the ledger."""
    before = len(await world.entries())
    answers = [
        await world.client.post("/v1/invitation", json={"code": code, "password": NEW_PASSWORD})
        for code in ("", "x", "a" * 45, run_officers.new_invitation(world.parts.keyring)[0])
    ]
    assert {told(answer) for answer in answers} == {(403, "BK-1020")}
    assert len(await world.entries()) == before


async def test_an_invitation_ends(world: World) -> None:
    boss, other = await admin(world, "kepala"), await admin(world, "penyelia", "supervisor")
    code = await let_in(other, await added(boss))
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE invitation SET expires_at = clock_timestamp()")
    answer = await world.client.post("/v1/invitation", json={"code": code, "password": NEW_PASSWORD})
    assert told(answer) == (403, "BK-1020")
    signed = await world.browser().post("/v1/session", json={"username": "pegawai", "password": NEW_PASSWORD})
    assert signed.status_code == 401


async def test_without_a_second_factor_nobody_administers(world: World) -> None:
    boss = await signed_in(world, "kepala", "agency_admin")
    answer = await boss.post("/v1/officers", json={"username": "pegawai", "name": "Baru", "counter": "9"})
    assert told(answer) == (403, "BK-1019")
    assert (await last(world))["result"]["reason"] == "second_factor_needed"
    assert await run_officers.id_of(world.parts.database, "pegawai") == ""


async def test_officers_of_another_agency_are_nobody(world: World) -> None:
    """A33: not told from one that does not exist."""
    boss = await admin(world, "kepala")
    other = await world.officer("POLRI")
    for officer_id in (await id_of(world, other), "off_01JD0000000000000000000000"):
        for method, act in (
            ("POST", "suspension"),
            ("DELETE", "suspension"),
            ("POST", "unlocking"),
            ("POST", "admission"),
        ):
            answer = await boss.at.client.request(
                method, f"/v1/officers/{officer_id}/{act}", headers={"X-CSRF-Token": boss.at.csrf}
            )
            assert told(answer) == (404, "BK-1022"), act
            assert (await last(world))["result"]["reason"] == "officer_unknown"
    elsewhere = {"username": "pegawai", "name": "Baru", "counter": "9", "agency": f"POLRI@{SITE}"}
    assert told(await boss.at.post("/v1/officers", json=elsewhere)) == (404, "BK-1022")
    assert (await other.get("/v1/services")).status_code == 200


async def test_suspending_takes_one_person(world: World) -> None:
    """A15: from the next request on; resuming an agency takes two."""
    operator, officer = await admin(world, "jaga", "operator"), await world.officer()
    officer_id = await id_of(world, officer)
    assert (await operator.at.post(f"/v1/officers/{officer_id}/suspension")).status_code == 204
    assert told(await officer.get("/v1/services")) == (403, "BK-1004")
    resumed = await operator.at.client.delete(
        f"/v1/officers/{officer_id}/suspension", headers={"X-CSRF-Token": operator.at.csrf}
    )
    assert told(resumed) == (403, "BK-1017")
    assert (await operator.at.post(f"/v1/agencies/POLRI@{SITE}/suspension")).status_code == 204
    boss = await admin(world, "kepala")
    assert told(await boss.at.post(f"/v1/agencies/DPMPTSP@{SITE}/suspension")) == (403, "BK-1017")


async def _proposed(boss: Admin, act: str, target: str, **more: str) -> httpx.Response:
    return await boss.at.post("/v1/proposals", json={"act": act, "target": target, **more, **boss.again()})


async def _approved(boss: Admin, proposal: str) -> httpx.Response:
    return await boss.at.post(f"/v1/proposals/{proposal}/approval", json=boss.again())


async def test_an_appointment_takes_two_persons(world: World) -> None:
    """A63: proposed by one, approved by another, each an entry; the officer's sessions end."""
    one, two = await admin(world, "satu"), await admin(world, "dua")
    officer = await world.officer()
    officer_id = await id_of(world, officer)
    proposed = await _proposed(one, "appoint", officer_id, role="dpo")
    assert proposed.status_code == 201, proposed.text
    proposal = proposed.json()["id"]
    assert told(await _approved(one, proposal)) == (403, "BK-1018")
    assert (await last(world))["result"]["reason"] == "second_person_needed"
    assert (await officer.get("/v1/services")).status_code == 200  # nothing has changed
    approved = await _approved(two, proposal)
    assert (approved.status_code, approved.json()["state"]) == (200, "approved"), approved.text
    entry = await last(world)
    assert (entry["act"], entry["wanted"], entry["role"], entry["officer"]) == (
        "approve",
        "appoint",
        "dpo",
        officer_id,
    )
    assert told(await officer.get("/v1/services")) == (401, "BK-1001")
    later = await world.signs_in(officer.username, "DPMPTSP")
    assert told(await later.post("/v1/subjects", json={"nik": "6472091708909901", "name": "X"})) == (
        403,
        "BK-1017",
    )
    assert told(await two.at.post(f"/v1/proposals/{proposal}/rejection")) == (409, "BK-1023")


async def test_a_password_is_reset_by_two(world: World) -> None:
    one, two = await admin(world, "satu"), await admin(world, "dua")
    officer = await world.officer()
    officer_id = await id_of(world, officer)
    proposal = (await _proposed(one, "reset_password", officer_id)).json()["id"]
    approved = await _approved(two, proposal)
    assert told(await officer.get("/v1/services")) == (401, "BK-1001")
    old = await world.browser().post("/v1/session", json={"username": officer.username, "password": PASSWORD})
    assert told(old) == (401, "BK-1002")
    accepted = await world.client.post(
        "/v1/invitation", json={"code": approved.json()["code"], "password": NEW_PASSWORD}
    )
    assert accepted.status_code == 200
    listed = (await one.at.get("/v1/proposals")).json()["proposals"]
    assert [(row["act"], row["state"]) for row in listed] == [("reset_password", "approved")]
    assert "code" not in listed[0]


async def test_a_factor_is_taken_away_by_two(world: World) -> None:
    one, two, victim = [await admin(world, name) for name in ("satu", "dua", "tiga")]
    proposal = (await _proposed(one, "take_away_factor", await id_of(world, victim.at))).json()["id"]
    assert (await _approved(two, proposal)).status_code == 200
    assert told(await victim.at.get("/v1/services")) == (401, "BK-1001")
    assert (await world.signs_in("tiga", "DPMPTSP")).csrf  # the password alone, until a new one is enrolled


async def test_only_who_governs_puts_somebody_over_the_site(world: World) -> None:
    one, two = await admin(world, "satu"), await admin(world, "dua")
    site = [await admin(world, name, "site_admin") for name in ("situs1", "situs2")]
    officer_id = await id_of(world, await world.officer())
    assert told(await _proposed(one, "appoint", officer_id, role="auditor")) == (403, "BK-1017")
    assert told(await _proposed(two, "take_away_factor", await id_of(world, site[0].at))) == (403, "BK-1017")
    proposal = (await _proposed(site[0], "appoint", officer_id, role="auditor")).json()["id"]
    assert (await _approved(site[1], proposal)).json()["state"] == "approved"


async def test_who_proposed_must_still_be_allowed(world: World) -> None:
    """A15: judged again when it takes effect, the first person's rights too."""
    one, two = await admin(world, "satu"), await admin(world, "dua")
    officer_id = await id_of(world, await world.officer())
    proposal = (await _proposed(one, "appoint", officer_id, role="dpo")).json()["id"]
    await run_officers.set_active(
        world.parts.keyring, world.parts.appender, officer_id=await id_of(world, one.at), active=False
    )
    assert told(await _approved(two, proposal)) == (403, "BK-1017")


async def test_a_proposal_ends_after_a_day(world: World) -> None:
    one, two = await admin(world, "satu"), await admin(world, "dua")
    officer_id = await id_of(world, await world.officer())
    proposal = (await _proposed(one, "appoint", officer_id, role="dpo")).json()["id"]
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE proposal SET proposed_at = proposed_at - interval '25 hours'")
    assert told(await _approved(two, proposal)) == (409, "BK-1023")


async def test_a_proposal_of_another_agency_is_nobodys(world: World) -> None:
    one, other = await admin(world, "satu"), await admin(world, "lain", agency="POLRI")
    officer_id = await id_of(world, await world.officer())
    proposal = (await _proposed(one, "appoint", officer_id, role="dpo")).json()["id"]
    assert told(await _approved(other, proposal)) == (404, "BK-1022")
    assert (await other.at.get("/v1/proposals")).json() == {"proposals": []}
    assert told(await other.at.post("/v1/proposals/pr_01JD0000000000000000000000/rejection")) == (
        404,
        "BK-1022",
    )


async def test_without_the_password_nothing_is_proposed(world: World) -> None:
    """A session left open is not enough."""
    one = await admin(world, "satu")
    officer_id = await id_of(world, await world.officer())
    answer = await one.at.post(
        "/v1/proposals",
        json={"act": "take_away_factor", "target": officer_id, "password": "salah sama sekali"},
    )
    assert told(answer) == (401, "BK-1002")
    assert (await one.at.get("/v1/proposals")).json() == {"proposals": []}


async def test_an_agency_comes_back_by_two(world: World) -> None:
    one, two = [await admin(world, name, "site_admin") for name in ("situs1", "situs2")]
    officer = await world.officer("POLRI")
    assert (await one.at.post(f"/v1/agencies/POLRI@{SITE}/suspension")).status_code == 204
    assert told(await officer.get("/v1/services")) == (403, "BK-1004")
    proposal = (await _proposed(one, "resume_agency", f"POLRI@{SITE}")).json()["id"]
    assert (await _approved(two, proposal)).status_code == 200
    assert (await officer.get("/v1/services")).status_code == 200


async def test_what_administrators_did_can_be_read(world: World) -> None:
    """The auditor sees all, a data protection officer the own agency, an officer nothing; each refusal is an entry."""
    auditor = await signed_in(world, "auditor", "auditor", "POLRI")
    dpo = await signed_in(world, "pelindung", "dpo", "POLRI")
    boss = await admin(world, "kepala")
    assert (
        await boss.at.post("/v1/officers", json={"username": "pegawai", "name": "B", "counter": "9"})
    ).status_code == 201
    assert "add" in [e["act"] for e in (await auditor.get("/v1/administration")).json()["entries"]]
    own = (await dpo.get("/v1/administration")).json()["entries"]
    assert own
    assert not [entry for entry in own if entry.get("agency") == f"DPMPTSP@{SITE}"]
    officer = await world.officer()
    for path in ("/v1/administration", "/v1/proposals", "/v1/officers"):
        assert told(await officer.get(path)) == (403, "BK-1017")
        assert (await last(world))["result"]["reason"] == "role_missing"


@pytest.mark.parametrize("password", ["pendek", "aaaaaaaaaaaaaaaa", "ababababababab", "xx-Petugas.Baru-yy"])
def test_weak_passwords(password: str) -> None:
    assert judge_password(password, "petugas.baru").reason == "password_weak"
    assert judge_password(password + " dan beberapa kata", "lain").allowed


async def test_a_passkey_is_a_second_factor_too(world: World) -> None:
    """For an administrator; and it is taken away with the lost phone, by two."""
    boss = await signed_in(world, "kepala", "agency_admin")
    await enrolled(world, boss)
    new = await boss.post("/v1/officers", json={"username": "pegawai", "name": "P", "counter": "9"})
    assert new.status_code == 201, new.text
    one, two = await admin(world, "satu"), await admin(world, "dua")
    proposal = (await _proposed(one, "take_away_factor", await id_of(world, boss))).json()["id"]
    assert (await _approved(two, proposal)).status_code == 200
    again = await world.signs_in("kepala")
    refused = await again.post("/v1/officers", json={"username": "lain", "name": "P", "counter": "9"})
    assert told(refused) == (403, "BK-1019")
