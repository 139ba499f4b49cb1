"""What leaves is a copy that says for what it is: its digests, and the code that anybody may look up."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from exchange.cli.demo.browser import Answer, Browser
from exchange.cli.demo.telling import Refusal, expected


def stamped_copy(fetched: Answer, document: dict[str, Any], source: bytes) -> str:
    """The code that is printed on it. Raises ``Refusal`` when ticket, bytes and receipt do not tell the same."""
    payload = fetched.headers["berkas-receipt"].split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["doc"]
    if document["rendition"] != "stamped" or fetched.body == source:
        raise Refusal("the paper left without the stamp of its purpose")
    if not document["sha256"] == told["source_sha256"] == hashlib.sha256(source).hexdigest():
        raise Refusal("other bytes came back than were stored")
    if told["served_sha256"] != hashlib.sha256(fetched.body).hexdigest():
        raise Refusal("the receipt is about other bytes than were served")
    return str(told["copy_code"])


def looked_up(anybody: Browser, code: str) -> tuple[Answer, int, str]:
    """Raises ``Refusal`` when the public page does not know the code."""
    page = expected(anybody.get(f"/verify/{code}"), 200)
    found = re.search(r'data-result="(\w+)"', page.text)
    if found is None or found[1] != "genuine":
        raise Refusal("the code on the copy is not known")
    return (
        page,
        200,
        f"/verify knows the code on the copy ({code}): genuine, for whom and when, and no person",
    )
