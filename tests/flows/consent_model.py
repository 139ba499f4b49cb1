"""What the pages of a consent and of a citizen's own link must answer, written down a second time: no database, no HTTP, no code of
the application. Minutes stand for time; whoever asks is one of two browsers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CODE_MINUTES, PROOF_MINUTES, HOUR, DAY = 5, 15, 60, 24 * 60
SENDS_AN_HOUR, TRIES = 3, 5
DECIDED = frozenset({"granted", "partial", "refused"})
LIVE = frozenset({"granted", "partial"})


@dataclass
class Sent:
    """A one-time code that went out; ``proved_at`` is when it was typed rightly, None before and after leaving."""

    browser: int
    code: str
    at: int
    ends_at: int
    tries: int = 0
    proved_at: int | None = None


@dataclass(eq=False)
class Door:
    """What a factor opens: a request (it ends ``life`` minutes after ``at``) or, with life 0, a citizen's own link. ``papers``: how many
    are on file and how many are asked for.
    """

    citizen: str
    at: int
    life: int
    papers: tuple[int, int] = (0, 0)
    state: str = "pending"
    decided_by: int | None = None
    sent: list[Sent] = field(default_factory=list)

    @property
    def is_request(self) -> bool:
        return self.life > 0


@dataclass
class Model:
    """``doors`` are requests first, then own links as decisions make them; ``own`` says which link belongs to which request."""

    doors: list[Door]
    now: int = 0

    def proved(self, door: Door, browser: int) -> bool:
        """The heart: this browser typed, for this door, within a quarter of an hour, the code that was sent to this citizen for it."""
        return any(
            sent.browser == browser
            and sent.proved_at is not None
            and self.now - sent.proved_at < PROOF_MINUTES
            for sent in door.sent
        )

    def dead(self, door: Door) -> bool:
        return door.is_request and (door.state != "pending" or self.now - door.at >= door.life)

    def sees_again(self, door: Door, browser: int) -> bool:
        return door.state in DECIDED and door.decided_by == browser

    def _closed(self, door: Door, browser: int, *, own_form: bool, needs_no_proof: bool) -> int | None:
        """What every step of a form is answered before its own rules."""
        if self.dead(door):
            return 200 if self.sees_again(door, browser) else 410
        if not own_form:
            return 403
        return 303 if needs_no_proof and self.proved(door, browser) else None

    def page(self, door: Door, browser: int) -> str:
        """Which page a GET shows."""
        if self.dead(door):
            return "receipt" if self.sees_again(door, browser) else "gone"
        if self.proved(door, browser):
            return "decide" if door.is_request else "trail"
        if not door.is_request and self.tries_left(door) == 0:
            return "locked"
        newest = door.sent[-1] if door.sent else None
        waiting = (
            newest is not None
            and newest.browser == browser
            and newest.proved_at is None
            and self.now < newest.ends_at
        )
        return "code" if waiting else "start"

    def send(self, door: Door, browser: int, *, own_form: bool) -> int:
        """303 and ``sends`` is true where a code goes out."""
        closed = self._closed(door, browser, own_form=own_form, needs_no_proof=True)
        if closed is not None:
            return closed
        return 303 if self.sends(door, browser, own_form=own_form) else 403

    def sends(self, door: Door, browser: int, *, own_form: bool) -> bool:
        if self._closed(door, browser, own_form=own_form, needs_no_proof=True) is not None:
            return False
        everything = [sent for one in self.doors if one.citizen == door.citizen for sent in one.sent]
        recent = [sent for sent in everything if self.now - sent.at < HOUR]
        return len(recent) < SENDS_AN_HOUR and self.tries_left(door) > 0

    def went_out(self, door: Door, browser: int, code: str) -> None:
        door.sent.append(Sent(browser, code, self.now, self.now + CODE_MINUTES))

    def type_code(self, door: Door, browser: int, code: str, *, own_form: bool) -> int:
        closed = self._closed(door, browser, own_form=own_form, needs_no_proof=True)
        if closed is not None:
            return closed
        if self.tries_left(door) == 0:
            return 403
        newest = door.sent[-1] if door.sent else None
        if (
            newest is None
            or newest.browser != browser
            or newest.proved_at is not None
            or self.now >= newest.ends_at
        ):
            return 422
        if newest.code == code:
            newest.proved_at = self.now
            return 303
        newest.tries += 1
        if self.tries_left(door):
            return 422
        if door.is_request:
            door.state = "expired"
        return 403

    def tries_left(self, door: Door) -> int:
        counted = [sent for sent in door.sent if door.is_request or self.now - sent.at < DAY]
        return max(0, TRIES - sum(sent.tries for sent in counted))

    def decide(self, door: Door, browser: int, ticked: int | None, *, own_form: bool) -> int:
        """``ticked`` papers, None refuses; 200 only for a browser that proved itself, with the page that it read."""
        if self.dead(door):
            return 200 if self.sees_again(door, browser) else 410
        if not self.proved(door, browser):
            return 403
        if ticked == 0:
            return 422
        if not own_form:
            return 409
        _on_file, asked = door.papers
        door.state = "refused" if ticked is None else "granted" if ticked == asked else "partial"
        door.decided_by = browser
        return 200

    def withdraw_by_link(self, link: Door, browser: int, request: Door, *, own_form: bool) -> int:
        if not own_form or not self.proved(link, browser) or request.citizen != link.citizen:
            return 403
        if request.state not in LIVE | {"withdrawn"}:
            return 403
        request.state = "withdrawn"
        return 200

    def withdraw_by_officer(self, request: Door) -> int:
        if request.state not in LIVE:
            return 409
        request.state = "withdrawn"
        return 200

    def leave(self, link: Door, browser: int, *, own_form: bool) -> int:
        if not own_form:
            return 403
        if self.proved(link, browser):
            for sent in link.sent:
                if sent.browser == browser:
                    sent.proved_at, sent.ends_at = None, self.now
        return 303
