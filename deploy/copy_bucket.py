#!/usr/bin/env python3
"""Every object of the bucket as a file of the same name, where no tool for S3 is at hand (`rclone copy`, `mc mirror`).

    python copy_bucket.py bucket/                        # the bucket that BERKAS_S3_* names
    python copy_bucket.py bucket/ .berkas/running.json   # the one of the sandbox that runs

An object that is there already in its size is not copied again: an object never changes. Needs the package `minio`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from minio import Minio


def copy(folder: Path, named: dict[str, str]) -> int:
    """How many objects were copied. A file has its name only when it is whole."""
    address = urlsplit(named["s3_endpoint"])
    store = Minio(
        address.netloc, named["s3_access_key"], named["s3_secret_key"], secure=address.scheme == "https"
    )
    bucket, copied = named.get("s3_bucket", "berkas"), 0
    for found in store.list_objects(bucket, recursive=True):
        target = folder / str(found.object_name)
        if target.exists() and target.stat().st_size == found.size:
            continue
        store.fget_object(bucket, str(found.object_name), str(target))
        copied += 1
    return copied


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    running = json.loads(Path(arguments[1]).read_text(encoding="utf-8")) if len(arguments) > 1 else {}
    settings = {
        name[7:].lower(): value for name, value in os.environ.items() if name.startswith("BERKAS_S3_")
    }
    print(f"{copy(Path(arguments[0]), {**running, **settings}):,} objects copied")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
