"""A server of S3 on this machine, moto's, in a process of its own, and buckets in it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

_SERVE = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # until the tests' process closes it, or ends
"""

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLEOFATEST", "wJalrXUtnFEMIexampleKEYofATest"


@contextmanager
def s3_server() -> Iterator[str]:
    """Run a server while the `with` block runs; yields its address, `http://127.0.0.1:PORT`."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin and process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.kill()


def environment_of(endpoint: str) -> dict[str, str]:
    """Return the variables by which a program finds a server and is let in."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }


@dataclass(frozen=True)
class Bucket:
    """A bucket, seen by boto3: another library than the one that is tested.

    Attributes:
        name: its name.
        endpoint: where its server listens.
    """

    name: str
    endpoint: str

    @property
    def url(self) -> str:
        """Its address, `s3://NAME`."""
        return f"s3://{self.name}"

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes as it runs
        """Return boto3's client for the server."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(proxies={}),
        )

    def create(self) -> None:
        """Make the bucket."""
        self.client.create_bucket(Bucket=self.name)

    def put(self, key: str, content: bytes) -> str:
        """Write an object; return its address."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)
        return f"{self.url}/{key}"

    def put_folder(self, folder: Path, key: str) -> str:
        """Write the files of a folder and below as objects; return the address of the folder."""
        client = self.client
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = f"{key}/{path.relative_to(folder).as_posix()}"
                client.put_object(Bucket=self.name, Key=name, Body=path.read_bytes())
        return f"{self.url}/{key}"

    def get(self, key: str) -> bytes:
        """Return the content of an object."""
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def objects(self, prefix: str = "") -> Mapping[str, bytes]:
        """Return the content of every object by its key, in byte order.

        What a killed process has asked for may still be carried out: then all is looked at again.
        """
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        try:
            return {key: self.get(key) for key in keys}
        except self.client.exceptions.NoSuchKey:
            return self.objects(prefix)
