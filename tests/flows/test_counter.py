"""At the counter: sign-in, enrolment, readiness. Every refusal has its code, changes nothing and is on record."""

from __future__ import annotations

import pytest

from tests.world import ANSWERS, NAME, NIK, OTHER_NIK, SERVICE, SITE, World


async def _subjects(world: World) -> int:
    async with world.parts.database.transaction() as transaction:
        return int(await transaction.raw.fetchval("SELECT count(*) FROM subject"))


@pytest.mark.parametrize(
    ("nik", "rule"),
    [
        ("647209170890990", "N1"),
        ("64720917089099012", "N1"),
        ("64720917O8909901", "N1"),
        ("٦٤٧٢٠٩١٧٠٨٩٠٩٩٠١", "N1"),
        ("9972091708909901", "N2"),
        ("6400091708909901", "N3"),
        ("6472098108909901", "N5"),
        ("6472093002909901", "N6"),
        ("6472091713909901", "N6"),
        ("6472091708900000", "N7"),
        ("", "N1"),
    ],
)
async def test_a_nik_that_cannot_be(world: World, nik: str, rule: str) -> None:
    """N1 to N7: 422 BK-2003 with the rule, never with the number; nothing enrolled."""
    officer = await world.officer()
    answer = await officer.post("/v1/subjects", json={"nik": nik, "name": NAME})
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-2003")
    assert answer.json()["errors"] == [{"pointer": "/nik", "code": rule}]
    assert not nik or nik not in answer.text
    assert await _subjects(world) == 0


@pytest.mark.parametrize("nik", ["6404011708909901", "6407011708909901"])
async def test_an_old_region_is_a_warning(world: World, nik: str) -> None:
    """N4: most adults of Mahakam Ulu carry such a number."""
    officer = await world.officer()
    answer = await officer.post("/v1/subjects", json={"nik": nik, "name": NAME})
    assert (answer.status_code, answer.json()["warnings"]) == (201, ["N4"])


async def test_another_birth_date_is_a_warning(world: World) -> None:
    officer = await world.officer()
    body = {"nik": NIK, "name": NAME, "birth_date": "1991-08-17"}
    assert (await officer.post("/v1/subjects", json=body)).json()["warnings"] == ["N9"]


async def test_a_known_nik_changes_nothing(world: World) -> None:
    """200, the same reference; spaces and dots do not matter; another name and contact change nothing."""
    officer = await world.officer()
    first = await officer.post("/v1/subjects", json={"nik": NIK, "name": NAME})
    spaced = f"{NIK[:4]} {NIK[4:8]}.{NIK[8:12]}-{NIK[12:]}"
    again = await officer.post(
        "/v1/subjects",
        json={"nik": spaced, "name": "Orang Lain", "contacts": [{"channel": "sms", "value": "081200009955"}]},
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["subject_ref"] == again.json()["subject_ref"]
    assert await _subjects(world) == 1
    async with world.parts.database.transaction() as transaction:
        assert await transaction.raw.fetchval("SELECT count(*) FROM contact") == 0


async def test_enrolled_twenty_times_at_once(world: World) -> None:
    import asyncio

    officer = await world.officer()
    answers = await asyncio.gather(
        *(officer.post("/v1/subjects", json={"nik": NIK, "name": NAME}) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["subject_ref"] for answer in answers}) == 1
    assert await _subjects(world) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": NAME},
        {"nik": NIK},
        {"nik": NIK, "name": ""},
        {"nik": NIK, "name": NAME, "subject_ref": "sbj_x"},
        {"nik": int(NIK), "name": NAME},
        {"nik": NIK, "name": NAME, "contacts": [{"channel": "fax", "value": "1234"}]},
        {"nik": NIK, "name": NAME, "birth_date": "17-08-1990"},
        [],
        "x",
    ],
)
async def test_malformed_enrolments(world: World, body: object) -> None:
    """A37, A65: 422 that points at the member and repeats no value."""
    officer = await world.officer()
    answer = await officer.post("/v1/subjects", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-2001")
    assert NIK not in answer.text
    assert await _subjects(world) == 0


@pytest.mark.parametrize(
    ("channel", "value"), [("sms", "bukan nomor"), ("email", "tanpa-domain"), ("email", "a@b c.d")]
)
async def test_contacts_that_cannot_be(world: World, channel: str, value: str) -> None:
    officer = await world.officer()
    body = {"nik": NIK, "name": NAME, "contacts": [{"channel": channel, "value": value}]}
    answer = await officer.post("/v1/subjects", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "BK-2005")
    assert await _subjects(world) == 0


@pytest.mark.parametrize(
    ("service", "status", "code", "reason"),
    [
        ("DPMPTSP.TIDAK_ADA", 404, "BK-2004", "service_unknown"),
        ("POLRI.SKCK_BARU", 403, "BK-1003", "service_of_another_agency"),
    ],
)
async def test_services_that_are_not_ours(
    world: World, service: str, status: int, code: str, reason: str
) -> None:
    officer = await world.officer()
    await world.enrols(officer)
    answer = await officer.post("/v1/readiness", json={"nik": NIK, "service": service})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["result"]["reason"]) == ("readiness", reason)
    subject = await world.enrols(officer)
    asked = await officer.post("/v1/consent-requests", json={"subject_ref": subject, "service": service})
    assert (asked.status_code, asked.json()["code"]) == (status, code)
    assert (await world.entries())[-1]["type"] == "request"


