"""Asks a port whether a PostgreSQL server there accepts connections and demands SCRAM."""

from __future__ import annotations

import socket
import struct

from storage.embedded.place import HOST

_PROTOCOL_3_0 = 196_608
_SASL = 10  # AuthenticationSASL in the PostgreSQL wire protocol


def demands_scram(port: int, timeout_seconds: float = 1.0) -> bool:
    """Whether a server on the port answers a login with a SCRAM challenge.

    False while it still starts (it answers with an error then), when nothing listens, or when it is no PostgreSQL.
    """
    body = struct.pack("!I", _PROTOCOL_3_0) + b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.create_connection((HOST, port), timeout=timeout_seconds) as connection:
            connection.sendall(struct.pack("!I", len(body) + 4) + body)
            answer = connection.recv(1024)  # all of it: an unread rest would be logged there as a reset
    except OSError:
        return False
    return len(answer) >= 9 and answer[:1] == b"R" and struct.unpack("!I", answer[5:9])[0] == _SASL  # noqa: PLR2004
