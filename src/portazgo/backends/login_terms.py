"""What may be said of a login, wherever it is said: in the admin API, and in a file. Pure.

Both have models of their own, since they differ in how they write durations and name issuers, and in how strict they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, StringConstraints, model_validator

from portazgo.backends.claims import check_claims
from portazgo.backends.logins import (
    HEADER_PATTERN,
    PATH_PATTERN,
    POINTER_PATTERN,
    URL_PATTERN,
    check_attached,
    check_body,
    check_form,
    check_header,
    check_place,
    check_refresh,
    check_text,
)
from portazgo.kit.names import PLAIN_TEXT_PATTERN

Pointer = Annotated[str, StringConstraints(pattern=POINTER_PATTERN, max_length=200)]
Expiry = Annotated[str, StringConstraints(pattern=f"^jwt$|{POINTER_PATTERN}", max_length=200)]
Asked = Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, max_length=500), AfterValidator(check_text)]
Urn = Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, max_length=200)]
Audience = Annotated[str, StringConstraints(pattern=PLAIN_TEXT_PATTERN, min_length=1, max_length=200)]
Claims = Annotated[dict[str, Any], AfterValidator(check_claims)]
LoginPath = Annotated[str, StringConstraints(pattern=PATH_PATTERN, max_length=500)]
LoginUrl = Annotated[str, StringConstraints(pattern=URL_PATTERN, max_length=500)]
LoginRequest = Annotated[dict[str, Any], AfterValidator(check_body)]
RefreshRequest = Annotated[dict[str, Any], AfterValidator(check_refresh)]
WithClient = Literal["client_secret_basic", "client_secret_post"]
MaybeWithClient = Literal["none", "client_secret_basic", "client_secret_post"]
USUAL_BODY = {"username": "{credential.username}", "password": "{credential.password}"}
USUAL_REFRESH = {"refresh": "{refresh_token}"}


class Place(BaseModel):
    """Where a login is: a path at the backend's targets, or a URL of its own."""

    path: LoginPath | None = None
    url: LoginUrl | None = None
    tls: Any = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        check_place(self.path, self.url, self.tls)
        return self


class Sent(BaseModel):
    """How a login's request is written."""

    method: Literal["POST", "PUT"] = "POST"
    content_type: Literal["json", "form"] = "json"
    body: dict[str, Any]

    @model_validator(mode="after")
    def _plain_form(self) -> Self:
        check_form(self.content_type, self.body)
        return self


class Attached(BaseModel):
    """How a token travels to the backend."""

    header: Annotated[str, StringConstraints(pattern=HEADER_PATTERN), AfterValidator(check_header)] = "Authorization"
    value: Annotated[str, StringConstraints(max_length=200), AfterValidator(check_attached)] = "Bearer {token}"
