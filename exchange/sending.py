"""Files of ours on the wire: what each says about itself, and whether its reader is still there.

A document is never rendered by our origin: it is an attachment, sniffed by nobody, sandboxed, kept by no cache (A49).
"""

from __future__ import annotations

from starlette.types import Receive, Send

ALWAYS = (
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"cache-control", b"no-store, private"),
)


async def sent(part: bytes, receive: Receive, send: Send) -> bool:
    """Has ``part`` left our buffer, with the client still there?"""
    await send({"type": "http.response.body", "body": part, "more_body": True})
    # An empty part waits until the one before has left.
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    return not _hung_up(receive)


def _hung_up(receive: Receive) -> bool:
    """Has the client gone? Looks without waiting: what the server has to say it says in the first step."""
    look = receive().__await__()
    try:
        next(look)
    except StopIteration as told:
        return told.value["type"] == "http.disconnect" or _hung_up(receive)
    look.close()
    return False
