"""Reads what a token endpoint answered: the token, how long it is good for; or why there is none. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from portazgo.kit.secret import Secret
from portazgo.logins.calling import Reply

LARGEST_ANSWER_BYTES = 65_536
LONGEST_LIFE_SECONDS = 86_400.0
"""A token that claims to live for years is fetched anew once a day: what was withdrawn meanwhile shows."""
BY_JWT = "jwt"
_QUOTE_AT_MOST = 200
_NAMES_AT_MOST = 10
_A_MOMENT = 1_000_000_000
"""Numbers from here on are moments since 1970, not seconds from now."""
_IN_MILLISECONDS = 1_000_000_000_000
_AGREES_SECONDS = 2.0
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# Under these names frameworks and RFC 6749 (section 5.2) say what is wrong.
_WORDS = ("error", "error_description", "detail", "message", "title", "non_field_errors", "code")

_WRONG_CREDENTIAL = "Check the service credential, and set it again: `portazgo backend credential set`."
_WRONG_PATH = "Correct the path or the URL of the login."
_OAUTH: Mapping[str, str] = {
    "invalid_client": "It doesn't know the client, or its secret is another, or it wants the other way of authentication "
    "(client_secret_basic, client_secret_post). Set it again: `portazgo backend credential set`.",
    "invalid_grant": "It takes what was presented for wrong or ended: the credential, or the subject token (its issuer, its "
    "audience, its algorithm, the clocks).",
    "invalid_scope": "It doesn't grant the scope that was asked for. Correct the login's `scope`.",
    "invalid_target": "It doesn't issue tokens for the audience or resource that was asked for. Correct them.",
    "unauthorized_client": "The client may not use this grant. Allow it there.",
    "unsupported_grant_type": "It doesn't know this grant. Allow it there, or choose another kind of credential.",
    "invalid_request": "It misses something in the request. Compare the login's body with its documentation.",
}


class LoginFailed(Exception):
    """No token: `why` in a sentence without any secret, `advice` what to do, `refused`: another try would say the same."""

    def __init__(self, why: str, advice: str = "", *, refused: bool = False, status: int | None = None) -> None:
        super().__init__(f"{why} {advice}".rstrip())
        self.why = why
        self.advice = advice
        self.refused = refused
        self.status = status


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, for how many seconds from the sending of the login it is good, and what makes the next login shorter."""

    token: Secret
    life_seconds: float
    refresh_token: Secret | None


def granted(reply: Reply, login: Mapping[str, Any], where: str, secrets: Iterable[str], now: datetime) -> Granted:
    """Read an answer; `now`: when the login was sent. Raises LoginFailed."""
    if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's own numbers
        raise _refusal(reply, where, secrets)
    document = _document(reply, where)
    token = _at(document, login["token"])
    if not isinstance(token, str) or not token:
        found = "is empty or no text" if token is not None else f"is not there; the answer has {_names(document)}"
        raise LoginFailed(
            f"The login at {where} answered {reply.status} without a token: {login['token']} {found}.",
            "Correct the pointer of the token.",
            status=reply.status,
        )
    life = _life(document, token, login, where, _their_time(reply, now), now)
    refresh = _at(document, login["refresh_token"]) if login.get("refresh_token") else None
    return Granted(Secret(token), life, Secret(refresh) if isinstance(refresh, str) and refresh else None)


def _document(reply: Reply, where: str) -> Any:
    if reply.is_cut:
        raise LoginFailed(
            f"The login at {where} answered more than {LARGEST_ANSWER_BYTES // 1024} KiB: that is no answer with a token.",
            _WRONG_PATH,
            status=reply.status,
        )
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        kind = _plain(reply.headers.get("content-type", "nothing said"), ())
        raise LoginFailed(
            f"The login at {where} answered {reply.status} with something that is no JSON ({kind}).",
            _WRONG_PATH,
            status=reply.status,
        ) from None


def _refusal(reply: Reply, where: str, secrets: Iterable[str]) -> LoginFailed:  # noqa: PLR0911 - one for each way
    said, code = _said(reply, secrets)
    words = f" It says: {said}" if said else ""
    headline = f"The login at {where} was refused: {reply.status}.{words}"
    match reply.status:
        case status if 300 <= status < 400:  # noqa: PLR2004 - likewise
            place = _plain(reply.headers.get("location", "nowhere"), secrets)
            return LoginFailed(
                f"The login at {where} redirects to {place}: {status}. It is not followed: the credential would go along.",
                "Name the place where the login really is.",
                refused=True,
                status=status,
            )
        case 400 | 401 | 403 if code in _OAUTH:
            return LoginFailed(headline, _OAUTH[code], refused=True, status=reply.status)
        case 400 | 401 | 403:
            return LoginFailed(headline, _WRONG_CREDENTIAL, refused=True, status=reply.status)
        case 404 | 405 | 410:
            return LoginFailed(
                f"There is no login at {where}: {reply.status}.", _WRONG_PATH, refused=True, status=reply.status
            )
        case 415:
            return LoginFailed(headline, "Choose the other content type: json or form.", refused=True, status=415)
        case 422:
            advice = "Compare the login's body with what the endpoint expects."
            return LoginFailed(headline, advice, refused=True, status=422)
        case 429:
            return LoginFailed(f"The login at {where} is throttled: 429.{words}", status=429)
        case status:
            return LoginFailed(f"The login at {where} failed: {status}.{words}", "Look at its log.", status=status)


