"""The import contracts hold, and each of them breaks on the import that it forbids."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.contract import Contract

from tests.rules.house import ROOMS, ROOT

TYPES: dict[str, type[Contract]] = {
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}
CONFIGURATION = read_configuration(str(ROOT / "pyproject.toml"))
CONTRACTS: dict[str, dict[str, Any]] = {
    options["name"]: options for options in CONFIGURATION["contracts_options"]
}
NEW_MODULE = "exchange.a_new_module"
# Forbidden imports, one a line, each by the contract that must break on it.
VIOLATIONS = {
    "exchange composes; auth and storage never meet": [
        ("storage.ledger.log", "auth.grants"),
        ("auth.grants", "storage.consents"),
        ("storage.vault", "exchange.settings"),
        ("auth.tokens", "exchange.deps"),
    ],
    "inside exchange: callers > flows > pure rooms": [
        ("exchange.flows.fetch", "exchange.deps"),
        ("exchange.flows.fetch", "exchange.errors"),
        ("exchange.flows.fetch", "exchange.routes.delivery"),
        ("exchange.flows.fetch", "exchange.outbound.notify"),
        ("exchange.routes.counter", "exchange.app"),
        ("exchange.app", "exchange.cli.run"),
        ("exchange.acts", "exchange.flows.fetch"),
        ("exchange.holdings", "exchange.uploads"),
        ("exchange.requirements.rules", "exchange.holdings"),
        ("exchange.requirements.rules", "exchange.pages.wording"),
        ("exchange.settings", "exchange.requirements.catalogue"),
        (NEW_MODULE, "exchange.settings"),
    ],
    "flows do not know each other": [("exchange.flows.fetch", "exchange.flows.issue_ticket")],
    "routes do not know each other": [("exchange.routes.papers", "exchange.routes.counter")],
    "auth is pure: no web, no database, no network": [
        ("auth.tokens", "fastapi"),
        ("auth.grants", "sqlmodel"),
        ("auth.keys", "asyncio"),
        ("auth.keys", "pathlib"),
        ("auth.links", "storage.consents"),
    ],
    "requirements and pages are pure": [
        ("exchange.requirements.rules", "sqlalchemy"),
        ("exchange.requirements.rules", "auth.verdict"),
        ("exchange.pages.views", "storage.consents"),
        ("exchange.pages.views", "fastapi"),
    ],
    "copies are drawn from bytes alone": [
        ("exchange.renditions.pages", "storage.vault"),
        ("exchange.renditions.task", "auth.tickets"),
        ("exchange.renditions.raster", "pathlib"),
    ],
    "files of others are parsed in workers": [
        ("exchange.copies", "exchange.renditions.making"),
        ("exchange.flows.fetch", "exchange.renditions.raster"),
    ],
    "the web stops at the door": [
        ("exchange.flows.take_in", "fastapi"),
        ("exchange.outbound.notify", "starlette"),
        ("exchange.background", "fastapi"),
        ("exchange.client_assertions", "fastapi"),
        ("exchange.guarded", "starlette"),
        ("storage.vault", "starlette"),
    ],
    "what people do knows no problem codes, request models or settings": [
        ("exchange.flows.fetch", "exchange.problems"),
        ("exchange.flows.enrol", "exchange.schemas"),
        ("exchange.uploads", "exchange.settings"),
    ],
    "routes reach storage only through flows": [
        ("exchange.routes.delivery", "storage.vault"),
        ("exchange.routes.counter", "storage.database"),
        ("exchange.routes.counter", "storage.consents"),
        ("exchange.routes.consent", "storage.errors"),
        ("exchange.answers", "storage.subjects"),
    ],
    "the command line opens no side door to bytes": [
        ("exchange.cli.audit", "storage.vault"),
        ("exchange.cli.bench.fetch", "storage.blobs"),
        ("exchange.cli.demo.story", "storage.sealing"),
        ("exchange.cli.enrol", "fastapi"),
    ],
    "what leaves unasked has no way to the bytes of a document": [
        ("exchange.outbound.notify", "storage.vault"),
        ("storage.outbox", "storage.vault"),
        ("exchange.background", "storage.blobs"),
        ("exchange.guarded", "storage.blobs"),
    ],
    "messages leave through outbound": [("exchange.flows.give_consent", "aiosmtplib")],
    "embedded servers are started by the command line and tests only": [
        ("exchange.app", "storage.embedded.services"),
        ("storage.schema", "storage.embedded.postgres"),
    ],
    "the inside of a worker is not loaded by the service": [
        ("storage.workers.pool", "storage.workers.confine"),
        ("exchange.wiring", "storage.workers.child"),
    ],
    "strangers' files are parsed in workers only": [
        ("storage.inspection", "storage.gate.pdf"),
        ("exchange.uploads", "storage.gate.look"),
    ],
    "qpdf runs in workers only": [("storage.vault", "pikepdf"), ("exchange.receipts", "pikepdf")],
    "signatures are looked at in workers only": [
        ("storage.inspection", "storage.signatures.pades"),
        ("exchange.uploads", "storage.signatures.task"),
    ],
    "only pades.py may use pyhanko": [
        ("storage.signatures.judging", "pyhanko"),
        ("storage.signatures.certificates", "pyhanko_certvalidator"),
    ],
    "one door to the blobs": [
        ("exchange.flows.take_in", "storage.blobs"),
        ("exchange.cli.bench.fetch", "storage.blobs"),
    ],
    "objects are read through blobs.py": [
        ("storage.vault", "storage.reads"),
        ("exchange.app", "storage.read_connection"),
    ],
    "only blobs.py may use minio": [("storage.vault", "minio"), ("exchange.app", "minio")],
    "bytes over http": [
        ("exchange.outbound.notify", "aiohttp"),
        ("exchange.flows.fetch_client_keys", "aiohttp"),
        ("exchange.cli.demo.browser", "aiohttp"),
    ],
    "tables and drivers stay in storage": [
        ("exchange.flows.fetch", "asyncpg"),
        ("exchange.holdings", "sqlalchemy"),
        ("exchange.routes.counter", "sqlmodel"),
        ("exchange.cli.prepare", "alembic"),
    ],
    "only tokens.py may use jose": [("auth.token_self_test", "jose"), ("exchange.deps", "jose")],
    "only id_tokens.py may use joserfc, an extra": [
        ("auth.tokens", "joserfc"),
        ("exchange.identity_provider", "joserfc"),
    ],
    "single sign-on is loaded by who uses it": [
        ("exchange.sessions", "auth.id_tokens"),
        ("exchange.flows.link_identity", "auth.id_tokens"),
    ],
    "passkeys have one door": [
        ("auth.sign_in", "webauthn"),
        ("exchange.flows.passkeys", "webauthn"),
    ],
    "cryptography only where keys are handled": [
        ("auth.tokens", "cryptography"),
        ("storage.vault", "cryptography"),
        ("storage.ledger.verify.files", "cryptography"),
        ("exchange.app", "cryptography"),
    ],
    "passwords have one door": [("exchange.flows.run_site", "argon2")],
    "each holder's library has one door, an extra": [
        ("storage.keyring", "hvac"),
        ("storage.keys.local_file", "pkcs11"),
    ],
    "key custody has one door": [
        ("storage.vault", "storage.keys.local_file"),
        ("exchange.app", "storage.keys.local_file"),
    ],
    "a witness stands on the ledger's pure modules alone": [
        ("storage.witness.desk", "storage.database"),
        ("storage.ledger.policy", "asyncio"),
    ],
    "only the ledger makes receipts, only the vault reads them": [
        ("exchange.flows.fetch", "storage.ledger.receipt"),
        ("storage.ledger.page", "storage.ledger.receipt"),
    ],
}
CASES = [(name, *pair) for name, pairs in VIOLATIONS.items() for pair in pairs]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, include_external_packages=True, cache_dir=None)


def holds(name: str, graph: grimp.ImportGraph) -> bool:
    options = CONTRACTS[name]
    contract = TYPES[options["type"]](name, CONFIGURATION["session_options"], options)
    return contract.check(deepcopy(graph), verbose=False).kept


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_contract_holds(name: str, graph: grimp.ImportGraph) -> None:
    assert holds(name, graph), "run .venv/bin/lint-imports: it prints the import"


def test_every_contract_is_seen_failing() -> None:
    assert set(VIOLATIONS) == set(CONTRACTS)
    assert set(CONFIGURATION["session_options"]["root_packages"]) == set(ROOMS)


@pytest.mark.parametrize(("name", "importer", "imported"), CASES)
def test_it_breaks(name: str, importer: str, imported: str, graph: grimp.ImportGraph) -> None:
    """The wrong version: the same tree with one import more."""
    wrong = deepcopy(graph)
    if importer not in wrong.modules:
        assert importer == NEW_MODULE, f"{importer} is not there (any more)"
        wrong.add_module(importer)
    assert imported in wrong.modules, f"{imported} is not there (any more)"
    assert not wrong.direct_import_exists(importer=importer, imported=imported)
    wrong.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    assert not holds(name, wrong)
