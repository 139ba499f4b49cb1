"""The nine steps. Each says what it does, what came back and in how many milliseconds, and what was refused."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from exchange.cli.demo.browser import Browser, boxes_in, csrf_in, told_in
from exchange.cli.demo.choices import Choices
from exchange.cli.demo.copy import looked_up, stamped_copy
from exchange.cli.demo.family import Family
from exchange.cli.demo.strict import strict_replica
from exchange.cli.demo.telling import Inbox, Refusal, Telling, expected, settled
from exchange.cli.sandbox.families import sandbox_world
from exchange.cli.sandbox.papers import make_paper
from storage.ledger.checkpoint import CheckpointRefused, NoteVerifier

SERVICE, OTHER_SERVICE = "DPMPTSP.NIB", "POLRI.SKCK_BARU"
ANSWERS = {"legal_entity": False, "represented": False}
AGENCY = "DPMPTSP"
MAGIC = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg"}
CONTACT = "+6281200009977"


class Story:
    def __init__(self, facts: dict[str, Any], file: Path | None, *, say: Callable[[str], None]) -> None:
        self._facts = facts
        self._telling = Telling(say)
        self._officer = Browser(facts["origin"])
        self._phone = Browser(facts["origin"])
        self._nik = _fresh_nik()
        self._content = file.read_bytes() if file else _sample()
        kinds = [kind for magic, kind in MAGIC.items() if self._content.startswith(magic)]
        if not kinds:
            raise Refusal("the file is neither a PDF nor a JPEG")
        self._media_type = kinds[0]

    def tell(self) -> None:
        """Raises ``Refusal`` with the step that did not hold."""
        with self._telling.whole():
            self._running()
            subject = self._at_the_counter()
            self._the_paper(subject)
            consent = self._the_citizen(subject)
            Choices(self._facts, self._telling, self._content, self._media_type).tell()
            Family(self._facts, self._telling, self._content, self._media_type).tell()
            spare = self._the_bytes(consent)
            self._the_trail(spare)
            self._the_log()
        self._telling.end("The story held: every step done, every refusal refused.")

    def _running(self) -> None:
        self._telling.step("1. The sandbox runs")
        health = self._officer.get("/health/ready")
        self._telling.done(health, 200, f"{self._facts['origin']}  database, object store and ledger answer")
        self._inbox = Inbox(self._officer, f"{self._facts['inbox_url']}?{urlencode({'to': CONTACT})}")
        self._telling.refused(self._officer.post("/v1/readiness", {}), "BK-1001")

    def _at_the_counter(self) -> str:
        self._telling.step("2. An officer signs in and checks the requirements")
        person = next(row for row in self._facts["officers"] if row["agency"].startswith(f"{AGENCY}@"))
        wrong = {"username": person["username"], "password": "tebakan"}
        self._telling.refused(self._officer.post("/v1/session", wrong), "BK-1002")
        right = {"username": person["username"], "password": person["password"]}
        signed = expected(self._officer.post("/v1/session", right), 201)
        self._telling.done(signed, 201, f"{person['username']} of {person['agency']}, {person['counter']}")
        self._officer.csrf = signed.json()["csrf"]
        impossible = self._nik[:6] + "81" + self._nik[8:]
        self._telling.refused(
            self._officer.post("/v1/subjects", {"nik": impossible, "name": "Warga Contoh"}), "BK-2003"
        )
        citizen = {
            "nik": self._nik,
            "name": "Warga Contoh",
            "contacts": [{"channel": "whatsapp", "value": CONTACT}],
        }
        enrolled = expected(self._officer.post("/v1/subjects", citizen), 201)
        self._telling.done(
            enrolled, 201, "a citizen is enrolled; the NIK is sealed and stands in no log, URL or index"
        )
        foreign = {"nik": self._nik, "service": OTHER_SERVICE}
        self._telling.refused(self._officer.post("/v1/readiness", foreign), "BK-1003")
        self._readiness()
        return str(enrolled.json()["subject_ref"])

    def _readiness(self) -> None:
        asked = {"nik": self._nik, "service": SERVICE, "answers": ANSWERS}
        ready = expected(self._officer.post("/v1/readiness", asked), 200)
        states = ", ".join(
            f"{row['code']} {row['state']}" for row in ready.json()["requirements"] if "/" not in row["path"]
        )
        self._telling.done(ready, 200, f"{SERVICE}: complete {ready.json()['complete']} ({states})")

    def _the_paper(self, subject: str) -> None:
        self._telling.step("3. The missing paper is scanned once")
        path = f"/v1/subjects/{subject}/documents?type=KTP"
        digest = base64.b64encode(hashlib.sha256(self._content).digest()).decode()
        other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        wrong = {"Content-Type": self._media_type, "Content-Digest": f"sha-256=:{other}:"}
        self._telling.refused(self._officer.post(path, self._content, wrong), "BK-3003")
        right = wrong | {"Content-Digest": f"sha-256=:{digest}:"}
        stored = expected(self._officer.post(path, self._content, right), 201)
        megabytes = len(self._content) / 1e6
        self._telling.done(
            stored,
            201,
            f"{megabytes:.2f} MB hashed, sealed, stored, read back; version {stored.json()['version']}",
        )
        again = self._officer.post(path, self._content, right)
        self._telling.done(again, 200, "the same bytes again: the same version, nothing new")
        self._readiness()

    def _the_citizen(self, subject: str) -> str:
        self._telling.step("4. The officer asks for exactly what the service requires")
        request = {"subject_ref": subject, "service": SERVICE, "channel": "qr", "answers": ANSWERS}
        self._telling.refused(
            self._officer.post("/v1/consent-requests", request | {"documents": ["KK"]}), "BK-2031"
        )
        self._with_strict_contacts(request)
        asked = expected(self._officer.post("/v1/consent-requests", request), 201)
        self._telling.done(
            asked, 201, f"link and QR; pairing code {asked.json()['pairing_code']} on both screens"
        )
        self._telling.step("5. The citizen opens the link, proves who they are, and decides")
        link = asked.json()["link"]
        opened = expected(self._phone.get(link), 200)
        self._telling.done(
            opened, 200, f"“{told_in(opened)}” ({len(opened.body) / 1000:.1f} KB, no JavaScript)"
        )
        sent = self._phone.form(link, step="send", csrf=csrf_in(opened))
        code = self._inbox.next("otp", "code")
        wrong = self._phone.form(
            link, step="code", csrf=csrf_in(sent), code=f"{(int(code) + 1) % 1000000:06d}"
        )
        self._telling.refused_page(wrong, 422, "a wrong one-time code")
        page = self._phone.form(link, step="code", csrf=csrf_in(sent), code=code)
        self._telling.done(page, 200, "the six-digit code from the registered contact opens the decision")
        nothing = self._phone.form(link, step="decide", csrf=csrf_in(page), decision="grant")
        self._telling.refused_page(nothing, 422, "“izinkan” with nothing ticked")
        form = {"step": "decide", "csrf": csrf_in(page), "decision": "grant", "document": boxes_in(page)}
        decided = self._phone.form(link, **form)
        self._telling.done(decided, 200, f"“{told_in(decided)}”")
        stranger = Browser(self._facts["origin"])
        self._telling.refused_page(stranger.get(link), 410, "the used link in another browser")
        state = self._officer.get(f"/v1/consent-requests/{asked.json()['id']}").json()
        return str(state["consent_id"])

    def _with_strict_contacts(self, request: dict[str, Any]) -> None:
        """A contact that the asking officer set a minute ago carries no code: not refused, answered with assistance."""
        with strict_replica(self._facts["origin"]) as origin:
            strict = expected(self._officer.post(f"{origin}/v1/consent-requests", request), 201)
        told = strict.json()
        if (told["mode"], told["link"]) != ("assisted", None):
            raise Refusal(f"expected mode assisted without a link, got {told['mode']}")
        words = f"with production's contact rules: mode {told['mode']} ({told['mode_reason']}), no link"
        self._telling.done(strict, 201, words)

    def _the_bytes(self, consent: str) -> dict[str, Any]:
        self._telling.step("6. The live consent becomes a ticket")
        outside = {"consent_id": consent, "documents": ["d_01JD0000000000000000000000"]}
        self._telling.refused(self._officer.post("/v1/tickets", outside), "BK-4004")
        issued = expected(self._officer.post("/v1/tickets", {"consent_id": consent}), 201)
        ticket = issued.json()
        self._telling.done(
            issued,
            201,
            f"{len(ticket['ticket'])} characters, {ticket['expires_in']} s, bound to this session",
        )
        self._telling.step("7. The ticket is redeemed, once")
        url = ticket["documents"][0]["content_url"]
        bearer = {"Authorization": f"Bearer {ticket['ticket']}"}
        self._telling.refused(Browser(self._facts["origin"]).get(url, bearer), "BK-4004")
        fetched = expected(self._officer.get(url, bearer), 200)
        code = stamped_copy(fetched, ticket["documents"][0], self._content)
        self._telling.done(
            fetched,
            200,
            f"{len(fetched.body)} bytes, stamped with purpose, agency, day and number; signed receipt",
        )
        self._telling.done(*looked_up(self._phone, code))
        self._telling.refused(settled(lambda: self._officer.get(url, bearer)), "BK-4003")
        spare: dict[str, Any] = expected(
            self._officer.post("/v1/tickets", {"consent_id": consent}), 201
        ).json()
        return spare | {"consent_id": consent}

    def _the_trail(self, spare: dict[str, Any]) -> None:
        self._telling.step("8. The citizen sees every access and takes the consent back")
        link = self._inbox.next("notice", "link")
        opened = expected(self._phone.get(link), 200)
        sent = self._phone.form(link, step="send", csrf=csrf_in(opened))
        trail = self._phone.form(link, step="code", csrf=csrf_in(sent), code=self._inbox.next("otp", "code"))
        self._telling.done(trail, 200, f"“{told_in(trail)}”")
        sure = self._phone.form(link, step="withdraw", csrf=csrf_in(trail), consent=spare["consent_id"])
        done = self._phone.form(link, step="withdrawn", csrf=csrf_in(sure), consent=spare["consent_id"])
        self._telling.done(done, 200, f"“{told_in(done)}”")
        bearer = {"Authorization": f"Bearer {spare['ticket']}"}
        self._telling.refused(self._officer.get(spare["documents"][0]["content_url"], bearer), "BK-4005")
        self._the_clock(spare["consent_id"])

    def _the_clock(self, consent: str) -> None:
        """72 hours run for the agency that had the papers; it answers once (UU 27/2022 art. 40)."""
        waiting = expected(self._officer.get("/v1/withdrawals?state=open"), 200).json()["data"]
        clock = next(row for row in waiting if row["consent_id"] == consent)
        answer = f"/v1/withdrawals/{clock['id']}/answer"
        self._telling.refused(self._officer.post(answer, {"answer": "kept"}), "BK-2001")
        stopped = self._officer.post(answer, {"answer": "stopped"})
        self._telling.done(stopped, 200, f"the agency answers before {clock['deadline']}: stopped")
        self._telling.refused(self._officer.post(answer, {"answer": "stopped"}), "BK-2082")

    def _the_log(self) -> None:
        self._telling.step("9. The log is public and signed")
        checkpoint = self._officer.get("/log/checkpoint")
        verifier = NoteVerifier(self._facts["log_vkey"])
        size = verifier.open(checkpoint.text).size
        self._telling.done(checkpoint, 200, f"{size} entries; check it: berkas log verify")
        try:
            verifier.open(checkpoint.text.replace(f"\n{size}\n", f"\n{size - 1}\n"))
        except CheckpointRefused as refused:
            self._telling.refused_here(f"the same checkpoint with one entry less: {refused}")
        else:
            raise Refusal("a checkpoint with one entry less was taken for signed")


def _fresh_nik() -> str:
    """A synthetic NIK (serial 99xx, domain.md 3) that no earlier demo enrolled."""
    draw = random.SystemRandom()
    day, month, year = draw.randint(1, 28), draw.randint(1, 12), draw.randint(60, 99)
    return f"647209{day:02d}{month:02d}{year:02d}99{draw.randint(30, 99):02d}"


def _sample() -> bytes:
    """A scanned-looking JPEG of the synthetic world."""
    world = sandbox_world(date(2026, 11, 24))
    citizen = world.citizens[0]
    paper = next(paper for paper in citizen.papers if paper.type == "KTP")
    return make_paper(citizen, paper).content
