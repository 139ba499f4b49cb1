"""Our sender before a witness that we did not write (litewitness of filippo.io/torchwood, Go), where one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.deps import clock
from tests.flows.test_witness_trouble import LOG, Log, calls, log, policy_of
from tests.litewitness import litewitness, litewitness_binary
from tests.storage.witnessed import Tree

__all__ = ["log"]


@pytest.mark.skipif(litewitness_binary() is None, reason="no litewitness on this machine (make litewitness)")
async def test_a_witness_of_others(log: Log, tmp_path: Path) -> None:
    """It does not know the log (it says 403 where the specification has 404); it signs a first head, one that grew, and one whose growth
    it was told of by somebody else (409); it refuses a fork. Its lines open with our verifier and meet our policy.
    """
    binary = litewitness_binary()
    assert binary is not None
    with litewitness(binary, tmp_path, "saksi.example/lite") as witness:
        async with calls() as call:
            policy = await policy_of(log, f"witness saksi {witness.vkey} {witness.url}", "quorum saksi")
            asking = log.asking(policy, call)
            await log.grows(5)
            await asking.round(clock())
            assert await log.causes(policy) == {"saksi": "signature_refused"}
            witness.knows(LOG.origin, LOG.vkey())
            for by in (0, 1, 2, 8, 40):
                await log.grows(by)
                await asking.round(clock())
                assert policy.judged(await log.shown()).met, by
            async with log.database.transaction() as transaction:
                size = await transaction.raw.fetchval("SELECT max(size) FROM log_cosignature")
            other = await policy_of(log, f"witness other {witness.vkey} {witness.url}", "quorum other")
            await log.grows(3)
            await log.asking(other, call).round(clock())
            assert other.judged(await log.shown()).met
            assert (await call(witness.url, Tree().request(size, size + 4, LOG))).status == 409
            assert (await call(witness.url, Tree().request(size + 3, size + 4, LOG))).status == 422
