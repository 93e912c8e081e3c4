"""What the refusals of S3, and of stores that speak like it, mean for the person who runs this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from portazgo.kit.objects import (
    ObjectMissing,
    ObjectsDenied,
    ObjectsFailed,
    ObjectsFull,
    ObjectsUnreachable,
    StoreMissing,
)

if TYPE_CHECKING:
    from portazgo.kit.objects.uri import S3

DOCS = "docs/operations.md"
LONGEST_SAID = 300
NOT_FOUND = 404
FORBIDDEN = 403
_SERVER_ERROR = 500
_TOO_MANY = 429

_CREDENTIALS = (
    "AWS does not know the credentials of this process",
    "renew them, or give the process a role; look at this host's clock too",
)
_REGION = (
    "the bucket {bucket} is not in the region {region}",
    "name its region: PORTAZGO_OBJECTS_URL=s3://{bucket}/…?region=…, or AWS_REGION",
)
_FULL = ("{place} has no room", "raise its quota, or make room")
_AGAIN = ("{place} asks for patience, or fails inside", "it is tried again; see the store's health when it lasts")
_SAID: dict[str, tuple[type[ObjectsFailed], tuple[str, str]]] = {
    **dict.fromkeys(
        ("NoSuchBucket",),
        (StoreMissing, ("there is no bucket {bucket}", "make it, or correct PORTAZGO_OBJECTS_URL")),
    ),
    **dict.fromkeys(
        (
            "PermanentRedirect",
            "TemporaryRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "301",
            "307",
        ),
        (StoreMissing, _REGION),
    ),
    **dict.fromkeys(
        ("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "403"),
        (
            ObjectsDenied,
            ("{place} does not allow this process s3:{action}", "allow it in the role's policy and the bucket's"),
        ),
    ),
    **dict.fromkeys(
        (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "InvalidToken",
            "TokenRefreshRequired",
            "RequestTimeTooSkewed",
            "NotSignedUp",
        ),
        (ObjectsDenied, _CREDENTIALS),
    ),
    **dict.fromkeys(
        ("QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity", "507"),
        (ObjectsFull, _FULL),
    ),
    **dict.fromkeys(
        (
            "SlowDown",
            "ServiceUnavailable",
            "InternalError",
            "RequestTimeout",
            "OperationAborted",
            "ConditionalRequestConflict",
            "BadDigest",
            "IncompleteBody",
        ),
        (ObjectsUnreachable, _AGAIN),
    ),
}
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_KMS = (ObjectsDenied, ("the KMS key that {place} encrypts with can't be used", "look at the key and its policy"))


def refused(answer: Any, action: str, name: str, place: S3, region: str) -> ObjectsFailed:
    """Say what an answer of the store's that is an error means."""
    error = answer.get("Error", {})
    code = str(error.get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _MISSING:
        return ObjectMissing(f"there is no object {name} in {place}", "see that PORTAZGO_OBJECTS_URL is the right one")
    told = " ".join(str(error.get("Message", "")).split())[:LONGEST_SAID]
    known = _KMS if code.startswith("KMS.") else _SAID.get(code)
    if known is None and (status >= _SERVER_ERROR or status == _TOO_MANY):
        known = (ObjectsUnreachable, _AGAIN)
    if known is None:
        return ObjectsFailed(f"{place} refuses s3:{action} ({code}: {told})", f"see {DOCS}")
    kind, (sentence, remedy) = known
    words = {"place": place, "bucket": place.bucket, "action": action, "region": region}
    return kind(f"{sentence.format(**words)} ({code})", f"{remedy.format(**words)} ({DOCS})")


def unreachable(problem: Exception, place: S3, endpoint: str) -> ObjectsFailed:
    """Say what it means that no answer, or no whole one, was had."""
    kind = type(problem).__name__
    if "Credential" in kind or "Token" in kind or "Auth" in kind:
        return ObjectsDenied(
            f"this process has no AWS credentials ({kind})",
            f"give it a role (task role, instance profile), or AWS_PROFILE ({DOCS})",
        )
    host = urlsplit(endpoint).netloc
    return ObjectsUnreachable(
        f"{place} can't be reached at {host} ({kind})",
        "look at network, proxy and endpoint; what waits for it goes on by itself once it answers",
    )
