"""Deny by default: every operation refuses a stranger unless it stands on a short list with a reason (A34)."""

from __future__ import annotations

import re
from typing import Any

from tests.world import World

PUBLIC = {
    ("POST", "/v1/session"): "the way in: needs a password, is refused without one",
    ("GET", "/p/{code}"): "a citizen's link: the code is the credential, and tells nothing before the factor",
    ("POST", "/p/{code}"): "the same",
    ("GET", "/w/{code}"): "the same",
    ("POST", "/w/{code}"): "the same",
    ("GET", "/health/live"): "says that the process answers and nothing else",
    ("GET", "/health/ready"): "says which dependency is away, for load balancers",
    ("GET", "/log/checkpoint"): "public by design: a signed tree head over commitments",
    ("GET", "/log/vkey"): "the public half of the log's key",
    ("GET", "/.well-known/jwks.json"): "public keys",
    ("GET", "/.well-known/jwks-archive.json"): "public keys",
    ("GET", "/problems/{code}"): "documentation",
    ("GET", "/sandbox/inbox"): "sandbox only: not routed in production",
}
VALUES = {
    "code": "a" * 45,
    "ref": "sbj_01JD0000000000000000000000",
    "request_id": "cr_01JD0000000000000000000000",
    "consent_id": "c_01JD0000000000000000000000",
    "document_id": "d_01JD0000000000000000000000",
    "version": "1",
}


def _operations(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    paths = world.app.openapi()["paths"]
    return [
        (method.upper(), path, operation)
        for path, item in paths.items()
        for method, operation in item.items()
    ]


async def test_strangers_are_refused(world: World) -> None:
    operations = _operations(world)
    assert len(operations) > 20
    for method, path, _ in operations:
        address = re.sub(r"\{(\w+)\}", lambda found: VALUES[found.group(1)], path)
        if (method, path) in PUBLIC:
            continue
        answer = await world.client.request(method, address, json={} if method != "GET" else None)
        assert answer.status_code == 401, (method, path, answer.status_code)
        assert answer.headers["content-type"] == "application/problem+json"
    known = {(method, path) for method, path, _ in operations}
    assert set(PUBLIC) <= known, "the list of public operations names what is not there"


async def test_a_cookie_of_nobody(world: World) -> None:
    for method, path, _ in _operations(world):
        if (method, path) in PUBLIC or "documents/{document_id}" in path:
            continue
        address = re.sub(r"\{(\w+)\}", lambda found: VALUES[found.group(1)], path)
        answer = await world.client.request(
            method, address, headers={"Cookie": "berkas=invented", "X-CSRF-Token": "x"}
        )
        assert answer.status_code in {401, 403}, (method, path, answer.status_code)


async def test_the_description_is_complete(world: World) -> None:
    """Unique verbNoun ids, short summaries, a description of who may call and what happens."""
    operations = _operations(world)
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations:
        assert len(operation["summary"]) <= 60, (method, path)
        assert operation.get("tags"), (method, path)
