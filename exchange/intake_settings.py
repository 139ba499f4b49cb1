"""How files of strangers are looked at before they are kept."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, model_validator

from exchange.message_settings import MessageSettings, SettingsRefused

# What a copy can be made of (``exchange/renditions/orders.py``; a test holds the two together): what could never leave does not come in.
COPY_LIMIT_BYTES = 25_000_000
_SCANNER = re.compile(r"unix:/[^\0\s]+|tcp:[A-Za-z0-9.\-\[\]:]+:[1-9]\d{0,4}")


class IntakeSettings(MessageSettings):
    """The part of ``Settings`` that is about intake."""

    upload_limit_bytes: int = Field(default=20_000_000, gt=0)
    upload_idle_limit_s: float = Field(default=10.0, gt=0)
    # The gate; production insists. Without it a file is known by its first bytes only.
    inspect_files: bool = True
    inspection_workers: int = Field(default=2, ge=1, le=32)
    # Uploads that wait for their verdict, in memory, all together.
    spool_limit_bytes: int = Field(default=256_000_000, gt=0)
    # A malware scanner: unix:/path or tcp:host:port of a clamd.
    clamd: str = ""
    clamd_max_age_days: int = Field(default=7, ge=1, le=60)

    # A folder of *.pem: the authorities to which issuers' signatures in PDFs have to lead. Without it each of them stays unchecked.
    trust_anchors: Path | None = None

    @model_validator(mode="after")
    def _gate(self) -> IntakeSettings:
        if self.clamd and not _SCANNER.fullmatch(self.clamd):
            raise SettingsRefused("BERKAS_CLAMD is unix:/path or tcp:host:port")
        if not self.inspect_files:
            if self.mode == "production":
                raise SettingsRefused("BERKAS_INSPECT_FILES is true in production")
            if self.clamd:
                raise SettingsRefused("BERKAS_CLAMD needs BERKAS_INSPECT_FILES")
        elif self.spool_limit_bytes < self.upload_limit_bytes:
            raise SettingsRefused(
                "BERKAS_SPOOL_LIMIT_BYTES is below BERKAS_UPLOAD_LIMIT_BYTES: no such paper could come in"
            )
        elif self.upload_limit_bytes > COPY_LIMIT_BYTES:
            raise SettingsRefused(
                f"BERKAS_UPLOAD_LIMIT_BYTES is above {COPY_LIMIT_BYTES}: of such a paper no copy could be made"
            )
        return self
