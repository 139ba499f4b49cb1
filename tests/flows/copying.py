"""What tests of copies share: a catalogue that says how papers leave, and what a receipt says."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import httpx

from exchange.requirements.catalogue import load_catalogue
from tests.world import SERVICE, World

KEPT = {
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "no-store, private",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-resource-policy": "same-origin",
}
"""What every file of ours says, whole (A49)."""


def leaves(world: World, service: str = SERVICE, **manners: str) -> None:
    """From now on papers of these types leave so for ``service``; all others stamped, as the catalogue has it."""
    catalogue = load_catalogue()
    changed = replace(catalogue.services[service], renditions=manners)
    services = {**catalogue.services, service: changed}
    world.app.state.parts = replace(world.parts, catalogue=replace(catalogue, services=services))


def claims_of(receipt: str) -> dict[str, Any]:
    payload = receipt.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def receipt_of(answer: httpx.Response) -> dict[str, Any]:
    return claims_of(answer.headers["berkas-receipt"])


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:300]
    return answer.status_code, answer.json()["code"]
