"""What a command needs before it can work: settings, embedded servers where none are named, the schema."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from exchange.cli.stopping import sigterm_is_ctrl_c
from exchange.requirements.reading import CatalogueError
from exchange.settings import CEILINGS, Settings, SettingsRefused
from storage import schema
from storage.database import Database
from storage.embedded.place import EmbeddedServiceError, FolderLock, read_state
from storage.embedded.services import Services, embedded_services
from storage.errors import DatabaseUnavailable, StorageError, StoreUnavailable
from storage.keyring import create_root_key

# Reasons why nothing runs that an operator can mend: told in one sentence.
CANNOT_START = (SettingsRefused, CatalogueError, EmbeddedServiceError, StorageError)


ROOT_KEY = Path("keys", "root.key")  # in the sandbox's data directory


def sentence(error: Exception) -> str:
    """What is wrong; a dependency that is away is named in plain words."""
    away: dict[type[Exception], str] = {
        DatabaseUnavailable: "the database does not answer",
        StoreUnavailable: "the object store does not answer",
    }
    words = away.get(type(error))
    return f"{words} ({error})" if words else str(error) or type(error).__name__


def load_settings() -> Settings:
    """From the environment. Raises ``SettingsRefused`` with the names of what is wrong, never a value."""
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(
            f"BERKAS_{'_'.join(str(part) for part in item['loc']).upper()}" for item in error.errors()
        )
        causes = "; ".join(str(item["msg"]).removeprefix("Value error, ") for item in error.errors())
        raise SettingsRefused(f"{names + ': ' if names != 'BERKAS_' else ''}{causes}") from None


def checkout() -> Path:
    return Path(__file__).resolve().parents[2]


def data_dir(settings: Settings) -> Path:
    """``.berkas`` in the checkout unless ``BERKAS_DATA_DIR`` says otherwise."""
    given = "BERKAS_DATA_DIR" in os.environ
    return settings.data_dir.resolve() if given else checkout() / settings.data_dir


@contextlib.contextmanager
def servers(settings: Settings) -> Iterator[tuple[Settings, Services | None]]:
    """Settings that name a database and an object store: those of the environment, or embedded ones started here."""
    if settings.mode == "production":
        yield settings, None
        return
    place = data_dir(settings)
    own_database, own_store = settings.database_url is None, settings.s3_endpoint is None
    with (
        sigterm_is_ctrl_c(),
        embedded_services(place, database=own_database, store=own_store) as services,
    ):
        update: dict[str, object] = {"data_dir": place}
        if services.postgres is not None:
            update["database_url"] = SecretStr(services.postgres.app_url)
            update["migration_database_url"] = SecretStr(services.postgres.owner_url)
        if services.store is not None:
            update["s3_endpoint"] = services.store.endpoint
            update["s3_access_key"] = SecretStr(services.store.access_key)
            update["s3_secret_key"] = SecretStr(services.store.secret_key)
        if settings.root_key is None:
            path = place / ROOT_KEY
            create_root_key(path)
            update["root_key"] = f"file:{path}"
        if "citizens_per_officer_hour" not in settings.model_fields_set:
            # Each demo reaches six citizens with one officer, and is tried again within the hour.
            update["citizens_per_officer_hour"] = CEILINGS["citizens_per_officer_hour"]
        yield settings.model_copy(update=update), services


RUNNING = "running.json"
CHANGING_WITHIN_S = 15  # a start or a stop takes no longer


def note_running(settings: Settings) -> None:
    """Leave what other commands need to work beside a running sandbox; only the owner may read it."""
    kept = {
        "listen": settings.listen,
        "public_origin": settings.public_origin,
        "database_url": _value(settings.database_url),
        "migration_database_url": _value(settings.migration_database_url),
        "s3_endpoint": settings.s3_endpoint,
        "s3_access_key": _value(settings.s3_access_key),
        "s3_secret_key": _value(settings.s3_secret_key),
        "root_key": settings.root_key,
    }
    path = settings.data_dir / RUNNING
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(kept, file)


@contextlib.contextmanager
def reachable() -> Iterator[Settings]:
    """Settings with a database that answers: the environment's, those of the sandbox that runs on the data directory,
    or of its servers started for the while when it is not running.

    Raises ``SettingsRefused`` when there is nothing on the data directory.
    """
    settings = load_settings()
    if settings.database_url is not None:
        yield settings
        return
    path = data_dir(settings) / RUNNING
    if not path.exists():
        raise SettingsRefused(
            "no BERKAS_DATABASE_URL and no sandbox on this data directory (start `berkas up`)"
        )
    kept = {name: value for name, value in json.loads(path.read_text()).items() if value}
    if _runs(path.parent, kept["database_url"]):
        yield Settings(**{**kept, "data_dir": data_dir(settings), "site": settings.site})
        return
    with servers(settings) as (ready, _):
        yield ready


def _runs(place: Path, url: str) -> bool:
    """Whether the sandbox's database answers. One that is just being started or stopped is waited for.

    Raises ``SettingsRefused`` when somebody holds it and it does not answer.
    """
    if urlsplit(url).port != read_state(place / "postgres" / "postgres.json").get("port"):
        return _answers(url)  # not the embedded one: it was named when the sandbox was started
    held = FolderLock(place / "postgres")
    until_s = time.monotonic() + CHANGING_WITHIN_S
    while held.held_by_someone():
        if _answers(url):
            return True
        if time.monotonic() > until_s:
            raise SettingsRefused(f"a Berkas is running on {place}, and its database does not answer")
        time.sleep(0.1)
    return False


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 5432), timeout=1):
            return True
    except OSError:
        return False


def migrate(settings: Settings) -> None:
    """Bring the schema to head, as the owner of the database."""
    app_url = _value(settings.database_url)
    owner_url = _value(settings.migration_database_url) or app_url
    if not app_url or not owner_url:
        raise SettingsRefused("BERKAS_DATABASE_URL is not set")
    if asyncio.run(_revision(owner_url)) == schema.HEAD:
        return
    schema.upgrade(owner_url, app_role=urlsplit(app_url).username or "")


async def _revision(url: str) -> str | None:
    database = Database(url)
    try:
        return await schema.current_revision(database)
    finally:
        await database.close()


def _value(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
