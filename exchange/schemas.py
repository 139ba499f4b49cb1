"""What the request models of several routes share. Tables are never API schemas."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Reference = Annotated[str, Field(pattern=r"^sbj_[0-9A-HJKMNP-TV-Z]{26}$")]


class Strict(BaseModel):
    """Unknown members are refused: nobody sets what is not theirs to set (A37)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
