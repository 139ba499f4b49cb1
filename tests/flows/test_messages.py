"""Messages leave from the outbox: once, again after a failure, and none keeps another; over real servers and one database."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from auth.grants import CODE_LIFE
from exchange.flows import look_after
from exchange.outbound import notify
from exchange.outbound.gateway import Gateway
from exchange.outbound.letters import Letter
from exchange.outbound.mail import Mail
from exchange.outbound.notify import wait_after
from exchange.outbound.senders import Nobody
from tests.conftest import StoreServer
from tests.gateway_server import TOKEN, GatewayServer, gateway_server
from tests.outgoing import EMAIL, delivers, held_back, later, postman, queued, rows, states
from tests.rules.house import ROOT
from tests.smtp_sink import Sink, smtp_sink
from tests.storage.cutting_proxy import CuttingProxy
from tests.world import World, csrf_of, path_of, running_world

pytestmark = pytest.mark.toy_entries

FROM = "berkas@contoh.go.id"
PHONE = "+6281200009955"
A_MINUTE = timedelta(seconds=61)  # a claim is over


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink() as running:
        yield running


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayServer]:
    async with gateway_server() as running:
        yield running


async def _subject(world: World) -> str:
    """A citizen; the application's own postman is held back."""
    held_back(world)
    return await world.enrols(await world.officer())


def _mails(world: World, sink: Sink, *, step_s: float = 10.0) -> notify.Postman:
    return postman(world, email=Mail(sink.url, FROM, step_s=step_s))


async def _within(seconds: float, done: object) -> None:
    """Wait until ``done()``; fails after ``seconds``."""
    assert callable(done)
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - it is another server's state
            await asyncio.sleep(0.01)


async def test_a_code_by_mail(world: World, sink: Sink) -> None:
    """Over HTTP: a citizen asks for a code; plain text, nothing attached, and nothing of it stays in the row."""
    held_back(world)
    officer = await world.officer()
    contacts = [{"channel": "email", "value": "Warga@Contoh.example"}]
    body = {"nik": "6472091708909901", "name": "Warga Contoh", "contacts": contacts}
    subject = (await officer.post("/v1/subjects", json=body)).json()["subject_ref"]
    await world.stores(officer, subject)
    path = path_of((await world.asks(officer, subject))["link"])
    browser = world.browser()
    page = await browser.get(path)
    assert (await browser.post(path, data={"step": "send", "csrf": csrf_of(page)})).status_code == 303
    mails = _mails(world, sink)
    await delivers(mails)
    await delivers(mails)
    assert [arrived.to for arrived in sink.arrived] == [["warga@contoh.example"]]
    message = sink.arrived[0].message
    assert "MENYETUJUI" in message.get_content()
    assert "Jangan berikan" in message.get_content()
    assert not list(message.iter_attachments())
    (row,) = await rows(world)
    assert (row["state"], bytes(row["payload"])) == ("sent", b"")
    assert message["Message-ID"] == f"<{row['id']}@contoh.go.id>"


async def test_the_notice_of_an_access_is_out_within_five_seconds(
    database_url: str,
    store: StoreServer,
    bucket_name: str,
    tmp_path: Path,
    sink: Sink,
    gateway: GatewayServer,
) -> None:
    """N04, M39: by the application's own loop; who, which counter, which papers, when, and how to stop it."""
    async with running_world(
        tmp_path, database_url=database_url, store=store, s3_bucket=bucket_name,
        smtp_url=SecretStr(sink.url), mail_from=FROM,
        gateway_url=gateway.url, gateway_token=SecretStr(TOKEN), gateway_channels="sms",
    ) as world:  # fmt: skip
        officer = await world.officer()
        contacts = [{"channel": "email", "value": EMAIL}]
        body = {"nik": "6472091708909901", "name": "Warga Contoh", "contacts": contacts}
        subject = (await officer.post("/v1/subjects", json=body)).json()["subject_ref"]
        await world.stores(officer, subject)
        link, browser = path_of((await world.asks(officer, subject))["link"]), world.browser()
        page = await browser.get(link)
        page = await browser.post(link, data={"step": "send", "csrf": csrf_of(page)}, follow_redirects=True)
        await _within(5, lambda: sink.arrived)
        code = sink.arrived[0].message.get_content().split()[1]
        form = {"step": "code", "csrf": csrf_of(page), "code": code}
        page = await browser.post(link, data=form, follow_redirects=True)
        form = {"step": "decide", "csrf": csrf_of(page), "decision": "grant", "document": "0"}
        assert (await browser.post(link, data=form)).status_code == 200
        await _within(5, lambda: len(sink.arrived) == 2)
        async with world.parts.database.reading() as reading:
            consent = await reading.raw.fetchval("SELECT id FROM consent")
        assert (await officer.post("/v1/tickets", json={"consent_id": consent})).status_code == 201
        await _within(5, lambda: len(sink.arrived) == 3)
        notice = " ".join(sink.arrived[2].message.get_content().split())
        for told in ("DPMPTSP, Loket 3, melihat KTP-el", "2026 pukul", "WITA", "tarik kembali persetujuan", "atau di loket DPMPTSP"):  # fmt: skip
            assert told in notice
        # What left by a provider is in no inbox, and the inbox is still there for the other channels.
        assert await look_after.sent(world.parts.database, world.parts.keyring) == []
        await queued(world, subject, channel="sms", to=PHONE)
        await queued(world, subject, channel="whatsapp", to=PHONE)
        await _within(5, lambda: gateway.asked)
        shown = await world.inbox()
        assert [message["channel"] for message in shown] == ["whatsapp"]
        assert [asked.body["channel"] for asked in gateway.asked] == ["sms"]


