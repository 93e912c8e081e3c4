"""Objects in a bucket of S3, or of a store that speaks like it, by boto3.

A name is written only where none is (`If-None-Match: *`, which S3 decides at once for all writers). Where an answer was
lost the second attempt meets the object of the first: it is compared, and was there already, the same.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from portazgo.kit import aws
from portazgo.kit.objects import ObjectDiffers, ObjectMissing, ObjectsFailed, ObjectsUnreachable
from portazgo.kit.objects.local import temporary_beside
from portazgo.kit.objects.names import checked, checked_prefix
from portazgo.kit.objects.s3_said import refused, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from portazgo.kit.objects.uri import S3

CONNECT_SECONDS = 3
MULTIPART_BYTES = 16 * 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
THREADS = 4
CHUNK_BYTES = 8 * 1024 * 1024
CHECKSUM = "SHA256"
_TAKEN = "PreconditionFailed"
_OUT_OF_RANGE = "InvalidRange"
_UNKNOWN_CONDITION = frozenset({"NotImplemented", "501"})


class S3Store:
    """One client of boto3, which threads may share."""

    def __init__(self, place: S3, client: Any, *, attempts: int) -> None:
        self._place = place
        self._client = client
        self._attempts = attempts
        self._conditional = True
        for operation in ("PutObject", "CompleteMultipartUpload"):
            # By this way, since the transfer manager passes no such argument on.
            client.meta.events.register(f"before-parameter-build.s3.{operation}", self._only_where_none_is)

    @classmethod
    def open(cls, place: S3, *, read_seconds: float, attempts: int) -> S3Store:
        """Make the client; calls nothing. Raises ObjectsFailed: boto3 is missing, or no region is known."""
        if find_spec("boto3") is None:
            raise ObjectsFailed("s3:// needs the package boto3", "install `portazgo[aws]`")
        return cls(place, _client(place, read_seconds, attempts), attempts=attempts)

    def put(self, name: str, content: bytes) -> bool:
        """Write an object; False: it was there already, the same."""
        key = self._key(name)

        def write() -> None:
            self._client.put_object(
                Bucket=self._place.bucket, Key=key, Body=content, ChecksumAlgorithm=CHECKSUM, **self._encryption()
            )

        return self._written_once(name, write, hashlib.sha256(content).digest)

    def put_file(self, name: str, path: Path) -> bool:
        """Write an object from a file, in parts where it is large."""
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - only where S3 is used

        key = self._key(name)
        config = TransferConfig(
            multipart_threshold=MULTIPART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=THREADS
        )

        def write() -> None:
            with path.open("rb") as file:
                # A file object, so that what is wrong with the path is an OSError of its own.
                arguments = {"ChecksumAlgorithm": CHECKSUM, **self._encryption()}
                self._client.upload_fileobj(file, self._place.bucket, key, ExtraArgs=arguments, Config=config)

        def digest() -> bytes:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()

        return self._written_once(name, write, digest)

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Read an object, or a part of it."""
        key = self._key(name)
        if length == 0:
            return b""
        wanted: dict[str, str] = {}
        if start or length is not None:
            wanted["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        else:
            wanted["ChecksumMode"] = "ENABLED"
        attempt = 1
        while True:
            with self._told("GetObject", name):
                answer = self._asked(key, wanted)
            try:
                with self._told("GetObject", name):
                    return _read(answer)
            except ObjectsUnreachable:
                # The SDK asks again for an answer that does not come, not for one that breaks off.
                if attempt >= self._attempts:
                    raise
                attempt += 1

    def get_file(self, name: str, path: Path) -> None:
        """Read an object into a file."""
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - only where S3 is used

        key = self._key(name)
        config = TransferConfig(
            multipart_threshold=MULTIPART_BYTES,
            multipart_chunksize=PART_BYTES,
            max_concurrency=THREADS,
            num_download_attempts=self._attempts,
        )
        with temporary_beside(path) as temporary:
            with self._told("GetObject", name), temporary.open("wb") as file:
                self._client.download_fileobj(self._place.bucket, key, file, Config=config)
            temporary.replace(path)

    def size(self, name: str) -> int | None:
        """Tell how many bytes an object has."""
        key = self._key(name)
        try:
            with self._told("GetObject", name):
                return int(self._client.head_object(Bucket=self._place.bucket, Key=key)["ContentLength"])
        except ObjectMissing:
            return None

    def delete(self, name: str) -> None:
        """Remove an object."""
        key = self._key(name)
        with self._told("DeleteObject", name):
            self._client.delete_object(Bucket=self._place.bucket, Key=key)

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """List names, a thousand with each call."""
        own = self._place.prefix
        arguments = {"Bucket": self._place.bucket, "Prefix": own + checked_prefix(prefix)}
        if after:
            arguments["StartAfter"] = own + after
        while True:
            with self._told("ListBucket", prefix):
                page = self._client.list_objects_v2(**arguments)
            yield from (entry["Key"].removeprefix(own) for entry in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def _key(self, name: str) -> str:
        return self._place.prefix + checked(name)

    def _encryption(self) -> dict[str, str]:
        if self._place.encryption is None:
            return {}
        chosen = {"ServerSideEncryption": self._place.encryption}
        return chosen | ({"SSEKMSKeyId": self._place.key} if self._place.key else {})

    def _only_where_none_is(self, params: dict[str, Any], **_: Any) -> None:
        if self._conditional:
            params["IfNoneMatch"] = "*"

    def _written_once(self, name: str, write: Any, digest: Any) -> bool:
        with self._told("PutObject", name):
            if not self._conditional and self.size(name) is not None:
                return self._same(name, digest())
            try:
                write()
            except self._client.exceptions.ClientError as problem:
                if _code(problem) == _TAKEN:
                    return self._same(name, digest())
                if self._conditional and _code(problem) in _UNKNOWN_CONDITION:
                    self._conditional = False
                    return self._written_once(name, write, digest)
                raise
        return True

    def _same(self, name: str, digest: bytes) -> bool:
        """Compare what is there. Returns False: nothing was written. Raises ObjectDiffers."""
        size = self.size(name) or 0
        found = hashlib.sha256()
        for start in range(0, size, CHUNK_BYTES):
            found.update(self.get(name, start=start, length=CHUNK_BYTES))
        if found.digest() != digest:
            raise ObjectDiffers(
                f"the object {name} is there already, with other content", f"look who else writes to {self._place}"
            )
        return False

    def _asked(self, key: str, wanted: dict[str, str]) -> Any:
        """Begin an answer; None: what is wanted begins where the object has ended."""
        try:
            return self._client.get_object(Bucket=self._place.bucket, Key=key, **wanted)["Body"]
        except self._client.exceptions.ClientError as problem:
            if _code(problem) == _OUT_OF_RANGE:
                return None
            raise

    @contextmanager
    def _told(self, action: str, name: str) -> Iterator[None]:
        """Turn what boto3 raises into errors of ours."""
        from boto3.exceptions import Boto3Error  # noqa: PLC0415 - only where S3 is used
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - likewise
        from s3transfer.exceptions import RetriesExceededError  # noqa: PLC0415 - likewise
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - likewise

        try:
            yield
        except ClientError as problem:
            raise refused(problem.response, action, name, self._place, str(self._client.meta.region_name)) from None
        except (BotoCoreError, Boto3Error, HTTPError, RetriesExceededError) as problem:
            raise unreachable(problem, self._place, str(self._client.meta.endpoint_url)) from None


def _read(body: Any) -> bytes:
    if body is None:
        return b""
    with body:
        content: bytes = body.read()
        return content


def _code(problem: Any) -> str:
    return str(problem.response.get("Error", {}).get("Code", ""))


def _client(place: S3, read_seconds: float, attempts: int) -> Any:
    try:
        return aws.client(
            "s3",
            region=place.region,
            endpoint=place.endpoint,
            connect_seconds=CONNECT_SECONDS,
            read_seconds=read_seconds,
            attempts=attempts,
        )
    except aws.Unprepared as problem:
        raise ObjectsFailed(
            f"s3:// can't be prepared ({problem})",
            "name the region: PORTAZGO_OBJECTS_URL=s3://bucket/prefix?region=…, or AWS_REGION",
        ) from None
