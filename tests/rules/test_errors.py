"""Every way to say no has one code, one page and one sentence; nothing falls through to "internal error"."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from exchange import consent_problems, housekeeping_problems, intake_problems, problems, reasons
from exchange.errors import TABLE
from exchange.pages.refused import explained_reasons
from exchange.problems import PROBLEMS
from exchange.reasons import REASONS
from tests.rules.house import ROOMS, ROOT, called_name, module_of, name_of, sources

# Never reaches a request, or has a handler of its own.
NOT_IN_THE_TABLE = {
    "KeyRefused": "signing keys are loaded at start",
    "CatalogueError": "the catalogue is loaded at start",
    "RootKeyRefused": "the root key is read at start",
    "ShareRefused": "caught by root_parts, which the command line asks",
    "SettingsRefused": "settings are read at start",
    "RequestRefused": "read by a witness, which answers for itself",
    "HomeRefused": "a witness's folder is used by the command line",
    "MemoryLost": "a witness's folder is used by the command line; its door answers 503",
    "_Overtaken": "caught where the witness is asked, nobody waits for it",
    "PolicyRefused": "policies are read at start and by verifiers",
    "CheckpointRefused": "checkpoints are opened by verify",
    "ProofRefused": "proof files are read by verify and by tests",
    "RecordRefused": "records are read without the service by verify",
    "PlaceRefused": "caught where a receipt is judged by verify",
    "PackageRefused": "files are read by verify, a program of its own",
    "KeyUseRefused": "files are read by verify, a program of its own",
    "LogUnreadable": "live logs are read by verify, a program of its own",
    "BackupRefused": "backups are made and given back by the command line",
    "DumpFailed": "backups are made and given back by the command line",
    "ManifestRefused": "read by the command line alone",
    "PaperUnreadable": "caught row by row by the command line, which puts it on its report",
    "NotReopened": "a log is opened anew by the command line, while nothing serves",
    "EmbeddedServiceError": "embedded servers are started by the command line",
    "AccessRefused": "has its own handler: the reason decides",
    "ProblemRaised": "has its own handler: it carries its code",
    "Turned": "caught by take_in, which puts the refusal on record",
    "Unfit": "raised and caught inside a limited worker",
    "Broken": "raised and caught inside a limited worker",
    "_Expired": "raised and caught inside a limited worker",
    "AnchorsUnreadable": "trust anchors are read at start",
    "_Malformed": "raised and caught inside a limited worker",
    "CallRefused": "caught where the call is made, nobody waits for it",
    "NotSent": "caught by the sweep of the outbox, nobody waits for it",
    "NotRenderable": "caught inside of the worker, which answers with its word",
    "FrameBroken": "caught by the service's hand on a worker: that worker is dead",
    "TaskOverran": "caught by whoever gave the task: it says what that is about the file",
    "TaskFailed": "caught by whoever gave the task: it says what that is about the file",
    "WorkersBusy": "caught by whoever gave the task, in whose words the caller is told to come again",
    "WorkerLost": "caught by whoever gave the task, in whose words the caller is told to come again",
}
# The reason is not written where it is given; what stands there takes it from a place that this file reads too.
HANDED_ON = {
    "auth/verdict.py": "enforce() raises the recorded reason",
    "exchange/flows/take_in.py": "from uploads.unfit, and from Turned",
    "exchange/uploads.py": "from the words of the gate and of signatures, by tables of reasons",
    "exchange/flows/check_requirements.py": "from the AccessRefused of holdings",
    "exchange/flows/ask_consent.py": "from the AccessRefused of holdings, and from two constants",
    "exchange/flows/rely_on_law.py": "from the AccessRefused of holdings, and from two constants",
    "exchange/flows/follow_request.py": "from may_look, and from two constants",
    "exchange/flows/prove_entry.py": "from may_look, and from constants",
    "exchange/flows/prove_consent.py": "from may_look, and from constants",
}
VERSION_STATES = (
    "superseded",
    "quarantined",
    "disputed",
    "voided",
    "erased",
)  # storage/documents.py; and ready, which is no refusal
AREAS = {
    "1": "caller",
    "2": "request and consent",
    "3": "intake",
    "4": "fetch",
    "5": "dependency",
    "9": "internal",
}
_GIVERS = {"Refused", "AccessRefused", "Turned"}


@dataclass
class Given:
    """Reasons by the place that gives them; ``handed_on``: the files that pass on a reason from elsewhere."""

    reasons: dict[str, str] = field(default_factory=dict)
    handed_on: set[str] = field(default_factory=set)


def given_in(tree: ast.AST, name: str) -> Given:
    """Every reason that ``tree`` hands to Refused, AccessRefused, Turned or a flow's own ``_refused``, returns from
    ``unfit``, or keeps in a table named ``reasons``.
    """
    given = Given()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called_name(node) in _GIVERS:
            for argument in [*node.args[:1], *(word.value for word in node.keywords if word.arg == "reason")]:
                _take(argument, name, given)
        elif isinstance(node, ast.Call) and called_name(node) == "_refused" and "flows" in name:
            _constants(node.args[-1:], name, given)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            if [getattr(target, "id", "") for target in node.targets] == ["reasons"]:
                _constants(node.value.values, name, given)
        elif isinstance(node, ast.FunctionDef) and node.name == "unfit":
            returned = [
                inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return) and inner.value
            ]
            _constants(returned, name, given)
    return given


def _constants(arguments: list[ast.expr], name: str, given: Given) -> None:
    for argument in arguments:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            _take(argument, name, given)


def _take(argument: ast.expr, name: str, given: Given) -> None:
    place = f"{name}:{argument.lineno}"
    if isinstance(argument, ast.Constant):
        given.reasons[str(argument.value)] = place
    elif isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        prefix = str(argument.values[0].value)
        endings = VERSION_STATES if prefix == "version_" else ("",)
        given.reasons.update({prefix + ending: place for ending in endings})
    else:
        given.handed_on.add(name)


def _given() -> Given:
    every = Given()
    for path in sources(*ROOMS):
        given = given_in(ast.parse(path.read_text(encoding="utf-8")), name_of(path))
        every.reasons |= given.reasons
        every.handed_on |= given.handed_on
    return every


def _exceptions() -> Iterator[type[Exception]]:
    for path in sources(*ROOMS):
        if name_of(path).startswith(("exchange/cli/", "storage/migrations/")):
            continue  # programs: what they raise is told on the terminal
        name = module_of(path)
        module = importlib.import_module(name)
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == name:
                yield value


def test_every_domain_error_is_in_the_one_table() -> None:
    found = {error.__name__: error for error in _exceptions()}
    missing = {name for name, error in found.items() if error not in TABLE}
    assert sorted(missing - set(NOT_IN_THE_TABLE)) == [], "give it a line in exchange/errors.py"
    assert sorted(set(NOT_IN_THE_TABLE) - missing) == [], "the list of exceptions names what it need not"


def test_the_table_leads_to_codes_that_exist() -> None:
    assert sorted(code for code in TABLE.values() if code not in PROBLEMS) == []
    assert sorted(code for code in REASONS.values() if code not in PROBLEMS) == []


def test_every_reason_has_a_code() -> None:
    """A reason without one would be answered with 500, as our own mistake."""
    given = _given()
    assert len(given.reasons) > 30
    unknown = {
        reason: place
        for reason, place in given.reasons.items()
        if reason not in REASONS and not reason.startswith("content_")
    }
    assert unknown == {}
    assert given.handed_on == set(HANDED_ON), (
        "a reason that this rule cannot read: write it where it is given"
    )


def test_every_code_of_a_reason_is_for_a_reason_that_is_given() -> None:
    """A reason that nobody gives any more is a promise about a check that is gone."""
    assert sorted(set(REASONS) - set(_given().reasons)) == []


def test_every_reason_of_a_judge_has_a_sentence_in_the_citizens_trail() -> None:
    trees = [
        ast.parse((ROOT / "auth" / name).read_text(encoding="utf-8"))
        for name in ("grants.py", "assistance.py")
    ]
    reasons = {reason for tree in trees for reason in given_in(tree, "auth").reasons}
    assert len(reasons) > 20
    assert sorted(reasons - explained_reasons()) == []


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_code_is_documented(code: str) -> None:
    """U23: what happened and what to do, in both languages; the first digit says the area."""
    problem = PROBLEMS[code]
    area = re.fullmatch(r"BK-([123459])\d{3}", code)
    assert area, code
    assert area[1] in AREAS
    assert problem.code == code
    for text in (problem.title, problem.title_en, problem.remedy, problem.remedy_en):
        assert text.strip() == text
        assert len(text) >= len("Sudah ada")
    assert problem.title != problem.title_en
    assert 400 <= problem.status < 600
    assert (problem.status >= 502) == (area[1] == "5"), (
        "a dependency that is away is 502 or 503, and nothing else is"
    )
    assert (problem.status == 500) == (code == "BK-9001")


def test_no_code_stands_twice() -> None:
    """``PROBLEMS`` is made from a tuple: the second of two equal codes would win without a word."""
    trees = [
        ast.parse(inspect.getsource(module))
        for module in (problems, consent_problems, housekeeping_problems, intake_problems)
    ]
    codes = [
        str(node.args[0].value)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called_name(node) == "_p" and isinstance(node.args[0], ast.Constant)
    ]
    assert sorted(codes) == sorted(PROBLEMS)


def test_every_code_raised_by_a_route_exists_and_every_code_is_used() -> None:
    written = re.compile(r"BK-\d{4}")
    used = {
        code
        for path in sources("exchange")
        if path.name not in {"problems.py", "consent_problems.py", "intake_problems.py"}
        and "cli" not in path.parts
        for code in written.findall(path.read_text(encoding="utf-8"))
    } | set(REASONS.values())
    assert sorted(used - set(PROBLEMS)) == []
    assert sorted(set(PROBLEMS) - used - {reasons.problem_for("content_x").code}) == []


@pytest.mark.parametrize(
    ("source", "reasons", "handed_on"),
    [
        ('Refused("ticket_used")', {"ticket_used"}, False),
        ('raise AccessRefused(reason="csrf")', {"csrf"}, False),
        ('verdict.Refused("new_reason")', {"new_reason"}, False),
        ('Turned(f"content_{why}")', {"content_"}, False),
        ('Refused(f"version_{state}")', {f"version_{state}" for state in VERSION_STATES}, False),
        ("Refused(reason)", set(), True),
        ('Refused("a" if x else "b")', set(), True),
        ('def unfit():\n    return "too_large"', {"too_large"}, False),
        ('_refused(trail, "upload_broken")', {"upload_broken"}, False),
        ('reasons = {NotRequired: "not_required"}', {"not_required"}, False),
    ],
)
def test_the_rule_reads(source: str, reasons: set[str], *, handed_on: bool) -> None:
    given = given_in(ast.parse(source), "exchange/flows/somewhere.py")
    assert set(given.reasons) == reasons
    assert bool(given.handed_on) == handed_on
