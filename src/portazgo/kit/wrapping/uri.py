"""How providers are named in settings: `local:`, `local:/path/to/master.key`, `aws-kms:<key>?region=…&deployment=…`.

Read by the settings of every role and command: imports no cryptography and no AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from portazgo.kit import aws
from portazgo.kit.durations import DurationInvalid, parse_duration

LOCAL = "local"
AWS_KMS = "aws-kms"
KEY_FILE = "master.key"
DEPLOYMENT = "portazgo"
USUAL_REUSE_SECONDS = 300
LONGEST_REUSE_SECONDS = 3_600

_OPTIONS = ("region", "endpoint", "deployment", "reuse")
_KEY_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"
_ALIAS = r"alias/[A-Za-z0-9/_-]{1,250}"
_KEY = re.compile(rf"{_KEY_ID}|{_ALIAS}")
_ARN = re.compile(rf"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{{12}}:(?:key/(?:{_KEY_ID})|{_ALIAS})")
_DEPLOYMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class UriInvalid(ValueError):
    """The text names no provider; the message says why."""


@dataclass(frozen=True, slots=True)
class Local:
    """A master key in a file; None: the usual one."""

    path: Path | None

    def file(self, data_dir: Path) -> Path:
        """Give the file."""
        return self.path or data_dir / KEY_FILE


@dataclass(frozen=True, slots=True)
class AwsKms:
    """A key of AWS KMS. What is None is found as the AWS SDK finds it (environment, profile, metadata)."""

    key: str
    region: str | None = None
    endpoint: str | None = None
    deployment: str = DEPLOYMENT
    reuse_seconds: int = USUAL_REUSE_SECONDS
    """How long a data key is used again; 0: never."""

    def arn_of(self, key_id: str) -> str:
        """Name a key of the same account and region, as precisely as this one is named."""
        return f"{self.key.rpartition(':')[0]}:key/{key_id}" if self.key.startswith("arn:") else key_id


def parse_uri(text: str) -> Local | AwsKms:
    """Read a provider's name. Raises UriInvalid."""
    scheme, colon, rest = text.partition(":")
    if scheme == LOCAL and colon:
        return Local(Path(rest).expanduser() if rest else None)
    if scheme == AWS_KMS and colon:
        return _aws_kms(rest)
    raise UriInvalid(f"{scheme!r} is no key-wrapping provider; known are local: and aws-kms:")


def _aws_kms(rest: str) -> AwsKms:
    key, _, query = rest.partition("?")
    arn = _ARN.fullmatch(key)
    if not arn and not _KEY.fullmatch(key):
        raise UriInvalid(f"{key!r} is no key of KMS: write its id, its ARN, or alias/NAME")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - set(_OPTIONS)):
        raise UriInvalid(f"aws-kms: has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}")
    return AwsKms(
        key,
        _region(options.get("region"), arn["region"] if arn else None),
        # The answer holds the data key in the clear: only the signature of the request is protected without TLS.
        aws.endpoint(options.get("endpoint"), UriInvalid, service="kms", reason="KMS answers with keys"),
        _deployment(options.get("deployment", DEPLOYMENT)),
        _reuse(options.get("reuse")),
    )


def _region(given: str | None, of_the_arn: str | None) -> str | None:
    aws.region(given, UriInvalid)
    if given and of_the_arn and given != of_the_arn:
        raise UriInvalid(f"the key's ARN is of the region {of_the_arn}, and region={given} is given")
    return given or of_the_arn


def _deployment(given: str) -> str:
    if not _DEPLOYMENT.fullmatch(given):
        raise UriInvalid(f"{given!r} is no deployment's name: write a-z, 0-9 and hyphens")
    return given


def _reuse(given: str | None) -> int:
    if given is None:
        return USUAL_REUSE_SECONDS
    try:
        seconds = int(parse_duration(given).total_seconds())
    except DurationInvalid as problem:
        raise UriInvalid(f"reuse: {problem}") from None
    if seconds > LONGEST_REUSE_SECONDS:
        raise UriInvalid("reuse is at most 1h: as long a data key stays in memory")
    return seconds
