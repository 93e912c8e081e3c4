"""What crosses HTTP of fetched tokens and service credentials."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, StringConstraints

from portazgo.backends.login_terms import (
    USUAL_BODY,
    USUAL_REFRESH,
    Asked,
    Attached,
    Audience,
    Claims,
    Expiry,
    LoginPath,
    LoginRequest,
    MaybeWithClient,
    Place,
    Pointer,
    RefreshRequest,
    Sent,
    Urn,
    WithClient,
)
from portazgo.backends.logins import JWT_TYPE, LONGEST_LIFE_SECONDS, USUAL_LIFE_SECONDS, VALUE_NAME_PATTERN
from portazgo.backends.tls_schemas import TlsBody
from portazgo.kit.names import PLAIN_TEXT_PATTERN
from portazgo.kit.web.schemas import Body, PageQuery, Whole
from portazgo.signing.domain import TOKEN_LIFE_SECONDS

VALUES_AT_MOST = 10
LONGEST_VALUE = 4096

Seconds = Annotated[Whole, Field(ge=1, le=LONGEST_LIFE_SECONDS)]
ValueName = Annotated[str, StringConstraints(pattern=VALUE_NAME_PATTERN)]
SecretValue = Annotated[
    str,
    StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=LONGEST_VALUE),
    Field(json_schema_extra={"writeOnly": True}),
]
Credentials = Annotated[
    Literal["shared", "partner"],
    Field(description="`shared`: one service credential for the backend; `partner`: each partner has its own."),
]


class LoginPlaceBody(Place, Body):
    """Where the login is: a path at the backend's targets, or a URL of its own."""

    path: LoginPath | None = Field(None, examples=["/api/token/"])
    tls: TlsBody | None = Field(
        None,
        description="How a URL of its own is verified; null: by the public authorities. Targets have the backend's `tls`.",
    )


class LoginBody(Sent, LoginPlaceBody):
    """The request that logs in."""

    body: LoginRequest = Field(
        USUAL_BODY,
        description="Constants, values of the service credential, and of the caller such as `{partner.name}`.",
    )


class RefreshBody(Sent, LoginPlaceBody):
    """The request that gets the next token without the credential."""

    body: RefreshRequest = Field(USUAL_REFRESH)
    refresh_token: Pointer = Field("/refresh", description="Where the login's answer has the refresh token.")


class AttachBody(Attached, Body):
    """How a token travels to the backend."""


class ExchangeBody(Body):
    """A login at the backend's own token endpoint."""

    kind: Literal["exchange"]
    login: LoginBody
    token: Pointer = Field("/access", description="Where the answer has the token (RFC 6901).")
    expires: Expiry = Field(
        "jwt", description="`jwt`: by the token's own `exp`; or where the answer has seconds from now, or a time."
    )
    life_seconds: Seconds | None = Field(None, description="How long tokens live, whatever is said of it elsewhere.")
    refresh: RefreshBody | None = None
    attach: AttachBody = AttachBody()
    credentials: Credentials = "shared"


class ClientCredentialsBody(Body):
    """OAuth 2.0 client credentials (RFC 6749, section 4.4)."""

    kind: Literal["client_credentials"]
    login: LoginPlaceBody
    authentication: WithClient = "client_secret_basic"
    scope: Asked = ""
    audience: Asked = ""
    life_seconds: Seconds = Field(USUAL_LIFE_SECONDS, description="Where neither the answer nor the token says it.")
    attach: AttachBody = AttachBody()
    credentials: Credentials = "shared"


class SubjectBody(Body):
    """The token that we mint for the caller, to be exchanged."""

    issuer: UUID | None = Field(None, description="Null: the default issuer.")
    audience: Audience
    life_seconds: Whole = Field(60, ge=TOKEN_LIFE_SECONDS.start, lt=TOKEN_LIFE_SECONDS.stop)
    claims: Claims = Field({})


class TokenExchangeBody(Body):
    """OAuth 2.0 token exchange (RFC 8693): the subject token is one that we mint for the caller."""

    kind: Literal["token_exchange"]
    login: LoginPlaceBody
    subject: SubjectBody
    subject_token_type: Urn = JWT_TYPE
    requested_token_type: Urn = ""
    authentication: MaybeWithClient = "none"
    scope: Asked = ""
    audience: Asked = ""
    resource: Asked = ""
    life_seconds: Seconds = Field(USUAL_LIFE_SECONDS, description="Where neither the answer nor the token says it.")
    attach: AttachBody = AttachBody()
    credentials: Credentials = "shared"


class SetServiceCredential(Body):
    """What logins are made with; replaces what was set for the same partner, or for all."""

    partner: UUID | None = Field(None, description="Whose it is; null: of the backend, where credentials are shared.")
    values: Annotated[dict[ValueName, SecretValue], Field(min_length=1, max_length=VALUES_AT_MOST)] = Field(
        description="Sealed, and never shown again.", examples=[{"username": "portazgo", "password": "…"}]
    )


class ServiceCredentialsQuery(PageQuery):
    """A page of service credentials."""


class ServiceCredentialView(Schema):
    """A service credential, without its values."""

    id: UUID
    environment: str
    partner: UUID | None = Field(validation_alias="partner_id")
    names: list[str] = Field(description="Of its values.")
    created_at: datetime
    changed_at: datetime
