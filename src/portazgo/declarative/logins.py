"""How a file says how a backend's tokens are fetched: its parts, their terms, and the way back. Pure.

The secrets that a login is made with are never in a file: it names them, as `{credential.password}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from portazgo.backends.login_terms import (
    USUAL_BODY,
    USUAL_REFRESH,
    Asked,
    Attached,
    Audience,
    Claims,
    Expiry,
    LoginRequest,
    MaybeWithClient,
    Place,
    Pointer,
    RefreshRequest,
    Sent,
    Urn,
    WithClient,
)
from portazgo.backends.logins import JWT_TYPE, LONGEST_LIFE_SECONDS, USUAL_LIFE_SECONDS
from portazgo.declarative.parts import NOTHING_IS_EMPTY, Duration, Part
from portazgo.declarative.tls import TlsPart, tls_terms, written_tls
from portazgo.declarative.words import format_seconds, parse_seconds
from portazgo.kit.names import SLUG_PATTERN
from portazgo.signing.domain import TOKEN_LIFE_SECONDS

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN, max_length=63)]


def _check_life(text: str) -> str:
    if not 1 <= parse_seconds(text) <= LONGEST_LIFE_SECONDS:
        raise ValueError(f"{text!r} is out of bounds: a fetched token lives 1s to 1d")
    return text


def _check_token_life(text: str) -> str:
    seconds = parse_seconds(text)
    if seconds not in TOKEN_LIFE_SECONDS:
        nearest = "1m" if seconds < TOKEN_LIFE_SECONDS.start else "5m"
        raise ValueError(
            f"{text!r} is out of bounds: a token lives 1m to 5m. Write `life: {nearest}`; the gateway renews tokens in time"
        )
    return text


Life = Annotated[Duration, AfterValidator(_check_life)]
TokenLife = Annotated[Duration, AfterValidator(_check_token_life)]
"""Of a token that we sign."""
Credentials = Literal["shared", "partner"]


class PlacePart(Place, Part):
    """Where the login is: a path at the backend's targets, or a URL of its own."""

    tls: TlsPart | None = Field(None, description="How a URL of its own is verified.")


class LoginPart(Sent, PlacePart):
    """The request that logs in."""

    body: LoginRequest = Field(
        default_factory=lambda: dict(USUAL_BODY),
        description="Constants, and values such as `{credential.password}` and `{partner.name}`.",
    )


class RefreshPart(Sent, PlacePart):
    """The request that gets the next token without the credential."""

    body: RefreshRequest = Field(default_factory=lambda: dict(USUAL_REFRESH))
    refresh_token: Pointer = "/refresh"  # noqa: S105 - a pointer


class AttachPart(Attached, Part):
    """How a token travels to the backend."""


class ExchangePart(Part):
    """A login at the backend's own token endpoint."""

    kind: Literal["exchange"]
    login: LoginPart
    token: Pointer = Field("/access", description="Where the answer has the token.")
    expires: Expiry = "jwt"
    life: Life | None = Field(None, description="How long tokens live, whatever is said of it elsewhere.")
    refresh: RefreshPart | None = None
    attach: Annotated[AttachPart, NOTHING_IS_EMPTY] = AttachPart()
    credentials: Credentials = "shared"


class ClientCredentialsPart(Part):
    """OAuth 2.0 client credentials (RFC 6749, section 4.4)."""

    kind: Literal["client_credentials"]
    login: PlacePart
    authentication: WithClient = "client_secret_basic"
    scope: Asked = ""
    audience: Asked = ""
    life: Life = format_seconds(USUAL_LIFE_SECONDS)
    attach: Annotated[AttachPart, NOTHING_IS_EMPTY] = AttachPart()
    credentials: Credentials = "shared"


class SubjectPart(Part):
    """The token that we mint for the caller, to be exchanged."""

    issuer: Slug | None = Field(None, description="Left out: the default issuer.")
    audience: Audience
    life: TokenLife = format_seconds(60)
    claims: Annotated[Claims, NOTHING_IS_EMPTY] = Field(default_factory=dict)


class TokenExchangePart(Part):
    """OAuth 2.0 token exchange (RFC 8693)."""

    kind: Literal["token_exchange"]
    login: PlacePart
    subject: SubjectPart
    subject_token_type: Urn = JWT_TYPE
    requested_token_type: Urn = ""
    authentication: MaybeWithClient = "none"
    scope: Asked = ""
    audience: Asked = ""
    resource: Asked = ""
    life: Life = format_seconds(USUAL_LIFE_SECONDS)
    attach: Annotated[AttachPart, NOTHING_IS_EMPTY] = AttachPart()
    credentials: Credentials = "shared"


AnyLoginPart = ExchangePart | ClientCredentialsPart | TokenExchangePart


def terms_of(part: AnyLoginPart, issuer: str | None) -> dict[str, Any]:
    """Give a login's terms: as the API takes it, but for the issuer's name."""
    said = part.model_dump()
    life = said.pop("life")
    terms = {**said, "login": _place(part.login), "life_seconds": None if life is None else parse_seconds(life)}
    if isinstance(part, ExchangePart):
        terms["refresh"] = None if part.refresh is None else _place(part.refresh)
    if isinstance(part, TokenExchangePart):
        subject = said["subject"]
        life_seconds = parse_seconds(subject.pop("life"))
        terms["subject"] = {**subject, "issuer": part.subject.issuer or issuer, "life_seconds": life_seconds}
    return terms


def _place(part: PlacePart) -> dict[str, Any]:
    return {**part.model_dump(), "tls": None if part.tls is None else tls_terms(part.tls)}


def written(credential: Mapping[str, Any]) -> dict[str, Any]:
    """Write a login as it would stand in a file, defaults left out."""
    usual = _USUAL[credential["kind"]]
    said = {name: value for name, value in credential.items() if name not in usual or value != usual[name]}
    life = said.pop("life_seconds", None)
    written = {**said, "login": _written_place(credential["login"], LoginPart)}
    if life is not None:
        written["life"] = format_seconds(life)
    if credential.get("refresh"):
        written["refresh"] = _written_place(credential["refresh"], RefreshPart)
    if "attach" in written:
        written["attach"] = {name: value for name, value in written["attach"].items() if value != _ATTACH[name]}
    if credential.get("subject"):
        subject = dict(credential["subject"])
        written["subject"] = {
            "issuer": subject["issuer"],
            "audience": subject["audience"],
            "life": format_seconds(subject["life_seconds"]),
            **({"claims": subject["claims"]} if subject["claims"] else {}),
        }
    return written


def _written_place(place: Mapping[str, Any], part: type[LoginPart | RefreshPart]) -> dict[str, Any]:
    usual = {name: field.get_default(call_default_factory=True) for name, field in part.model_fields.items()}
    kept = {name: value for name, value in place.items() if value != usual[name]}
    return {**kept, **written_tls(place["tls"])}


_ATTACH = AttachPart().model_dump()
_ALWAYS = {"attach": _ATTACH, "credentials": "shared"}
_OAUTH = {**_ALWAYS, "life_seconds": USUAL_LIFE_SECONDS, "scope": "", "audience": ""}
_USUAL: Mapping[str, Mapping[str, object]] = {
    "exchange": {**_ALWAYS, "life_seconds": None, "token": "/access", "expires": "jwt", "refresh": None},
    "client_credentials": {**_OAUTH, "authentication": "client_secret_basic"},
    "token_exchange": {
        **_OAUTH,
        "authentication": "none",
        "resource": "",
        "requested_token_type": "",
        "subject_token_type": JWT_TYPE,
    },
}
