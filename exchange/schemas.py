"""What the request models of several routes share. Tables are never API schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

_ULID = "[0-9A-HJKMNP-TV-Z]{26}"
# As this agency knows the citizen: pairwise (D10).
Reference = Annotated[str, StringConstraints(pattern="^sbj_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
DOCUMENT_ID = f"d_{_ULID}"
DocumentId = Annotated[str, StringConstraints(pattern=f"^{DOCUMENT_ID}$")]
RequestId = Annotated[str, StringConstraints(pattern=f"^cr_{_ULID}$")]
OfficerId = Annotated[str, StringConstraints(pattern=f"^off_{_ULID}$")]
BreachId = Annotated[str, StringConstraints(pattern=f"^br_{_ULID}$")]
ProposalId = Annotated[str, StringConstraints(pattern=f"^pr_{_ULID}$")]
AgencyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}@[0-9]{4}$")]
WithdrawalId = Annotated[str, StringConstraints(pattern=f"^wd_{_ULID}$")]
CaseId = Annotated[str, StringConstraints(pattern=f"^cs_{_ULID}$")]
ContactId = Annotated[str, StringConstraints(pattern=f"^k_{_ULID}$")]
DeathReportId = Annotated[str, StringConstraints(pattern=f"^dr_{_ULID}$")]
VoidId = Annotated[str, StringConstraints(pattern=f"^vo_{_ULID}$")]
DestructionId = Annotated[str, StringConstraints(pattern=f"^ds_{_ULID}$")]
ReceiptId = Annotated[str, StringConstraints(pattern=f"^r_{_ULID}$")]
ConsentId = Annotated[str, StringConstraints(pattern=f"^c_{_ULID}$")]

# Conditions of the catalogue, answered; and who else takes part: references by role.
Answers = Annotated[dict[Annotated[str, Field(max_length=40)], bool], Field(max_length=60)]
Parties = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[list[Reference], Field(max_length=20)]],
    Field(max_length=20),
]


class Strict(BaseModel):
    """Unknown members are refused: nobody sets what is not theirs to set (A37)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*")
    @classmethod
    def _no_control_characters(cls, value: Any) -> Any:
        """A name, a note or an id is one line of text: nothing breaks a log line or a row (A50)."""
        for text in _texts(value):
            if not text.isprintable():
                raise ValueError("control characters are not allowed")
        return value


class ContactIn(Strict):
    channel: Literal["sms", "whatsapp", "email"]
    value: str = Field(min_length=3, max_length=200)


class FromBrowser(BaseModel):
    """What a browser's own ``toJSON`` writes (WebAuthn Level 3, 5.1): members that a later level adds are not looked at."""

    model_config = ConfigDict(extra="ignore")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