def _said(reply: Reply, secrets: Iterable[str]) -> tuple[str, str]:
    """Give an endpoint's words about its refusal, and the code of RFC 6749 if it is one."""
    if "html" in reply.headers.get("content-type", ""):
        return "", ""
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        return _plain(reply.body.decode("utf-8", "replace"), secrets), ""
    if not isinstance(document, Mapping):
        return "", ""
    code = document.get("error")
    found = [_text(document[name]) for name in _WORDS if name in document]
    # What a form says of each of its members (DRF): the names, and the first words.
    found += [
        f"{name}: {_text(value)}" for name, value in document.items() if isinstance(value, list) and name not in _WORDS
    ]
    return _plain("; ".join(text for text in found if text), secrets), code if isinstance(code, str) else ""


def _text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(one for one in value if isinstance(one, str))
    return value if isinstance(value, str) else ""


def _plain(text: str, secrets: Iterable[str]) -> str:
    """Make a short line of somebody's words: without control characters, and without a secret that they echo."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    line = " ".join(_CONTROLS.sub(" ", text).split())
    return line if len(line) <= _QUOTE_AT_MOST else line[:_QUOTE_AT_MOST] + "…"


def _names(document: object) -> str:
    """Name what an answer has: names only, whatever the values are."""
    if not isinstance(document, Mapping):
        return "no members"
    names = [_plain(str(name), ())[:50] for name in document][:_NAMES_AT_MOST]
    return f"the members {', '.join(names)}" if names else "no members"


def _at(document: Any, pointer: str) -> Any:
    """Find a value by its JSON pointer (RFC 6901); None where there is none."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(name)
        elif isinstance(document, list) and name.isascii() and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def _life(document: Any, token: str, login: Mapping[str, Any], where: str, theirs: datetime, now: datetime) -> float:
    if login.get("life_seconds"):
        return float(login["life_seconds"])
    expires = login["expires"]
    life = _by_jwt(token, theirs) if expires == BY_JWT else _by_value(_at(document, expires), theirs)
    if life is None and login.get("otherwise_seconds"):
        # `expires_in` is only recommended (RFC 6749, section 5.1).
        by_token = _by_jwt(token, theirs)
        life = float(login["otherwise_seconds"]) if by_token is None else by_token
    if life is None:
        raise LoginFailed(
            f"The login at {where} gave a token that doesn't say how long it is good for: "
            + ("it is no JWT with an `exp`." if expires == BY_JWT else f"{expires} is no number and no time."),
            "Say where the answer has it, or how long tokens live.",
        )
    if life <= 0:
        skew = round((theirs - now).total_seconds())
        clock = f" Its clock is {abs(skew)} s {'ahead of' if skew > 0 else 'behind'} ours." if abs(skew) > 1 else ""
        raise LoginFailed(
            f"The login at {where} gave a token that has ended already, {-life:.0f} s ago.{clock}",
            "Synchronise both machines' clocks, or correct the pointer of the expiry.",
        )
    return min(life, LONGEST_LIFE_SECONDS)


def _by_jwt(token: str, theirs: datetime) -> float | None:
    """Count by `exp` (RFC 7519, section 4.1.4), by the clock of whoever wrote it. Nothing is verified: the token is theirs."""
    parts = token.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        # Python's JSON knows NaN and Infinity; no time is either.
        ends_at = float(claims["exp"])
        return ends_at - theirs.timestamp() if math.isfinite(ends_at) else None
    except (IndexError, ValueError, KeyError, TypeError, RecursionError, binascii.Error, OverflowError):
        return None


def _by_value(value: Any, theirs: datetime) -> float | None:
    """Count by a number of seconds, a moment since 1970, or a time in text."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            return _by_value(float(value), theirs)
        except ValueError:
            return _by_text(value, theirs)
    if not isinstance(value, int | float) or not abs(value) < 10 * _IN_MILLISECONDS:
        return None
    if value >= _IN_MILLISECONDS:
        return value / 1000 - theirs.timestamp()
    return value - theirs.timestamp() if value >= _A_MOMENT else float(value)


def _by_text(text: str, theirs: datetime) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - theirs).total_seconds()
    except (ValueError, OverflowError):
        return None


def _their_time(reply: Reply, now: datetime) -> datetime:
    """Read the clock of the other side from its answer; where it doesn't say, it is taken for ours."""
    try:
        said = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        return now
    said = said if said.tzinfo else said.replace(tzinfo=UTC)
    if abs((said - now).total_seconds()) <= _AGREES_SECONDS:
        return now
    # It has whole seconds: a token must not be taken for living longer than it does.
    return said + timedelta(seconds=1)
