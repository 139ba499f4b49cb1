"""How the story is told: what was done, what was refused, in how many milliseconds; and that it broke, in a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from exchange.cli.demo.browser import Answer, Browser, told_in
from exchange.problems import PROBLEMS

OUTCOME_WITHIN_S = 3.0
MESSAGE_WITHIN_S = 10.0
POLL_S = 0.1
# What comes of an answer that is not what the story expects: no such field, no such message, no answer at all.
_BROKEN = (OSError, HTTPException, LookupError, ValueError, TypeError, StopIteration)


class Refusal(Exception):
    """Something did not go as the story says."""


class Telling:
    """``say`` prints. Each step opens with its title; whatever breaks in it becomes a ``Refusal`` that names it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._title = ""

    def step(self, title: str) -> None:
        self._title = title
        self._say(f"\n{title}")

    def end(self, words: str) -> None:
        self._say(f"\n{words}")

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Raises ``Refusal`` where the story broke, and nothing else for an answer that cannot be understood."""
        try:
            yield
        except Refusal as refusal:
            raise Refusal(f"step {self._title}: {refusal}" if self._title else str(refusal)) from None
        except _BROKEN as error:
            raise Refusal(f"step {self._title}: {type(error).__name__} {error}") from error

    def done(self, answer: Answer, status: int, words: str) -> None:
        expected(answer, status)
        self._say(f"   done     {words}  [{answer.ms:.0f} ms]")

    def refused(self, answer: Answer, code: str) -> None:
        if answer.code != code:
            raise Refusal(f"expected {code}, got HTTP {answer.status} {answer.code}")
        self._say(f"   refused  {code} {PROBLEMS[code].title_en}  [{answer.ms:.0f} ms]")

    def refused_page(self, answer: Answer, status: int, words: str) -> None:
        expected(answer, status)
        self._say(f"   refused  {words}: HTTP {status}, “{told_in(answer)}”  [{answer.ms:.0f} ms]")

    def note(self, words: str) -> None:
        """What follows, without a request."""
        self._say(f"   so       {words}")

    def refused_here(self, words: str) -> None:
        """Refused on this side, without a request."""
        self._say(f"   refused  {words}")


def expected(answer: Answer, status: int) -> Answer:
    """The answer itself; before anything in it is read. Raises ``Refusal``."""
    if answer.status != status:
        raise Refusal(f"expected HTTP {status}, got {answer.status} {answer.code}".rstrip())
    return answer


def settled(ask: Callable[[], Answer]) -> Answer:
    """The answer once the delivery before it is on record: until then it counts as open, for some milliseconds."""
    until_s = time.monotonic() + OUTCOME_WITHIN_S
    while (answer := ask()).code == "BK-4008" and time.monotonic() < until_s:
        time.sleep(POLL_S)
    return answer


class Inbox:
    """The sandbox's inbox of one number; only what came after this was made counts."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._known = {message["id"] for message in self._messages()}

    def next(self, kind: str, field: str) -> str:
        """``field`` of the next message of ``kind`` that has one. Raises ``Refusal`` when none arrives."""
        until_s = time.monotonic() + MESSAGE_WITHIN_S
        while time.monotonic() < until_s:
            for message in self._messages():
                if message["kind"] == kind and message.get(field) and message["id"] not in self._known:
                    self._known.add(message["id"])
                    return str(message[field])
            time.sleep(POLL_S)
        raise Refusal(f"no new message of kind {kind} arrived within {MESSAGE_WITHIN_S:.0f} s")

    def _messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self._browser.get(self._url).json()["messages"]
        return messages
