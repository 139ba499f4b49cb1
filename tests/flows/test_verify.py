"""The public page: genuine, changed, withdrawn or unknown, for a receipt, a record or a code; and no person."""

from __future__ import annotations

import asyncio
import base64
import random
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from auth.keys import generate_signing_key
from auth.links import record_code, record_in
from auth.tokens import CONSENT, RECEIPT, signed_as_is
from exchange import revisions as kept
from exchange.deps import clock
from exchange.flows import turn_keys, verify_record
from exchange.receipts import FILE_LIMIT_BYTES, is_ours, records_named, sealed
from tests.flows.test_consent_record import revisions
from tests.flows.test_receipts import Decided, decides, links_in, read
from tests.world import NAME, NIK, PHONE, World

SEED = 20_261_126
UNKNOWN = "Kami tidak mengenal berkas atau kode ini."


def word_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, (answer.status_code, answer.text[-600:])
    [word] = re.findall(r'data-result="(\w+)"', answer.text)
    return str(word)


def state_of(answer: httpx.Response) -> str | None:
    found = re.search(r'data-state="(\w+)"', answer.text)
    return found[1] if found else None


@dataclass(frozen=True)
class Held:
    """What a citizen holds: the PDF, the record in it, and the code."""

    decided: Decided
    pdf: bytes
    jws: bytes
    code: str

    @property
    def world(self) -> World:
        return self.decided.world

    async def shows(self, file: bytes, name: str = "tanda-terima.pdf") -> httpx.Response:
        return await self.world.client.post("/verify", files={"file": (name, file)})

    async def word(self, file: bytes) -> str:
        return word_of(await self.shows(file))

    async def types(self, code: str) -> httpx.Response:
        return await self.world.client.post("/verify", data={"code": code})

    async def scans(self, code: str) -> httpx.Response:
        return await self.world.client.get(f"/verify/{code}")

    async def withdrawn(self) -> None:
        answer = await self.decided.officer.post(f"/v1/consents/{self.decided.consent}/withdrawal")
        assert answer.status_code == 200


async def holds(world: World, keys: list[str] | None = None) -> Held:
    decided = await decides(world, keys)
    pdf = (await decided.receipt()).content
    _, files, reader = read(pdf)
    return Held(decided, pdf, files["consent.jws"], links_in(reader)[0].rpartition("/")[2])


@pytest.fixture
async def held(world: World) -> Held:
    return await holds(world)


async def _execute(world: World, statement: str) -> None:
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute(statement)


async def test_the_page(world: World) -> None:
    """U16: without a cookie, a script or a token; strict policy; not indexed."""
    page = await world.browser().get("/verify")
    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert page.headers["x-robots-tag"] == "noindex"
    assert page.headers["cache-control"] == "no-store"
    assert 'type="file"' in page.text
    assert "<script" not in page.text
    assert 'name="csrf"' not in page.text


async def test_genuine(held: Held) -> None:
    """U16: the file, the record in it, with a line end as editors add one, and the code, typed as people type."""
    answers = [
        await held.shows(held.pdf),
        await held.shows(held.jws, "consent.jws"),
        await held.shows(b"\r\n" + held.jws + b"\n"),
        await held.types(held.code),
        await held.types(" " + held.code.upper()[:20] + " - " + held.code[20:] + " "),
        await held.scans(held.code),
        await held.scans(held.code.upper()),
    ]
    for answer in answers:
        assert (word_of(answer), state_of(answer)) == ("genuine", "valid")
        assert "set-cookie" not in answer.headers


async def test_in_english(held: Held) -> None:
    """U17: the page speaks the language that is asked for; the word for programs stays."""
    answer = await held.world.client.get(f"/verify/{held.code}?lang=en")
    assert 'lang="en"' in answer.text
    assert "Genuine" in answer.text
    assert word_of(answer) == "genuine"
    sent = await held.world.client.post(
        "/verify?lang=en", files={"file": ("a.pdf", held.pdf + b" " * 100_000)}
    )
    assert "Changed" in sent.text
    assert word_of(sent) == "changed"


async def test_withdrawn_from_the_moment_it_is(held: Held) -> None:
    """U14, U16: the receipt of before, its record, and the code; and the new revision."""
    await held.withdrawn()
    _, second = await revisions(held.world, held.decided.consent)
    for answer in (
        await held.shows(held.pdf), await held.shows(held.jws), await held.shows(second.encode()),
        await held.types(held.code), await held.scans(held.code),
    ):  # fmt: skip
        assert (word_of(answer), state_of(answer)) == ("withdrawn", None)


