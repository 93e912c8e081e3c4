"""How a backend's tokens are fetched: what may be said of it, whose they are, and what nodes get of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from portazgo.backends.claims import check_path, reads_key
from portazgo.kit.templates import Path, pieces_of
from portazgo.logins.orders import CREDENTIAL, REFRESH_TOKEN, SUBJECT_TOKEN

LOGIN_KINDS = frozenset({"exchange", "client_credentials", "token_exchange"})
PER = ("backend", "partner", "application", "key")
NO_AUTHENTICATION = "none"
TOKEN_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - RFC 8693, section 2.1
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
USUAL_LIFE_SECONDS = 300
LONGEST_LIFE_SECONDS = 86_400
REFRESH_VALUES = frozenset({REFRESH_TOKEN})
POINTER_PATTERN = r"^(/([^~/\x00-\x1f]|~0|~1)*)+$"
VALUE_NAME_PATTERN = r"^[a-z][a-z0-9_]{0,49}$"
HEADER_PATTERN = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
PATH_PATTERN = r"^/[^\s\\#{}]*$"
URL_PATTERN = r"^https?://[^\s\\#{}/@?]+(/[^\s\\#{}]*)?$"
_DEEPEST = 5
_MEMBERS_AT_MOST = 50
_SECRET_NAME = re.compile(r"pass(word|wd|phrase)?|secret|token|api_?key|assertion|pin", re.IGNORECASE)
_NO_SECRET = re.compile(r"token_?type|_type$", re.IGNORECASE)
_NOT_THESE = frozenset(
    ("connection content-length content-type expect host te trailer transfer-encoding upgrade accept-encoding").split()  # noqa: SIM905 - a line of words
)

Credential = Mapping[str, Any]


def check_body(body: Mapping[str, Any], further: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """Return a login's body when nodes can fill it. Raises ValueError; `further`: values beside those of the caller."""
    if len(body) > _MEMBERS_AT_MOST:
        raise ValueError(f"at most {_MEMBERS_AT_MOST} members, these are {len(body)}")
    for name, text in _texts(body):
        paths = [piece.text for piece in _pieces(name, text) if isinstance(piece, Path)]
        for path in paths:
            _check_value(path, further)
        if not paths and text and _SECRET_NAME.search(name) and not _NO_SECRET.search(name):
            raise ValueError(
                f"{name} looks like a secret, which doesn't belong here: write {{credential.{_slug(name)}}}, and give the "
                "value with `portazgo backend credential set`"
            )
    return body


def check_text(text: str) -> str:
    """Return a scope, an audience or the like when nodes can fill it. Raises ValueError."""
    for piece in pieces_of(text):
        if isinstance(piece, Path):
            check_path(piece.text)
    return text