async def test_a_citizen_that_is_not_enrolled(world: World) -> None:
    """A61: the look for an unknown NIK is refused, on record, and counts against the officer's budget."""
    officer = await world.officer()
    answer = await officer.post("/v1/readiness", json={"nik": OTHER_NIK, "service": SERVICE})
    assert (answer.status_code, answer.json()["code"]) == (404, "BK-2002")
    assert (await world.entries())[-1]["result"]["reason"] == "subject_unknown"


async def test_the_officers_budget(world: World) -> None:
    """A62: a look at everybody is stopped; each look stands in the citizen's trail."""
    from dataclasses import replace

    settings = world.parts.settings.model_copy(update={"readiness_per_officer_hour": 3})
    world.app.state.parts = replace(world.parts, settings=settings)
    officer = await world.officer()
    await world.enrols(officer)
    body = {"nik": NIK, "service": SERVICE, "answers": ANSWERS}
    statuses = [(await officer.post("/v1/readiness", json=body)).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    last = await officer.post("/v1/readiness", json=body)
    assert last.json()["code"] == "BK-1007"
    assert "retry-after" in last.headers
    assert [e["result"]["allowed"] for e in await world.entries() if e["type"] == "readiness"] == [
        True
    ] * 3 + [False] * 2


async def test_readiness_names_exactly_one_citizen(world: World) -> None:
    officer = await world.officer()
    subject = await world.enrols(officer)
    for body in ({}, {"nik": NIK, "subject_ref": subject}):
        answer = await officer.post("/v1/readiness", json={"service": SERVICE, **body})
        assert (answer.status_code, answer.json()["code"]) == (422, "BK-2001")


async def test_readiness_opens_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata only: the object store is never asked."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)

    async def forbidden(*_: object) -> bytes:
        raise AssertionError("readiness opened a document")

    monkeypatch.setattr(world.parts.vault._blobs, "get", forbidden)
    answer = await officer.post("/v1/readiness", json={"nik": NIK, "service": SERVICE, "answers": ANSWERS})
    row = next(row for row in answer.json()["requirements"] if row["code"] == "KTP")
    assert (row["state"], row["version"]) == ("valid", 1)


async def test_sign_in(world: World) -> None:
    """A19, A61: a wrong password and an unknown name read the same; only the known officer leaves an entry."""
    await world.officer()
    before = len(await world.entries())
    wrong = await world.client.post("/v1/session", json={"username": "petugas.dpmptsp", "password": "salah"})
    nobody = await world.client.post("/v1/session", json={"username": "tidak.ada", "password": "salah"})
    assert (
        (wrong.status_code, wrong.json()["code"])
        == (nobody.status_code, nobody.json()["code"])
        == (401, "BK-1002")
    )
    entries = await world.entries()
    assert len(entries) == before + 1
    assert entries[-1]["result"] == {"allowed": False, "reason": "sign_in_failed"}


async def test_the_cookie(world: World) -> None:
    """HttpOnly, SameSite=Strict; ``__Host-`` and Secure behind TLS."""
    await world.officer()
    from tests.world import PASSWORD

    answer = await world.client.post(
        "/v1/session", json={"username": "petugas.dpmptsp", "password": PASSWORD}
    )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("berkas=")
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie


async def test_csrf_token(world: World) -> None:
    """A30: a changing call needs the token of this session."""
    officer = await world.officer()
    answer = await officer.client.post("/v1/subjects", json={"nik": NIK, "name": NAME})
    assert (answer.status_code, answer.json()["code"]) == (403, "BK-1005")
    other = await world.officer("POLRI")
    answer = await officer.client.post(
        "/v1/subjects", json={"nik": NIK, "name": NAME}, headers={"X-CSRF-Token": other.csrf}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "BK-1005")
    assert await _subjects(world) == 0


async def test_signed_out_is_out(world: World) -> None:
    officer = await world.officer()
    assert (
        await officer.client.delete("/v1/session", headers={"X-CSRF-Token": officer.csrf})
    ).status_code == 204
    officer.client.cookies.set("berkas", "gone")
    assert (await officer.get("/v1/services")).status_code == 401


async def test_idle_and_old_sessions(world: World) -> None:
    """Idle 15 minutes, 8 hours in all; judged by the batch's clock."""
    officer = await world.officer()
    await world.enrols(officer)
    for seen_minutes, made_minutes in ((16, 16), (0, 8 * 60 + 1)):
        async with world.parts.database.transaction() as transaction:
            await transaction.raw.execute(
                "UPDATE session SET last_seen_at = now() - make_interval(mins => $1), "
                "created_at = now() - make_interval(mins => $2)",
                seen_minutes,
                made_minutes,
            )
        answer = await officer.post("/v1/readiness", json={"nik": NIK, "service": SERVICE})
        assert (answer.status_code, answer.json()["code"]) == (401, "BK-1001")


async def test_a_suspended_agency(world: World) -> None:
    """A15: on the next request, for every officer of the agency."""
    from exchange.flows import run_site

    officer = await world.officer()
    parts = world.parts
    await run_site.set_agency_active(parts.keyring, parts.appender, agency_id=f"DPMPTSP@{SITE}", active=False)
    answer = await officer.post("/v1/subjects", json={"nik": NIK, "name": NAME})
    assert (answer.status_code, answer.json()["code"]) == (403, "BK-1004")


async def test_unknown_addresses_are_problems(world: World) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("PUT", "/v1/session", 405),
        ("PATCH", "/v1/session", 405),
    ):
        answer = await world.client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
