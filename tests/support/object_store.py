"""An S3 server on this machine, with a bucket, and its credentials in the environment."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import httpx2
from moto.server import ThreadedMotoServer
from pyarrow import fs

BUCKET = "payloads"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key-of-tests",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Where the server listens."""

    endpoint: str

    def uri(self, prefix: str, bucket: str = BUCKET) -> str:
        return f"s3://{bucket}/{prefix}?endpoint_override={self.endpoint}&region=us-west-2"

    def files(self, prefix: str) -> fs.FileSystem:
        """Return what is stored below a prefix, past everything of ours."""
        place = self.endpoint.removeprefix("http://")
        store = fs.S3FileSystem(endpoint_override=place, scheme="http", region="us-west-2")
        return fs.SubTreeFileSystem(f"{BUCKET}/{prefix}", store)


@contextmanager
def started() -> Iterator[ObjectStore]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        with mock.patch.dict(os.environ, CREDENTIALS):
            region = "<LocationConstraint>us-west-2</LocationConstraint>"
            body = f"<CreateBucketConfiguration>{region}</CreateBucketConfiguration>"
            httpx2.put(f"{endpoint}/{BUCKET}", content=body, trust_env=False).raise_for_status()
            yield ObjectStore(endpoint)
    finally:
        server.stop()
