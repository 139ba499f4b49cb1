"""The demo where things are not as the story says: one sentence with the step, exit code 3, never a trace."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from exchange.cli.demo import _answering, telling
from exchange.cli.demo.browser import Answer, Browser
from exchange.cli.demo.story import Story
from exchange.cli.demo.telling import Inbox, Refusal, Telling, settled
from exchange.cli.sandbox.facts import write_facts
from tests.cli.conftest import free_listen

Answering = Callable[[str], tuple[int, object]]


def problem(code: str) -> Answer:
    return Answer(409, {"content-type": "application/problem+json"}, json.dumps({"code": code}).encode(), 1)


@contextmanager
def stranger(answer: Answering) -> Iterator[str]:
    """The address of a server that answers as ``answer`` says; text as it is, anything else as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path)
            sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_delivery_that_is_still_open_is_asked_again() -> None:
    """Seen failing: the second try right after a complete delivery answered BK-4008 on a busy machine."""
    answers = iter(["BK-4008", "BK-4008", "BK-4003"])
    assert settled(lambda: problem(next(answers))).code == "BK-4003"


def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "OUTCOME_WITHIN_S", 0.2)
    with pytest.raises(Refusal, match="expected BK-4003, got HTTP 409 BK-4008"):
        Telling(print).refused(settled(lambda: problem("BK-4008")), "BK-4003")


def test_only_a_newer_code_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of an earlier demo, or of an earlier step, lies in the same inbox."""
    monkeypatch.setattr(telling, "MESSAGE_WITHIN_S", 0.5)
    messages = [{"id": "m1", "kind": "otp", "code": "111111"}]
    with stranger(lambda _path: (200, {"messages": messages})) as origin:
        inbox = Inbox(Browser(origin), f"{origin}/sandbox/inbox")
        with pytest.raises(Refusal, match="no new message of kind otp"):
            inbox.next("otp", "code")
        messages.append({"id": "m2", "kind": "otp", "code": "222222"})
        assert inbox.next("otp", "code") == "222222"
        with pytest.raises(Refusal):
            inbox.next("otp", "code")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, "not JSON"), "step 1. The sandbox runs: JSONDecodeError"),
        ((200, {}), "step 1. The sandbox runs: KeyError 'messages'"),
        ((503, {}), "step 1. The sandbox runs: expected HTTP 200, got 503"),
        ((200, {"messages": []}), "step 1. The sandbox runs: expected BK-1001, got HTTP 200"),
    ],
)
def test_whatever_breaks_is_told_with_its_step(answer: tuple[int, object], said: str) -> None:
    with stranger(lambda _path: answer) as origin, pytest.raises(Refusal) as refusal:
        facts = {"origin": origin, "inbox_url": f"{origin}/sandbox/inbox", "officers": [], "log_vkey": ""}
        Story(facts, None, say=print).tell()
    assert str(refusal.value).startswith(said)


def test_nobody_answers_any_more() -> None:
    origin = f"http://{free_listen()}"
    facts = {"origin": origin, "inbox_url": f"{origin}/sandbox/inbox", "officers": [], "log_vkey": ""}
    with pytest.raises(Refusal, match=r"step 1\. The sandbox runs: URLError"):
        Story(facts, None, say=print).tell()


@pytest.mark.parametrize("vkey", ["mine", "another's"])
def test_another_sandbox_on_the_port_is_not_spoken_to(tmp_path: Path, vkey: str) -> None:
    """Facts outlive the run that wrote them; who has the port now shows by the key of its log."""

    def answer(path: str) -> tuple[int, object]:
        return 200, f"{vkey}\n" if path == "/log/vkeys" else {"status": "ok"}

    with stranger(answer) as origin:
        facts = {"origin": origin, "log_vkey": "mine"}
        write_facts(tmp_path, facts)
        assert _answering(tmp_path) == (facts if vkey == "mine" else None)
