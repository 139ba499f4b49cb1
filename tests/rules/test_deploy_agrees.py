"""The files of ``deploy/`` keep in step with the settings, the commands and one another: names, ports, sizes, hardening."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from exchange.cli.commands import app
from exchange.settings import Settings
from tests.rules.house import ROOT

DEPLOY = ROOT / "deploy"
# What the launcher and the tests' runs read, and no setting.
LAUNCHER = {"ENV_DIR", "NO_APT", "PYTHON", "CACHE_DIR"}
UNITS = sorted(path.name for path in DEPLOY.glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("berkas:")}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
NGINX = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
COMMANDS = {
    command.name or command.callback.__name__ for command in app.registered_commands if command.callback
}


@pytest.mark.parametrize(
    "name",
    [
        "compose.yaml",
        "Dockerfile",
        "nginx.conf",
        "nginx-replicas.conf",
        "runbook.md",
        "runbook-id.md",
        *UNITS,
    ],
)
def test_no_setting_that_nobody_reads(name: str) -> None:
    """A misspelt variable is ignored without a word, and its default holds."""
    named = set(re.findall(r"BERKAS_([A-Z0-9_]*[A-Z0-9])", (DEPLOY / name).read_text(encoding="utf-8")))
    assert named <= {field.upper() for field in Settings.model_fields} | LAUNCHER


def test_ports() -> None:
    """Who listens where, and who looks for it there."""
    port = re.search(r"BERKAS_LISTEN=[\d.]+:(\d+)", DOCKERFILE)
    assert port
    example = re.search(
        r"^BERKAS_LISTEN=127\.0\.0\.1:(\d+)$", (DEPLOY / "env.example").read_text(), re.MULTILINE
    )
    assert example
    assert Settings.model_fields["listen"].default.endswith(f":{example[1]}")
    assert f"EXPOSE {port[1]}\n" in DOCKERFILE
    assert f"http://127.0.0.1:{port[1]}/health/ready" in DOCKERFILE
    assert f"server 127.0.0.1:{example[1]}" in (DEPLOY / "nginx-replicas.conf").read_text()
    behind = re.findall(r"server ([\w-]+):(\d+)", COMPOSE["configs"]["replicas"]["content"])
    serving = [name for name, service in OURS.items() if "command" not in service]
    assert behind == [(name, port[1]) for name in serving]
    for service in OURS.values():
        assert service["environment"]["BERKAS_LISTEN"].endswith(f":{port[1]}")
    listening = re.findall(r"listen (\d+)", NGINX)
    assert SERVICES["front"]["ports"] == [f"{number}:{number}" for number in listening]


def test_the_object_store_is_where_it_is_looked_for() -> None:
    endpoint = OURS["app-1"]["environment"]["BERKAS_S3_ENDPOINT"]
    assert f"-s3.port={endpoint.rpartition(':')[2]}" in SERVICES["store"]["command"]
    assert endpoint.startswith("http://store:")
    bucket = re.search(r"^BERKAS_S3_BUCKET=(\w+)$", (DEPLOY / "env.example").read_text(), re.MULTILINE)
    assert bucket
    assert f"s3.bucket.create -name {bucket[1]}'" in SERVICES["store-setup"]["command"][0]


def test_two_replicas_and_one_worker() -> None:
    """Alike but for their command; where there is a worker, the replicas leave its jobs to it."""
    one, two = OURS["app-1"], OURS["app-2"]
    assert one == two
    assert OURS["worker"]["command"] == ["worker"]
    assert {service["environment"]["BERKAS_WORKER"] for service in OURS.values()} == {"apart"}


def test_commands_that_exist() -> None:
    words = [service["command"][0] for service in OURS.values() if "command" in service]
    words += re.findall(r'^CMD \["(\w+)"\]', DOCKERFILE, re.MULTILINE)
    for unit in UNITS:
        words += re.findall(r"^ExecStart=/opt/berkas/berkas (\w+)", (DEPLOY / unit).read_text(), re.MULTILINE)
    assert {"serve", "worker", "migrate"} == set(words)
    assert set(words) <= COMMANDS


def test_nginx_takes_what_the_application_takes() -> None:
    size = re.search(r"client_max_body_size (\d+)m;", NGINX)
    assert size
    assert int(size[1]) * 1024 * 1024 >= Settings.model_fields["upload_limit_bytes"].default
    for deadline in ("client_header_timeout", "client_body_timeout", "send_timeout"):
        seconds = re.search(rf"^  {deadline} (\d+)s;", NGINX, re.MULTILINE)
        assert seconds, deadline
        assert int(seconds[1]) <= 30


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_containers_are_hardened(name: str) -> None:
    """attacks-and-faults.md 10: nothing is written but where it must be, no capability but those that are named, no new privileges."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[a-z/]+:[\w.-]*\d[\w.-]*", service["image"]), "pinned by a tag with a version"
    if name in OURS:  # the image says who
        assert "cap_add" not in service
    elif "cap_add" not in service:  # root could not write what is the own account's
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert "privileged" not in service
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


def test_only_the_front_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["front"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    for name in ("database", "store", "store-setup"):
        assert SERVICES[name]["networks"] == ["back"]


def test_the_image() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    assert "--require-hashes --no-deps --only-binary :all: -r requirements.lock" in DOCKERFILE
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert DOCKERFILE.index("USER ") < DOCKERFILE.index("ENTRYPOINT ")
    assert "HEALTHCHECK" in DOCKERFILE
    assert not re.search(r"(?i)(password|secret|token)=", DOCKERFILE)


def test_every_file_that_compose_names_is_here_or_comes_from_an_example() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = str(volume).split(":")[0]
            if source.startswith("./") and source != "./tls":
                assert (DEPLOY / source).is_file(), source
        for name in service.get("env_file", []):
            assert (DEPLOY / f"{name}.example").is_file(), name
    example = (DEPLOY / "store.env.example").read_text()
    assert all(
        re.search(rf"^{name}=$", example, re.MULTILINE)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    )


def test_the_runbook_is_the_same_in_both_languages() -> None:
    """As many chapters, and every command, setting and path of one stands in the other as often; only what is behind a # is translated."""
    english, indonesian = (
        (DEPLOY / name).read_text(encoding="utf-8") for name in ("runbook.md", "runbook-id.md")
    )
    assert _chapters(english) == _chapters(indonesian)
    assert _commands(english) == _commands(indonesian)
    assert _code(english) == _code(indonesian)


def _chapters(text: str) -> list[str]:
    return re.findall(r"^#+", text, re.MULTILINE)


def _code(text: str) -> Counter[str]:
    return Counter(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text))


def _commands(text: str) -> list[str]:
    return [line.partition("  #")[0].strip() for line in text.splitlines() if line.startswith("    ")]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="no hadolint on this machine")
def test_hadolint_takes_the_dockerfile() -> None:
    said = subprocess.run(["hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def _has_compose() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not _has_compose(), reason="no docker compose on this machine")
def test_compose_takes_the_file(tmp_path: Path) -> None:
    here = shutil.copytree(DEPLOY, tmp_path / "deploy")
    for name in ("env", "migrate.env", "store.env"):
        shutil.copy(here / f"{name}.example", here / name)
    said = subprocess.run(
        ["docker", "compose", "-f", here / "compose.yaml", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
