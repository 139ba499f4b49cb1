"""Asks a port whether the S3 server there is ours and can serve objects: signed requests, standard library only."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time

from storage.embedded.place import HOST

_REGION, _SERVICE = "us-east-1", "s3"
_BUCKET, _OBJECT = "/berkas-probe", "/berkas-probe/ready"
_BODY = b"Berkas wrote this to see whether the store serves objects.\n"


def _signature(secret_key: str, text: str, day: str) -> str:
    """AWS Signature Version 4: a chain of HMACs over day, region and service."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, _REGION, _SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


class Probe:
    """One server's port with the key that it must know."""

    def __init__(self, port: int, access_key: str, secret_key: str, timeout_seconds: float = 2.0) -> None:
        self._port = port
        self._access_key = access_key
        self._secret_key = secret_key
        self._timeout_seconds = timeout_seconds

    def serves(self) -> bool:
        """Whether the server knows the key and gives back an object that it was given.

        Listing is not enough: SeaweedFS lists before its volumes are known, and answers 500 to every GET then.
        A store that has no such object yet gets one; call it again until it says True.
        """
        status, body = self._send("GET", _OBJECT)
        if status == http.HTTPStatus.NOT_FOUND:
            self._send("PUT", _BUCKET)
            self._send("PUT", _OBJECT, _BODY)
            status, body = self._send("GET", _OBJECT)
        return status == http.HTTPStatus.OK and body == _BODY

    def _send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """The status and body of one signed request; status 0 when nothing answers."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        scope = f"{moment[:8]}/{_REGION}/{_SERVICE}/aws4_request"
        headers = {"host": f"{HOST}:{self._port}", "x-amz-content-sha256": digest, "x-amz-date": moment}
        names = ";".join(headers)
        lines = [f"{name}:{value}" for name, value in headers.items()]
        canonical = "\n".join([method, path, "", *lines, "", names, digest]).encode()
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical).hexdigest()])
        signature = _signature(self._secret_key, text, moment[:8])
        credential = f"Credential={self._access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}"
        connection = http.client.HTTPConnection(HOST, self._port, timeout=self._timeout_seconds)
        try:
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()