async def test_again_after_a_failure(world: World, sink: Sink) -> None:
    """F31: refused for now, waits a second or two, arrives once."""
    mails, subject = _mails(world, sink), await _subject(world)
    await queued(world, subject)
    sink.at_data = ["451 try again later"]
    await delivers(mails)
    await delivers(mails)
    (row,) = await rows(world)
    assert (row["state"], row["cause"], row["attempts"]) == ("waiting", "content_451", 1)
    assert row["wait"] <= timedelta(seconds=2)
    await later(world, timedelta(seconds=2))
    await delivers(mails)
    assert await states(world) == [("sent", "")]
    assert len(sink.arrived) == 1


async def test_refused_for_good(world: World, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """Dead at once, with its cause for an operator, without the address anywhere; the next one is not held up."""
    mails, subject = _mails(world, sink), await _subject(world)
    await queued(world, subject, 2)
    sink.at_rcpt = ["550 5.1.1 no such user warga@contoh.example"]
    with caplog.at_level(logging.WARNING, "berkas.notify"):
        await delivers(mails)
    assert sorted(await states(world)) == [("dead", "recipient_550"), ("sent", "")]
    assert [bytes(row["payload"]) for row in await rows(world)] == [b"", b""]
    told = [record.__dict__ for record in caplog.records if record.name == "berkas.notify"]
    assert [(line["msg"], line["cause"], line["channel"]) for line in told] == [
        ("message given up", "recipient_550", "email")
    ]
    assert "contoh.example" not in str(told)
    counts = await look_after.messages(world.parts.database)
    assert (counts.waiting, counts.given_up) == (0, {"recipient_550": 1})
    await later(world, timedelta(days=8))
    assert (await look_after.messages(world.parts.database)).given_up == {}


async def test_taken_over_without_an_answer(world: World, sink: Sink) -> None:
    """A mail that is sent twice is known as one by its Message-ID."""
    mails, subject = _mails(world, sink), await _subject(world)
    (message_id,) = await queued(world, subject)
    sink.at_data = ["drop"]
    await delivers(mails)
    await later(world, timedelta(seconds=2))
    await delivers(mails)
    assert await states(world) == [("sent", "")]
    assert [arrived.id for arrived in sink.arrived] == [f"<{message_id}@contoh.go.id>"] * 2


async def test_no_provider_for_the_channel(world: World, sink: Sink) -> None:
    """It waits, visible to an operator, is never sent to somebody else, and is given up after a day."""
    mails, subject = _mails(world, sink), await _subject(world)
    await queued(world, subject, channel="whatsapp", to=PHONE)
    await delivers(mails)
    assert await states(world) == [("waiting", "no_sender")]
    assert (await look_after.messages(world.parts.database)).waiting == 1
    await later(world, timedelta(hours=23))
    await delivers(mails)
    assert await states(world) == [("waiting", "no_sender")]
    await later(world, timedelta(hours=1))
    await delivers(mails)
    assert await states(world) == [("dead", "no_sender")]
    assert (await look_after.messages(world.parts.database)).given_up == {"no_sender": 1}
    assert sink.asked == 0


async def test_an_old_code_is_not_sent_any_more(world: World, sink: Sink) -> None:
    """Seen failing: after an hour without a mail server a code arrived that nobody could use, with a text that frightens."""
    mails, subject = _mails(world, sink), await _subject(world)
    await queued(world, subject, kind="otp")
    sink.at_data = ["451 try again later"]
    await delivers(mails)
    await later(world, CODE_LIFE)
    await delivers(mails)
    await later(world, timedelta(days=1))
    await delivers(mails)
    assert sink.arrived == []
    (row,) = await rows(world)
    assert (row["state"], row["cause"], bytes(row["payload"])) == ("dead", "too_late", b"")


async def test_an_old_notice_is_still_sent(world: World, sink: Sink) -> None:
    """After a weekend without the application: every message is tried once at least."""
    mails, subject = _mails(world, sink), await _subject(world)
    await queued(world, subject)
    await later(world, timedelta(days=3))
    await delivers(mails)
    assert len(sink.arrived) == 1


async def test_one_that_cannot_be_opened(world: World, sink: Sink) -> None:
    """F38: it is given up and keeps nobody."""
    mails, subject = _mails(world, sink), await _subject(world)
    broken, *_ = await queued(world, subject, 3)
    async with world.parts.database.transaction() as transaction:
        await transaction.raw.execute("UPDATE outbox SET payload = 'x' WHERE id = $1", broken)
    await delivers(mails)
    assert sorted(await states(world)) == [("dead", "unreadable"), ("sent", ""), ("sent", "")]


async def test_a_sender_that_breaks(world: World) -> None:
    """A fault of ours is a try that failed: it is seen, and over after a day too."""

    class Broken(Nobody):
        async def send(self, letter: Letter) -> None:
            raise RuntimeError(letter.to)

    broken, subject = postman(world, email=Broken()), await _subject(world)
    await queued(world, subject)
    await delivers(broken)
    assert await states(world) == [("waiting", "RuntimeError")]
    await later(world, timedelta(days=1))
    await delivers(broken)
    assert await states(world) == [("dead", "RuntimeError")]


async def test_a_slow_server_is_asked_by_eight_at_once(world: World, sink: Sink) -> None:
    mails, subject = _mails(world, sink), await _subject(world)
    await queued(world, subject, 40)
    sink.slow_s = 0.1
    began = asyncio.get_running_loop().time()
    await delivers(mails)  # full lanes go on by themselves
    assert await states(world) == [("sent", "")] * 40
    assert len({arrived.id for arrived in sink.arrived}) == len(sink.arrived) == 40
    assert sink.most_at_once == notify.PLACES == 8
    assert asyncio.get_running_loop().time() - began < 4  # one after the other it would be that and more


async def test_a_server_that_hangs_keeps_no_other_message(
    world: World, sink: Sink, gateway: GatewayServer
) -> None:
    """Neither of another channel nor a one-time code of the same: nine notices hang, eight of them at the server."""
    mail, gate = Mail(sink.url, FROM, step_s=3.0), Gateway(gateway.url, TOKEN)
    postman_ = postman(world, email=mail, sms=gate, whatsapp=gate)
    subject = await _subject(world)
    await queued(world, subject, 9)
    sink.at_data = ["hang"] * 8
    going = asyncio.create_task(postman_.round())
    await _within(5, lambda: sink.at_once == 8)
    await queued(world, subject, channel="sms", to=PHONE)
    await queued(world, subject, channel="whatsapp", to=PHONE)
    await queued(world, subject, kind="otp", text="Kode")
    await _within(2.5, lambda: len(gateway.asked) == 2 and sink.arrived)
    assert sink.arrived[0].message.get_content().strip() == "Kode"
    await going
    await postman_.idle()
    assert sorted(await states(world)) == [("sent", "")] * 4 + [("waiting", "SMTPReadTimeoutError")] * 8
    await postman_.stop()


async def test_codes_go_before_notices(world: World, sink: Sink) -> None:
    """Not behind a pile of them: with all places for notices taken, a code leaves at once."""
    mails, subject = _mails(world, sink), await _subject(world)
    await queued(world, subject, 60)
    await queued(world, subject, kind="otp", text="Kode")
    sink.slow_s = 0.05
    await delivers(mails)
    order = [arrived.message.get_content().strip() for arrived in sink.arrived]
    assert len(order) == 61
    assert order.index("Kode") <= 16


async def test_two_workers_send_one_message_once(world: World, sink: Sink) -> None:
    """A06: two postmen over one database, while the server is slow."""
    first, second = _mails(world, sink), _mails(world, sink)
    await queued(world, await _subject(world), 40)
    sink.slow_s = 0.05
    await asyncio.gather(*(delivers(one) for one in (first, second)))
    assert await states(world) == [("sent", "")] * 40
    assert len({arrived.id for arrived in sink.arrived}) == len(sink.arrived) == 40
    assert sink.most_at_once > notify.PLACES  # both worked


_WORKER = """
import asyncio, os, sys
from exchange.deps import clock
from exchange.outbound.letters import Letter
from exchange.outbound.mail import Mail
from exchange.outbound.notify import Postman
from storage.database import Database
from storage.keyring import Keyring, provider_for

async def main():
    database = Database(os.environ["DATABASE"])
    keyring = Keyring(database, provider_for(os.environ["ROOT_KEY"]))
    await keyring.open(clock())
    mail = Mail(os.environ["SMTP"], "berkas@contoh.go.id")
    postman = Postman(database, keyring, {"email": mail})
    await postman.round()
    await postman.idle()

asyncio.run(main())
"""


async def test_a_worker_that_is_killed(world: World, sink: Sink, database_url: str) -> None:
    """Another process, killed while the server holds its answer: its claim ends after a minute, then it goes once more."""
    (message_id,) = await queued(world, await _subject(world))
    sink.at_data = ["keep"]
    settings = world.parts.settings
    environment = {"DATABASE": database_url, "ROOT_KEY": str(settings.root_key), "SMTP": sink.url}
    worker = subprocess.Popen(  # noqa: ASYNC220 - starting one takes a millisecond
        [sys.executable, "-c", _WORKER], env={**os.environ, **environment, "PYTHONPATH": str(ROOT)}
    )
    try:
        await _within(20, lambda: sink.arrived)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(5)
    mails = _mails(world, sink)
    await delivers(mails)
    assert len(sink.arrived) == 1  # the claim of the dead still stands
    await later(world, A_MINUTE)
    await delivers(mails)
    assert await states(world) == [("sent", "")]
    assert [arrived.id for arrived in sink.arrived] == [f"<{message_id}@contoh.go.id>"] * 2


async def test_who_comes_back_after_the_claim_changes_nothing(world: World, sink: Sink) -> None:
    """A frozen process wakes up and fails: what another one has sent meanwhile stays sent."""
    frozen, other = _mails(world, sink, step_s=1.0), _mails(world, sink)
    await queued(world, await _subject(world))
    sink.at_data = ["hang"]
    await frozen.round()
    await _within(5, lambda: sink.at_once == 1)
    await later(world, A_MINUTE)
    await delivers(other)
    assert await states(world) == [("sent", "")]
    await frozen.idle()
    assert await states(world) == [("sent", "")]
    await later(world, timedelta(hours=2))
    await delivers(other)
    assert len(sink.arrived) == 1


async def test_stopping_lets_what_is_under_way_end(world: World, sink: Sink) -> None:
    mails = _mails(world, sink)
    await queued(world, await _subject(world), 2)
    sink.slow_s = 0.3
    await mails.round()
    await mails.stop()
    assert await states(world) == [("sent", "")] * 2


async def test_an_act_whose_commit_nobody_saw_makes_one_message(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> None:
    """The connection ends right behind COMMIT (A14): the act is looked up, not done again. Asked once more, it is refused, or is
    another act with an entry of its own.
    """
    async with (
        CuttingProxy(database_url) as database,
        running_world(tmp_path, database_url=database.url, store=store, s3_bucket=bucket_name) as world,
    ):
        officer = await world.officer()
        consent, _ = await world.consented(officer)
        await world.inbox()
        held_back(world)  # the next COMMIT is the act's
        before = len(await rows(world))
        database.cut = "after"
        answer = await officer.post("/v1/tickets", json={"consent_id": consent})
        assert (answer.status_code, database.cuts) == (201, 1)
        assert len(await rows(world)) == before + 1
        database.cut = "after"
        answer = await officer.post(f"/v1/consents/{consent}/withdrawal")
        assert (answer.status_code, database.cuts) == (200, 2)
        again = await officer.post(f"/v1/consents/{consent}/withdrawal")
        assert (again.status_code, again.json()["code"]) == (409, "BK-2036")
        assert len(await rows(world)) == before + 2
        acts = [entry["type"] for entry in await world.entries()]
        assert (acts.count("ticket"), acts.count("withdraw")) == (2, 2)


@pytest.mark.parametrize(
    ("attempts", "luck", "asked_s", "seconds"),
    [
        (0, 0.0, 0, 1),
        (0, 1.0, 0, 2),
        (1, 1.0, 0, 4),
        (5, 1.0, 0, 64),
        (5, 0.0, 0, 32),
        (11, 1.0, 0, 3_600),
        (10_000, 0.0, 0, 1_800),
        (0, 0.5, 90, 90),
        (8, 1.0, 90, 512),
        (0, 0.5, 10**6, 3_600),
    ],
)
def test_the_wait_doubles(attempts: int, luck: float, asked_s: float, seconds: float) -> None:
    assert wait_after(attempts, luck=luck, asked_s=asked_s) == timedelta(seconds=seconds)
