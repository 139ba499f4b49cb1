"""When the log cannot be written, nothing is served (F28, F29; I3, I9, I10): no byte, a clear answer, and it goes on by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.conftest import PostgresServer
from tests.files import noted
from tests.invariants import check_invariants
from tests.tampering import swept
from tests.world import JPEG, NIK, World

NO_ROOM = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '{}'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON log_entry FOR EACH ROW EXECUTE FUNCTION no_room()
"""
ROOM_AGAIN = "DROP TRIGGER no_room ON log_entry; DROP FUNCTION no_room()"
CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
FAULTS = {
    "disk full": (NO_ROOM.format("disk_full"), ROOM_AGAIN),
    "out of memory": (NO_ROOM.format("out_of_memory"), ROOM_AGAIN),
    "disk error": (NO_ROOM.format("io_error"), ROOM_AGAIN),
    "read only": (
        f"ALTER DATABASE {{name}} SET default_transaction_read_only = on; {CUT_OFF}",
        f"ALTER DATABASE {{name}} RESET default_transaction_read_only; {CUT_OFF}",
    ),
}


@dataclass
class Server:
    """What fails on the server, as the application sees it."""

    superuser: str
    name: str

    async def does(self, statements: str) -> None:
        connection = await asyncpg.connect(self.superuser)
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(statements.format(name=self.name))
        await connection.close()


@pytest.fixture
async def server(postgres: PostgresServer, database_url: str) -> Server:
    name = urlsplit(database_url).path[1:]
    return Server(postgres.at(postgres.superuser, name), name)


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_served(world: World, server: Server, fault: str) -> None:
    """Wrong version: an error that the appender does not know is a surprise, and the caller is told that the outcome is unknown; or the bytes
    leave and the entry is made up for later."""
    officer = await world.officer()
    _, ticket = await world.consented(officer)
    subject = await world.enrols(officer)
    size = len(await world.entries())
    fails, mends = FAULTS[fault]
    await server.does(fails)
    try:
        calls = (
            world.fetches(officer, ticket),
            world.stores(officer, subject, content=noted(JPEG, b"2")),
            officer.post("/v1/readiness", json={"nik": NIK, "service": "DPMPTSP.NIB"}),
            officer.post("/v1/tickets", json={"consent_id": "c_1"}),
        )
        for answer in await asyncio.wait_for(asyncio.gather(*calls), 20):
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] in {"BK-5001", "BK-5003"}
            assert int(answer.headers["retry-after"]) > 0
            assert JPEG[:64] not in answer.content
        assert (await world.client.get("/health/live")).status_code == 200
        assert len(await world.entries()) == size
    finally:
        await server.does(mends)
    answer = await world.fetches(officer, ticket)
    assert (answer.status_code, answer.content) == (200, JPEG)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE intake SET started_at = started_at - interval '11 minutes'")

    await swept(world)
    await check_invariants(world)
