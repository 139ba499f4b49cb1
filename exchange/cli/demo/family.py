"""A mother decides for her child (M19): what the demo tells inside its fifth step."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any
from urllib.parse import urlencode

from exchange.cli.demo.browser import Browser, boxes_in, csrf_in, told_in
from exchange.cli.demo.telling import Inbox, Telling, expected
from exchange.cli.sandbox.register import FEMALE_DAY_OFFSET

AGENCY, SERVICE = "IMIGRASI", "IMIGRASI.PASPOR_ANAK"
CONTACT = "+6281200009978"


class Family:
    """An officer of another agency, a mother with a phone, a child without."""

    def __init__(self, facts: dict[str, Any], telling: Telling, content: bytes, media_type: str) -> None:
        self._telling = telling
        self._content = content
        self._media_type = media_type
        self._desk = Browser(facts["origin"])
        self._phone = Browser(facts["origin"])
        self._officer = next(row for row in facts["officers"] if row["agency"].startswith(f"{AGENCY}@"))
        self._inbox_url = f"{facts['inbox_url']}?{urlencode({'to': CONTACT})}"

    def tell(self) -> None:
        """Raises ``Refusal``."""
        inbox = Inbox(self._desk, self._inbox_url)
        signed = self._desk.post(
            "/v1/session", {name: self._officer[name] for name in ("username", "password")}
        )
        self._desk.csrf = expected(signed, 201).json()["csrf"]
        mother = self._enrolled("Ibu Contoh", FEMALE_DAY_OFFSET, range(80, 96), CONTACT)
        child = self._enrolled("Anak Contoh", 0, range(14, 21), None)
        certificate = self._certificate(child)
        wanted = {"subject_ref": child, "service": SERVICE, "parties": {"child": [child]}}
        self._telling.refused(self._desk.post("/v1/consent-requests", wanted), "BK-2071")
        who = {"subject_ref": mother, "relation": "parent", "evidence": [certificate]}
        self._telling.refused(
            self._desk.post("/v1/consent-requests", wanted | {"decided_by": who}), "BK-2072"
        )
        names = f"/v1/documents/{certificate}/subjects"
        expected(self._desk.post(names, {"subject_ref": mother, "role": "parent"}), 201)
        shown = self._desk.post(names, {"subject_ref": child, "role": "holder", "child_of": [mother]})
        self._telling.done(shown, 201, "the officer reads from the birth certificate whose child it is")
        asked = expected(self._desk.post("/v1/consent-requests", wanted | {"decided_by": who}), 201)
        self._decided(asked.json()["link"], inbox)

    def _decided(self, link: str, inbox: Inbox) -> None:
        sent = self._phone.form(link, step="send", csrf=csrf_in(expected(self._phone.get(link), 200)))
        page = self._phone.form(link, step="code", csrf=csrf_in(sent), code=inbox.next("otp", "code"))
        self._telling.done(page, 200, f"“{told_in(page)}”: the mother, on her own phone")
        form = {"step": "decide", "csrf": csrf_in(page), "decision": "grant", "document": boxes_in(page)}
        done = self._phone.form(link, **form)
        self._telling.done(done, 200, f"“{told_in(done)}”; it ends by itself on the 18th birthday")

    def _enrolled(self, name: str, day_offset: int, years: range, contact: str | None) -> str:
        """With a synthetic NIK (serial 99xx, domain.md 3)."""
        draw = random.SystemRandom()
        born = f"{draw.randint(1, 28) + day_offset:02d}{draw.randint(1, 12):02d}{draw.choice(years):02d}"
        nik = f"647209{born}99{draw.randint(30, 99):02d}"
        contacts = [{"channel": "whatsapp", "value": contact}] if contact else []
        citizen = {"nik": nik, "name": name, "contacts": contacts}
        answer = expected(self._desk.post("/v1/subjects", citizen), 201)
        return str(answer.json()["subject_ref"])

    def _certificate(self, child: str) -> str:
        digest = base64.b64encode(hashlib.sha256(self._content).digest()).decode()
        headers = {"Content-Type": self._media_type, "Content-Digest": f"sha-256=:{digest}:"}
        stored = self._desk.post(f"/v1/subjects/{child}/documents?type=AKTA_LAHIR", self._content, headers)
        return str(expected(stored, 201).json()["document_id"])
