"""Every setting, from ``BERKAS_*`` environment variables; units stand in the names; no secret has a default."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from exchange.intake_settings import IntakeSettings
from exchange.message_settings import (
    LOCAL_SENDER,
    SAMPLE_SECRETS,
    SettingsRefused,
    is_loopback,
)
from exchange.opening import OpeningHours

__all__ = ["LOCAL_SENDER", "SAMPLE_SECRETS", "Settings", "SettingsRefused", "is_loopback"]

OIDC_ALGORITHMS = frozenset({"RS256", "ES256", "ES512"})
CONTACT_REST_HOURS = 72
CEILINGS = {
    "readiness_per_officer_hour": 600,
    "citizens_per_officer_hour": 120,
    "citizens_per_client_hour": 6_000,
    "citizens_per_agency_hour": 20_000,
    "sequential_numbers_per_hour": 10,
    "citizens_outside_hours": 30,
    "citizens_times_own_mean": 10,
    "codes_per_hour": 20_000,
}


# When nobody says otherwise; the sandbox is always open.
PRODUCTION_HOURS = "mon-sat 06:00-20:00"
UNPRIVILEGED = range(1_024, 65_536)


class Settings(IntakeSettings):
    """Frozen after the start. ``sandbox`` is for trial and tests; ``production`` refuses everything unsafe."""

    model_config = SettingsConfigDict(env_prefix="BERKAS_", frozen=True, extra="ignore")

    listen: str = "127.0.0.1:8080"
    # Who sends messages and tidies up: each replica, or `berkas worker`.
    worker: Literal["inside", "apart"] = "inside"
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
    # While one root key takes the place of another: this one unwraps, too.
    root_key_other: str = ""
    # How long backups of the database are kept: an erasure is complete when the last one that holds the key is gone.
    backup_retention_days: int = Field(default=35, ge=0, le=35)

    dpop_nonce: bool = False
    # Calls to addresses that agencies choose (exchange/guarded.py).
    outbound_ports: str = "443"
    outbound_ca_file: Path | None = None
    # host:port, with commas, that may be anywhere: production refuses it.
    outbound_allow: str = ""
    # Against insiders; production takes at most what CEILINGS says.
    # Which contacts may carry a one-time code (auth/contacts.py); None: what the mode demands.
    contact_rest_hours: int | None = Field(default=None, ge=0, le=8_760)
    contact_other_setter: bool | None = None
    readiness_per_officer_hour: int = Field(default=120, gt=0)
    citizens_per_officer_hour: int = Field(default=30, gt=0)
    citizens_per_client_hour: int = Field(default=600, gt=0)
    citizens_per_agency_hour: int = Field(default=1_500, gt=0)
    sequential_numbers_per_hour: int = Field(default=3, gt=0)
    opening_hours: str = ""
    citizens_outside_hours: int = Field(default=3, ge=0)
    citizens_times_own_mean: int = Field(default=3, gt=0)
    # One-time codes to all citizens together: what a run on them may cost, and how many guesses it buys.
    codes_per_hour: int = Field(default=2_000, gt=0)
    request_life_counter_s: int = Field(default=15 * 60, gt=0)
    request_life_message_s: int = Field(default=24 * 3600, gt=0)
    consent_life_days: int = Field(default=30, gt=0, le=90)
    # How long after a consent's end the site's agencies promised to keep the copies; None: nobody did, their archive schedules decide.
    retention_days: int | None = Field(default=None, gt=0)
    # How long the record of who looked is kept after a citizen's last entry (JRA); None: nobody decided, and nothing of it is erased.
    trail_retention_years: int | None = Field(default=None, ge=1, le=100)
    trail_link_days: int = Field(default=365, gt=0)
    # Who decides for themselves: from `own` on (a KTP-el), and by law grown up from `adult` on (UU 35/2014).
    own_consent_age: int = Field(default=17, ge=12, le=21)
    adult_age: int = Field(default=18, ge=12, le=21)
    # Who wrote down what a paper shows may not make the request that rests on it; production insists.
    relation_second_officer: bool = False
    # Services for which nobody's consent is taken without a phone, with spaces between.
    no_assisted_services: str = ""
    # Services that take papers without a mark of their purpose, with spaces between: what receives them refuses a stamped copy.
    original_services: str = ""
    # Somebody is told when more than this part of an officer's requests was answered without a phone.
    assisted_share_alarm: float = Field(default=0.5, gt=0, le=1)
    ticket_life_s: int = Field(default=300, gt=0, le=300)
    # The agency (its code) whose data protection officer answers for what is stored here.
    keeper_agency: str = Field(default="DPMPTSP", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    # Officers may sign in at the office's own identity provider (the extra `oidc`).
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_acr: str = ""
    oidc_algs: str = "ES256 RS256"
    # Whom a breach is told to (UU 27/2022 art. 46); until the supervisory body exists it is the ministry.
    authority: str = "Kementerian Komunikasi dan Digital, Jalan Medan Merdeka Barat 9, Jakarta 10110"
    # Citizens may prove themselves with INApas, or another OpenID provider that vouches for a NIK (the extra `oidc`).
    inapas_issuer: str = ""
    inapas_client_id: str = ""
    inapas_client_secret: SecretStr | None = None
    inapas_nik_claim: str = "nik"
    inapas_acr: str = ""

    @model_validator(mode="after")
    def _providers(self) -> Settings:
        named = [name for name in ("OIDC", "INAPAS") if getattr(self, f"{name.lower()}_issuer")]
        for name in named:
            self._check_provider(name)
        if named and (not self.algorithms or not self.algorithms <= OIDC_ALGORITHMS):
            raise SettingsRefused("BERKAS_OIDC_ALGS is made of RS256, ES256 and ES512")
        if self.inapas_issuer and not self.inapas_nik_claim:
            raise SettingsRefused("BERKAS_INAPAS_NIK_CLAIM is empty")
        return self

    def _check_provider(self, name: str) -> None:
        """``name`` is OIDC or INAPAS."""
        issuer, client, secret = (
            getattr(self, f"{name.lower()}_{what}") for what in ("issuer", "client_id", "client_secret")
        )
        if not client or not secret:
            raise SettingsRefused(
                f"BERKAS_{name}_CLIENT_ID and BERKAS_{name}_CLIENT_SECRET belong to BERKAS_{name}_ISSUER"
            )
        if self.mode == "production" and secret.get_secret_value().lower() in SAMPLE_SECRETS:
            raise SettingsRefused(f"BERKAS_{name}_CLIENT_SECRET is a sample secret")
        address = urlsplit(issuer)
        schemes = {"https"} if self.mode == "production" else {"https", "http"}
        if address.scheme not in schemes or not address.hostname or address.query or address.fragment:
            raise SettingsRefused(
                f"BERKAS_{name}_ISSUER must be an https address, exactly as the provider's metadata gives it"
            )

    @model_validator(mode="after")
    def _ages_in_order(self) -> Settings:
        if self.own_consent_age > self.adult_age:
            raise SettingsRefused("BERKAS_OWN_CONSENT_AGE is above BERKAS_ADULT_AGE")
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
            if (self.contact_rest, self.contact_setter_apart) != (CONTACT_REST_HOURS, True):
                raise SettingsRefused(
                    f"BERKAS_CONTACT_REST_HOURS is {CONTACT_REST_HOURS} and BERKAS_CONTACT_OTHER_SETTER true in production"
                )
            for name, most in CEILINGS.items():
                if getattr(self, name) > most:
                    raise SettingsRefused(f"BERKAS_{name.upper()} is above {most}: too much for production")
        return self

    @property
    def contact_rest(self) -> int:
        """Hours for which a contact that was set rests; off in the sandbox unless it is said."""
        if self.contact_rest_hours is not None:
            return self.contact_rest_hours
        return CONTACT_REST_HOURS if self.mode == "production" else 0

    @property
    def contact_setter_apart(self) -> bool:
        """Whoever set a contact cannot make the request that uses it."""
        return self.mode == "production" if self.contact_other_setter is None else self.contact_other_setter

    @property
    def hours(self) -> OpeningHours | None:
        """None: always open."""
        text = self.opening_hours or (PRODUCTION_HOURS if self.mode == "production" else "")
        return OpeningHours.parse(text) if text else None

    @property
    def second_officer_names(self) -> bool:
        """Does what a paper shows of a family take another officer than the one who asks?"""
        return self.mode == "production" or self.relation_second_officer

    @property
    def keeper(self) -> str:
        """The id of the agency that answers for what is stored here."""
        return f"{self.keeper_agency}@{self.site}"

    @property
    def unassisted(self) -> frozenset[str]:
        return frozenset(self.no_assisted_services.split())

    @property
    def unstamped(self) -> frozenset[str]:
        return frozenset(self.original_services.split())

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
    def has_passkeys(self) -> bool:
        """A host that is an IP address is no relying party: no browser would make one."""
        try:
            ipaddress.ip_address(self.relying_party)
        except ValueError:
            return True
        return False

    @property
    def audience(self) -> str:
        return f"{self.origin}/v1"

    @property
    def secure(self) -> bool:
        """True behind TLS: ``__Host-`` cookies and HSTS."""
        return self.origin.startswith("https://")
