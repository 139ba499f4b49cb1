"""Receipts of decisions that were not made by the citizen on a phone: another decided, two officers did, or the law."""

from __future__ import annotations

import re

from tests.flows.assisting import at_the_desk
from tests.flows.test_legal_bases import LAW, _ground, _relies
from tests.flows.test_receipts import links_in, read, trail_of
from tests.flows.test_representation import CHILD, MOTHER, Family, family
from tests.flows.test_verify import state_of, word_of
from tests.record_schema import misfits
from tests.world import OTHER_NIK, World, path_of

__all__ = ["family"]


async def test_a_mother_has_the_receipt_of_what_she_decided(family: Family) -> None:
    """M19, U16: from the request's link and from her own; it says that a parent decided, and names neither of the two."""
    world = family.world
    asked = await family.asks()
    phone = world.browser()
    await world.allows(asked["link"], browser=phone)
    text, files, reader = read((await phone.get(f"{path_of(asked['link'])}/receipt.pdf")).content)
    assert "Diputuskan oleh / Decided by Orang tua Parent" in text
    for name in (MOTHER, CHILD, "Sari", "Bayu", "S***", "B***"):
        assert name not in text
    state = (await family.officer.get(f"/v1/consent-requests/{asked['id']}")).json()
    own = world.browser()
    trail = await trail_of(world)
    await world.proves(own, world.origin + trail)
    await world.parts.publisher.sign_head()  # from here on nothing is written: both copies bear the same head
    file = (await phone.get(f"{path_of(asked['link'])}/receipt.pdf")).content
    assert (await own.get(f"{trail}/receipts/{state['consent_id']}.pdf")).content == file
    [link] = links_in(reader)
    page = await world.client.get(path_of(link))
    assert (word_of(page), state_of(page)) == ("genuine", "valid")
    assert list(files) == ["consent.jws", "log-checkpoint.txt"]


async def test_a_slip_leads_to_its_state(world: World) -> None:
    """U09, U16: before the confirmation to the page alone, afterwards to this consent; withdrawn when it is."""
    desk = await at_the_desk(world)
    blank = await desk.first.get(f"{desk.path}/slip")
    assert re.search(rf"{world.origin}/verify(?![/\w])", blank.text)
    done = await desk.confirmed()
    slip = await desk.first.get(f"{desk.path}/slip")
    found = re.search(rf"{world.origin}(/verify/[a-z2-7]{{39}})", slip.text)
    assert found
    page = await world.client.get(found[1])
    assert (word_of(page), state_of(page)) == ("genuine", "valid")
    await desk.first.post(f"/v1/consents/{done['consent_id']}/withdrawal")
    assert word_of(await world.client.get(found[1])) == "withdrawn"


async def test_the_receipt_says_that_officers_recorded_it(world: World) -> None:
    """N05: marked, wherever it is shown. A contact on file is told, and leads to the receipt."""
    desk = await at_the_desk(world, phone="+6281200009901")
    done = await desk.confirmed()
    phone, trail = world.browser(), await trail_of(world)
    await world.proves(phone, world.origin + trail)
    answer = await phone.get(f"{trail}/receipts/{done['consent_id']}.pdf")
    assert "Dicatat petugas dan disahkan petugas kedua" in read(answer.content)[0]


async def test_a_notice_by_law_has_a_record_and_a_receipt(world: World) -> None:
    """M20, L05: what the law opened is no consent, and is proved the same way; the request's link gives no receipt."""
    officer = await world.officer()
    subject = await world.enrols(officer)
    await world.stores(officer, subject)
    await _ground(world)
    made = (await _relies(officer, subject)).json()
    phone, trail = world.browser(), await trail_of(world)
    await world.proves(phone, world.origin + trail)
    answer = await phone.get(f"{trail}/receipts/{made['consent_id']}.pdf")
    text, files, reader = read(answer.content)
    assert "Pemberitahuan menurut undang-undang Notice: opened by law" in text
    assert f"Kewajiban hukum Legal obligation {LAW}" in text
    assert "To withdraw" not in text
    page = await world.client.get(path_of(links_in(reader)[0]))
    assert (word_of(page), state_of(page)) == ("genuine", "valid")
    assert (await phone.get(f"{path_of(made['link'])}/receipt.pdf")).status_code == 410
    from exchange.revisions import claims_of

    claims = claims_of(files["consent.jws"].decode())
    assert claims["event"]["type"] == "notified"
    for name, value in (
        ("authn", {}),
        ("legal_reference", None),
        ("withdrawal", {"uri": "x"}),
        ("granted_by", {}),
    ):
        assert misfits({**claims, name: value}), name
    assert misfits({**claims, "lawful_basis": "consent"})


async def test_what_is_frozen_or_ended_is_not_valid_now(world: World) -> None:
    """M17: suspended, or ended with a life or an age: genuine, and nothing may be read with it."""
    from tests.flows.test_receipts import decides

    decided = await decides(world, nik=OTHER_NIK)
    code = links_in(read((await decided.receipt()).content)[2])[0]
    for state in ("frozen", "ended"):
        async with world.parts.database.transaction() as transaction:
            await transaction.raw.execute("UPDATE consent SET state = $1", state)
        page = await world.client.get(path_of(code))
        assert (word_of(page), state_of(page)) == ("genuine", "over")
        assert "Sekarang tidak berlaku." in page.text
