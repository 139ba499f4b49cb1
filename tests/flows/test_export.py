"""The own data, taken along (L02, L17, M41): everything that is kept, on record, and nothing of anybody else."""

from __future__ import annotations

import csv
import io
import json

import pytest

from exchange.flows import export_own
from exchange.spreadsheets import csv_line
from tests.files import noted
from tests.flows.test_rights import Given, cases, given, settles
from tests.world import JPEG, NAME, NIK, OTHER_NIK, PHONE

__all__ = ["given"]


async def test_everything_as_json(given: Given) -> None:
    world, phone = given.world, given.phone
    assert (await world.fetches(given.officer, given.ticket)).status_code == 200
    await world.outcomes()
    await world.consented(given.officer, OTHER_NIK, noted(JPEG, b"2"))  # somebody else
    await phone.asks("objection", f"consent:{given.consent}", "not_me")
    (case,) = await cases(given.dpo)
    await settles(given.dpo, case["id"], "wrong")
    answer = await phone.posts("export", format="json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="berkas-data.json"'
    told = answer.json()
    assert told["schema"] == "berkas-export/1"
    assert told["holder"]["name"] == NAME
    assert NIK not in answer.text
    assert PHONE not in answer.text
    assert told["holder"]["contacts"][0]["value"] == "+62 812-••••-9901"
    (consent,) = told["consents"]
    assert (consent["id"], consent["state"]) == (given.consent, "frozen")
    assert consent["record"][0].count(".") == 2  # a JWS
    assert [paper["type"] for paper in told["papers"]] == ["KTP"]
    assert [(row["id"], row["outcome"], row["text"] != "") for row in told["cases"]] == [
        (case["id"], "wrong", True)
    ]
    own = {entry["subject"] for entry in told["entries"]}
    assert len(own) == 1
    seqs = [entry["subject_seq"] for entry in told["entries"]]
    assert seqs == list(range(seqs[0], 0, -1))
    assert told["entries"][0]["act"] == "export"  # on record before the first byte
    assert "Anda mengunduh data Anda" in (await phone.reads(at="")).text


async def test_the_list_as_csv(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """In looks of three entries: none is lost at a border, none stands twice."""
    monkeypatch.setattr(export_own, "ENTRIES_A_LOOK", 3)
    answer = await given.phone.posts("export", format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, *rows = csv.reader(io.StringIO(answer.text))
    assert tuple(header) == export_own.COLUMNS
    numbers = [int(row[0]) for row in rows]
    assert numbers == sorted(set(numbers), reverse=True)
    as_json = await given.phone.posts("export", format="json")
    entries = json.loads(as_json.text)["entries"]
    assert [entry["no"] for entry in entries][1:] == numbers
    kinds = dict(zip(numbers, (row[2] for row in rows), strict=True))
    assert {"request", "grant", "ticket"} <= set(kinds.values())


def test_a_spreadsheet_takes_nothing_for_a_formula() -> None:
    written = csv_line(["=1+1", "@x", "-2", "+3", "plain", 'a "b", c'])
    assert next(csv.reader(io.StringIO(written.decode()))) == [
        "'=1+1",
        "'@x",
        "'-2",
        "'+3",
        "plain",
        'a "b", c',
    ]


async def test_without_the_factor_there_is_no_file(given: Given) -> None:
    before = len(await given.world.entries())
    stranger = given.world.browser()
    for csrf in (given.phone.csrf, "0"):
        form = {"step": "export", "csrf": csrf, "format": "json"}
        answer = await stranger.post(given.phone.path + "/hak", data=form)
        assert answer.status_code == 403
        assert NAME not in answer.text
    assert (await given.phone.posts("export", format="xml")).status_code == 422
    await given.phone.posts("leave", at="")
    assert (await given.phone.posts("export", format="json")).status_code == 403
    entries = (await given.world.entries())[before:]
    assert [entry["act"] for entry in entries] == ["left"]