async def test_over_is_genuine_and_said_apart(held: Held) -> None:
    """The contract has four words: what ended by time is genuine, and not valid any more."""
    await _execute(held.world, "UPDATE consent SET valid_until = clock_timestamp() - interval '1 second'")
    for answer in (await held.shows(held.pdf), await held.shows(held.jws), await held.scans(held.code)):
        assert (word_of(answer), state_of(answer)) == ("genuine", "over")
        assert "Sekarang tidak berlaku." in answer.text


async def test_a_refusal_is_genuine(world: World) -> None:
    """L11: a "no" can be shown too, and lets nobody read anything."""
    held = await holds(world, [])
    for answer in (await held.shows(held.pdf), await held.shows(held.jws), await held.scans(held.code)):
        assert (word_of(answer), state_of(answer)) == ("genuine", "nothing_allowed")


async def test_it_reveals_no_person_and_no_paper(held: Held) -> None:
    """U16: agency, service and day of the decision, nothing else of what is on record."""
    answers = [await held.shows(held.pdf), await held.shows(held.jws), await held.scans(held.code)]
    await held.withdrawn()
    answers += [await held.shows(held.pdf), await held.scans(held.code)]
    async with held.world.parts.database.transaction() as transaction:
        row = await transaction.raw.fetchrow("SELECT * FROM consent")
    for answer in answers:
        assert "DPMPTSP Kota Samarinda" in answer.text
        for secret in (
            NIK, NAME, NAME[0] + "***", PHONE, "KTP", "Kartu Tanda", row["subject_ref"], row["id"], row["request_id"],
            held.world.parts.keyring.pseudonym("DPMPTSP@6472", row["subject_ref"]), "PST-", "pukul", "Loket",
        ):  # fmt: skip
            assert secret not in answer.text, secret


async def test_nothing_is_written(held: Held) -> None:
    """A24: no known caller, no entry; bots and HEAD change nothing."""
    before = len(await held.world.entries())
    for agent in ("WhatsApp/2.23", "TelegramBot"):
        answer = await held.world.browser().get(f"/verify/{held.code}", headers={"User-Agent": agent})
        assert word_of(answer) == "genuine"
    assert (await held.world.client.head(f"/verify/{held.code}")).status_code in {200, 405}
    await held.shows(held.pdf)
    await held.shows(held.pdf + b" ")
    assert len(await held.world.entries()) == before


