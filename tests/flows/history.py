"""What many clients saw of one consent at the same time: is there one order of events that explains it?

``linear_order`` is the search of Wing and Gong (1993) with Lowe's memory of what was tried: an order of all acts in which
each begins before the acts that began after its answer (real time), and each answer is the one that the law of a consent
(``after``) gives at its place. Each consent is checked by itself, which is sound: linearizability is local (Herlihy and
Wing 1990, theorem 1). ``replay`` holds the ledger's own order to the same law.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

UNKNOWN = "unknown"
DECISIONS = frozenset({"granted", "partial", "refused"})
LIVE = frozenset({"granted", "partial"})


@dataclass(frozen=True, slots=True)
class Act:
    """One request and its answer. Times are seconds of one clock, that of the process that asked; ``ended`` is infinite where no
    answer said what happened: then it may have happened, at any time, or not at all.

    kind, answer:
        decide    won (``what``: which decision), echo:STATE (the own decision again), dead (the page of dead links)
        open      asks, echo:STATE, dead
        state     a state of the request
        withdraw  done, again (it was withdrawn, by this tap or one before), not_active
        ticket    issued, withdrawn, refused
        fetch     served, used, withdrawn (``what``: ticket and document)
        ask       done: a newer request for the same takes the place of one that is open
    ``by`` is the browser, where it matters.
    """

    kind: str
    answer: str
    began: float
    ended: float
    what: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a consent stands; ``used`` are the documents of tickets that were served. ``replaced``: withdrawn before it was decided."""

    state: str = "pending"
    browser: str = ""
    used: frozenset[str] = frozenset()


def after(now: Standing, act: Act) -> Standing | None:
    """How it stands after ``act`` got its answer; None where the law knows no such answer at this place."""
    match act.kind, act.answer:
        case "decide", "won":
            return Standing(act.what, act.by) if now.state == "pending" else None
        case "open", "asks":
            return _if(now.state == "pending", now)
        case "decide" | "open", "dead":
            seen_again = now.state in DECISIONS and now.browser == act.by
            return _if(now.state != "pending" and not seen_again, now)
        case "decide" | "open", answer if answer.startswith("echo:"):
            return _if(now.state == answer.removeprefix("echo:") and now.browser == act.by, now)
        case "state", answer:
            return _if(("withdrawn" if now.state == "replaced" else now.state) == answer, now)
        case "withdraw", "done":
            return replace(now, state="withdrawn") if now.state in LIVE else None
        case "withdraw", "again":
            return replace(now, state="withdrawn") if now.state in LIVE | {"withdrawn"} else None
        case "withdraw", "not_active":
            return _if(now.state in {"withdrawn", "refused"}, now)
        case "ticket", "issued":
            return _if(now.state in LIVE, now)
        case "fetch", "served":
            fresh = now.state in LIVE and act.what not in now.used
            return replace(now, used=now.used | {act.what}) if fresh else None
        case "fetch", "used":
            return _if(act.what in now.used, now)
        case "ticket" | "fetch", "withdrawn" | "refused":
            return _if(now.state == act.answer, now)
        case "ask", "done":
            return replace(now, state="replaced") if now.state == "pending" else now
    return None


_EFFECTS = {"decide": "won", "withdraw": "done", "fetch": "served", "ask": "done"}


def _if(holds: bool, now: Standing) -> Standing | None:
    return now if holds else None


def linear_order(acts: Sequence[Act]) -> list[Act] | None:
    """One order that explains everything, or None. Acts without an answer are in it only where they are needed."""
    known = sorted(acts, key=lambda act: act.began)
    answered = sum(1 << n for n, act in enumerate(known) if act.ended < math.inf)
    tried: set[tuple[int, Standing]] = set()
    order: list[Act] = []

    def explains(done: int, now: Standing) -> bool:
        if done & answered == answered:
            return True
        if (done, now) in tried:
            return False
        tried.add((done, now))
        left = [n for n in range(len(known)) if not done >> n & 1]
        until = min(known[n].ended for n in left)
        moves = [(n, then) for n in left if known[n].began <= until and (then := _after(now, known[n]))]
        # What only looks may come first wherever it fits: it changes nothing for the others.
        looks = [(n, then) for n, then in moves if then == now and known[n].ended < math.inf]
        for n, then in looks[:1] or moves:
            order.append(known[n])
            if explains(done | 1 << n, then):
                return True
            order.pop()
        return False

    return order if explains(0, Standing()) else None


