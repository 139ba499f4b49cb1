"""The number on a paper and what it is about, at intake: refused, or accepted with its warnings."""

from __future__ import annotations

import pytest

from tests.files import noted
from tests.flows.test_readiness import PARCEL_A, PARCEL_B
from tests.world import JPEG, NIK, OTHER_NIK, PDF, World, content_digest

MEDIA = {"KTP": ("image/jpeg", JPEG), "STNK": ("image/jpeg", JPEG), "SIM": ("image/jpeg", JPEG)}


async def _taken(
    world: World, kind: str, nik: str = NIK, seed: bytes = b"", **headers: str
) -> tuple[int, dict]:  # type: ignore[type-arg]
    officer = await world.officer()
    subject = await world.enrols(officer, nik)
    media_type, content = MEDIA.get(kind, ("application/pdf", PDF))
    file = noted(content, seed) if seed else content
    answer = await officer.post(
        f"/v1/subjects/{subject}/documents?type={kind}",
        content=file,
        headers={
            "Content-Type": media_type,
            "Content-Digest": content_digest(file),
            **{f"Berkas-{name.title()}": value for name, value in headers.items()},
        },
    )
    for value in headers.values():
        assert value not in answer.text
    return answer.status_code, answer.json()


async def _documents(world: World) -> int:
    async with world.parts.database.transaction() as transaction:
        return int(await transaction.raw.fetchval("SELECT count(*) FROM document_version"))


@pytest.mark.parametrize(
    ("kind", "headers", "pointer", "rule"),
    [
        ("KTP", {"number": "0000000000000000"}, "/number", "N2"),
        ("KTP", {"number": "647209170890990"}, "/number", "N1"),
        ("KK", {"number": "9999999999999999"}, "/number", "N2"),
        ("NIB", {"number": "17"}, "/number", "pattern"),
        ("STNK", {"about": PARCEL_A}, "/about", "plate"),
        ("AJB", {"about": "KT 1234 ZZ"}, "/about", "nop"),
        ("AJB", {"about": "x"}, "/about", "nop"),
        ("KTP", {"about": "KT 1234 ZZ"}, "/about", "not_for_type"),
        ("STNK", {"number": "KT 1234 ZZ", "about": "KT 1234 ZY"}, "/about", "differs_from_number"),
    ],
)
async def test_numbers_that_cannot_be(
    world: World, kind: str, headers: dict[str, str], pointer: str, rule: str
) -> None:
    """422 BK-3009 with the rule, never with the number; nothing is kept."""
    status, answer = await _taken(world, kind, **headers)  # type: ignore[arg-type]
    assert (status, answer["code"]) == (422, "BK-3009")
    assert answer["errors"] == [{"pointer": pointer, "code": rule}]
    assert await _documents(world) == 0


async def test_another_citizens_card(world: World) -> None:
    """Wrong version: a KTP with another NIK is kept, and served under the wrong name. Refused on the citizen's trail."""
    status, answer = await _taken(world, "KTP", number=OTHER_NIK)
    assert (status, answer["code"]) == (422, "BK-3012")
    entry = (await world.entries())[-1]
    assert (entry["type"], entry["result"]["reason"]) == ("intake", "number_of_another_citizen")
    assert await _documents(world) == 0


@pytest.mark.parametrize(
    ("kind", "nik", "number", "warnings"),
    [
        ("KTP", NIK, "6472 0917 0890 9901", []),
        ("KTP", "6404011708909901", "6404011708909901", ["N4"]),
        ("KK", NIK, "6472091503209901", []),
        ("KK", NIK, "6472 0957 0892 9902", ["N11"]),
        ("KK", NIK, "6472.0917.0890.9901", ["N11"]),
        ("KK", NIK, "6404011503209901", ["N4"]),
        ("SIM", NIK, "SIM-9901", ["pattern"]),
        ("NPWP", NIK, "99.999.999.7-999.000", ["check_digit"]),
    ],
)
async def test_warnings_are_in_the_answer(
    world: World, kind: str, nik: str, number: str, warnings: list[str]
) -> None:
    """Also in the 200 of the same file again: the officer may not have seen the first answer."""
    assert [((await _taken(world, kind, nik, number=number))[1]["warnings"]) for _ in range(2)] == [
        warnings
    ] * 2


async def test_two_vehicles_are_two_papers(world: World) -> None:
    """Told apart by the number of the STNK itself, the same however the plate was typed."""
    one = (await _taken(world, "STNK", number="KT 1234 ZZ"))[1]["document_id"]
    same = (await _taken(world, "STNK", seed=b"2", number="KT1234ZZ", about="kt 1234 zz"))[1]
    assert (same["document_id"], same["version"]) == (one, 2)
    assert (await _taken(world, "STNK", seed=b"3", number="KT 1235 ZZ"))[1]["document_id"] != one


async def test_two_parcels_are_two_papers(world: World) -> None:
    ids = [
        (await _taken(world, "SPPT_PBB", seed=seed, **header))[1]["document_id"]
        for seed, header in (
            (b"1", {"number": PARCEL_A}),
            (b"2", {"about": PARCEL_A}),
            (b"3", {"number": PARCEL_B}),
        )
    ]
    assert ids[0] == ids[1] != ids[2]


async def test_an_old_region_is_explained(world: World) -> None:
    """N4 of Mahakam Ulu before the split: the officer sees that the card is right; of today's codes nothing is said."""
    old, of_today = "6407011708909901", "6472091708909901"
    assert (await _taken(world, "KTP", old, number=old))[1]["region_now"] == "64.11"
    assert "region_now" not in (await _taken(world, "KTP", of_today, number=of_today))[1]
