"""The sandbox's families are ready for a parent to decide (M19), and for each to see their own accesses (N06)."""

from __future__ import annotations

import httpx

from tests.cli.conftest import Sandbox


def test_a_father_decides_for_his_daughter(sandbox: Sandbox) -> None:
    """Out of the box: the KIA of a girl of the sandbox, asked of her father on the papers that are on file."""
    facts = sandbox.facts()
    people = {row["name"]: row for row in facts["citizens"]}
    officer = next(row for row in facts["officers"] if row["agency"].startswith("DISDUKCAPIL@"))
    with httpx.Client(base_url=facts["origin"], timeout=30) as desk:
        signed = desk.post(
            "/v1/session", json={"username": officer["username"], "password": officer["password"]}
        )
        desk.headers["X-CSRF-Token"] = signed.json()["csrf"]
        child, father = (
            desk.post("/v1/subjects", json={"nik": people[name]["nik"], "name": name}).json()["subject_ref"]
            for name in ("Nita Percobaan", "Rudi Percobaan")
        )
        wanted = {"subject_ref": child, "service": "DISDUKCAPIL.KIA", "parties": {"child": [child]}}
        ready = desk.post("/v1/readiness", json=wanted).json()
        certificate = next(row["document_id"] for row in ready["requirements"] if row["code"] == "AKTA_LAHIR")
        alone = desk.post("/v1/consent-requests", json=wanted)
        assert (alone.status_code, alone.json()["code"]) == (422, "BK-2071")
        who = {"subject_ref": father, "relation": "parent", "evidence": [certificate]}
        asked = desk.post("/v1/consent-requests", json=wanted | {"decided_by": who})
        assert asked.status_code == 201, asked.text
        page = httpx.get(asked.json()["link"])
        assert "anak Anda (N. P.)" in page.text
