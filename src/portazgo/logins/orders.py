"""One login to be made: how, for whom, and with what. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from portazgo.kit.secret import Secret
from portazgo.kit.targets import USUAL_PORTS
from portazgo.kit.templates import Path, pieces_of
from portazgo.logins.calling import Request

CREDENTIAL = "credential."
SUBJECT_TOKEN = "subject_token"  # noqa: S105 - the name of a value
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - likewise
CLIENT_ID = "client_id"
CLIENT_SECRET = "client_secret"  # noqa: S105 - likewise
BASIC = "client_secret_basic"
POST = "client_secret_post"
_USER_AGENT = "portazgo-login"
_SHORTEST_SCRUBBED = 3


class MissingValue(Exception):
    """A template reads a value that this login does not have."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to log in (`login`: docs/wire.md, section 2), whose token it is to be, and what templates read."""

    backend: str
    environment: str
    whose: str
    login: Mapping[str, Any]
    values: Mapping[str, Any]
    service: Mapping[str, Secret] = field(default_factory=dict)
    subject_token: Secret | None = None
    refresh_token: Secret | None = None

    @classmethod
    def of(cls, document: str, service: bytes | None, subject_token: str | None, refresh_token: bytes | None) -> Order:
        """Read what the native node hands over. Raises ValueError, KeyError."""
        said = json.loads(document)
        return cls(
            backend=said["backend"],
            environment=said["environment"],
            whose=said["whose"],
            login=said["login"],
            values=said["values"],
            service=service_values(service),
            subject_token=None if subject_token is None else Secret(subject_token),
            refresh_token=None if refresh_token is None else Secret(refresh_token.decode()),
        )

    @property
    def secrets(self) -> list[str]:
        """Give every text that must not be shown, the longest first, in each spelling that an answer may echo."""
        held = [secret.reveal() for secret in self.service.values()]
        held += [secret.reveal() for secret in (self.subject_token, self.refresh_token) if secret is not None]
        if self.login.get("authentication") == BASIC:
            with suppress(MissingValue):
                held.append(_basic(self))
        spelled = {form for text in held for form in (text, quote(text), quote_plus(text), json.dumps(text)[1:-1])}
        return sorted((text for text in spelled if len(text) >= _SHORTEST_SCRUBBED), key=len, reverse=True)


def service_values(service: bytes | None) -> dict[str, Secret]:
    """Read an unwrapped service credential. Raises ValueError."""
    return {} if service is None else {name: Secret(value) for name, value in json.loads(service).items()}


def places(order: Order, request: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any] | None]]:
    """Give (target, path, rules of TLS) of each place where to try: the backend's targets, or the URL that is named."""
    if request.get("url"):
        parts = urlsplit(request["url"])
        # A host has the port that stands there, or its scheme's; the backend's own rules are for its own targets.
        target = f"{parts.scheme}://{parts.netloc}" + ("" if parts.port else f":{USUAL_PORTS[parts.scheme]}")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        own = target in order.login["targets"]
        return [(target, path, request.get("tls") or (order.login.get("tls") if own else None))]
    return [(target, request["path"], order.login.get("tls")) for target in order.login["targets"]]


def composed(order: Order, request: Mapping[str, Any], path: str) -> Request:
    """Put a request together. Raises MissingValue."""
    body = {name: _filled(value, order) for name, value in request["body"].items()}
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": _USER_AGENT}
    authentication = order.login.get("authentication")
    if authentication == BASIC:
        headers["Authorization"] = f"Basic {_basic(order)}"
    elif authentication == POST:
        body |= {
            CLIENT_ID: _value(f"{CREDENTIAL}{CLIENT_ID}", order),
            CLIENT_SECRET: _value(f"{CREDENTIAL}{CLIENT_SECRET}", order),
        }
    if request["content_type"] == "form":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        payload = urlencode({name: _as_text(value) for name, value in body.items()}).encode()
    else:
        headers["Content-Type"] = "application/json"
        payload = json.dumps(body).encode()
    return Request(request["method"], path, headers, payload)


def _basic(order: Order) -> str:
    """Write id and secret as RFC 6749 has it (section 2.3.1): form-encoded each, then as Basic. Raises MissingValue."""
    both = (_value(f"{CREDENTIAL}{name}", order) for name in (CLIENT_ID, CLIENT_SECRET))
    return base64.b64encode(":".join(quote_plus(str(one)) for one in both).encode()).decode("ascii")


def _filled(value: Any, order: Order) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(inner, order) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, order) for inner in value]
    if not isinstance(value, str):
        return value
    filled = [_value(piece.text, order) if isinstance(piece, Path) else piece for piece in pieces_of(value)]
    # One that is a value and nothing else keeps the value's type.
    return filled[0] if len(filled) == 1 else "".join(_as_text(one) for one in filled)


def _value(path: str, order: Order) -> Any:
    secret: Secret | None = None
    if path.startswith(CREDENTIAL):
        secret = order.service.get(path.removeprefix(CREDENTIAL))
    elif path == SUBJECT_TOKEN:
        secret = order.subject_token
    elif path == REFRESH_TOKEN:
        secret = order.refresh_token
    elif path in order.values:
        return order.values[path]
    if secret is None:
        raise MissingValue(path)
    return secret.reveal()


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
