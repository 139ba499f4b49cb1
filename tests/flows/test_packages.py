"""All papers of a ticket in one archive: one entry each, all or none; a broken archive delivered nothing (M27, F18 to F20, A36, A49)."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auth.scopes import SCOPES
from auth.verdict import ALLOWED, Refused
from exchange.flows import take_package
from exchange.releases import judge_release
from exchange.routes import packages
from storage.ledger import waiting
from tests.backend import Backend
from tests.conftest import StoreServer
from tests.files import noted
from tests.flows.copying import KEPT, claims_of, leaves, problem_of
from tests.flows.packing import AGENCY, KINDS, Folder, as_it_comes, folder, listed
from tests.invariants import check_invariants
from tests.renditions.samples import drawn, picture_jpeg, reddish, scan, text_of
from tests.storage.faulty_store import Fault, FaultyStore
from tests.tampering import ATTACKS, Bucket, rows
from tests.world import JPEG, OTHER_NIK, PDF, World, running_world


def _contents(more: bytes) -> dict[str, bytes]:
    """A KK comes as PDF; no two alike."""
    return {kind: noted(PDF if kind == "KK" else JPEG, kind.encode() * 1_000 + more) for kind in KINDS}


CONTENTS = _contents(b"")
PICTURE = picture_jpeg((620, 877))
LARGE = bytes(range(256)) * 24_000
ENDS = {"release", "redelivery", "outcome"}


async def _ended(world: World) -> list[dict[str, Any]]:
    await world.outcomes()
    return [entry for entry in await world.entries() if entry["type"] in ENDS]


async def _refused(world: World, reason: str, number: int = len(KINDS)) -> None:
    """The last ``number`` entries are refusals with this reason, and no paper is open."""
    entries = (await _ended(world))[-number:]
    assert [entry["result"].get("reason") for entry in entries] == [reason] * number
    assert all(entry["package"] == len(KINDS) for entry in entries)


@dataclasses.dataclass
class Shaky:
    world: World
    store: FaultyStore


@pytest.fixture
async def shaky(
    database_url: str, store: StoreServer, bucket_name: str, tmp_path: Path
) -> AsyncIterator[Shaky]:
    """A world whose store fails when it is told to."""
    async with FaultyStore(store.endpoint) as between:
        behind = dataclasses.replace(store, endpoint=between.endpoint)
        async with running_world(
            tmp_path,
            database_url=database_url,
            store=behind,
            s3_bucket=bucket_name,
            upload_limit_bytes=20_000_000,
        ) as world:
            yield Shaky(world, between)


async def test_the_whole_way(world: World, tmp_path: Path) -> None:
    """M27: every paper with its receipt, readable from both ends; an entry and an outcome each; then the ticket is used up."""
    papers = await folder(world, CONTENTS)
    answer = await papers.packed()
    assert answer.status_code == 200, answer.text
    ticket_id = claims_of(papers.ticket["ticket"])["jti"]
    kept = dict(answer.headers)
    for name in ("date", "x-request-id"):
        kept.pop(name)
    assert kept == KEPT | {
        "content-type": "application/zip",
        "content-disposition": f'attachment; filename="berkas-{ticket_id}.zip"',
        "accept-ranges": "none",
        "transfer-encoding": "chunked",
    }
    files = listed(answer.content)
    assert list(files.items()) == list(as_it_comes(answer.content).items())
    names = [
        f"{one['type']}-{one['document_id']}-{one['version']}.{'pdf' if one['type'] == 'KK' else 'jpg'}"
        for one in papers.ticket["documents"]
    ]
    assert list(files) == [name for paper in names for name in (paper, f"receipts/{paper}.jws")]
    for number, (name, one) in enumerate(zip(names, papers.ticket["documents"], strict=True)):
        content = files[name]
        assert content == papers.content(number)
        told = claims_of(files[f"receipts/{name}.jws"].decode())
        assert (told["doc"]["id"], told["consent"]["id"]) == (one["document_id"], papers.consent)
        digest = hashlib.sha256(content).hexdigest()
        assert told["doc"]["source_sha256"] == told["doc"]["served_sha256"] == one["sha256"] == digest
    entries = await _ended(world)
    assert [entry["type"] for entry in entries] == ["release"] * 3 + ["outcome"] * 3
    assert [entry["bytes"] for entry in entries[3:]] == [len(papers.content(n)) for n in range(3)]
    assert {entry.get("outcome", "sent") for entry in entries} == {"sent"}
    assert {entry["package"] for entry in entries} == {3}
    for number in range(3):
        assert problem_of(await world.fetches(papers.officer, papers.ticket, number)) == (409, "BK-4003")
    assert problem_of(await papers.packed()) == (409, "BK-4003")
    if unzip := shutil.which("unzip"):
        (tmp_path / "whole.zip").write_bytes(answer.content)
        tested = [unzip, "-tq", str(tmp_path / "whole.zip")]
        assert (await asyncio.to_thread(subprocess.run, tested, capture_output=True)).returncode == 0
    await check_invariants(world)


async def test_copies_as_the_ticket_names_them(world: World) -> None:
    """M06, D12: each drawn, with a code of its own in its receipt."""
    papers = await folder(world, {"KK": scan(1, noise=3), "KTP": PICTURE, "PASPOR": noted(PICTURE, b"2")})
    leaves(world)
    papers = await papers.ticketed()
    assert {one["rendition"] for one in papers.ticket["documents"]} == {"stamped"}
    files = listed((await papers.packed()).content)
    receipts = {
        name: claims_of(files[f"receipts/{name}.jws"].decode())["doc"] for name in files if "/" not in name
    }
    assert len({told["copy_code"] for told in receipts.values()}) == 3
    for name, told in receipts.items():
        assert told["served_sha256"] == hashlib.sha256(files[name]).hexdigest() != told["source_sha256"]
        if name.endswith(".pdf"):
            assert told["copy_code"] in text_of(files[name])
            assert reddish(drawn(files[name]), (0, 0.95, 1, 1)) > 200
    assert sorted(name.rpartition(".")[2] for name in receipts) == ["jpg", "jpg", "pdf"]
    codes = [told["copy_code"] for told in receipts.values()]
    for code in codes:
        assert "salinan" in (await world.client.get(f"/verify/{code}")).text


async def test_by_machine(world: World) -> None:
    """A13, A14: its proof is for this address, and used up once."""
    papers = await folder(world, CONTENTS)
    backend = await Backend(world, "imigrasi-paspor").registered(f"{AGENCY}@6472", scopes=list(SCOPES))
    ticket = (await backend.ticket(papers.consent))["ticket"]
    address = f"{world.origin}/v1/packages"
    for wrong in (backend.proof("GET", address, ticket), backend.proof("POST", f"{address}/", ticket)):
        headers = {"Authorization": f"DPoP {ticket}", "DPoP": wrong}
        assert problem_of(await world.client.post("/v1/packages", headers=headers))[0] == 401
    assert problem_of(await world.client.post("/v1/packages", headers={"Authorization": f"Bearer {ticket}"}))[
        0
    ] in {401, 404}
    headers = {"Authorization": f"DPoP {ticket}", "DPoP": backend.proof("POST", address, ticket)}
    answer = await world.client.post("/v1/packages", headers=headers)
    assert answer.status_code == 200, answer.text
    assert len(listed(answer.content)) == 6
    await world.outcomes()
    assert problem_of(await world.client.post("/v1/packages", headers=headers))[0] == 401


async def test_one_that_was_used_refuses_all_and_uses_up_none(world: World) -> None:
    papers = await folder(world, CONTENTS)
    assert (await world.fetches(papers.officer, papers.ticket, 1)).status_code == 200
    await world.outcomes()
    answer = await papers.packed()
    assert problem_of(answer) == (409, "BK-4003")
    await _refused(world, "ticket_used")
    for number in (0, 2):
        assert (await world.fetches(papers.officer, papers.ticket, number)).content == papers.content(number)
    await check_invariants(world)


async def test_not_its_holder(world: World) -> None:
    """Nobody, another session, a stranger's ticket: no entry of a known caller, nothing used up."""
    papers = await folder(world, CONTENTS)
    thief = await world.officer("POLRI")
    assert problem_of(await world.client.post("/v1/packages"))[0] == 401
    assert problem_of(await world.client.post("/v1/packages", headers=papers.headers)) == (404, "BK-4004")
    assert problem_of(await thief.client.post("/v1/packages", headers=papers.headers)) == (404, "BK-4004")
    broken = {"Authorization": papers.headers["Authorization"][:-4] + "AAAA"}
    assert problem_of(await papers.officer.client.post("/v1/packages", headers=broken)) == (401, "BK-4001")
    assert await _ended(world) == []
    assert len(listed((await papers.packed()).content)) == 6


