"""Both embedded servers at once, for `./berkas up` and the tests."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.embedded.objects import EmbeddedStore, StoreEndpoint
from storage.embedded.postgres import EmbeddedPostgres, PostgresEndpoint


@dataclass(frozen=True)
class Services:
    """What runs; None for a server that was not asked for."""

    postgres: PostgresEndpoint | None
    store: StoreEndpoint | None

    def notice(self) -> str:
        """What the banner must say about this default, one sentence a line; empty when nothing is embedded."""
        if self.postgres is None and self.store is None:
            return ""
        lines = ["The embedded servers are for trial and tests, not for production: one machine, no replica."]
        if self.postgres is not None:
            lines.append(
                f"Database: PostgreSQL {self.postgres.version} on port {self.postgres.port}, loopback only."
            )
        if self.store is not None:
            name = "MinIO" if self.store.kind == "minio" else "SeaweedFS"
            lines.append(
                f"Object store: {name} {self.store.version} at {self.store.endpoint}, loopback only."
            )
            if self.store.kind == "seaweedfs":
                lines.append(
                    "SeaweedFS keeps its gRPC ports open on loopback without a password: every account on this "
                    "machine can reach the sealed objects there."
                )
            else:
                lines.append("MinIO's community edition is archived and has open CVEs: keep it on loopback.")
        return "\n".join(lines)


@contextmanager
def embedded_services(
    data_dir: Path,
    *,
    database: bool = True,
    store: bool = True,
    kind: Literal["auto", "minio", "seaweedfs"] = "auto",
    minio: Path | None = None,
) -> Iterator[Services]:
    """Starts what is asked for side by side, stops all of it within 10 s on the way out.

    The servers live in `data_dir`/postgres and `data_dir`/store. `minio` names a MinIO binary off the PATH.
    Raises `EmbeddedServiceError` with one sentence; then nothing keeps running.
    """
    postgres_server = EmbeddedPostgres(Path(data_dir) / "postgres") if database else None
    store_server = EmbeddedStore(Path(data_dir) / "store", kind, binary=minio) if store else None
    for server in (postgres_server, store_server):
        if server is not None:
            server.check()  # before the other one writes anything
    with ThreadPoolExecutor(2, thread_name_prefix="berkas-embedded") as pool:
        try:
            postgres_ready = pool.submit(postgres_server.start) if postgres_server else None
            store_ready = pool.submit(store_server.start) if store_server else None
            yield Services(
                postgres_ready.result() if postgres_ready else None,
                store_ready.result() if store_ready else None,
            )
        finally:
            running = [server for server in (postgres_server, store_server) if server is not None]
            with _undisturbed():
                for server in running:
                    server.cancel()  # a start still under way gives up
                for ready in (postgres_ready, store_ready):
                    if ready is not None:
                        ready.exception()
                for stopped in [pool.submit(server.stop) for server in running]:
                    stopped.result()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C, or SIGTERM, while the servers are being stopped would leave one behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
