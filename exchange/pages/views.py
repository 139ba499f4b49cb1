"""What each page is told. Frozen, complete, and nothing else reaches a template.

All times are aware; the page puts them on the site's clock. Documents are named by the code and name of the
catalogue. Every form carries ``csrf`` and a hidden ``step`` and posts to the address it was read from:

    step=send                       send a one-time code
    step=code      code=493021      the code that was typed
    step=decide    decision=grant|refuse  document=KEY (once for each tick)
    step=withdraw  consent=ID       show what a withdrawal means
    step=withdrawn consent=ID       withdraw
    step=leave                      end the session of this browser
    step=passkey   credential=JSON  a passkey that was shown
    step=register  credential=JSON  a passkey that was made
    step=remove    passkey=ID       remove a passkey
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from exchange.pages.rights_views import OwnRights, TrailFilter

Actor = Literal["citizen", "representative", "represented", "officer", "system"]
CodeError = Literal["wrong", "malformed", "expired", "superseded"]
Problem = Literal[
    "too_many_tries",
    "trail_locked",
    "too_many_codes",
    "codes_spent_everywhere",
    "form_expired",
    "no_contact",
    "contact_too_new",
    "evidence_changed",
    "officer_browser",
    "identity_other",
    "identity_unfinished",
    "unavailable",
    "no_preview",
    "outcome_unknown",
    "failed",
    "too_fast",
    "unreadable",
    "not_found",
]


@dataclass(frozen=True, slots=True)
class Site:
    """A place where people are served; ``zone`` is an IANA name."""

    name: str
    zone: str = "Asia/Makassar"


@dataclass(frozen=True, slots=True)
class Whose:
    """For whom the reader decides: ``words`` are a sentence of ours ("anak Anda"), ``name`` initials or a masked name."""

    words: str
    name: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks and for what: all that a link shows before identity is proved (attack A22). ``whose`` is None when people decide for
    themselves.
    """

    agency: str
    service: str
    counter: str
    pairing_code: str
    expires_at: datetime
    whose: Whose | None = None


@dataclass(frozen=True, slots=True)
class ConsentStart:
    """``told`` when the law decides: nothing will be asked. ``passkey`` and ``inapas`` are addresses of other ways; None where this house
    has none.
    """

    site: Site
    csrf: str
    ask: Ask
    told: bool = False
    passkey: str | None = None
    inapas: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentCode:
    site: Site
    csrf: str
    ask: Ask
    tries_left: int
    code_expires_at: datetime
    error: CodeError | None = None


@dataclass(frozen=True, slots=True)
class AskedPaper:
    """One item of a request. ``key`` is the value of its checkbox; ``why`` replaces our own sentence."""

    key: str
    code: str
    name: str
    issuer: str
    on_file: bool = True
    sensitive: bool = False
    issued_on: date | None = None
    valid_until: date | None = None
    tax_year: int | None = None
    why: str | None = None
    provenance: str | None = None
    compared_by: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentDecide:
    """Everything UU 27/2022 art. 21(1) wants told before a decision; see ``consent_decide.html`` for a to g. Previews are below ``link``."""

    site: Site
    csrf: str
    ask: Ask
    officer: str
    request_no: str
    papers: tuple[AskedPaper, ...]
    shown_at: datetime
    use_until: datetime
    link: str = ""
    retention_until: date | None = None
    max_reads: int | None = None
    application_no: str | None = None
    service_law: str | None = None
    data_protection_contact: str | None = None
    nothing_ticked: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class LegalNotice:
    """The law lets the agency open ``papers``: told, not asked. ``basis`` is a code of art. 20(2), ``law`` the article."""

    site: Site
    ask: Ask
    request_no: str
    papers: tuple[AskedPaper, ...]
    basis: str
    law: str
    use_until: datetime


@dataclass(frozen=True, slots=True)
class ConsentDone:
    """The receipt. All, some and none are told apart by what ``granted`` and ``refused`` hold; both are empty when nothing
    could be decided. ``trail_link`` is known only once; after that it is in the message that was sent. ``pdf`` is the
    address of the receipt as a file.
    """

    site: Site
    ask: Ask
    reference: str
    decided_at: datetime
    granted: tuple[str, ...]
    refused: tuple[str, ...]
    trail_link: str | None
    to_bring: tuple[str, ...] = ()
    use_until: datetime | None = None
    max_reads: int | None = None
    pdf: str | None = None


@dataclass(frozen=True, slots=True)
class TrailStart:
    site: Site
    csrf: str
    passkey: str | None = None
    inapas: str | None = None


@dataclass(frozen=True, slots=True)
class TrailCode:
    site: Site
    csrf: str
    tries_left: int
    code_expires_at: datetime
    error: CodeError | None = None


@dataclass(frozen=True, slots=True)
class LiveConsent:
    """``basis`` is set where the law decided: there is nothing to withdraw. ``pdf`` and ``proof`` are addresses of files."""

    consent_id: str
    reference: str
    agency: str
    service: str
    documents: tuple[str, ...]
    use_until: datetime
    reads: int | None = None
    max_reads: int | None = None
    basis: str | None = None
    whose: Whose | None = None
    pdf: str | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """One entry of the ledger as its citizen reads it. ``event``, ``act`` and ``reason`` are the ledger's own words;
    ``act`` sets entries of one type apart: how a delivery ended, which step of the factor. ``relation`` is that of who decided for
    another, ``for_another`` on the own list of who did; ``names_you``: the paper is another's and names this citizen;
    ``received_by``: the agencies that received a paper which was filed wrongly.
    """

    entry_no: int
    at: datetime
    event: str
    agency: str | None = None
    counter: str | None = None
    allowed: bool = True
    reason: str | None = None
    documents: tuple[str, ...] = ()
    purpose: str | None = None
    consent_reference: str | None = None
    lawful_basis: str | None = None
    machine: bool = False
    act: str | None = None
    actor: Actor = "officer"
    relation: str | None = None
    for_another: bool = False
    names_you: bool = False
    received_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """``holder`` is already masked. ``newer`` and ``older`` are addresses relative to the page."""

    site: Site
    csrf: str
    holder: str
    consents: tuple[LiveConsent, ...]
    accesses: tuple[Access, ...]
    passkey: str | None = None
    withheld: int = 0
    newer: str | None = None
    older: str | None = None
    rights: OwnRights | None = None
    filtered: TrailFilter | None = None


@dataclass(frozen=True, slots=True)
class WithdrawConfirm:
    """``deadline`` is 72 hours after now (art. 40): the latest moment by which processing stops."""

    site: Site
    csrf: str
    consent: LiveConsent
    deadline: datetime


@dataclass(frozen=True, slots=True)
class WithdrawDone:
    site: Site
    reference: str
    agency: str
    documents: tuple[str, ...]
    withdrawn_at: datetime
    deadline: datetime
    pdf: str | None = None


@dataclass(frozen=True, slots=True)
class ProblemPage:
    problem: Problem
    site: Site | None = None
    retry_at: datetime | None = None
    incident: str | None = None