class TestChanged:
    async def test_a_record_flipped_at_every_place(self, held: Held) -> None:
        """U16, M15: each byte of the JWS, through the same flow as the page: never genuine, and nearly always known as ours."""
        parts, dice = held.world.parts, random.Random(SEED)
        words: dict[str, int] = {}
        for at in range(len(held.jws)):
            file = _flipped(held.jws, at, dice)
            found = await verify_record.verify_file(
                parts.database, parts.keyring, parts.desk, file=file, now=clock()
            )
            assert found.consent is None
            words[found.word] = words.get(found.word, 0) + 1
        assert set(words) <= {"changed", "unknown"}
        assert words["changed"] > 0.97 * len(held.jws), words

    def test_a_receipt_flipped_at_every_place(self) -> None:
        """U16: each byte of the PDF: seal, before it and behind it."""
        key, record_id, dice = b"k" * 32, "c_01JZ6M0000000000000000000A", random.Random(SEED)
        file = sealed(key, record_id, b"%PDF-1.7\n" + dice.randbytes(3_000) + b"\nstartxref\n3010\n%%EOF\n")
        assert is_ours(key, record_id, file)
        assert not is_ours(b"x" * 32, record_id, file)
        assert not is_ours(key, "c_01JZ6M0000000000000000000B", file)
        for at in range(len(file)):
            assert not is_ours(key, record_id, _flipped(file, at, dice)), at

    async def test_flips_over_http(self, held: Held) -> None:
        """Seeded places of both files, and every border of their parts."""
        dice = random.Random(SEED)
        mark = held.pdf.rindex(b"%berkas-receipt")
        borders = [0, 1, mark - 1, mark, mark + 16, mark + 45, mark + 109, len(held.pdf) - 1]
        places = {held.pdf: [*borders, *dice.sample(range(len(held.pdf)), 40)]}
        dots = [at for at, byte in enumerate(held.jws) if byte == ord(".")]
        places[held.jws] = [0, *dots, len(held.jws) - 1, *dice.sample(range(len(held.jws)), 40)]
        for file, where in places.items():
            words = [await held.word(_flipped(file, at, dice)) for at in where]
            assert set(words) <= {"changed", "unknown"}
            assert words.count("changed") >= len(words) - 2

    async def test_larger_changes(self, held: Held) -> None:
        """A PDF may grow at its end and stay readable: an incremental update shows another page. Not here."""
        pdf, at = held.pdf, held.pdf.rindex(b"%berkas-receipt")
        line = pdf[at : pdf.index(b"\n", at) + 1]
        changes = {
            "cut": pdf[:-1],
            "grown": pdf + b"\n",
            "twice": pdf + pdf,
            "reordered": pdf[:at] + pdf[at + len(line) :] + line,
            "padded": b" " + pdf,
            "line": pdf.replace(line, b""),
            "spliced": pdf[:at] + line + line + pdf[at + len(line) :],
            "update": pdf + b"99 0 obj\n<<>>\nendobj\n" + line + b"startxref\n9\n%%EOF\n",
        }
        assert {name: await held.word(file) for name, file in changes.items()} == dict.fromkeys(
            changes, "changed"
        )

    async def test_a_record_in_another_spelling(self, held: Held) -> None:
        """A08: the same claims, signed again by nobody, in other base64, or with an empty or a foreign signature."""
        header, payload, signature = held.jws.split(b".")
        for file in (
            held.jws + b"=", b".".join((header, payload, b"")), b".".join((header, payload)), payload,
            b".".join((header, payload, signature[::-1])), b'{"jws":"' + held.jws + b'"}',
        ):  # fmt: skip
            assert await held.word(file) == "changed"

    async def test_a_signature_with_a_stolen_key_is_not_enough(self, held: Held) -> None:
        """A16: who holds a signing key can sign a record; we compare with what was recorded."""
        parts = held.world.parts
        claims = kept.claims_of(held.jws.decode())
        claims["items"] = [{**item, "decision": "granted"} for item in claims["items"]]
        forged = parts.desk.sign(CONSENT, claims)
        parts.desk.verify(CONSENT, forged, clock())  # by its signature it would be
        assert await held.word(forged.encode()) == "changed"

    async def test_a_delivery_receipt(self, world: World) -> None:
        """M34: it names a consent too. Wrong versions: it is compared with the consent's records, and "changed"; any signature will do (A16)."""
        officer = await world.officer()
        consent, ticket = await world.consented(officer)
        receipt = (await world.fetches(officer, ticket)).headers["berkas-receipt"]

        async def shown(file: str) -> httpx.Response:
            return await world.client.post("/verify", files={"file": ("r.jws", file.encode())})

        answer = await shown(receipt + "\n")
        assert word_of(answer) == "genuine"
        assert "Bukti penyerahan dokumen ini kami buat." in answer.text
        assert not any(word in answer.text for word in (NIK, NAME, "KTP", ticket["ticket"][:40]))
        claims = dict(kept.claims_of(receipt))
        other = {**claims["doc"], "source_sha256": "0" * 64}
        for wrong in ({"doc": other}, {"recipient": "LAIN@6472"}, {"log": {**claims["log"], "index": 0}}):
            assert word_of(await shown(world.parts.desk.sign(RECEIPT, {**claims, **wrong}))) == "changed"
        assert word_of(await shown(receipt[:-9] + "AAAAAAAAA")) == "changed"
        assert (await officer.post(f"/v1/consents/{consent}/withdrawal")).status_code == 200
        assert word_of(await shown(receipt)) == "withdrawn"

    async def test_a_record_of_another_house(self, held: Held) -> None:
        """Signed with a key of their own, over claims that name a record of ours or none."""
        key = generate_signing_key("document", clock())
        payload = held.jws.split(b".")[1]
        raw = base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))
        header = b'{"alg":"ES256","typ":"berkas-consent+jwt","kid":"x"}'
        assert await held.word(signed_as_is(header, raw, key).encode()) == "changed"
        theirs = raw.replace(held.decided.consent.encode(), b"c_01JD0000000000000000000000")
        assert await held.word(signed_as_is(header, theirs, key).encode()) == "unknown"

    async def test_a_receipt_with_anothers_seal(self, held: Held) -> None:
        """A seal belongs to one file: moved to another it is broken, with its own id or with that one's."""
        other = await holds(held.world, [])
        ours = re.search(rb"%berkas-receipt \S+ \S+\n", held.pdf)
        theirs = re.search(rb"%berkas-receipt \S+ \S+\n", other.pdf)
        assert ours
        assert theirs
        assert await held.word(held.pdf.replace(ours[0], theirs[0])) == "changed"
        mac = theirs[0].split()[2]
        assert await held.word(held.pdf.replace(ours[0].split()[2], mac)) == "changed"


