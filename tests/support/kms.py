"""A KMS to call: moto's server on a free port, started and stopped by its process id."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from support.ports import free_port

from portazgo.roles.ports import answers

START_SECONDS = 60.0
REGION = "eu-west-1"
ALIAS = "alias/portazgo"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE00",
    "AWS_SECRET_ACCESS_KEY": "canary-of-the-aws-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "2",
}
# moto keeps its keys in memory: so that one that is started again is the same, ids and material come out the same again.
_PROGRAM = """
import itertools, uuid
import moto.kms.models as models
numbers = itertools.count(1)
models.generate_key_id = lambda multi_region=False: str(uuid.UUID(int=next(numbers)))
models.generate_master_key = lambda: bytes(32)
from moto.server import main
main()
"""


class KmsServer:
    """Start it with `with`. It has a key, and the alias `alias/portazgo` for it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._log = folder / "kms.log"
        self._keys: list[str] = []

    @property
    def url(self) -> str:
        """Where it is called."""
        return f"http://127.0.0.1:{self.port}"

    def uri(self, key: str = ALIAS, **options: str) -> str:
        """Name a key of it as PORTAZGO_WRAPPING does."""
        told = {"region": REGION, "endpoint": self.url, **options}
        return f"aws-kms:{key}?" + "&".join(f"{name}={value}" for name, value in told.items())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def key_id(self) -> str:
        """Of the key behind the alias when it was started."""
        return self._keys[0]

    def start(self) -> None:
        """Start it, with the keys that it had."""
        self._start()
        had, self._keys = self._keys, []
        for _ in range(max(1, len(had))):
            self.new_key()
        assert self._keys[: len(had)] == had
        self.client.create_alias(AliasName=ALIAS, TargetKeyId=self.key_id)

    def stop(self) -> None:
        """End it by its process id."""
        self._process.kill()
        self._process.wait()

    @property
    def client(self) -> Any:
        """A client of its own, for what operators do."""
        import boto3

        return boto3.session.Session().client(
            "kms",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def new_key(self) -> str:
        """Make a key. Returns its id."""
        made: str = self.client.create_key()["KeyMetadata"]["KeyId"]
        self._keys.append(made)
        return made

    def _start(self) -> None:
        command = [sys.executable, "-c", _PROGRAM, "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **CREDENTIALS})
        deadline = time.monotonic() + START_SECONDS
        while True:
            if answers(f"{self.url}/moto-api/"):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.1)
