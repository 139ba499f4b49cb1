"""The eight steps. Each says what it does, what came back and in how many milliseconds, and what was refused."""

from __future__ import annotations

import base64
import hashlib
import random
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from exchange.cli.demo.browser import Answer, Browser, boxes_in, csrf_in, told_in
from exchange.cli.sandbox.families import sandbox_world
from exchange.cli.sandbox.papers import make_paper
from exchange.problems import PROBLEMS

SERVICE, OTHER_SERVICE = "DPMPTSP.NIB", "POLRI.SKCK_BARU"
ANSWERS = {"legal_entity": False, "represented": False}
AGENCY = "DPMPTSP"
MAGIC = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg"}


class Refusal(Exception):
    """Something did not go as the story says."""


class Story:
    def __init__(self, facts: dict[str, Any], file: Path | None, *, say: Callable[[str], None]) -> None:
        self._facts = facts
        self._say = say
        self._officer = Browser(facts["origin"])
        self._phone = Browser(facts["origin"])
        self._nik = _fresh_nik()
        self._content = file.read_bytes() if file else _sample()
        kinds = [kind for magic, kind in MAGIC.items() if self._content.startswith(magic)]
        if not kinds:
            raise Refusal("the file is neither a PDF nor a JPEG")
        self._media_type = kinds[0]

    def tell(self) -> None:
        self._step("1. The sandbox runs")
        health = self._officer.get("/health/ready")
        self._done(health, 200, f"{self._facts['origin']}  database, object store and ledger answer")
        subject = self._at_the_counter()
        self._the_paper(subject)
        consent = self._the_citizen(subject)
        spare = self._the_bytes(consent)
        self._the_trail(spare)
        self._step("9. The log is public and signed")
        checkpoint = self._officer.get("/log/checkpoint")
        self._done(checkpoint, 200, f"{checkpoint.text.splitlines()[1]} entries; check it: berkas log verify")
        self._say("\nThe story held: every step done, every refusal refused.")

    def _at_the_counter(self) -> str:
        self._step("2. An officer signs in and checks the requirements")
        person = next(row for row in self._facts["officers"] if row["agency"].startswith(f"{AGENCY}@"))
        wrong = {"username": person["username"], "password": "tebakan"}
        self._refused(self._officer.post("/v1/session", wrong), "BK-1002")
        right = {"username": person["username"], "password": person["password"]}
        signed = self._officer.post("/v1/session", right)
        self._done(signed, 201, f"{person['username']} of {person['agency']}, {person['counter']}")
        self._officer.csrf = signed.json()["csrf"]
        impossible = self._nik[:6] + "81" + self._nik[8:]
        self._refused(
            self._officer.post("/v1/subjects", {"nik": impossible, "name": "Warga Contoh"}), "BK-2003"
        )
        citizen = {
            "nik": self._nik,
            "name": "Warga Contoh",
            "contacts": [{"channel": "whatsapp", "value": "+6281200009977"}],
        }
        enrolled = self._officer.post("/v1/subjects", citizen)
        self._done(
            enrolled, 201, "a citizen is enrolled; the NIK is sealed and stands in no log, URL or index"
        )
        foreign = {"nik": self._nik, "service": OTHER_SERVICE}
        self._refused(self._officer.post("/v1/readiness", foreign), "BK-1003")
        self._readiness()
        return str(enrolled.json()["subject_ref"])

    def _readiness(self) -> None:
        ready = self._officer.post(
            "/v1/readiness", {"nik": self._nik, "service": SERVICE, "answers": ANSWERS}
        )
        states = ", ".join(
            f"{row['code']} {row['state']}" for row in ready.json()["requirements"] if "/" not in row["path"]
        )
        self._done(ready, 200, f"{SERVICE}: complete {ready.json()['complete']} ({states})")

    def _the_paper(self, subject: str) -> None:
        self._step("3. The missing paper is scanned once")
        path = f"/v1/subjects/{subject}/documents?type=KTP"
        digest = base64.b64encode(hashlib.sha256(self._content).digest()).decode()
        other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        wrong = {"Content-Type": self._media_type, "Content-Digest": f"sha-256=:{other}:"}
        self._refused(self._officer.post(path, self._content, wrong), "BK-3003")
        right = wrong | {"Content-Digest": f"sha-256=:{digest}:"}
        stored = self._officer.post(path, self._content, right)
        megabytes = len(self._content) / 1e6
        self._done(
            stored,
            201,
            f"{megabytes:.2f} MB hashed, sealed, stored, read back; version {stored.json()['version']}",
        )
        again = self._officer.post(path, self._content, right)
        self._done(again, 200, "the same bytes again: the same version, nothing new")
        self._readiness()

    def _the_citizen(self, subject: str) -> str:
        self._step("4. The officer asks for exactly what the service requires")
        request = {"subject_ref": subject, "service": SERVICE, "channel": "qr", "answers": ANSWERS}
        self._refused(self._officer.post("/v1/consent-requests", request | {"documents": ["KK"]}), "BK-2031")
        asked = self._officer.post("/v1/consent-requests", request)
        self._done(asked, 201, f"link and QR; pairing code {asked.json()['pairing_code']} on both screens")
        self._step("5. The citizen opens the link, proves who they are, and decides")
        link = asked.json()["link"]
        opened = self._phone.get(link)
        self._done(opened, 200, f"“{told_in(opened)}” ({len(opened.body) / 1000:.1f} KB, no JavaScript)")
        sent = self._phone.form(link, step="send", csrf=csrf_in(opened))
        code = self._code()
        wrong = self._phone.form(
            link, step="code", csrf=csrf_in(sent), code=f"{(int(code) + 1) % 1000000:06d}"
        )
        self._refused_page(wrong, 422, "a wrong one-time code")
        page = self._phone.form(link, step="code", csrf=csrf_in(sent), code=code)
        self._done(page, 200, "the six-digit code from the registered contact opens the decision")
        nothing = self._phone.form(link, step="decide", csrf=csrf_in(page), decision="grant")
        self._refused_page(nothing, 422, "“izinkan” with nothing ticked")
        form = {"step": "decide", "csrf": csrf_in(page), "decision": "grant", "document": boxes_in(page)}
        decided = self._phone.form(link, **form)
        self._done(decided, 200, f"“{told_in(decided)}”")
        stranger = Browser(self._facts["origin"])
        self._refused_page(stranger.get(link), 410, "the used link in another browser")
        state = self._officer.get(f"/v1/consent-requests/{asked.json()['id']}").json()
        return str(state["consent_id"])

    def _the_bytes(self, consent: str) -> dict[str, Any]:
        self._step("6. The live consent becomes a ticket")
        outside = {"consent_id": consent, "documents": ["d_01JD0000000000000000000000"]}
        self._refused(self._officer.post("/v1/tickets", outside), "BK-4004")
        issued = self._officer.post("/v1/tickets", {"consent_id": consent})
        ticket = issued.json()
        self._done(
            issued,
            201,
            f"{len(ticket['ticket'])} characters, {ticket['expires_in']} s, bound to this session",
        )
        self._step("7. The ticket is redeemed, once")
        url = ticket["documents"][0]["content_url"]
        bearer = {"Authorization": f"Bearer {ticket['ticket']}"}
        self._refused(Browser(self._facts["origin"]).get(url, bearer), "BK-4004")
        fetched = self._officer.get(url, bearer)
        if fetched.body != self._content:
            raise Refusal("other bytes came back than were stored")
        self._done(fetched, 200, f"{len(fetched.body)} bytes, identical; signed receipt in Berkas-Receipt")
        self._refused(self._officer.get(url, bearer), "BK-4003")
        spare: dict[str, Any] = self._officer.post("/v1/tickets", {"consent_id": consent}).json()
        return spare | {"consent_id": consent}

    def _the_trail(self, spare: dict[str, Any]) -> None:
        self._step("8. The citizen sees every access and takes the consent back")
        link = next(m["link"] for m in reversed(self._inbox()) if m["kind"] == "notice" and m.get("link"))
        opened = self._phone.get(link)
        sent = self._phone.form(link, step="send", csrf=csrf_in(opened))
        trail = self._phone.form(link, step="code", csrf=csrf_in(sent), code=self._code())
        self._done(trail, 200, f"“{told_in(trail)}”")
        sure = self._phone.form(link, step="withdraw", csrf=csrf_in(trail), consent=spare["consent_id"])
        done = self._phone.form(link, step="withdrawn", csrf=csrf_in(sure), consent=spare["consent_id"])
        self._done(done, 200, f"“{told_in(done)}”")
        bearer = {"Authorization": f"Bearer {spare['ticket']}"}
        self._refused(self._officer.get(spare["documents"][0]["content_url"], bearer), "BK-4005")

    def _code(self) -> str:
        return str(next(message["code"] for message in reversed(self._inbox()) if message["kind"] == "otp"))

    def _inbox(self) -> list[dict[str, Any]]:
        """The sandbox's inbox, once what was just caused has arrived."""
        time.sleep(0.5)
        messages: list[dict[str, Any]] = self._officer.get(
            f"{self._facts['inbox_url']}?to=%2B6281200009977"
        ).json()["messages"]
        return messages

    def _step(self, title: str) -> None:
        self._say(f"\n{title}")

    def _done(self, answer: Answer, status: int, words: str) -> None:
        if answer.status != status:
            raise Refusal(f"{words}: HTTP {answer.status} {answer.code}")
        self._say(f"   done     {words}  [{answer.ms:.0f} ms]")

    def _refused(self, answer: Answer, code: str) -> None:
        if answer.code != code:
            raise Refusal(f"expected {code}, got HTTP {answer.status} {answer.code}")
        self._say(f"   refused  {code} {PROBLEMS[code].title_en}  [{answer.ms:.0f} ms]")

    def _refused_page(self, answer: Answer, status: int, words: str) -> None:
        if answer.status != status:
            raise Refusal(f"{words}: expected HTTP {status}, got {answer.status}")
        self._say(f"   refused  {words}: HTTP {status}, “{told_in(answer)}”  [{answer.ms:.0f} ms]")


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
