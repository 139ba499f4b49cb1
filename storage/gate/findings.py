"""What a look at a file comes to: a word why it is unfit, or what is to be taken out of it before it is kept."""

from __future__ import annotations

from dataclasses import dataclass, field

# (start, end, what): ``cut`` leaves the bytes out, ``blank`` puts zeros in their place.
Edit = tuple[int, int, str]

PIXEL_LIMIT = 50_000_000
# What a copy can be made of (``exchange/renditions/``, whose limits a test holds to these): what could never leave does not come in.
PAGE_LIMIT = 50
SHORTEST_SIDE_PX, LONGEST_SIDE_PX = 16, 3_508
SMALLEST_SIDE_PT = 9.0
LARGEST_SIDE_PT = 14_400.0  # ISO 32000-1 annex C


class Unfit(Exception):
    """The file is refused; ``word`` is one of ``WORDS``."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def no_speck(width: int, height: int) -> None:
    """Raises ``Unfit`` (page_size) for a picture of which a copy, at most ``LONGEST_SIDE_PX`` long, would be a line or a dot."""
    if min(width, height) * min(1.0, LONGEST_SIDE_PX / max(width, height)) < SHORTEST_SIDE_PX:
        raise Unfit("page_size")


@dataclass(slots=True)
class Found:
    """Of a file that is fit. ``edits`` are in order and do not overlap once ``ordered`` has seen them."""

    edits: list[Edit] = field(default_factory=list)
    pages: int = 1

    def cut(self, start: int, end: int) -> None:
        self.edits.append((start, end, "cut"))

    def blank(self, start: int, end: int) -> None:
        self.edits.append((start, end, "blank"))

    def ordered(self) -> list[Edit]:
        """Without overlaps: what is cut is not blanked too, what is blanked twice is blanked once."""
        cuts = _joined([edit for edit in self.edits if edit[2] == "cut"])
        blanks = _joined([edit for edit in self.edits if edit[2] == "blank"])
        inside = [
            blank for blank in blanks if not any(cut[0] < blank[1] and blank[0] < cut[1] for cut in cuts)
        ]
        return sorted(cuts + inside)


def _joined(edits: list[Edit]) -> list[Edit]:
    joined: list[Edit] = []
    for start, end, what in sorted(edits):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end), what)
        elif start < end:
            joined.append((start, end, what))
    return joined