class TestUnknown:
    async def test_what_names_no_record_of_ours(self, held: Held) -> None:
        """A23: nothing, garbage, other people's files, records of other kinds: one page, byte for byte."""
        world = held.world
        request = await world.asks(held.decided.officer, await world.enrols(held.decided.officer))
        async with world.parts.database.transaction() as transaction:
            row = await transaction.raw.fetchrow("SELECT * FROM consent_request WHERE id = $1", request["id"])
        asked = await world.parts.keyring.unseal(row["subject_ref"], "request", row["request"])
        dice = random.Random(SEED)
        pages = [
            await held.shows(file)
            for file in (
                b"x", b"\x00" * 100, b"..", b"a.b.c", dice.randbytes(5_000), b"%PDF-1.7\n%%EOF\n", asked,
                b"%berkas-receipt c_01JD0000000000000000000000 " + b"0" * 64 + b"\n", "ÿ".encode() * 100, b"c_" + b"0" * 26,
                b"[" * 10_000, b"%" * FILE_LIMIT_BYTES,
            )
        ]  # fmt: skip
        wrong = held.code[:-1] + ("a" if held.code[-1] != "a" else "b")
        typed = (
            "x",
            "a" * 39,
            wrong,
            held.code + "a",
            held.code[1:],
            "PST-7KQ2-M9XD",
            "\N{FULLWIDTH DIGIT ONE}" * 39,
        )
        pages += [await held.types(code) for code in typed]
        pages += [await held.scans(code) for code in ("a" * 39, wrong, "x")]
        assert {word_of(page) for page in pages} == {"unknown"}
        assert len({page.text for page in pages[:12]}) == 1
        assert len({page.text for page in pages[12:]}) == 1
        assert all(UNKNOWN in page.text for page in pages)

    async def test_codes_cannot_be_counted_up(self, held: Held) -> None:
        """A23: who knows the id of a record, as its agency does, cannot make its code; and every code is of one record."""
        key = held.world.parts.keyring.site("link")
        record = record_in(key, held.code)
        assert record is not None
        assert record_code(key, record) == held.code
        for other in (bytes(16), record[:-1] + bytes([record[-1] ^ 1])):
            code = record_code(key, other)
            assert record_in(key, code) == other
            assert word_of(await held.scans(code)) == "unknown"  # well made, of nothing
            assert record_in(b"x" * 32, code) is None
        for at, letter in enumerate(held.code):
            for instead in "abcdefghijklmnopqrstuvwxyz234567":
                assert (
                    instead == letter
                    or record_in(key, held.code[:at] + instead + held.code[at + 1 :]) is None
                )

    async def test_a_link_of_a_citizen_is_no_code(self, held: Held) -> None:
        """One key, several uses: the code of a link and that of a record never stand for each other."""
        link = held.decided.path.rpartition("/")[2]
        assert word_of(await held.types(link)) == "unknown"
        assert (await held.world.client.get(f"/p/{held.code}")).status_code == 410

    async def test_odd_addresses(self, held: Held) -> None:
        for path in ("/verify/%00", "/verify/" + "a" * 4_000, "/verify/%0A", "/verify/..%2F"):
            answer = await held.world.client.get(path)
            assert answer.status_code in {200, 404}, path
            assert "genuine" not in answer.text


