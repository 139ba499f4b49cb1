"""What the printed slip of a citizen without a phone is told. Frozen, complete, like the views of the pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from exchange.pages.log_head import LogHead
from exchange.pages.views import Site


@dataclass(frozen=True, slots=True)
class SlipPaper:
    """``granted`` is None while nobody has confirmed a decision. The other members are those of ``AskedPaper``."""

    code: str
    name: str
    issuer: str
    on_file: bool = True
    sensitive: bool = False
    issued_on: date | None = None
    valid_until: date | None = None
    tax_year: int | None = None
    granted: bool | None = None


@dataclass(frozen=True, slots=True)
class SlipResult:
    """What two officers (by name) made of a slip. ``code`` is printed once, at the confirmation, and empty later; ``head`` is
    the log's, once one is published.
    """

    recorded_by: str
    confirmed_by: str
    at: datetime
    witness: str
    record_sha256: str
    helped_by: str = ""
    code: str = ""
    withdrawn_at: datetime | None = None
    head: LogHead | None = None


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip on paper, for a citizen without a phone: to be read aloud and signed; with ``result`` what came of it. ``holder`` and
    ``nik`` are masked. ``check`` is the address behind its QR code.
    """

    site: Site
    agency: str
    agency_code: str
    service: str
    counter: str
    officer: str
    reference: str
    holder: str
    nik: str
    papers: tuple[SlipPaper, ...]
    answer_before: datetime
    use_until: datetime
    check: str
    application_no: str | None = None
    service_law: str | None = None
    result: SlipResult | None = None
