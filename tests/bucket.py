"""S3 over HTTP, in a thread of the tests' own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from moto.server import ThreadedMotoServer


@contextmanager
def a_bucket() -> Iterator[Any]:
    """A client of S3 with a bucket `trail`; every AWS client finds the server by the environment."""
    import boto3

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    values = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        s3 = boto3.client("s3")
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):  # servers of one process share what they hold
            s3.create_bucket(Bucket="trail", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        _empty(s3)
        yield s3
    finally:
        server.stop()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _empty(s3: Any) -> None:
    """Take away what an earlier server's tests left: only the bucket's name may be shared."""
    for found in s3.list_objects_v2(Bucket="trail").get("Contents", []):
        s3.delete_object(Bucket="trail", Key=found["Key"])
