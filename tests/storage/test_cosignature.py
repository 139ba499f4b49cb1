"""Cosignatures and policies of C2SP (tlog-cosignature, tlog-policy): the frozen vector opens, everything bent is refused (M36)."""

from __future__ import annotations

import base64

import pytest

from storage.ledger.checkpoint import CheckpointRefused, NoteSigner
from storage.ledger.cosignature import MAX_SIGNATURES, CosignatureSigner, CosignatureVerifier
from storage.ledger.policy import Judgement, Policy, PolicyRefused

# The vector of protocols.md 6.1: log key seed 00..1f, witness key seed 20..3f, time 1795505361. Never use these keys in production.
TEXT = "berkas.example.go.id/akses\n1000\nBpXAcddXiVG2eaqxwAzEt8E0zDM4H89kZ1GmqLmti74=\n"
LOG_LINE = "\u2014 berkas.example.go.id/akses OrYt4lzRMN3dFf7wys1ZG3THG6gvoGVAD2QxfjHY0C6VuyDYz8CgTVUqr/RWJi8pU4rOgKzZYf56pDmEF2Ah2ReBGQQ=\n"
WITNESS_LINE = "\u2014 saksi.inspektorat.example 9p78IQAAAABrBTzRJb5sE2Ildt9/+Q8OlhpP2wJYfrzjYGgQ0WeUgAHfZtxzP6DAnHNtOYFPLc6Zcoj5zc9U/+nu3Yezu8Q4cFy/AQ==\n"
NOTE = f"{TEXT}\n{LOG_LINE}{WITNESS_LINE}"
LOG_VKEY = "berkas.example.go.id/akses+3ab62de2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
AT_S = 1795505361
LOG = NoteSigner("berkas.example.go.id/akses", bytes(range(32)))
WITNESS = CosignatureSigner("saksi.inspektorat.example", bytes(range(32, 64)))
OTHERS = [CosignatureSigner(f"saksi-{number}.example", bytes([number]) * 32) for number in range(6)]


def test_the_frozen_vector() -> None:
    assert LOG.line(TEXT) == LOG_LINE
    assert WITNESS.line(TEXT, AT_S) == WITNESS_LINE
    assert CosignatureVerifier(WITNESS.vkey()).time_of(NOTE) == AT_S


def _bent(line: str, position: int, by: int = 1) -> str:
    """The signature line with one byte changed."""
    head, _, encoded = line.rstrip("\n").rpartition(" ")
    raw = bytearray(base64.b64decode(encoded))
    raw[position] ^= by
    return f"{head} {base64.b64encode(raw).decode()}\n"


def test_who_did_not_sign_is_none_not_an_error() -> None:
    verifier = CosignatureVerifier(WITNESS.vkey())
    assert verifier.time_of(f"{TEXT}\n{LOG_LINE}") is None
    assert verifier.time_of(f"{TEXT}\n{LOG_LINE}{OTHERS[0].line(TEXT, 1)}") is None
    assert (
        verifier.time_of(f"{TEXT}\n{LOG_LINE}{_bent(WITNESS_LINE, 0)}") is None
    )  # another key id: another key


@pytest.mark.parametrize(
    "note",
    [
        f"{TEXT}\n{LOG_LINE}{_bent(WITNESS_LINE, 11)}",  # another time than the signed one
        f"{TEXT}\n{LOG_LINE}{_bent(WITNESS_LINE, 4, 0x80)}",  # a time past 2**63 - 1
        f"{TEXT}\n{LOG_LINE}{_bent(WITNESS_LINE, 40)}",
        NOTE.replace("\n1000\n", "\n1001\n"),
        f"{TEXT}\n{LOG_LINE}{WITNESS_LINE[:-5]}\n",
        f"{TEXT}\n{WITNESS_LINE}{_bent(WITNESS_LINE, 75)}",  # a good one beside a bad one
        f"{TEXT}\n{LOG_LINE}hello\n",
        f"{TEXT}\n{LOG_LINE}\u2014 saksi.inspektorat.example\n",
        f"{TEXT}\n{LOG_LINE}{WITNESS_LINE[:-1]}",  # cut off
        f"{TEXT}\n",
        TEXT,
        "",
        f"{TEXT}\n{WITNESS_LINE * (MAX_SIGNATURES + 1)}",
    ],
)
def test_bad_signatures_are_refused(note: str) -> None:
    """Wrong versions seen failing: a verifier that leaves the time out of the message; one that asks whether *any* line holds."""
    with pytest.raises(CheckpointRefused):
        CosignatureVerifier(WITNESS.vkey()).time_of(note)


def test_a_cosignature_over_another_note_is_refused() -> None:
    """A line that its witness really made, over another tree. Wrong version: key id and length are looked at, the signature is not."""
    other = WITNESS.line(TEXT.replace("1000", "999"), AT_S)
    with pytest.raises(CheckpointRefused, match="bad cosignature"):
        CosignatureVerifier(WITNESS.vkey()).time_of(f"{TEXT}\n{LOG_LINE}{other}")


