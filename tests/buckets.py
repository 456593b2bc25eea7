"""A store of objects for tests: moto's server on a free loopback port, with one empty bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.servers import free_port

NAME, PREFIX = "faces", "some/site"


@dataclass(frozen=True)
class Store:
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "FACESITE_STORAGE": f"s3://{NAME}/{PREFIX}",
        }

    @property
    def client(self) -> Any:
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        return boto3.client(
            "s3", endpoint_url=self.environment["AWS_ENDPOINT_URL"], region_name="us-east-1", **keys
        )

    def contents(self) -> dict[str, bytes]:
        """Every object's key and bytes."""
        listed = self.client.get_paginator("list_objects_v2").paginate(Bucket=NAME)
        keys = [each["Key"] for page in listed for each in page.get("Contents", ())]
        return {key: self.client.get_object(Bucket=NAME, Key=key)["Body"].read() for key in keys}


@contextmanager
def a_store() -> Iterator[Store]:
    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    try:
        store = Store(port)
        store.client.create_bucket(Bucket=NAME)
        yield store
    finally:
        server.stop()
