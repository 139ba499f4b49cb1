"""Every setting, from ``BERKAS_*`` environment variables; units stand in the names; no secret has a default."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from exchange.opening import OpeningHours

SAMPLE_SECRETS = frozenset({"minioadmin", "changeme", "password", "secret", "admin", "berkas", "postgres"})


class SettingsRefused(ValueError):
    """A configuration that must not run; the message names the variable, never its value."""


OIDC_ALGORITHMS = frozenset({"RS256", "ES256", "ES512"})
CEILINGS = {
    "readiness_per_officer_hour": 600,
    "citizens_per_officer_hour": 120,
    "citizens_per_client_hour": 6_000,
    "citizens_per_agency_hour": 20_000,
    "sequential_numbers_per_hour": 10,
    "citizens_outside_hours": 30,
    "citizens_times_own_mean": 10,
}


# When nobody says otherwise; the sandbox is always open.
PRODUCTION_HOURS = "mon-sat 06:00-20:00"
UNPRIVILEGED = range(1_024, 65_536)


class Settings(BaseSettings):
    """Frozen after the start. ``sandbox`` is for trial and tests; ``production`` refuses everything unsafe."""

    model_config = SettingsConfigDict(env_prefix="BERKAS_", frozen=True, extra="ignore")

    mode: Literal["sandbox", "production"] = "sandbox"
    listen: str = "127.0.0.1:8080"
    public_origin: str = ""
    data_dir: Path = Path(".berkas")
    site: str = "6472"

    database_url: SecretStr | None = None
    migration_database_url: SecretStr | None = None
    s3_endpoint: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_bucket: str = "berkas"
    root_key: str | None = None

    upload_limit_bytes: int = Field(default=20_000_000, gt=0)
    upload_idle_limit_s: float = Field(default=10.0, gt=0)
    dpop_nonce: bool = False
    # Calls to addresses that agencies choose (exchange/guarded.py).
    outbound_ports: str = "443"
    outbound_ca_file: Path | None = None
    # host:port, with commas, that may be anywhere: production refuses it.
    outbound_allow: str = ""
    # Against insiders; production takes at most what CEILINGS says.
    readiness_per_officer_hour: int = Field(default=120, gt=0)
    citizens_per_officer_hour: int = Field(default=30, gt=0)
    citizens_per_client_hour: int = Field(default=600, gt=0)
    citizens_per_agency_hour: int = Field(default=1_500, gt=0)
    sequential_numbers_per_hour: int = Field(default=3, gt=0)
    opening_hours: str = ""
    citizens_outside_hours: int = Field(default=3, ge=0)
    citizens_times_own_mean: int = Field(default=3, gt=0)
    request_life_counter_s: int = Field(default=15 * 60, gt=0)
    request_life_message_s: int = Field(default=24 * 3600, gt=0)
    consent_life_days: int = Field(default=30, gt=0, le=90)
    trail_link_days: int = Field(default=365, gt=0)
    ticket_life_s: int = Field(default=300, gt=0, le=300)
    # Officers may sign in at the office's own identity provider (the extra `oidc`).
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_acr: str = ""
    oidc_algs: str = "ES256 RS256"
    smtp_url: SecretStr | None = None
    mail_from: str = "berkas@localhost"

    @model_validator(mode="after")
    def _provider(self) -> Settings:
        if not self.oidc_issuer:
            return self
        if not self.oidc_client_id or not self.oidc_client_secret:
            raise SettingsRefused(
                "BERKAS_OIDC_CLIENT_ID and BERKAS_OIDC_CLIENT_SECRET belong to BERKAS_OIDC_ISSUER"
            )
        if self.mode == "production" and self.oidc_client_secret.get_secret_value().lower() in SAMPLE_SECRETS:
            raise SettingsRefused("BERKAS_OIDC_CLIENT_SECRET is a sample secret")
        address = urlsplit(self.oidc_issuer)
        schemes = {"https"} if self.mode == "production" else {"https", "http"}
        if address.scheme not in schemes or not address.hostname or address.query or address.fragment:
            raise SettingsRefused(
                "BERKAS_OIDC_ISSUER must be an https address, exactly as the provider's metadata gives it"
            )
        if not self.algorithms or not self.algorithms <= OIDC_ALGORITHMS:
            raise SettingsRefused("BERKAS_OIDC_ALGS is made of RS256, ES256 and ES512")
        return self

    @model_validator(mode="after")
    def _calls_out_safely(self) -> Settings:
        if any(
            not port.isdecimal() or (port != "443" and int(port) not in UNPRIVILEGED)
            for port in self.outbound_ports.split(",")
        ):
            raise SettingsRefused("BERKAS_OUTBOUND_PORTS names 443 and ports from 1024 on, with commas")
        if self.outbound_ca_file is not None and not self.outbound_ca_file.is_file():
            raise SettingsRefused("BERKAS_OUTBOUND_CA_FILE is no file")
        if self.outbound_allow and self.mode == "production":
            raise SettingsRefused("BERKAS_OUTBOUND_ALLOW is for a sandbox")
        return self

    @model_validator(mode="after")
    def _safe(self) -> Settings:
        if self.opening_hours:
            OpeningHours.parse(self.opening_hours)
        if self.mode == "production":
            for name in ("database_url", "s3_endpoint", "s3_access_key", "s3_secret_key", "root_key"):
                if not getattr(self, name):
                    raise SettingsRefused(f"BERKAS_{name.upper()} is required in production")
            if urlsplit(self.public_origin).scheme != "https":
                raise SettingsRefused("BERKAS_PUBLIC_ORIGIN must be an https origin in production")
            for name in ("s3_access_key", "s3_secret_key"):
                if getattr(self, name).get_secret_value().lower() in SAMPLE_SECRETS:
                    raise SettingsRefused(f"BERKAS_{name.upper()} is a sample secret")
            password = urlsplit(self.database_url.get_secret_value()).password if self.database_url else None
            if not password or password.lower() in SAMPLE_SECRETS:
                raise SettingsRefused("BERKAS_DATABASE_URL has no password, or a sample one")
            for name, most in CEILINGS.items():
                if getattr(self, name) > most:
                    raise SettingsRefused(f"BERKAS_{name.upper()} is above {most}: too much for production")
        return self

    @property
    def hours(self) -> OpeningHours | None:
        """None: always open."""
        text = self.opening_hours or (PRODUCTION_HOURS if self.mode == "production" else "")
        return OpeningHours.parse(text) if text else None

    @property
    def algorithms(self) -> frozenset[str]:
        """How the identity provider may sign."""
        return frozenset(self.oidc_algs.split())

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def origin(self) -> str:
        """The configured public origin: never computed from a request (A52)."""
        return self.public_origin.rstrip("/") or f"http://{self.listen}"

    @property
    def relying_party(self) -> str:
        """The host of the public origin: passkeys are good there and nowhere else (WebAuthn 5.1.2)."""
        return urlsplit(self.origin).hostname or ""

    @property
    def audience(self) -> str:
        return f"{self.origin}/v1"

    @property
    def secure(self) -> bool:
        """True behind TLS: ``__Host-`` cookies and HSTS."""
        return self.origin.startswith("https://")
