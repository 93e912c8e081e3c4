"""The claims of a backend's tokens: constants, and values of partner, application and key (docs/wire.md, section 2).

The same grammar as the data plane's: a text that is exactly one `{path}` keeps the value's type, otherwise text is put
together. Only the top level is a template; what is nested is constant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from portazgo.kit.templates import Path, Piece, pieces_of

CLAIMS_AT_MOST = 50
CLAIMS_BYTES = 4096
# `sub` may be chosen: it defaults to the application's id.
RESERVED = frozenset({"iss", "aud", "iat", "nbf", "exp", "jti"})
PLAIN_PATHS = frozenset(
    {
        "partner.id",
        "partner.name",
        "application.id",
        "application.name",
        "application.environment",
        "key.kid",
        "key.name",
        "key.scopes",
    }
)
METADATA_PREFIXES = ("partner.metadata.", "application.metadata.")
CLAIM_PREFIX = "claims."
"""For fills of requests: what the token says that the backend gets beside them."""
OF_ONE_TOKEN = frozenset({"iat", "nbf", "exp", "jti"})
"""Claims that are others in each token: a request is written before its token is found."""
OF_EVERY_TOKEN = frozenset({"iss", "aud", "sub"})

Claims = Mapping[str, Any]
Values = Mapping[str, Any]
"""What paths stand for, flat: `{"partner.id": …, "partner.metadata.tier": …}`."""


class MissingValue(Exception):
    """A template reads metadata that this partner or application does not have. The gateway refuses to mint then."""

    def __init__(self, claim: str, path: str) -> None:
        super().__init__(f"the claim {claim} reads {{{path}}}, which has no value here")
        self.claim = claim
        self.path = path


def check_claims(claims: Claims) -> Claims:
    """Return the claims when the data plane can compile them. Raises ValueError with a sentence that names the claim."""
    if len(claims) > CLAIMS_AT_MOST:
        raise ValueError(f"at most {CLAIMS_AT_MOST} claims, these are {len(claims)}")
    for name, value in claims.items():
        if not name:
            raise ValueError("a claim has no name")
        if name in RESERVED:
            raise ValueError(f"the claim {name} is set by the gateway and can't be chosen")
        if isinstance(value, str):
            _parse_claim(name, value)
    _check_size(claims)
    for name, value in claims.items():
        if any("\0" in text for text in _texts({name: value})):
            raise ValueError(f"the claim {name!r} holds U+0000, which can't be stored")
    return claims


def _texts(whole: object) -> Iterator[str]:
    """Give every text of a JSON value, names of members among them."""
    waiting = [whole]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value


def _check_size(claims: Claims) -> None:
    try:
        written = json.dumps(claims, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # NaN, lone surrogates, too deep
        raise ValueError("the claims can't be written as JSON") from None
    if len(written) > CLAIMS_BYTES:
        raise ValueError(
            f"the claims take {len(written)} bytes of JSON; at most {CLAIMS_BYTES}, since every call carries them"
        )


def _parse_claim(name: str, text: str) -> list[Piece]:
    try:
        return parse_template(text)
    except ValueError as problem:
        raise ValueError(f"the claim {name}: {problem}") from None


def parse_template(text: str) -> list[Piece]:
    """Split a template into literals and paths. Raises ValueError for an unknown path or an open brace."""
    pieces = pieces_of(text)
    for piece in pieces:
        if isinstance(piece, Path):
            check_path(piece.text)
    return pieces


def check_path(path: str) -> None:
    """Raise ValueError for a path that names no value of a caller."""
    if path in PLAIN_PATHS or any(path.startswith(prefix) and path != prefix for prefix in METADATA_PREFIXES):
        return
    known = ", ".join(sorted(PLAIN_PATHS | {f"{prefix}NAME" for prefix in METADATA_PREFIXES}))
    raise ValueError(f"{{{path}}} is none of the values that a claim may use: {known}")


def check_fill(text: str) -> frozenset[str]:
    """Check a template that fills requests, which may read claims too. Returns the names of those that it reads.

    Raises ValueError for an unknown path or an open brace.
    """
    read = set()
    for piece in pieces_of(text):
        if isinstance(piece, Path) and piece.text.startswith(CLAIM_PREFIX):
            read.add(_claim_of(piece.text))
        elif isinstance(piece, Path):
            check_path(piece.text)
    return frozenset(read)


def _claim_of(path: str) -> str:
    name = path.removeprefix(CLAIM_PREFIX)
    if not name:
        raise ValueError(f"{{{path}}} names no claim: write {{claims.sub}}")
    if name in OF_ONE_TOKEN:
        raise ValueError(f"{{{path}}} is another in each token: a request can't have it")
    return name


def readable_claims(credential: Mapping[str, Any]) -> frozenset[str]:
    """Name the claims of the token that calls with this credential carry; none where we mint none."""
    policy = credential.get("subject") or credential
    return OF_EVERY_TOKEN.union(policy["claims"]) if "claims" in policy else frozenset()


def reads_key(claims: Claims) -> bool:
    """Tell whether a token made from these claims belongs to one key rather than to the whole application."""
    texts = (value for value in claims.values() if isinstance(value, str))
    return any(
        isinstance(piece, Path) and piece.text.startswith("key.") for text in texts for piece in parse_template(text)
    )


def fill_claims(claims: Claims, values: Values) -> dict[str, Any]:
    """Put the values in. Raises MissingValue: an absent value is never an empty claim."""
    return {name: _fill(name, value, values) for name, value in claims.items()}


def _fill(claim: str, value: object, values: Values) -> object:
    if not isinstance(value, str):
        return value
    filled = [_value(claim, piece, values) for piece in parse_template(value)]
    if len(filled) == 1:
        return filled[0]
    return "".join(part if isinstance(part, str) else json.dumps(part, separators=(",", ":")) for part in filled)


def _value(claim: str, piece: Piece, values: Values) -> object:
    if isinstance(piece, str):
        return piece
    if piece.text not in values:
        raise MissingValue(claim, piece.text)
    return values[piece.text]
