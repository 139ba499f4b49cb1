"""The private keys that the sandbox's clients would keep at their agencies."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from auth.keys import generate_signing_key, private_jwk
from exchange.deps import clock

FOLDER = "clients"


@dataclass(frozen=True, slots=True)
class ClientKeyFile:
    """``file`` holds the private JWK, readable by the owner only."""

    file: Path
    kid: str
    public: dict[str, str]


def client_key(data_dir: Path, client_id: str) -> ClientKeyFile:
    """The key of a client, made the first time."""
    file = data_dir / FOLDER / f"{client_id}.jwk"
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = file.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(private_jwk(generate_signing_key("access", clock())), out)
        fresh.replace(file)
    jwk = json.loads(file.read_text(encoding="ascii"))
    return ClientKeyFile(file, jwk["kid"], {name: jwk[name] for name in ("kty", "crv", "x", "y")})