async def test_after_a_withdrawal(world: World) -> None:
    """I4."""
    papers = await folder(world, CONTENTS)
    await papers.officer.post(f"/v1/consents/{papers.consent}/withdrawal")
    assert problem_of(await papers.packed()) == (403, "BK-4005")
    await _refused(world, "consent_withdrawn")
    await check_invariants(world)


async def test_one_version_that_was_replaced_refuses_all(world: World) -> None:
    """A35: a ticket names versions."""
    papers = await folder(world, CONTENTS)
    subject = await world.enrols(papers.officer)
    assert (await world.stores(papers.officer, subject, "KTP", noted(JPEG, b"newer"))).status_code == 201
    assert problem_of(await papers.packed()) == (409, "BK-4007")
    await _refused(world, "version_superseded")


async def test_twenty_at_once_are_one(world: World) -> None:
    """I5: the uses of all papers and their entries are one commit."""
    papers = await folder(world, CONTENTS)
    answers = await asyncio.gather(*(papers.packed() for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    entries = await _ended(world)
    assert [entry["type"] for entry in entries if entry["result"]["allowed"]].count("release") == 3
    await check_invariants(world)


async def test_single_papers_and_the_package_race(world: World) -> None:
    """I5: each paper leaves once, in the archive or alone."""
    papers = await folder(world, CONTENTS)
    calls = [
        papers.packed(),
        *(world.fetches(papers.officer, papers.ticket, n % 3) for n in range(12)),
        papers.packed(),
    ]
    answers = await asyncio.gather(*calls)
    got: list[bytes] = []
    for answer in answers:
        if answer.headers["content-type"] == "application/zip":
            got += [content for name, content in listed(answer.content).items() if "/" not in name]
        elif answer.status_code == 200:
            got.append(answer.content)
    assert len(got) == len(set(got))
    await check_invariants(world)


async def test_a_batch_that_was_cut_lets_none_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was let through before the last one was refused is closed as not delivered, and may be had again."""
    papers = await folder(world, CONTENTS)
    monkeypatch.setattr(waiting, "MAX_BATCH_ITEMS", 1)
    judge, last = judge_release, papers.ticket["documents"][2]["document_id"]
    seen: list[str] = []

    def changed_meanwhile(release: Any, facts: Any, now: Any) -> Any:
        seen.append(release.document_id)
        again = release.document_id == last and seen.count(last) > 1
        return Refused("version_superseded") if again else judge(release, facts, now)

    with monkeypatch.context() as patch:
        patch.setattr(take_package, "judge_release", changed_meanwhile)
        assert problem_of(await papers.packed()) == (409, "BK-4007")
    entries = await _ended(world)
    assert [entry["result"]["allowed"] for entry in entries if entry["type"] == "release"] == [
        True,
        True,
        False,
    ]
    assert [entry["outcome"] for entry in entries if entry["type"] == "outcome"] == ["aborted"] * 2
    assert len(listed((await papers.packed()).content)) == 6
    await check_invariants(world)


async def test_where_the_first_was_not_judged_nobody_may(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that fails refuses its own item only; the others' words depend on it."""
    papers = await folder(world, CONTENTS)

    def failing(*_: object) -> Any:
        raise ValueError

    with monkeypatch.context() as patch:
        patch.setattr(take_package._Together, "_first", failing)
        patch.setattr(take_package, "judge_release", lambda *_: ALLOWED)
        assert problem_of(await papers.packed())[0] >= 500
    assert all(not entry["result"]["allowed"] for entry in await _ended(world))
    assert len(listed((await papers.packed()).content)) == 6


async def _broken(papers: Folder, world: World, number: int) -> None:
    """The archive is visibly broken, and all its deliveries say aborted; ``number`` papers are in it."""
    status, got, whole = await papers.streamed()
    assert (status, whole) == (200, False)
    assert got.count(b"PK\x03\x04") >= number
    with pytest.raises(zipfile.BadZipFile):
        listed(got)
    entries = (await _ended(world))[-3:]
    assert [entry["outcome"] for entry in entries] == ["aborted"] * 3


@pytest.mark.parametrize(
    ("fault", "times"), [(Fault.DROP, 9), (Fault.STATUS, 9), (Fault.FLIP, 1), (Fault.TRUNCATE, 9)]
)
async def test_the_store_fails_in_the_middle(shaky: Shaky, fault: Fault, times: int) -> None:
    """F18 to F20, I8: the second paper is away; afterwards the same ticket gives the whole archive."""
    world = shaky.world
    papers = await folder(world, CONTENTS)
    second = papers.ticket["documents"][1]["document_id"]
    async with world.parts.database.reading() as reading:
        key = await reading.raw.fetchval(
            "SELECT object_key FROM document_version WHERE document_id = $1", second
        )
    shaky.store.arm(fault, method="GET", key=key, times=times)
    await _broken(papers, world, 1)
    shaky.store.disarm()
    again = await papers.packed()
    assert again.status_code == 200, again.text
    assert [content for name, content in listed(again.content).items() if "/" not in name] == [
        papers.content(number) for number in range(3)
    ]
    types = [entry["type"] for entry in await _ended(world)]
    assert types == ["release"] * 3 + ["outcome"] * 3 + ["redelivery"] * 3 + ["outcome"] * 3
    await check_invariants(world)


async def test_a_paper_of_another_length_is_put_aside(world: World) -> None:
    """F20, I8: found by a package like by a fetch. Wrong version: 503 for ever, and tickets are issued for it."""
    papers = await folder(world, CONTENTS)
    first = papers.ticket["documents"][0]["document_id"]
    row = next(row for row in await rows(world) if row["document_id"] == first)
    await ATTACKS["a longer object"][0](Bucket(world), world, row, row)
    assert problem_of(await papers.packed()) == (502, "BK-5004")
    assert problem_of(await papers.packed()) == (409, "BK-4041")
    refused = await papers.officer.post("/v1/tickets", json={"consent_id": papers.consent})
    assert problem_of(refused) == (409, "BK-4041")
    found = [(e["fault"], e["found_by"]) for e in await world.entries() if e["type"] == "quarantine"]
    assert found == [("length", "fetch")]


async def test_after_a_broken_archive_each_may_be_had_alone(shaky: Shaky) -> None:
    world = shaky.world
    papers = await folder(world, {**CONTENTS, "KTP": noted(JPEG, LARGE)})
    async with world.parts.database.reading() as reading:
        key = await reading.raw.fetchval("SELECT object_key FROM document_version WHERE type = 'KTP'")
    shaky.store.arm(Fault.TRUNCATE, method="GET", key=key, times=9, keep=2_500_000)
    await _broken(papers, world, 1)
    shaky.store.disarm()
    for number in range(3):
        assert (await world.fetches(papers.officer, papers.ticket, number)).content == papers.content(number)
    await world.outcomes()
    assert problem_of(await papers.packed()) == (409, "BK-4003")
    await check_invariants(world)


async def test_a_store_that_is_away_is_a_clear_answer(shaky: Shaky) -> None:
    """F18, I10: nothing was begun, so it can still be said."""
    world = shaky.world
    papers = await folder(world, CONTENTS)
    shaky.store.arm(Fault.DROP, method="GET", times=30)
    assert problem_of(await papers.packed()) == (503, "BK-5002")
    assert [entry["outcome"] for entry in (await _ended(world))[-3:]] == ["aborted"] * 3
    shaky.store.disarm()
    assert len(listed((await papers.packed()).content)) == 6


async def test_a_copy_that_cannot_be_drawn_breaks_it(world: World) -> None:
    """The unmarked original never goes in its place. What the gate lets in can be drawn, so these came in without."""
    world.app.state.parts = replace(world.parts, gate=None)
    papers = await folder(world, {"KK": b"%PDF-1.7\n" + bytes(4_000), "KTP": PICTURE, "PASPOR": JPEG[:5_000]})
    leaves(world)
    papers = await papers.ticketed()
    if papers.kinds[0] == "KTP":
        await _broken(papers, world, 1)
    else:
        answer = await papers.packed()
        assert problem_of(answer) == (422, "BK-4021")
    assert [entry["outcome"] for entry in (await _ended(world))[-3:]] == ["aborted"] * 3


async def test_a_withdrawal_stops_it_in_the_middle(shaky: Shaky, monkeypatch: pytest.MonkeyPatch) -> None:
    """A36: after the first piece the citizen takes the consent back; what comes later does not leave."""
    world = shaky.world
    papers = await folder(world, _contents(LARGE))
    take = take_package.take
    taken: list[str] = []

    async def withdrawn_after_the_first(*given: Any, **more: Any) -> Any:
        taken.append("")
        made = await take(*given, **more)
        if len(taken) == 1:
            answer = await papers.officer.post(f"/v1/consents/{papers.consent}/withdrawal")
            assert answer.status_code == 200, answer.text
        return made

    monkeypatch.setattr(take_package, "take", withdrawn_after_the_first)
    await _broken(papers, world, 1)
    assert len(taken) == 1
    assert problem_of(await papers.packed()) == (403, "BK-4005")
    await check_invariants(world)


async def test_a_withdrawal_stops_a_large_paper_too(shaky: Shaky, monkeypatch: pytest.MonkeyPatch) -> None:
    """A36: not only between two papers."""
    world = shaky.world
    papers = await folder(world, _contents(LARGE))
    monkeypatch.setattr(packages, "RECHECK_PERIOD", timedelta())

    async def withdrawn(*_: object) -> bool:
        return False

    monkeypatch.setattr(take_package, "still_granted", withdrawn)
    status, got, whole = await papers.streamed()
    assert (status, whole) == (200, False)
    assert len(got) < len(LARGE)


async def test_a_reader_that_goes_away(shaky: Shaky) -> None:
    """F36: the outcomes say aborted, and the same session may have it again."""
    world = shaky.world
    papers = await folder(world, _contents(LARGE))
    async with papers.officer.client.stream("POST", "/v1/packages", headers=papers.headers) as answer:
        async for _chunk in answer.aiter_raw():
            break
    assert [entry["outcome"] for entry in (await _ended(world))[-3:]] == ["aborted"] * 3
    again = await papers.packed()
    assert [content for name, content in listed(again.content).items() if "/" not in name] == [
        papers.content(number) for number in range(3)
    ]


async def test_one_paper_in_memory_at_a_time(shaky: Shaky, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent is let go of before the next one is got."""
    world = shaky.world
    papers = await folder(world, CONTENTS)
    take, begin = take_package.take, packages.Packed.__init__
    made: list[packages.Packed] = []
    held: list[object] = []

    def noted(self: packages.Packed, *given: Any) -> None:
        begin(self, *given)
        made.append(self)

    async def looked(*given: Any, **more: Any) -> Any:
        held.append(made[0]._next)
        return await take(*given, **more)

    monkeypatch.setattr(packages.Packed, "__init__", noted)
    monkeypatch.setattr(take_package, "take", looked)
    assert len(listed((await papers.packed()).content)) == 6
    assert held == [None] * 3
    assert not any(value for value in vars(made[0]).values() if isinstance(value, bytes))


async def test_another_citizens_package_goes_on(world: World) -> None:
    officer = await world.officer(AGENCY)
    first = await folder(world, CONTENTS, officer)
    second = await folder(world, _contents(b"other"), officer, OTHER_NIK)
    answers = await asyncio.gather(first.packed(), second.packed())
    for papers, answer in zip((first, second), answers, strict=True):
        assert listed(answer.content).keys()
        assert [c for n, c in listed(answer.content).items() if "/" not in n] == [
            papers.content(n) for n in range(3)
        ]
