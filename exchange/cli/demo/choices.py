"""Some, none, and without a phone: what the demo tells of decisions inside its fifth step (M13, M16, N05)."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any
from urllib.parse import urlencode

from exchange.cli.demo.browser import Browser, boxes_in, csrf_in, told_in
from exchange.cli.demo.telling import Inbox, Refusal, Telling, expected

AGENCY, SERVICE = "DPMPTSP", "DPMPTSP.NIB"
ANSWERS = {"legal_entity": False, "represented": False}
CONTACT = "+6281200009979"
SEVEN_POINTS = list("abcdefg")


class Choices:
    """Two officers of one agency, and a citizen with two papers."""

    def __init__(self, facts: dict[str, Any], telling: Telling, content: bytes, media_type: str) -> None:
        self._telling = telling
        self._content = content
        self._media_type = media_type
        self._first, self._second = Browser(facts["origin"]), Browser(facts["origin"])
        self._phone = Browser(facts["origin"])
        self._officers = [row for row in facts["officers"] if row["agency"].startswith(f"{AGENCY}@")]
        self._inbox_url = f"{facts['inbox_url']}?{urlencode({'to': CONTACT})}"

    def tell(self) -> None:
        """Raises ``Refusal``."""
        inbox = Inbox(self._first, self._inbox_url)
        for desk, officer in ((self._first, self._officers[0]), (self._second, self._officers[1])):
            signed = desk.post("/v1/session", {name: officer[name] for name in ("username", "password")})
            desk.csrf = expected(signed, 201).json()["csrf"]
        subject = self._citizen_with_two_papers()
        self._some(subject, inbox)
        self._none(subject, inbox)
        self._without_a_phone(subject)

    def _some(self, subject: str, inbox: Inbox) -> None:
        link, request = self._asked(subject)
        page = self._proved(link, inbox)
        form = {"step": "decide", "csrf": csrf_in(page), "decision": "grant", "document": boxes_in(page)[:1]}
        self._telling.done(
            self._phone.form(link, **form), 200, "one of two papers is allowed, the other is not"
        )
        state = self._first.get(f"/v1/consent-requests/{request}").json()
        left_out = next(item["type"] for item in state["items"] if item["decision"] == "refused")
        if state["state"] != "partial":
            raise Refusal(f"expected partial, got {state['state']}")
        self._telling.refused(
            self._first.post(
                "/v1/tickets", {"consent_id": state["consent_id"], "documents": self._others(state)}
            ),
            "BK-4004",
        )
        expected(self._first.post(f"/v1/consents/{state['consent_id']}/withdrawal"), 200)
        self._telling.note(f"{left_out} stays closed; the citizen has the rest taken back at the counter")

    def _none(self, subject: str, inbox: Inbox) -> None:
        link, request = self._asked(subject)
        page = self._proved(link, inbox)
        done = self._phone.form(link, step="decide", csrf=csrf_in(page), decision="refuse")
        self._telling.done(done, 200, f"“{told_in(done)}”")
        state = self._first.get(f"/v1/consent-requests/{request}").json()
        if (state["state"], state["consent_id"]) != ("refused", None):
            raise Refusal(f"expected refused without a consent, got {state['state']}")

    def _without_a_phone(self, subject: str) -> None:
        wanted = {"subject_ref": subject, "service": SERVICE, "answers": ANSWERS, "channel": "assisted"}
        asked = expected(self._first.post("/v1/consent-requests", wanted), 201)
        self._telling.done(asked, 201, "without a phone: no link, a slip to be read aloud and signed")
        here = f"/v1/consent-requests/{asked.json()['id']}"
        slip = expected(self._first.get(f"{here}/slip"), 200)
        decision = {
            "granted": [item["path"] for item in asked.json()["items"]],
            "witness": "signature",
            "told": SEVEN_POINTS,
            "identity_sighted": True,
            "text_sha256": slip.headers["etag"].strip('"'),
            "slip_sha256": hashlib.sha256(slip.body).hexdigest(),
        }
        recorded = expected(self._first.post(f"{here}/assisted-decision", decision), 201)
        self._telling.done(recorded, 201, "one officer records what the citizen decided")
        confirm = {"confirm": True, "recording": recorded.json()["recording"]}
        alone = self._first.post(
            f"{here}/confirmation", confirm | {"password": self._officers[0]["password"]}
        )
        self._telling.refused(alone, "BK-2055")
        second = confirm | {"password": self._officers[1]["password"]}
        confirmed = expected(self._second.post(f"{here}/confirmation", second), 200)
        told = confirmed.json()
        self._telling.done(
            confirmed, 200, f"another one confirms: {told['state']}, until {told['valid_until']}"
        )
        slip_code = {"reference": told["reference"], "code": told["withdrawal_code"]}
        back = self._second.post("/v1/withdrawals", slip_code)
        self._telling.done(back, 200, "the code on the receipt takes it back at any counter")
        self._telling.refused(self._second.post("/v1/withdrawals", slip_code), "BK-2058")

    def _others(self, state: dict[str, Any]) -> list[str]:
        """The paper that was not allowed, by its id: from what the citizen's own request asked for."""
        return [self._papers[item["type"]] for item in state["items"] if item["decision"] == "refused"]

    def _asked(self, subject: str) -> tuple[str, str]:
        wanted = {"subject_ref": subject, "service": SERVICE, "answers": ANSWERS, "channel": "qr"}
        told = expected(self._first.post("/v1/consent-requests", wanted), 201).json()
        return str(told["link"]), str(told["id"])

    def _proved(self, link: str, inbox: Inbox) -> Any:
        sent = self._phone.form(link, step="send", csrf=csrf_in(expected(self._phone.get(link), 200)))
        page = self._phone.form(link, step="code", csrf=csrf_in(sent), code=inbox.next("otp", "code"))
        return expected(page, 200)

    def _citizen_with_two_papers(self) -> str:
        """With a synthetic NIK (serial 99xx, domain.md 3)."""
        draw = random.SystemRandom()
        born = f"{draw.randint(1, 28):02d}{draw.randint(1, 12):02d}{draw.randint(60, 95):02d}"
        citizen = {
            "nik": f"647209{born}99{draw.randint(30, 99):02d}",
            "name": "Warga Kedua",
            "contacts": [{"channel": "whatsapp", "value": CONTACT}],
        }
        subject = str(expected(self._first.post("/v1/subjects", citizen), 201).json()["subject_ref"])
        digest = base64.b64encode(hashlib.sha256(self._content).digest()).decode()
        headers = {"Content-Type": self._media_type, "Content-Digest": f"sha-256=:{digest}:"}
        self._papers = {}
        for kind in ("KTP", "NPWP"):
            path = f"/v1/subjects/{subject}/documents?type={kind}"
            stored = self._first.post(path, self._content, headers)
            if stored.status not in {200, 201}:
                raise Refusal(f"expected the paper {kind} to be stored, got {stored.status} {stored.code}")
            self._papers[kind] = str(stored.json()["document_id"])
        return subject
