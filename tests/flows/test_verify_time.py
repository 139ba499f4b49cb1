"""No answer of ``/verify`` tells by its time whether a record exists."""

from __future__ import annotations

import random
import time

from exchange.routes.verify import ANSWERED_AFTER_S
from tests.flows.test_verify import holds
from tests.world import World

REAL_FLOORS = True
SLACK_S = 0.4


async def test_every_answer_takes_the_same_time(world: World) -> None:
    """A23, A61: unknown and malformed, changed, genuine; by file and by code."""
    held = await holds(world)
    dice = random.Random(1)
    unknown = held.code[:-1] + ("a" if held.code[-1] != "a" else "b")
    for file in (b"x", dice.randbytes(200_000), held.jws[:-9], held.jws, held.pdf, held.pdf + b" "):
        began_s = time.monotonic()
        await held.shows(file)
        assert ANSWERED_AFTER_S <= time.monotonic() - began_s < ANSWERED_AFTER_S + SLACK_S
    for code in ("x", unknown, held.code):
        for asks in (held.types, held.scans):
            began_s = time.monotonic()
            await asks(code)
            assert ANSWERED_AFTER_S <= time.monotonic() - began_s < ANSWERED_AFTER_S + SLACK_S
