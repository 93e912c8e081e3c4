"""The two calls to AWS KMS, and what its refusals mean for the person who runs this."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from portazgo.kit import aws
from portazgo.kit.wrapping import WrappingFailed, WrappingUnavailable

if TYPE_CHECKING:
    from portazgo.kit.wrapping.uri import AwsKms

CONNECT_SECONDS = 2
READ_SECONDS = 5
ATTEMPTS = 3
DOCS = "docs/key-wrapping.md"
LONGEST_SAID = 300
DEPLOYMENT_NAME = "portazgo:deployment"
PURPOSE_NAME = "portazgo:purpose"

_CREDENTIALS = (
    "AWS does not know the credentials of this process",
    "renew them, or give the process a role; look at this host's clock too",
)
_AGAIN = ("KMS fails inside", "it is tried again; the AWS health dashboard tells whether it is known")
_THROTTLED = ("KMS throttles this account", "it is tried again; ask AWS for a higher quota when it lasts")
_NO_SUCH_USE = ("KMS can't use {key} like that", "name a symmetric key for encryption (SYMMETRIC_DEFAULT)")
_SAID: dict[str, tuple[str, str]] = {
    "AccessDeniedException": (
        "KMS does not allow this process {action} with {key}",
        f"allow it in the role's policy, with the encryption context that {DOCS} names",
    ),
    "DisabledException": ("the KMS key {key} is disabled", "enable it: aws kms enable-key"),
    "KMSInvalidStateException": (
        "the KMS key {key} is in a state in which it can't be used, such as waiting for its deletion",
        "cancel that with aws kms cancel-key-deletion, then enable the key",
    ),
    "NotFoundException": (
        "there is no KMS key {key} in {region}",
        "correct key and region in PORTAZGO_WRAPPING, or make the alias",
    ),
    "InvalidKeyUsageException": _NO_SUCH_USE,
    "ValidationException": _NO_SUCH_USE,
    "InvalidArnException": _NO_SUCH_USE,
    **dict.fromkeys(
        (
            "ThrottlingException",
            "Throttling",
            "LimitExceededException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
        ),
        _THROTTLED,
    ),
    **dict.fromkeys(
        (
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "ExpiredTokenException",
            "ExpiredToken",
            "MissingAuthenticationToken",
            "AuthFailure",
        ),
        _CREDENTIALS,
    ),
    **dict.fromkeys(
        ("KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException", "InternalFailure"), _AGAIN
    ),
}
_ANOTHERS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_SERVER_ERROR = 500


class KmsCalls:
    """One client of boto3, which threads may share."""

    def __init__(self, place: AwsKms, client: Any) -> None:
        self._place = place
        self._client = client

    @classmethod
    def prepare(cls, place: AwsKms) -> KmsCalls:
        """Make the client; calls nothing. Raises WrappingFailed: boto3 is missing, or no region is known."""
        if find_spec("boto3") is None:
            raise WrappingFailed("aws-kms: needs the package boto3: install `portazgo[aws]`")
        return cls(place, _client(place))

    def generate_data_key(self, purpose: str) -> tuple[str, bytes, bytes]:
        """Have a data key made. Returns the id of the KMS key, the data key, and the data key encrypted."""
        answer = self._call(
            "GenerateDataKey",
            self._place.key,
            lambda: self._client.generate_data_key(
                KeyId=self._place.key, KeySpec="AES_256", EncryptionContext=self._context(purpose)
            ),
        )
        return str(answer["KeyId"]).rpartition("/")[2], answer["Plaintext"], answer["CiphertextBlob"]

    def decrypt(self, purpose: str, key_id: str, blob: bytes, context: str) -> bytes:
        """Open a data key. Raises WrappingUnavailable, and WrappingFailed when it was made for something else."""
        # Which key it was is said, so that KMS opens nothing that a key of somebody else's encrypted.
        key = self._place.arn_of(key_id)
        answer = self._call(
            "Decrypt",
            key,
            lambda: self._client.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionContext=self._context(purpose)),
            context,
        )
        plaintext: bytes = answer["Plaintext"]
        return plaintext

    def _context(self, purpose: str) -> dict[str, str]:
        return {DEPLOYMENT_NAME: self._place.deployment, PURPOSE_NAME: purpose}

    def _call(self, action: str, key: str, ask: Any, context: str = "") -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only where KMS is used

        try:
            return ask()
        except ClientError as problem:
            raise self._refused(problem.response, action, key, context) from None
        except BotoCoreError as problem:
            raise self._unreachable(problem) from None

    def _refused(self, answer: Any, action: str, key: str, context: str) -> WrappingFailed:
        error = answer.get("Error", {})
        # `com.amazonaws…#Code` and `Code:http://…` are forms of the protocol.
        code = str(error.get("Code", "")).rpartition("#")[2].partition(":")[0]
        if code in _ANOTHERS:
            return WrappingFailed(
                f"{context}: KMS does not open what it was sealed with ({code}): it was sealed for another purpose or "
                f"deployment than {self._place.deployment!r}, by another key, or altered"
            )
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        known = _SAID.get(code) or (_AGAIN if status >= _SERVER_ERROR else None)
        if known is None:
            said = " ".join(str(error.get("Message", "")).split())[:LONGEST_SAID]
            return WrappingUnavailable(f"KMS refuses {action} with {key} ({code}: {said})", f"see {DOCS}")
        sentence, remedy = known
        where = self._client.meta.region_name
        return WrappingUnavailable(
            f"{sentence.format(action=f'kms:{action}', key=key, region=where)} ({code})", f"{remedy} ({DOCS})"
        )

    def _unreachable(self, problem: Exception) -> WrappingUnavailable:
        kind = type(problem).__name__
        if "Credential" in kind or "Token" in kind or "Auth" in kind:
            return WrappingUnavailable(
                f"this process has no AWS credentials ({kind})",
                f"give it a role (task role, instance profile), or AWS_PROFILE ({DOCS})",
            )
        host = urlsplit(self._client.meta.endpoint_url).netloc
        return WrappingUnavailable(
            f"KMS can't be reached at {host} ({kind})",
            "look at network, proxy and endpoint; what waits for KMS goes on by itself once it answers",
        )


def _client(place: AwsKms) -> Any:
    try:
        return aws.client(
            "kms",
            region=place.region,
            endpoint=place.endpoint,
            connect_seconds=CONNECT_SECONDS,
            read_seconds=READ_SECONDS,
            attempts=ATTEMPTS,
        )
    except aws.Unprepared as problem:
        raise WrappingFailed(
            f"aws-kms: can't be prepared ({problem}): name the region with aws-kms:<key>?region=… or AWS_REGION"
        ) from None
