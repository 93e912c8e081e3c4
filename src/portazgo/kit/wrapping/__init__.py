"""Sealing secrets for the database: only wrapped text leaves the process's memory (docs/key-wrapping.md, ADR 34).

A wrapped text is `<scheme>:<key id>:<rest>`. It names what sealed it, so that several providers can be in use at once:
one seals, all of them open. Every provider binds a text to its context (`pepper/1`, `signing_key/<kid>`): moved to another
row, it does not open. The part before the slash is the text's purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FEATURE = "wrapping."
"""What a node's features say of its providers begins with this: `wrapping.local:<key id>`, `wrapping.aws-kms`."""


class WrappingFailed(Exception):
    """A secret can't be sealed or unsealed; the message says why and what to do, and holds no secret."""


class WrappingUnavailable(WrappingFailed):
    """The provider can't be asked at the moment, or does not let us: the same call works once that is mended outside.

    `remedy` says what to do. `sealed` is the context and the text that wait for it, where that matters.
    """

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.remedy = remedy
        self.sealed: tuple[str, str] | None = None


class KeyWrapper(Protocol):
    """Seals and unseals. Implementations may call out (KMS): never inside a write transaction."""

    @property
    def opens(self) -> tuple[str, ...]:
        """Name what it can open: `local:<key id>` for a key that it holds, a scheme for what a service decides."""

    def wrap(self, context: str, plaintext: bytes) -> str:
        """Seal `plaintext` for `context`. Raises WrappingFailed, WrappingUnavailable."""

    def unwrap(self, context: str, text: str) -> bytes:
        """Unseal what was sealed for the same context. Raises WrappingFailed, WrappingUnavailable."""


def open_wrapper(uri: str, data_dir: Path, *, also: Sequence[str] = (), create: bool = False) -> KeyWrapper:
    """Open the providers that PORTAZGO_WRAPPING and PORTAZGO_WRAPPING_ALSO name; the first alone seals.

    `create` makes the master key of a first `local:` that is missing. Calls no service. Raises WrappingFailed.
    """
    from portazgo.kit.wrapping.ring import Ring  # noqa: PLC0415 - cryptography, only where something is sealed

    first = _open(uri, data_dir, create=create)
    return Ring(first, *(_open(one, data_dir, create=False) for one in also))


def sealed_by(text: str) -> str:
    """Name what sealed a text: `local:<key id>`, `aws-kms:<key id>`."""
    scheme, _, rest = text.partition(":")
    return f"{scheme}:{rest.partition(':')[0]}"


def opener_of(sealer: str) -> str:
    """Name what a process must have among its `opens` for what this sealed."""
    return sealer if sealer.startswith("local:") else sealer.partition(":")[0]


def _open(uri: str, data_dir: Path, *, create: bool) -> KeyWrapper:
    from portazgo.kit.wrapping.uri import AwsKms, UriInvalid, parse_uri  # noqa: PLC0415 - it raises what stands here

    try:
        place = parse_uri(uri)
    except UriInvalid as problem:
        raise WrappingFailed(str(problem)) from None
    if isinstance(place, AwsKms):
        from portazgo.kit.wrapping.aws_kms import AwsKmsWrapper  # noqa: PLC0415 - boto3, only where it is used

        return AwsKmsWrapper.open(place)
    from portazgo.kit.wrapping.local import LocalWrapper  # noqa: PLC0415 - cryptography, likewise

    return LocalWrapper.open(place.file(data_dir), create=create)
