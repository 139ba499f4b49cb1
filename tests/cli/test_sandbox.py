"""The operator's way: up, facts, demo, the README's commands, log verify, stop and start again."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from joserfc.jwk import RSAKey
from typer.testing import CliRunner

from auth.keys import generate_signing_key, public_jwk
from exchange.cli import run as cli_run
from exchange.cli.clients import client_app
from exchange.cli.demo.story import _sample
from exchange.cli.sandbox.facts import write_facts
from exchange.deps import clock
from exchange.settings import Settings
from storage import schema
from tests.cli.conftest import ROOT, Sandbox, free_listen
from tests.commands import berkas
from tests.files import pdf
from tests.key_server import key_server

CONTRACT = {"origin", "site", "officers", "clients", "citizens", "inbox_url", "log_vkey", "data_dir"}


def test_facts(sandbox: Sandbox) -> None:
    """DESIGN section 6: what black-box tools rely on."""
    facts = sandbox.facts()
    assert facts.keys() >= CONTRACT
    assert {frozenset(row) for row in facts["clients"]} == {
        frozenset({"client_id", "agency", "private_jwk_file", "scopes"})
    }
    assert len(facts["officers"]) == 12
    assert len({officer["agency"] for officer in facts["officers"]}) >= 6
    assert all(
        officer.keys() >= {"username", "password", "totp_secret", "agency", "counter"}
        for officer in facts["officers"]
    )
    assert len(facts["citizens"]) == 20
    for citizen in facts["citizens"]:
        assert citizen.keys() >= {"nik", "name", "contact", "holds"}
        assert re.fullmatch(r"\d{12}99\d\d", citizen["nik"])
    assert (sandbox.data_dir / "facts.json").stat().st_mode & 0o077 == 0


def test_the_banner_says_what_this_is_for(sandbox: Sandbox) -> None:
    text = sandbox.log.read_text()
    assert "trial and tests" in text
    assert "gRPC" in text
    assert "No malware scanner" in text


def test_demo(sandbox: Sandbox) -> None:
    """DESIGN section 1: nine steps, in each something done and something refused."""
    told = sandbox.run("demo")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "The story held" in told.stdout
    assert "mode assisted (contact_set_by_asker), no link" in told.stdout
    steps = re.split(r"\n(?=\d\. )", told.stdout)[1:]
    assert [step[:2] for step in steps] == [f"{number}." for number in range(1, 10)]
    assert [step[:2] for step in steps if "   done " not in step or "   refused " not in step] == []


@pytest.mark.parametrize("name", ["mine.pdf", "mine.jpg"])
def test_demo_with_my_own_file(sandbox: Sandbox, name: str) -> None:
    own = sandbox.data_dir.parent / name
    own.write_bytes(pdf(b"mine") if name.endswith("pdf") else _sample())
    told = sandbox.run("demo", "--file", str(own))
    assert told.returncode == 0, told.stdout + told.stderr


def test_demo_with_a_file_that_is_none(sandbox: Sandbox) -> None:
    own = sandbox.data_dir.parent / "mine.txt"
    own.write_text("plain text")
    assert sandbox.run("demo", "--file", str(own)).returncode == 3
    assert sandbox.run("demo", "--file", "nowhere.pdf").returncode == 1


def test_a_broken_step_is_exit_code_3(sandbox: Sandbox) -> None:
    """The officers of the facts are not those of the database: the story breaks in step 2, in one sentence."""
    path = sandbox.data_dir / "facts.json"
    kept = path.read_text()
    try:
        write_facts(sandbox.data_dir, json.loads(kept) | {"officers": []})
        told = sandbox.run("demo")
    finally:
        path.write_text(kept)
    assert told.returncode == 3
    assert "THE STORY BROKE: step 2. An officer signs in" in told.stderr
    assert "Traceback" not in told.stderr


def _block(language: str, number: int = 0) -> str:
    """What the README shows, with the interpreter of this run in place of ``./berkas``."""
    found = re.findall(
        rf"<!-- the suite runs the next block -->\n```{language}\n(.*?)```",
        (ROOT / "README.md").read_text(),
        re.DOTALL,
    )
    script = str(found[number]).replace('"./berkas"', f'"{sys.executable}", "-m", "exchange.cli"')
    return script.replace("./berkas ", f"{sys.executable} -m exchange.cli ")


def _ran(sandbox: Sandbox, folder: Path, command: list[str]) -> str:
    ran = subprocess.run(
        command,
        env=sandbox.environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="no curl or no openssl")
def test_the_readmes_commands(sandbox: Sandbox, tmp_path: Path) -> None:
    """U19: the block is executed as it stands; only ``./berkas`` is the interpreter of this run."""
    told = _ran(sandbox, tmp_path, ["bash", "-euo", "pipefail", "-c", _block("sh")])
    assert told.split("\n")[0] == "False"
    assert '"version":1' in told
    for expected in ("True", "Persetujuan tercatat", "BK-4003", "withdrawn", "BK-4005"):
        assert expected in told
    assert "content-digest: sha-256=:" in told.lower()


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="no curl or no openssl")
def test_the_readmes_citizen_without_a_phone(sandbox: Sandbox, tmp_path: Path) -> None:
    """M11, M45: three calls by two officers, after the first four steps of the story."""
    story, rest = _block("sh").split("# 5.")
    assert "# 6." in rest
    told = _ran(sandbox, tmp_path, ["bash", "-euo", "pipefail", "-c", story + _block("sh", 1)])
    assert told.strip().split("\n")[-3:] == ["confirmation", "granted", "withdrawn"]
    receipt = (tmp_path / "receipt.html").read_text()
    assert "Kode penarikan" in receipt
    assert "Lembar persetujuan" in (tmp_path / "slip.html").read_text()


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="no curl or no openssl")
def test_the_readmes_back_end(sandbox: Sandbox, tmp_path: Path) -> None:
    """M22: a library that nobody here wrote fetches a document with DPoP, in less than 25 lines."""
    story, rest = _block("sh").split("# 8.")
    assert "# 9." in rest
    told = _ran(sandbox, tmp_path, ["bash", "-euo", "pipefail", "-c", story + "\necho $consent"])
    consent = told.strip().rpartition("\n")[2]
    block = _block("python")
    assert len(block.splitlines()) <= 25
    told = _ran(sandbox, tmp_path, [sys.executable, "-c", block, consent])
    assert told == "200 KTP stamped image/jpeg\n"


def test_keys_by_the_command_line(sandbox: Sandbox) -> None:
    """Introduce, and what is printed to do next; a key that is needed stays; a key that leaked goes at once."""
    told = sandbox.run("keys", "rotate", "--purpose", "access", "--overlap-s", "600").stdout
    rows = {row["kid"]: row for row in json.loads(sandbox.run("keys", "list").stdout)}
    states = {row["state"]: kid for kid, row in rows.items() if row["purpose"] == "access"}
    assert set(states) == {"signing", "next"}
    assert f"introduced {states['next']}" in told
    assert f"berkas keys retire {states['signing']}" in told
    ledger = [row for row in rows.values() if row["purpose"] == "ledger"]
    assert [row["vkey"] for row in ledger] == [sandbox.facts()["log_vkey"]]
    refused = sandbox.run("keys", "retire", states["signing"])
    assert (refused.returncode, "BK-1013" in refused.stderr) == (1, True)
    assert sandbox.run("keys", "rotate", "--purpose", "paper").returncode == 2
    assert sandbox.run("keys", "rotate", "--overlap-s", "999999999999").returncode == 2
    assert sandbox.run("keys", "retire", states["signing"], "--compromised").returncode == 0
    rows = {row["kid"]: row for row in json.loads(sandbox.run("keys", "list").stdout)}
    assert rows[states["signing"]]["state"] == "revoked"
    assert [row["state"] for row in rows.values() if row["purpose"] == "access"].count("signing") == 1
    told = sandbox.run("keys", "rotate", "--purpose", "ledger").stdout
    assert "every checkpoint carries both signatures" in told
    assert "/log/vkeys" in told
    assert sandbox.run("log", "verify").returncode == 0


def test_clients_by_the_command_line(sandbox: Sandbox, tmp_path: Path) -> None:
    facts = json.loads(sandbox.run("sandbox", "facts", "--json").stdout)
    assert len(facts["clients"]) >= 3
    for row in facts["clients"]:
        assert Path(row["private_jwk_file"]).stat().st_mode & 0o777 == 0o600
    private = json.loads(Path(facts["clients"][0]["private_jwk_file"]).read_text())
    public = tmp_path / "public.jwk"
    assert sandbox.run("client", "add", "dpmptsp-oss", "DPMPTSP@6472", "OSS").returncode == 0
    # Refused before anything is asked of the database.
    for content in ("no json", json.dumps([private]), "[" * 200_000):
        public.write_text(content)
        told = CliRunner().invoke(client_app, ["add-key", "dpmptsp-oss", "k1", str(public)])
        assert told.exit_code == 1, content[:10]
        assert isinstance(told.exception, SystemExit), content[:10]
    public.write_text(json.dumps(private))
    assert sandbox.run("client", "add-key", "dpmptsp-oss", "k1", str(public)).returncode == 1
    public.write_text(json.dumps({name: private[name] for name in ("kty", "crv", "x", "y")}))
    assert sandbox.run("client", "add-key", "dpmptsp-oss", "k1", str(public)).returncode == 0
    assert sandbox.run("client", "withdraw-key", "dpmptsp-oss", "k1").returncode == 0
    assert sandbox.run("client", "suspend", "dpmptsp-oss").returncode == 0
    assert sandbox.run("client", "set-scopes", "dpmptsp-oss", "--scope", "tickets.issue").returncode == 0
    rows = {row["id"]: row for row in json.loads(sandbox.run("client", "list").stdout)}
    assert (rows["dpmptsp-oss"]["active"], rows["dpmptsp-oss"]["scopes"]) == (False, ["tickets.issue"])
    for more, code in ((["--until", "2099-01-01"], 0), (["--until", "soon"], 2), ([], 0)):
        assert sandbox.run("agency", "agreement", "DPMPTSP@6472", *more).returncode == code
    [key] = rows["dpmptsp-oss"]["keys"]
    assert (key["kid"], key["active"]) == ("k1", False)
    assert sandbox.run("client", "resume", "dpmptsp-oss").returncode == 0
    refused = sandbox.run("client", "add", "dpmptsp-oss", "DPMPTSP@6472", "OSS")
    assert (refused.returncode, refused.stderr.strip()) == (
        1,
        "refused: client_exists. Use the one that exists. (BK-1008)",
    )


async def test_what_a_client_is_for_and_where_its_keys_are(sandbox: Sandbox, tmp_path: Path) -> None:
    """Purposes, RSA, and an address: set, refused with its code, listed; at a real server the keys are found at once."""

    async def client(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        merged = sandbox.environment | environment
        return await asyncio.to_thread(berkas, "client", *words, env=merged, cwd=ROOT)

    async def told(*words: str, **environment: str) -> tuple[int, str]:
        ran = await client(*words, **environment)
        return ran.returncode, ran.stderr.strip()

    name, agency = "dpmptsp-lama", "DPMPTSP@6472"
    code, said = await told("add", name, agency, "OSS", "--purpose", "POLRI.SKCK_BARU")
    assert (code, "purpose_unknown" in said) == (1, True)
    assert await told("add", name, agency, "OSS", "--purpose", "DPMPTSP.NIB") == (0, "")
    assert await told("set-purposes", name, "DPMPTSP.NIB", "DPMPTSP.PBG") == (0, "")
    key = RSAKey.generate_key(2_048, private=True).as_dict(private=False)
    public = tmp_path / "public.jwk"
    public.write_text(json.dumps({member: key[member] for member in ("kty", "n", "e")}))
    code, said = await told("add-key", name, "lama", str(public))
    assert (code, "client_key_refused" in said) == (1, True)
    assert await told("allow-rs256", name) == (0, "")
    assert await told("add-key", name, "lama", str(public)) == (0, "")
    assert await told("allow-rs256", name, "--no") == (0, "")
    code, said = await told("set-jwks-uri", name, "https://169.254.169.254/jwks.json")
    assert (code, said.endswith("(BK-1028)")) == (1, True)
    async with key_server(tmp_path) as server:
        outside = {
            "BERKAS_OUTBOUND_ALLOW": f"localhost:{server.port}",
            "BERKAS_OUTBOUND_CA_FILE": str(server.certificate),
        }
        server.status = 500
        code, said = await told("set-jwks-uri", name, server.uri, **outside)
        assert code == 0
        assert said.endswith("kept, and not fetched yet: status. It is asked again each minute.")
        server.status = 200
        server.publishes({**public_jwk(generate_signing_key("access", clock()).public), "kid": "baru"})
        assert await told("set-jwks-uri", name, server.uri, **outside) == (0, "")
        listed = json.loads((await client("list")).stdout)
        row = next(row for row in listed if row["id"] == name)
        assert row["jwks_uri"] == server.uri
    assert (row["purposes"], row["rs256"]) == (["DPMPTSP.NIB", "DPMPTSP.PBG"], False)
    assert row["jwks_confirmed_at"]
    assert row["keys"] == [
        {"kid": "lama", "alg": "RS256", "by_uri": False, "active": True},
        {"kid": "baru", "alg": "ES256", "by_uri": True, "active": True},
    ]
    assert await told("set-jwks-uri", name, "") == (0, "")


def test_log_verify_and_checkpoint(sandbox: Sandbox) -> None:
    checkpoint = sandbox.run("log", "checkpoint")
    assert checkpoint.stdout.splitlines()[0].endswith("/akses")
    kept = sandbox.data_dir.parent / "checkpoint.txt"
    kept.write_text(checkpoint.stdout)
    verified = sandbox.run("log", "verify", "--checkpoint", str(kept), "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    findings = json.loads(verified.stdout)
    assert findings["problems"] == []
    assert findings["bodies_opened"] == findings["size"] > 100


def test_ready_is_said_only_when_something_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli_run, "READY_WITHIN_S", 0.3)
    cli_run._announce(Settings(listen=free_listen()), None, 0.0)
    said = capsys.readouterr()
    assert "ready" not in said.out
    assert "does not answer" in said.err


def test_small_commands(sandbox: Sandbox) -> None:
    assert sandbox.run("doctor").returncode == 0
    assert json.loads(sandbox.run("doctor", "--json").stdout)["database"] is True
    assert json.loads(sandbox.run("version", "--json").stdout)["schema"] == schema.HEAD
    assert "BK-2031" in sandbox.run("explain", "bk-2031").stdout
    assert sandbox.run("explain", "BK-0000").returncode == 1
    assert sandbox.run("config", "check").returncode == 0
    assert sandbox.run("nonsense").returncode == 2


def test_administration(sandbox: Sandbox) -> None:
    """Enrolled from another process while the application runs; effective at once, on record."""
    assert sandbox.run("agency", "add", "BPN", "6472", "Kantor Pertanahan").stdout.strip() == "BPN@6472"
    again = sandbox.run("agency", "add", "BPN", "6472", "Kantor Pertanahan")
    assert (again.returncode, "agency_exists" in again.stderr) == (1, True)
    password = "kata sandi yang panjang\n"
    added = sandbox.run(
        "officer", "add", "bpn.1", "Petugas Contoh", "BPN@6472", "Loket 9", input=password * 2
    )
    assert added.returncode == 0, added.stderr
    short = sandbox.run(
        "officer", "add", "bpn.2", "Petugas Contoh", "BPN@6472", "Loket 9", input="pendek\npendek\n"
    )
    assert short.returncode == 1
    listed = json.loads(sandbox.run("officer", "list").stdout)
    assert any(row["username"] == "bpn.1" and row["active"] for row in listed)
    sites = json.loads(sandbox.run("site", "list", "--json").stdout)
    assert [row["id"] for row in sites] == ["6472"]
    agencies = json.loads(sandbox.run("agency", "list", "--json").stdout)
    assert "BPN@6472" in {row["id"] for row in agencies}
    assert sandbox.run("officer", "suspend", "bpn.1").returncode == 0
    assert sandbox.run("officer", "suspend", "nobody").returncode == 1
    assert sandbox.run("agency", "suspend", "BPN@6472").returncode == 0


def test_grounds_by_the_command_line(sandbox: Sandbox) -> None:
    """M20: where the law replaces consent is put on record, listed and taken back; what does not fit is refused."""
    where = ("DPMPTSP@6472", "DPMPTSP.NIB", "public_task")
    added = sandbox.run("ground", "add", *where, "Pasal 12 Peraturan 1/2026", "--type", "KTP")
    assert (added.returncode, added.stdout.strip()) == (0, "/".join(where)), added.stderr
    assert sandbox.run("ground", "add", *where, "Pasal 12", "--type", "PAPER").returncode == 1
    (row,) = json.loads(sandbox.run("ground", "list").stdout)
    assert (row["reference"], row["types"], row["active"]) == ("Pasal 12 Peraturan 1/2026", ["KTP"], True)
    assert sandbox.run("ground", "end", row["id"]).returncode == 0
    assert sandbox.run("ground", "end", row["id"]).returncode == 1


def test_the_first_administrators_choose_their_passwords(sandbox: Sandbox) -> None:
    """A one-time setup code, printed once; any role may be given from the command line."""
    options = ("Kepala Contoh", "DPMPTSP@6472", "Kantor", "--role", "site_admin", "--invite")
    told = json.loads(sandbox.run("officer", "add", "kepala", *options).stdout)
    origin = sandbox.facts()["origin"]
    body = {"code": told["setup_code"], "password": "kata sandi yang panjang"}
    assert httpx.post(f"{origin}/v1/invitation", json=body).json() == {"username": "kepala"}
    assert httpx.post(f"{origin}/v1/invitation", json=body).status_code == 403
    signed = httpx.post(f"{origin}/v1/session", json={"username": "kepala", "password": body["password"]})
    assert (signed.status_code, signed.json()["officer"]["role"]) == (201, "site_admin")
    assert sandbox.run("officer", "appoint", "kepala", "king").returncode == 1
    assert sandbox.run("officer", "appoint", "kepala", "auditor").returncode == 0
    again = json.loads(sandbox.run("officer", "invite", "kepala").stdout)
    assert again["setup_code"] != told["setup_code"]
    roles = {row["username"]: row["role"] for row in json.loads(sandbox.run("officer", "list").stdout)}
    assert roles["kepala"] == "auditor"


def test_two_sandboxes_side_by_side(sandbox: Sandbox, tmp_path: Path) -> None:
    """Same port asked for: the second moves to a free one and says so in its facts."""
    other = Sandbox(tmp_path / "data", sandbox.listen)
    with other.log.open("ab") as output:
        other.process = subprocess.Popen(
            [sys.executable, "-m", "exchange.cli", "up"], env=other.environment, stdout=output, stderr=output
        )
    try:
        for _ in range(900):
            if "Berkas is ready" in other.log.read_text():
                break
            assert other.process.poll() is None, other.log.read_text()
            import time

            time.sleep(0.1)
        assert other.facts()["origin"] != sandbox.facts()["origin"]
        assert other.run("demo").returncode == 0
        assert sandbox.run("doctor").returncode == 0
    finally:
        other.stop()


def test_killed_and_started_again(sandbox: Sandbox) -> None:
    """kill -9 of berkas: the next start recovers, nothing is lost, the log is whole."""
    before = json.loads(sandbox.run("log", "verify", "--json").stdout)["size"]
    sandbox.stop(signal.SIGKILL)
    seconds = sandbox.start()
    assert seconds < 60
    after = json.loads(sandbox.run("log", "verify", "--json").stdout)
    assert after["problems"] == []
    assert after["size"] >= before
    assert sandbox.run("demo").returncode == 0


def test_ctrl_c_stops_all(sandbox: Sandbox) -> None:
    """Within 10 s, and no server is left; afterwards ``log verify`` starts what it needs by itself."""
    assert sandbox.process is not None
    children = psutil.Process(sandbox.process.pid).children(recursive=True)
    assert children
    assert sandbox.stop() < 10
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert sandbox.run("log", "verify").returncode == 0
    unpublished = sandbox.run("log", "checkpoint")
    assert (unpublished.returncode, unpublished.stderr.count("\n")) == (1, 1)
    assert "no checkpoint from http://" in unpublished.stderr
    sandbox.start()


def test_nothing_here_yet(tmp_path: Path) -> None:
    """A sentence, not a trace."""
    nothing = Sandbox(tmp_path / "data", free_listen())
    nothing.data_dir.mkdir()
    for command in (("sandbox", "facts"), ("log", "verify"), ("officer", "list"), ("doctor",)):
        told = nothing.run(*command)
        assert told.returncode == 1
        assert "berkas up" in told.stderr
        assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "BERKAS_DATABASE_URL is required"),
        ({"BERKAS_DATABASE_URL": "postgresql://b:changeme@127.0.0.1/b"}, "BERKAS_S3_ENDPOINT is required"),
        (
            {"BERKAS_DATABASE_URL": "postgresql://b:changeme@127.0.0.1/b", "BERKAS_S3_ENDPOINT": "http://127.0.0.1:9",
             "BERKAS_S3_ACCESS_KEY": "minioadmin", "BERKAS_S3_SECRET_KEY": "minioadmin", "BERKAS_ROOT_KEY": "file:/x",
             "BERKAS_PUBLIC_ORIGIN": "https://berkas.example.go.id"},
            "sample secret",
        ),
        ({"BERKAS_TICKET_LIFE_S": "301", "BERKAS_MODE": "sandbox"}, "BERKAS_TICKET_LIFE_S"),
        ({"BERKAS_OUTBOUND_ALLOW": "127.0.0.1:9443"}, "BERKAS_OUTBOUND_ALLOW is for a sandbox"),
        ({"BERKAS_INSPECT_FILES": "false"}, "BERKAS_INSPECT_FILES is true in production"),
        ({"BERKAS_CLAMD": "/run/clamd", "BERKAS_MODE": "sandbox"}, "BERKAS_CLAMD is unix:/path or tcp:host:port"),
        ({"BERKAS_CLAMD": "tcp:127.0.0.1:3310", "BERKAS_INSPECT_FILES": "false", "BERKAS_MODE": "sandbox"}, "BERKAS_CLAMD needs"),
        ({"BERKAS_SPOOL_LIMIT_BYTES": "1000", "BERKAS_MODE": "sandbox"}, "no such paper could come in"),
        ({"BERKAS_OUTBOUND_PORTS": "443,22", "BERKAS_MODE": "sandbox"}, "BERKAS_OUTBOUND_PORTS"),
        ({"BERKAS_OUTBOUND_CA_FILE": "nowhere.pem", "BERKAS_MODE": "sandbox"}, "BERKAS_OUTBOUND_CA_FILE is no file"),
    ],
)  # fmt: skip
def test_configurations_that_must_not_run(sandbox: Sandbox, settings: dict[str, str], sentence: str) -> None:
    """Production refuses a missing or sample secret; the sentence names the variable, never a value."""
    environment = sandbox.environment | {"BERKAS_MODE": "production"} | settings
    told = berkas("serve", env=environment, cwd=ROOT)
    assert told.returncode == 1
    assert sentence in told.stderr
    assert "minioadmin" not in told.stderr
    assert "Traceback" not in told.stderr
