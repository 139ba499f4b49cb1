"""What the sandbox tells programs and people about itself (the contract of ``sandbox facts --json``)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from exchange.settings import Settings, SettingsRefused
from storage.embedded.services import Services

FACTS = "facts.json"
DRAFT = "seeding.json"  # while the world is being made


def read_facts(data_dir: Path) -> dict[str, Any]:
    """Raises ``SettingsRefused`` when there is no sandbox."""
    path = data_dir / FACTS
    if not path.exists():
        raise SettingsRefused("no sandbox here yet (start `berkas up`)")
    facts: dict[str, Any] = json.loads(path.read_text())
    return facts


def read_draft(data_dir: Path) -> dict[str, Any]:
    """What a world in the making has so far; empty before the first of it."""
    path = data_dir / DRAFT
    draft: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return draft


def write_facts(data_dir: Path, facts: dict[str, Any], name: str = FACTS) -> None:
    """In one step, and readable by the owner only: it holds the officers' passwords."""
    path = data_dir / name
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file, indent=2, ensure_ascii=False)
    fresh.replace(path)


_SCANNED = "A sandbox is for trial and tests, not for people's papers."
_NOT_SCANNED = "No malware scanner is named (BERKAS_CLAMD): files are parsed, not scanned. For trial and tests, not for people's papers."


def banner(settings: Settings, services: Services | None, seconds: float) -> str:
    """What ``berkas up`` prints once the first page can be read."""
    facts = read_facts(settings.data_dir)
    officer = facts["officers"][0]
    return "\n".join(
        (
            "",
            f"Berkas is ready after {seconds:.1f} s:  {settings.origin}/health/ready",
            f"  API            {settings.origin}/v1   (openapi: {settings.origin}/openapi.json)",
            f"  inbox          {facts['inbox_url']}",
            f"  an officer     {officer['username']}  (passwords: berkas sandbox facts --json)",
            f"  log key        {facts['log_vkey']}",
            f"  data           {settings.data_dir}",
            "  next           berkas demo",
            "",
            services.notice() if services is not None else "",
            f"  {_SCANNED if settings.clamd else _NOT_SCANNED}",
            "Ctrl-C stops everything.",
        )
    )