def test_a_log_signature_is_no_cosignature() -> None:
    """The same key under the same name with type byte 1 has another key id and another message."""
    as_log = NoteSigner(WITNESS.name, bytes(range(32, 64)))
    assert CosignatureVerifier(WITNESS.vkey()).time_of(f"{TEXT}\n{as_log.line(TEXT)}") is None
    with pytest.raises(CheckpointRefused, match="type"):
        CosignatureVerifier(as_log.vkey())


@pytest.mark.parametrize(
    "vkey", ["", "a+b", "x+00000000+BAAA", WITNESS.vkey().replace("saksi", "saksj"), WITNESS.vkey() + "!",
             "nama spasi+" + WITNESS.vkey().split("+", 1)[1], "m+00000000+Bg=="],
)  # fmt: skip
def test_malformed_keys(vkey: str) -> None:
    with pytest.raises(CheckpointRefused):
        CosignatureVerifier(vkey)


def _policy(*lines: str, witnesses: int = 6) -> str:
    named = [f"witness W{number} {OTHERS[number].vkey()}" for number in range(witnesses)]
    return "".join(f"{line}\n" for line in [f"log {LOG_VKEY}", *named, *lines])


NESTED = _policy("group X 2 W0 W1 W2", "group Y any W3 W4", "group both all X Y", "quorum both")


def _note(*witnesses: int) -> str:
    return f"{TEXT}\n{LOG_LINE}{''.join(OTHERS[number].line(TEXT, AT_S + number) for number in witnesses)}"


@pytest.mark.parametrize(
    ("signed", "met"),
    [((), False), ((0, 1), False), ((0, 3), False), ((0, 1, 3), True), ((0, 2, 4), True), ((0, 1, 2), False),
     ((3, 4, 5), False), ((0, 1, 5), False), ((0, 1, 2, 3, 4, 5), True)],
)  # fmt: skip
def test_quorum_of_groups(signed: tuple[int, ...], met: bool) -> None:
    """Wrong version: all signatures are counted together, so three of X pass for two of X and one of Y."""
    expected = Judgement({f"W{number}": AT_S + number for number in signed}, met)
    assert Policy.read(NESTED).judged(_note(*signed)) == expected


def test_policy_of_the_vector() -> None:
    policy = Policy.read(
        f"# contoh\n\n  log\t{LOG_VKEY} https://berkas.example.go.id/log\n"
        f"witness inspektorat {WITNESS.vkey()} https://saksi.example/\nquorum inspektorat\n"
    )
    assert policy.judged(NOTE) == Judgement({"inspektorat": AT_S}, met=True)
    assert policy.witnesses[0].url == "https://saksi.example/"
    assert policy.judged(f"{TEXT}\n{LOG_LINE}") == Judgement({}, met=False)


def test_quorum_none_asks_for_no_witness() -> None:
    assert Policy.read(_policy("quorum none", witnesses=0)).judged(_note()).met
    assert Policy.read("quorum none\n").judged(_note(0)) == Judgement({}, met=True)


def test_a_note_of_no_listed_log_is_refused() -> None:
    """All witnesses signed it; the log's own signature is of another key."""
    stranger = NoteSigner("berkas.example.go.id/akses", b"s" * 32)
    note = _note(0, 1, 3).replace(LOG_LINE, stranger.line(TEXT))
    with pytest.raises(CheckpointRefused):
        Policy.read(NESTED).judged(note)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no quorum"),
        (_policy(), "no quorum"),
        (_policy("quorum W0")[:-1], "cut off"),
        (_policy("quorum W0", "quorum W1"), "second quorum"),
        (_policy("quorum W9"), "not defined above"),
        (_policy("quorum X", "group X any W0"), "not defined above"),
        (_policy("group X 0 W0", "quorum X"), "threshold"),
        (_policy("group X 3 W0 W1", "quorum X"), "threshold"),
        (_policy("group X 01 W0", "quorum X"), "threshold"),
        (_policy("group X \u0661 W0", "quorum X"), "threshold"),
        (_policy("group X most W0", "quorum X"), "threshold"),
        (_policy("group X any", "quorum X"), "too few"),
        (_policy("group X any X", "quorum X"), "not defined above"),
        (_policy("group X any none", "quorum X"), "not defined above"),
        (_policy("group X any W0 W0", "quorum X"), "member already"),
        (_policy("group X any W0", "group Y any W0 X", "quorum Y"), "member already"),
        (_policy("group W0 any W1", "quorum W0"), "taken"),
        (_policy("group none any W1", "quorum none"), "taken"),
        (_policy(f"witness again {OTHERS[0].vkey()}", "quorum W0"), "stands above"),
        (_policy(f"log {LOG_VKEY}", "quorum W0"), "stands above"),
        (_policy(f"log {OTHERS[0].vkey()}", "quorum W0"), "malformed"),
        (_policy(f"witness L {LOG_VKEY}", "quorum W0"), "type"),
        (_policy("log", "quorum W0"), "too few"),
        (_policy("quorum W0 W1"), "too many"),
        (_policy("Quorum W0"), "not log"),
        (_policy("quorum\u00a0W0"), "not log"),
        (_policy("quorum W0\r"), "control"),
        ("#\n" * 1001 + "quorum none\n", "lines"),
    ],
)  # fmt: skip
def test_what_is_no_policy(text: str, words: str) -> None:
    with pytest.raises(PolicyRefused, match=words):
        Policy.read(text)