def check_refresh(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a refresh, which may also hold the refresh token. Raises ValueError."""
    check_body(body, REFRESH_VALUES)
    return body


def check_form(content_type: str, body: Mapping[str, Any]) -> None:
    """Raise ValueError for a form with members that are no plain values: there is no agreed way to write them."""
    if content_type == "form" and any(isinstance(value, dict | list) for value in body.values()):
        raise ValueError("a form has plain values only: none of its members may be an object or a list")


def check_place(path: str | None, url: str | None, tls: object) -> None:
    """Raise ValueError unless a login has one place, and rules of TLS only for a URL that speaks it."""
    if (path is None) == (url is None):
        raise ValueError("say where the login is: a path at the backend's targets, or a url of its own")
    if tls is not None and not (url or "").startswith("https://"):
        raise ValueError("tls says how an https:// url is verified, and there is none")


def check_attached(value: str) -> str:
    """Return a header's value in which `{token}` stands once. Raises ValueError."""
    before, found, after = value.partition("{token}")
    if not found or "{" in before + after:
        raise ValueError("it must hold {token} once, and no other value: Bearer {token}")
    if not (before + after).isascii() or not (before + after).isprintable():
        raise ValueError("it must be printable ASCII")
    return value


def check_header(name: str) -> str:
    """Return the name of a header that may carry a token. Raises ValueError."""
    if name.lower() in _NOT_THESE:
        raise ValueError(f"a token can't travel in the header {name}")
    return name


def _pieces(name: str, text: str) -> list[Any]:
    try:
        return list(pieces_of(text))
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None


def _check_value(path: str, further: frozenset[str]) -> None:
    if path in further:
        return
    if path.startswith(CREDENTIAL):
        if not re.fullmatch(VALUE_NAME_PATTERN, path.removeprefix(CREDENTIAL)):
            raise ValueError(f"{{{path}}}: a value's name has small letters, digits and _, at most 50")
        return
    check_path(path)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "secret"


def _texts(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Give every text with the name that it stands under. Raises ValueError for what is too deep, or U+0000."""
    if depth > _DEEPEST:
        raise ValueError(f"a body is at most {_DEEPEST} levels deep")
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError(f"{name} holds U+0000, which can't be stored")
        yield name, value
    elif isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _texts(one, str(inner), depth + 1)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name, depth + 1)


# -------------------------------------------------------------------------------------------------------- for nodes


def is_login(credential: Credential) -> bool:
    """Tell whether tokens are fetched."""
    return credential["kind"] in LOGIN_KINDS


def destination(environment: Mapping[str, Any]) -> object:
    """Give all that says where a service credential is sent, and who is believed there; the right to set one guards it.

    A refresh may read it too; and a URL of a target is called by the target's own rules.
    """
    credential = environment["credential"]
    if not is_login(credential):
        return None
    places = [place for place in (credential["login"], credential.get("refresh")) if place is not None]
    sent = [(place["url"], place["path"], place["tls"]) for place in places]
    return sent, environment["targets"], environment.get("tls")


def for_nodes(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Give a credential as nodes get it (docs/wire.md, section 2)."""
    credential = environment["credential"]
    login = _login(environment)
    subject = credential.get("subject")
    return {
        "kind": credential["kind"],
        "per": whose(credential),
        "service": service(credential),
        "reads": sorted(_caller_reads(credential)),
        "attach": dict(credential["attach"]),
        "subject": None if subject is None else dict(subject),
        "login": login,
    }


def whose(credential: Credential) -> str:
    """Tell whose a token is: the narrowest that anything which it is fetched with belongs to."""
    owners = {path.partition(".")[0] for path in _caller_reads(credential)}
    owners |= {"partner"} if service(credential) == "partner" else set()
    subject = credential.get("subject")
    if subject is not None:
        owners |= {"key" if reads_key(subject["claims"]) else "application"}
    return max(owners | {"backend"}, key=PER.index)


def service(credential: Credential) -> str:
    """Tell whose service credential a login needs: `none`, `shared` or `partner`."""
    needs = _authentication(credential) is not None or any(path.startswith(CREDENTIAL) for path in _reads(credential))
    return str(credential["credentials"]) if needs else "none"


def needed_values(credential: Credential) -> list[str]:
    """Name the values that its service credential must have."""
    named = {path.removeprefix(CREDENTIAL) for path in _reads(credential) if path.startswith(CREDENTIAL)}
    return sorted(named | ({"client_id", "client_secret"} if _authentication(credential) is not None else set()))


def _caller_reads(credential: Credential) -> set[str]:
    ours = {SUBJECT_TOKEN, REFRESH_TOKEN}
    return {path for path in _reads(credential) if path not in ours and not path.startswith(CREDENTIAL)}


def _reads(credential: Credential) -> set[str]:
    bodies = [_request(credential)["body"]]
    refresh = credential.get("refresh")
    bodies += [refresh["body"]] if refresh else []
    return {
        piece.text
        for body in bodies
        for _, text in _texts(body)
        for piece in pieces_of(text)
        if isinstance(piece, Path)
    }


def _authentication(credential: Credential) -> str | None:
    said = credential.get("authentication", NO_AUTHENTICATION)
    return None if said == NO_AUTHENTICATION else str(said)


def _login(environment: Mapping[str, Any]) -> dict[str, Any]:
    credential = environment["credential"]
    oauth = credential["kind"] != "exchange"
    refresh = credential.get("refresh")
    said = {
        "targets": list(environment["targets"]),
        "tls": environment.get("tls"),
        "authentication": _authentication(credential),
        "request": _request(credential),
        "refresh": None if refresh is None else _sent_to(refresh, refresh),
        "token": "/access_token" if oauth else credential["token"],
        "expires": "/expires_in" if oauth else credential["expires"],
        "refresh_token": None if refresh is None else refresh["refresh_token"],
        "life_seconds": None if oauth else credential["life_seconds"],
        "otherwise_seconds": credential["life_seconds"] if oauth else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _request(credential: Credential) -> dict[str, Any]:
    login = credential["login"]
    if credential["kind"] == "exchange":
        return _sent_to(login, login)
    asked = {name: credential[name] for name in ("scope", "audience", "resource") if credential.get(name)}
    if credential["kind"] == "client_credentials":
        body = {"grant_type": "client_credentials", **asked}
    else:
        body = {
            "grant_type": TOKEN_EXCHANGE_GRANT,
            "subject_token": f"{{{SUBJECT_TOKEN}}}",
            "subject_token_type": credential["subject_token_type"],
            **(
                {"requested_token_type": credential["requested_token_type"]}
                if credential["requested_token_type"]
                else {}
            ),
            **asked,
        }
    return _sent_to(login, {"method": "POST", "content_type": "form", "body": body})


def _sent_to(place: Mapping[str, Any], what: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: place.get(name) for name in ("path", "url", "tls")}
    said |= {"method": what["method"], "content_type": what["content_type"], "body": dict(what["body"])}
    return {name: value for name, value in said.items() if value is not None}