class TestLimits:
    async def test_nothing_sent(self, world: World) -> None:
        for sent in ({"data": {"code": " "}}, {"files": {"file": ("", b"")}}, {}):
            answer = await world.client.post("/verify", **sent)
            assert answer.status_code == 422
            assert "Pilih berkas, atau ketik kodenya." in answer.text

    async def test_a_browsers_empty_fields(self, held: Held) -> None:
        """A form sends the field that was left empty too."""
        both = {"files": {"file": ("", b"")}, "data": {"code": held.code}}
        assert word_of(await held.world.client.post("/verify", **both)) == "genuine"  # type: ignore[arg-type]
        both = {"files": {"file": ("a.pdf", held.pdf)}, "data": {"code": ""}}
        assert word_of(await held.world.client.post("/verify", **both)) == "genuine"  # type: ignore[arg-type]

    async def test_size(self, held: Held) -> None:
        """200 KB and not one byte more; and far more is not even read to its end."""
        assert await held.word(held.jws + b" " * (FILE_LIMIT_BYTES - len(held.jws))) == "genuine"
        answer = await held.shows(held.jws + b" " * (FILE_LIMIT_BYTES - len(held.jws) + 1))
        assert answer.status_code == 413
        assert "Berkas lebih dari 200 KB." in answer.text
        answer = await held.shows(b" " * 400_000)
        assert answer.status_code == 413
        assert answer.headers["content-type"].startswith("text/html")

    async def test_other_routes_take_no_more_than_before(self, held: Held) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        link = await held.world.client.post(held.decided.path, content=b"step=" + b"a" * 70_000, headers=form)
        assert link.status_code == 413
        counter = await held.decided.officer.post("/v1/readiness", content=b" " * 70_000)
        assert counter.status_code == 413

    async def test_what_is_no_form(self, world: World) -> None:
        form, address = "multipart/form-data; boundary=y", "application/x-www-form-urlencoded"
        for body, media_type in (
            (b"", "multipart/form-data"), (b"x", form), (b"--y\r\n\r\n", form), (b'{"file":1}', "application/json"),
            (b"--y\r\nContent-Disposition: form-data\r\n\r\nx\r\n--y--\r\n", form), (b"file=x", address),
            (b"code=" + b"a" * 101, address),
        ):  # fmt: skip
            answer = await world.client.post("/verify", content=body, headers={"Content-Type": media_type})
            assert answer.status_code in {400, 422}, body
            assert answer.headers["content-type"].startswith("text/html")
            assert "data-result" not in answer.text

    async def test_a_public_door_has_an_end(self, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
        """A61: a process answers so many a minute; then it says when to come back, and the counters go on."""
        budget: Any = held.world.parts.verifications
        monkeypatch.setattr(budget, "_per_minute", 3)
        monkeypatch.setattr(budget, "_counts", {})
        monkeypatch.setattr(budget, "_clock", lambda: 30.0)
        words = [word_of(await held.scans(held.code)) for _ in range(3)]
        assert words == ["genuine"] * 3
        for late in (await held.scans(held.code), await held.shows(held.pdf), await held.types("x")):
            assert (late.status_code, late.headers["retry-after"]) == (429, "30")
            assert "Terlalu banyak percobaan" in late.text
        assert (await held.world.client.get("/verify")).status_code == 200
        assert (await held.decided.officer.get("/v1/session")).status_code == 200
        monkeypatch.setattr(budget, "_clock", lambda: 61.0)
        assert word_of(await held.scans(held.code)) == "genuine"
        assert budget.owed() == [("verify", 3)]


async def test_after_the_trail_was_erased_the_signature_is_left(held: Held) -> None:
    """The record cannot be opened any more; who holds it can still show that it is one."""
    await held.withdrawn()
    await _execute(held.world, "UPDATE citizen_key SET trail_key = NULL")
    held.world.parts.keyring._cache.clear()
    for file in (held.jws, held.pdf):
        assert await held.word(file) == "withdrawn"
    header, payload, signature = held.jws.split(b".")
    for file in (
        _flipped(held.jws, len(held.jws) - 3, random.Random(SEED)),
        b".".join((header, payload, signature[::-1])),
    ):
        assert await held.word(file) == "changed"


async def test_a_record_of_a_key_that_leaked_is_judged_by_what_is_kept(held: Held) -> None:
    """A16: the thief can sign, and cannot write into our rows; the citizen's own record stays genuine."""
    parts = held.world.parts
    kid = kept.kid_of(held.jws.decode())
    await turn_keys.retire(parts.database, parts.keyring, parts.appender, kid=kid, revoked=True, now=clock())
    for _ in range(60):
        if kid not in parts.desk.keys.verification_keys("document"):
            break
        await asyncio.sleep(0.05)
    assert await held.word(held.jws) == "genuine"
    assert await held.word(held.pdf) == "genuine"


def test_damaged_files_still_name_their_record() -> None:
    """Three ids at most, from text or base64 in any step; what is no id is none."""
    record_id = "c_01JZ6M0000000000000000000A"
    for before in range(5):
        encoded = base64.urlsafe_b64encode(b"{" * before + record_id.encode() + b'","b":1}').rstrip(b"=")
        for junk in (b"", b"!", b"a.", b"ab", b"abc\xff"):
            assert records_named(junk + encoded) == [record_id]
    assert records_named(b" ".join(f"c_{n:026d}".encode() for n in range(9))) == [
        f"c_{n:026d}" for n in range(3)
    ]
    assert records_named(b"") == records_named(b"c_01JZ6M000000000000000000IL") == []


def _flipped(file: bytes, at: int, dice: random.Random) -> bytes:
    return file[:at] + bytes([file[at] ^ dice.randrange(1, 256)]) + file[at + 1 :]