def _after(now: Standing, act: Act) -> Standing | None:
    return after(now, act if act.answer != UNKNOWN else replace(act, answer=_EFFECTS.get(act.kind, "")))


def contradiction(acts: Sequence[Act]) -> str | None:
    """None when one order explains the history; else its shortest beginning that none explains, in words."""
    if linear_order(acts) is not None:
        return None
    ends = sorted(acts, key=lambda act: act.ended)
    low, high = 1, len(ends)  # what began and had no answer by then counts as unknown: prefixes are closed
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if linear_order(_until(ends, middle)) is None else (middle + 1, high)
    last = ends[low - 1]
    lines = [
        f"{act.began:10.4f} {act.ended:10.4f} {act.kind} {act.what} {act.by} -> {act.answer}"
        for act in sorted(ends[:low], key=lambda act: act.began)
    ]
    return "\n".join([f"no order explains {last.kind} -> {last.answer}:", *lines])


def _until(ends: Sequence[Act], count: int) -> list[Act]:
    """The history up to the answer of the last of ``count`` acts: later answers are not known yet."""
    now = ends[count - 1].ended
    open_still = [replace(act, ended=math.inf, answer=UNKNOWN) for act in ends[count:] if act.began < now]
    return [*ends[:count], *(act for act in open_still if act.kind in _EFFECTS)]


# The ledger's word for a refusal -> the answer that a client gets.
_REASONS = {
    "ticket_used": "used",
    "delivery_open": "used",
    "consent_withdrawn": "withdrawn",
    "consent_refused": "refused",
    "consent_not_active": "not_active",
    "link_used": "late",
}


def entry_act(entry: Mapping[str, Any], request_id: str) -> Act | None:
    """An entry of the citizen's trail as an act of the request ``request_id``; None for what changes nothing of it."""
    kind, allowed = str(entry["type"]), bool(entry["result"]["allowed"])
    reason = str(entry["result"].get("reason"))
    answer = "" if allowed else _REASONS.get(reason, reason)
    match kind:
        case "grant" | "refuse":
            rest = entry["refused"] or entry["absent"]
            what = "refused" if not entry["granted"] else "partial" if rest else "granted"
            return Act("decide", answer or "won", 0, 0, what)
        case "withdraw":
            return Act("withdraw", answer or "done", 0, 0)
        case "ticket":
            return Act("ticket", answer or "issued", 0, 0)
        case "release" | "redelivery":
            return Act("fetch", answer or "served", 0, 0, f"{entry['ticket']} {entry['doc']['id']}")
        case "request" if entry.get("request") != request_id and allowed:
            return Act("ask", "done", 0, 0)
    return None


def replay(entries: Iterable[Mapping[str, Any]], request_id: str) -> tuple[Standing, Counter[str], list[str]]:
    """The entries of one citizen in the ledger's order: how the request stands after them, how often each thing was recorded
    (``kind answer``), and which entries the law does not allow at their place.
    """
    now, counted, wrong = Standing(), Counter[str](), []
    for entry in entries:
        act = entry_act(entry, request_id)
        if act is None:
            continue
        counted[f"{act.kind} {act.answer}"] += 1
        late = act.answer == "late"  # a decision that came second
        then = _if(now.state != "pending", now) if late else after(now, act)
        if then is None:
            wrong.append(f"{act.kind} {act.what} -> {act.answer} while {now.state}")
        else:
            now = then
    return now, counted, wrong
