"""The words that the two YAML files may use (``domain.md`` 4 and 5); everything else is refused."""

from __future__ import annotations

VERSION = 1
CODE = r"[A-Z][A-Z0-9_]*"
SERVICE_CODE = r"[A-Z][A-Z0-9_]*\.[A-Z][A-Z0-9_]*"
CONDITION = r"[a-z][a-z0-9_]*"
# The lowest and the highest of a count: beyond it, it is a slip of the keyboard.
MONTHS = (1, 600)
DAYS = (1, 366)
AMOUNT = (0, 1_000_000_000)

HEADS = ("doc", "group", "any_of", "all_of", "status", "form")
MODIFIERS = (
    "subject", "when", "original", "must_be_valid", "max_age_months", "tax_year", "levels", "background", "optional",
    "note", "rendition",
)  # fmt: skip
# Modifiers that ask something of a paper: a live check and a form have none of it.
OF_PAPERS = ("must_be_valid", "max_age_months", "tax_year", "levels", "background", "rendition")
# How a paper leaves: as it is; with the purpose printed on it; the same as a picture that nobody can take it off; with all other
# people's rows covered. Said nowhere: stamped.
RENDITIONS = frozenset(("original", "stamped", "burned_in", "redacted"))
ROLES = frozenset(
    ("applicant", "proxy", "parents", "father", "mother", "child", "family", "couple", "deceased", "heirs", "owner",
     "buyer", "seller", "director", "business", "account_holder")
)  # fmt: skip
APPLICANTS = frozenset(("person", "parent", "heir", "spouse", "couple"))
ORIGINALS = frozenset(("shown", "submitted"))
BACKGROUNDS = frozenset(("red", "blue"))
TAX_YEARS = frozenset(("current",))

HOLDERS = frozenset(("person", "family", "couple", "child", "deceased", "business", "vehicle", "land"))
EVENTS = frozenset(
    ("move_rt_rw", "move_kecamatan", "move_kabkota", "marry", "divorce", "spouse_death", "birth_in_family",
     "death_in_family", "head_of_family_change", "name_change", "birth_data_fix", "job_change", "education_change",
     "religion_change", "owner_change", "vehicle_change", "business_change", "position_change", "photo_change")
)  # fmt: skip
KINDS = frozenset(("lifetime", "until_event", "printed_expiry", "months", "purpose_window", "tax_year"))
FORMATS = frozenset(("jpg", "png", "pdf", "qr", "api"))
NATIVE = frozenset(("tte_pdf", "card", "paper", "app"))
CLASSES = frozenset(("umum", "spesifik"))
RETENTION = ("umum", "spesifik", "superseded")
CONFIDENCE = frozenset(("high", "medium", "low"))
SOURCE_KINDS = frozenset(("web", "memory", "mixed"))

TYPE_KEYS = (
    "code", "name_id", "name_en", "issuer", "holder", "number", "validity", "changes_on", "native", "formats",
    "pdp_class", "source", "confidence",
)  # fmt: skip
TYPE_OPTIONAL = ("note", "attributes", "levels", "min_age", "retention_months")
SERVICE_KEYS = ("code", "agency", "name_id", "name_en", "requirements", "output", "source")
SERVICE_OPTIONAL = ("makes_stale", "applicant", "not_delegable", "legal", "eligibility", "excludes")
# Fields of a service that only inform, with their YAML type.
EXTRAS: dict[str, type] = {
    "fee_idr": int,
    "fee_note": str,
    "note": str,
    "bundle": str,
    "sla_days": int,
    "sla_minutes": int,
    "consistency": list,
    "quota_per_day": int,
    "schedule_note": str,
    "guardian_consent": str,
    "deadline_days": int,
    "deadline_workdays_before": int,
    "follow_up": str,
    "waiting_period": str,
    "domicile_only": bool,
    "source": dict,
}
GUARDIAN_CONSENTS = frozenset(("required",))
AGENCY_LEVELS = frozenset(("pusat", "provinsi", "kabkota", "gabungan", "bumn"))
STATUS_KEYS = ("name_id", "authority", "max_age_days")
AGENCY_KEYS = ("name_id", "level")
