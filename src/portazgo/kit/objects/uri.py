"""How object stores are named in settings: `file:///path`, `s3://bucket/prefix?region=…&endpoint=…&encryption=…&key=…`.

Read by the settings of every role and command: imports no AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from portazgo.kit import aws
from portazgo.kit.objects.names import checked

AES256 = "AES256"
OF_KMS = ("aws:kms", "aws:kms:dsse")

_OPTIONS = ("region", "endpoint", "encryption", "key")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,300}")


class ObjectsUrlInvalid(ValueError):
    """The text names no object store; the message says why."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, or one that several machines mount."""

    path: Path

    def __str__(self) -> str:
        """Write it as in the settings."""
        return f"file://{self.path}"


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket. What is None is found as the AWS SDK finds it (environment, profile, metadata)."""

    bucket: str
    prefix: str = ""
    """What all names begin with: "", or it ends with a slash."""
    region: str | None = None
    endpoint: str | None = None
    encryption: str | None = None
    """What the bucket is asked to encrypt with; None: the bucket's own choice."""
    key: str | None = None
    """A key of KMS; None: the bucket's, or AWS's own for S3."""

    def __str__(self) -> str:
        """Write where it is, without options."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def parse_objects_url(text: str) -> Folder | S3:
    """Read a store's name. Raises ObjectsUrlInvalid."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ObjectsUrlInvalid("it is no URL") from None
    if parts.scheme == "file":
        path = unquote(parts.path)
        if parts.netloc or not path.startswith("/") or path == "/" or parts.query or parts.fragment:
            raise ObjectsUrlInvalid("a folder is named with three slashes, such as file:///srv/portazgo/objects")
        return Folder(Path(path))
    if parts.scheme != "s3":
        raise ObjectsUrlInvalid("it begins with neither file:/// nor s3://")
    if not _BUCKET.fullmatch(parts.netloc) or parts.fragment:
        raise ObjectsUrlInvalid(f"{parts.netloc!r} is no name of a bucket")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - set(_OPTIONS)):
        raise ObjectsUrlInvalid(f"s3:// has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}")
    return S3(
        parts.netloc,
        _prefix(parts.path),
        aws.region(options.get("region"), ObjectsUrlInvalid),
        aws.endpoint(options.get("endpoint"), ObjectsUrlInvalid, service="s3", reason="records tell of people"),
        *_encryption(options.get("encryption"), options.get("key")),
    )


def _prefix(path: str) -> str:
    words = path.strip("/")
    if not words:
        return ""
    try:
        return checked(words) + "/"
    except ValueError:
        raise ObjectsUrlInvalid(f"{words!r} can't be what names begin with") from None


def _encryption(given: str | None, key: str | None) -> tuple[str | None, str | None]:
    if given is not None and given not in {AES256, *OF_KMS}:
        raise ObjectsUrlInvalid(f"encryption is one of {', '.join((AES256, *OF_KMS))}")
    if key is not None and given not in OF_KMS:
        raise ObjectsUrlInvalid("key belongs to encryption=aws:kms")
    if key is not None and not _KEY.fullmatch(key):
        raise ObjectsUrlInvalid(f"{key!r} is no key of KMS: write its ARN, its id, or alias/NAME")
    return given, key
