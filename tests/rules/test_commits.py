"""One order of events: who commits, who reads a clock, who puts SQL together, who writes a judged fact."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import schema
from storage.ledger.facts import FactTable
from tests.rules.house import ROOMS, ROOT, called_name, name_of, nodes, sources

COMMITS = {
    "storage/database.py": "the one door",
    "storage/migrations/env.py": "Alembic's own runner, which no request reaches",
}
# Rows that no judge asks for any more (an hour that is over), or not yet (the first keys of a citizen whom nobody knows).
FORGOTTEN = {
    "storage/limits.py: DELETE FROM seen",
    "storage/limits.py: DELETE FROM hourly_budget",
    "storage/citizen_keys.py: INSERT INTO citizen_key",
}
CLOCKS = {
    "exchange/errors.py": "tells when an hour's budget begins anew",
    "exchange/deps.py": "the clock of the requests",
    "exchange/logs.py": "a line carries the time of its writing",
    "storage/blobs.py": "S3 signatures carry the time of signing; nothing is judged by it",
    "storage/ids.py": "identifiers sort by the time of their making; nothing is judged by it",
    "exchange/cli/bench/client.py": "the load generator measures with the clock it shares with its parent",
    "exchange/cli/bench/fetch.py": "the other end of that measurement",
}
COMPOSED_SQL = {
    "storage/ledger/facts.py": "names of tables and columns from the declarations of the code",
    "storage/migrations/append_only.py": "a role and tables that migrations name; DDL takes no parameters",
    "storage/embedded/postgres_cluster.py": "roles and a database, made before anybody can connect; DDL takes no parameters",
}
_CLOCK_OWNERS = {"datetime", "date", "time"}
_CLOCK_READS = {"now", "utcnow", "today", "time", "time_ns"}
_SQL = re.compile(
    r"^\s*(SELECT|WITH|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|LOCK|GRANT|REVOKE|(CREATE|ALTER|DROP) [A-Z]+)\s"
)
_TRANSACTION_WORDS = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b(?! AFTER)")


def commits(tree: ast.AST) -> list[int]:
    """Lines that begin or end a transaction, by call or by statement."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (
            isinstance(node, ast.Call)
            and called_name(node) in {"commit", "rollback", "begin", "begin_nested"}
        )
        or (
            isinstance(node, ast.Call)
            and called_name(node) in {"execute", "fetch", "fetchrow", "fetchval", "text"}
            and any(
                isinstance(argument, ast.Constant) and _TRANSACTION_WORDS.match(str(argument.value))
                for argument in node.args[:1]
            )
        )
    ]


def clock_reads(tree: ast.AST) -> list[int]:
    """Lines that ask the machine for the time (monotonic clocks measure and are free)."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        bare = isinstance(function, ast.Name) and function.id == "utcnow"
        owner = function.value if isinstance(function, ast.Attribute) else None
        last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", None)
        if bare or (last in _CLOCK_OWNERS and called_name(node) in _CLOCK_READS):
            found.append(node.lineno)
    return found


def composed_sql(tree: ast.AST) -> list[int]:
    """Lines where a statement is put together from text: f-string, ``+``, ``%`` or ``.format``."""
    found = []
    for node in ast.walk(tree):
        pieces: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr):
            pieces = node.values if any(isinstance(part, ast.FormattedValue) for part in node.values) else []
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            pieces = [node.left]
        elif isinstance(node, ast.Call) and called_name(node) == "format":
            pieces = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        texts = [str(piece.value) for piece in pieces if isinstance(piece, ast.Constant)]
        if any(_SQL.match(text) for text in texts):
            found.append(node.lineno)  # type: ignore[attr-defined]  # every node above is an expression
    return found


def _outside(doors: dict[str, str], find: Callable[[ast.AST], list[int]]) -> list[str]:
    found = {
        name_of(path): lines
        for path in sources(*ROOMS)
        if (lines := find(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert set(doors) <= set(found), f"a door that nobody uses any more: {sorted(set(doors) - set(found))}"
    return [f"{name}:{line}" for name, lines in found.items() if name not in doors for line in lines]


def test_only_the_database_door_commits() -> None:
    """A second place that commits is a second order of events."""
    assert _outside(COMMITS, commits) == []


def test_nobody_else_reads_a_clock() -> None:
    """D11: pure code takes ``now``; what is judged is judged by the batch's database clock."""
    assert _outside(CLOCKS, clock_reads) == []


def test_no_statement_is_put_together_from_text() -> None:
    assert _outside(COMPOSED_SQL, composed_sql) == []


def test_the_only_writers_of_judged_facts_are_batches() -> None:
    """DESIGN 2: no UPDATE, INSERT or DELETE of a judged table in plain SQL (the outbox is no judged fact)."""
    judged = {
        table.name
        for module in schema.TABLES
        for table in vars(module).values()
        if isinstance(table, FactTable) and table.name != "outbox"
    }
    assert len(judged) > 10
    pattern = re.compile(rf"(UPDATE|INSERT INTO|DELETE FROM)\s+({'|'.join(judged)})\b")
    wrong = [
        f"{name_of(path)}: {match.group(0)}"
        for path in sources(*ROOMS)
        if not path.is_relative_to(ROOT / "exchange" / "cli" / "bench")  # fills its own throw-away database
        for match in pattern.finditer(path.read_text(encoding="utf-8"))
    ]
    assert sorted(set(wrong) - FORGOTTEN) == []


def test_no_isolation_but_read_committed() -> None:
    """DESIGN 2: never SERIALIZABLE; the lock is its own statement and the facts are read after it."""
    words = re.compile(r"\b(SERIALIZABLE|REPEATABLE[ _]READ)\b", re.IGNORECASE)
    named = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources(*ROOMS)
        for node in nodes(path)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and words.fullmatch(node.value.strip())
    ]
    assert named == []


@pytest.mark.parametrize(
    ("find", "source"),
    [
        (commits, "session.commit()"),
        (commits, "await transaction.raw.execute('COMMIT')"),
        (commits, "async with connection.begin(): ..."),
        (clock_reads, "datetime.now(UTC)"),
        (clock_reads, "datetime.datetime.utcnow()"),
        (clock_reads, "date.today()"),
        (clock_reads, "time.time()"),
        (clock_reads, "utcnow()"),
        (composed_sql, 'f"SELECT * FROM {table}"'),
        (composed_sql, "\"DELETE FROM consent WHERE id = '%s'\" % given"),
        (composed_sql, '"SELECT " + column'),
        (composed_sql, '"UPDATE {} SET a = 1".format(name)'),
        (composed_sql, 'text(f"DROP TABLE {name}")'),
    ],
)
def test_the_rule_finds(find: Callable[[ast.AST], list[int]], source: str) -> None:
    """The wrong versions that the rules are for."""
    wrapped = f"async def wrong():\n    {source}\n"
    assert find(ast.parse(wrapped)) == [2]


def test_the_rules_do_not_cry_wolf() -> None:
    harmless = (
        'f"Select one of {names}"\n"SELECT 1"\n"updated " + name\nloop.time()\ntime.monotonic()\n'
        'datetime.fromtimestamp(1, UTC)\nreport.execute("BEGINNING")\n"%s items" % count\n'
    )
    tree = ast.parse(harmless)
    assert (commits(tree), clock_reads(tree), composed_sql(tree)) == ([], [], [])


def test_the_schema_is_what_the_tables_say() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(schema.MIGRATIONS)).get_current_head() == schema.HEAD
    assert Path(schema.MIGRATIONS).is_dir()
