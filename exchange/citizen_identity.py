"""A service of the state that says who a citizen is (INApas), as an OpenID provider: loaded where the settings name one."""

from __future__ import annotations

from datetime import datetime

from auth.verdict import AccessRefused
from exchange import code_flow
from exchange.identity_provider import Answer, IdentityProvider
from exchange.requirements.numbers import NumberError, parse_nik
from storage.database import Database
from storage.keyring import Keyring

_PURPOSE = "citizen-identity"


class OidcIdentity:
    """``exchange.factors.CitizenIdentity`` over OpenID Connect: the NIK is a claim of the ID token. It is compared and forgotten."""

    method = "inapas_verify"

    def __init__(
        self, database: Database, keyring: Keyring, provider: IdentityProvider, *, nik_claim: str
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._provider = provider
        self._claim = nik_claim

    async def begin_at(self, about: str, now: datetime) -> tuple[str, str]:
        return await code_flow.begun(self._keyring, self._provider, _PURPOSE, about, now, claim=self._claim)

    async def finish(self, cookie: str, answer: Answer, now: datetime) -> tuple[str, str]:
        identity, about = await code_flow.finished(
            self._database, self._keyring, self._provider, _PURPOSE,
            cookie=cookie, answer=answer, claim=self._claim, now=now,
        )  # fmt: skip
        try:
            return parse_nik(identity.claim, birth_date=None, today=now.date()).number, about
        except NumberError:
            raise AccessRefused("sign_in_unfinished") from None
