"""Why a backend refused, in words that a newcomer can act on. Pure.

A refusal says little on purpose, and every framework says it in its own words: what is looked for here are the words of
PyJWT, simplejwt, Spring Security, ASP.NET, express-jwt, jose and golang-jwt, and the `error_description` of RFC 6750.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from portazgo.kit.targets import is_socket
from portazgo.logins.calling import NoReplyReason
from portazgo.signing.algorithms import Algorithm

QUOTE_AT_MOST = 200
WORDS_AT_MOST = 2_000
# The Date header has whole seconds, and the answer was on its way.
SKEW_SECONDS = 5
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# What simplejwt says of every token that it doesn't like: it names no cause.
_NAMES_NO_CAUSE = re.compile(
    r"(token )?is invalid or expired|not valid for any token type|token_not_valid", re.IGNORECASE
)


_SILENCE = {
    NoReplyReason.UNKNOWN_HOST: "The host of {target} is not known to this machine's name service. Check its spelling.",
    NoReplyReason.NEVER_CALLED: (
        "The host of {target} is at a link-local, multicast, unspecified or reserved address, where clouds keep "
        "credentials: it is not called. Correct the target, or what the name service says of it."
    ),
    NoReplyReason.REFUSED: "Nothing listens at {target}. Start the backend, or correct the port of the target.",
    NoReplyReason.UNREACHABLE: "{target} can't be reached from here. Check network and firewall between the two machines.",
    NoReplyReason.TIMED_OUT: "{target} did not answer in time. Check that it is up and that no firewall drops the connection.",
    NoReplyReason.BROKEN: "{target} closed the connection in the middle of the answer. Look at the backend's log.",
    NoReplyReason.NOT_HTTP: "What listens at {target} doesn't speak HTTP/1.1; perhaps TLS, or another service. Check the port.",
    NoReplyReason.NOT_HTTP2: (
        "What listens at {target} doesn't speak HTTP/2, as nodes will by the backend's http2 setting. Check the port and "
        "that setting."
    ),
    NoReplyReason.UNTRUSTED: (
        "The certificate of {target} can't be verified: it has ended, is for another name, or comes from an "
        "authority that is not known. Correct it, or give the backend's own authority and name in `tls`."
    ),
    NoReplyReason.NOT_PINNED: (
        "{target} has shown a key that is none of the `pins_sha256` of the backend. Find out whether its certificate was "
        "renewed with another key, and pin that one; or somebody stands between."
    ),
    NoReplyReason.NO_TLS: "The TLS handshake with {target} failed. Check that it speaks TLS 1.2 or 1.3 there; else write http://.",
    NoReplyReason.NO_SOCKET: (
        "There is no socket at {target} on the control plane's machine, from which this test calls; nodes look on "
        "theirs. Start the backend, or correct the path."
    ),
    NoReplyReason.NOT_ALLOWED: (
        "{target} may not be opened by the user that the control plane runs as. Give that user, and the nodes' own, the "
        "right to write to the socket."
    ),
}


@dataclass(frozen=True, slots=True)
class Presented:
    """What the token said."""

    issuer: str
    audience: str
    algorithm: str
    kid: str
    life_seconds: int

    @property
    def shares_secret(self) -> bool:
        """Tell whether the backend checks it with a secret rather than with the key set."""
        return Algorithm(self.algorithm).is_shared


@dataclass(frozen=True, slots=True)
class KeySetSeen:
    """How the key set looks from the control plane; `problem` None: it is there and holds the key."""

    url: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class Observed:
    """What the backend answered. `skew_seconds`: its clock minus ours, None where it did not say; `said`: its words."""

    backend: str
    target: str
    path: str
    status: int
    challenge: str
    said: str
    location: str | None
    skew_seconds: float | None
    token: Presented | None
    key_set: KeySetSeen | None


def explain_silence(target: str, reason: NoReplyReason) -> str:
    """Say why there was no answer."""
    return _SILENCE[reason].format(target=target)


def explain(seen: Observed) -> list[str]:
    """Say what an answer means, the likely cause first."""
    if succeeded(seen.status):
        token = "the token" if seen.token else "the call without a token"
        return [f"The backend accepted {token}: {seen.status}.", *_skew_warning(seen)]
    return _BY_STATUS.get(seen.status, _of_its_class)(seen)


def explain_open(path: str, status: int) -> str:
    """Warn of a backend that took a call without a token for one with it."""
    return (
        f"Beware: this backend does not check tokens at {path}: without any it answered {status} as well. Unless that path "
        "is meant to be public, whoever reaches the backend gets in without a key: have it ask for the token."
    )


def succeeded(status: int) -> bool:
    """Tell whether a status is what HTTP calls success."""
    return 200 <= status < 300  # noqa: PLR2004 - HTTP's own numbers


def plain(text: str, secret: str = "") -> str:
    """Make a line of a backend's words: without control characters, short, and without the token if it was echoed."""
    without = text.replace(secret, "[token]") if secret else text
    return " ".join(_CONTROLS.sub(" ", without).split())[:WORDS_AT_MOST]


def _quoted(seen: Observed) -> str:
    words = [f"WWW-Authenticate: {_short(seen.challenge)}"] if _describes(seen.challenge) else []
    words += [_short(seen.said)] if seen.said else []
    return f" It says: {' — '.join(words)}" if words else " It says nothing more."


def _short(text: str) -> str:
    return text if len(text) <= QUOTE_AT_MOST else text[:QUOTE_AT_MOST] + "…"


def _describes(challenge: str) -> bool:
    return "error" in challenge or (bool(challenge) and not challenge.lower().startswith("bearer"))


def _unauthorized(seen: Observed) -> list[str]:
    return _refused(seen, f"The backend refused the token: 401.{_quoted(seen)}")


def _refused(seen: Observed, headline: str) -> list[str]:
    if seen.token is None:
        return [headline, _no_credential(seen)]
    causes = _causes(seen, seen.token)
    return [headline, *(causes or _all_to_check(seen.token)), *_key_set_notes(seen, seen.token)]


def _no_credential(seen: Observed) -> str:
    return (
        "No token was sent: the credential of this backend is none. Give it one: "
        f"portazgo backend change {seen.backend} --audience AUDIENCE"
    )


def _forbidden(seen: Observed) -> list[str]:
    if _UNSEEN.search(seen.said) or seen.token is None:
        return _refused(seen, f"The backend answered 403 as others answer 401.{_quoted(seen)}")
    causes = _causes(seen, seen.token)
    if causes:
        return [f"The backend refused the call: 403.{_quoted(seen)}", *causes, *_key_set_notes(seen, seen.token)]
    return [f"The backend knows the token and refuses the call: 403.{_quoted(seen)}", _permission(seen)]


def _permission(seen: Observed) -> str:
    return (
        "Permission: it wants something of the caller that the token doesn't say, such as a role, a scope, or the id of "
        f"a user that it knows. Give the token that claim: portazgo backend change {seen.backend} --claim NAME=VALUE "
        "(values such as {partner.name} are filled in), or allow this subject in the backend."
    )


def _not_there(seen: Observed) -> list[str]:
    sentence = f"There is nothing to GET at {seen.path}: {seen.status}. That says nothing about the token"
    return [f"{sentence}: name a path of the backend that answers, with --path."]


def _throttled(seen: Observed) -> list[str]:
    return [f"The backend itself limits how often it is called: {seen.status}. Try again later."]


def _of_its_class(seen: Observed) -> list[str]:
    match seen.status // 100:
        case 3:
            return _redirected(seen)
        case 5:
            return _failed(seen)
        case _:
            return [f"The backend answered {seen.status}.{_quoted(seen)}"]


def _failed(seen: Observed) -> list[str]:
    headline = f"The backend failed: {seen.status}.{_quoted(seen)}"
    if seen.token is not None and _KEYS_AWAY.search(seen.said):
        return [headline, _key_set_cause(seen, seen.token), *_key_set_notes(seen, seen.token)]
    return [headline, "That is the backend's own affair: look at its log."]


def _redirected(seen: Observed) -> list[str]:
    place = seen.location or "nowhere"
    findings = [f"The backend redirects to {_short(plain(place))}: {seen.status}. The gateway never follows."]
    there = urlsplit(place).path
    if there == urlsplit(seen.path).path + "/":
        findings.append(f"The backend wants the path with a slash at its end: {there}")
    elif re.search(r"log-?in|sign-?in|auth", there, re.IGNORECASE):
        findings.append("That is a page to log in: what answers this path doesn't take bearer tokens.")
    elif place.startswith("https://"):
        findings.append("The backend wants TLS. Give the gateway an address inside your network that takes plain HTTP.")
    return findings


def _causes(seen: Observed, token: Presented) -> list[str]:
    words = _NAMES_NO_CAUSE.sub(" ", f"{seen.challenge} {seen.said}")
    found = [cause(seen, token) for pattern, cause in _CAUSES if pattern.search(words)]
    scheme = seen.challenge.partition(" ")[0].rstrip(",")
    if scheme and scheme.lower() != "bearer":
        found.insert(0, _other_scheme(scheme))
    if _is_skewed(seen, token):
        found = [_clock(seen, token), *(one for one in found if one != _clock(seen, token))]
    if _NO_SUCH_KEY.search(words):
        # "The trusted issuer has no such key" names the issuer without blaming it.
        found = [one for one in found if one != _issuer(seen, token)]
    return list(dict.fromkeys(found))


def _is_skewed(seen: Observed, token: Presented) -> bool:
    """Tell whether the clocks alone explain a refusal: the token lies in the backend's future, or has ended there."""
    skew = seen.skew_seconds
    return skew is not None and (skew < -SKEW_SECONDS or skew > token.life_seconds - SKEW_SECONDS)


def _skew_warning(seen: Observed) -> list[str]:
    if seen.token is None or seen.skew_seconds is None or abs(seen.skew_seconds) <= SKEW_SECONDS:
        return []
    return [f"Beware: {_clock_sentence(seen.skew_seconds)} More of it and tokens will be refused."]


def _clock_sentence(skew: float) -> str:
    return f"the backend's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours."


def _clock(seen: Observed, token: Presented) -> str:
    skew = seen.skew_seconds
    if skew is None or abs(skew) <= SKEW_SECONDS:
        there = "" if skew is None else ", although its Date header agrees with our clock"
        return (
            f"Clock: the backend finds the token too old or too young{there}. It is made for each test, and lives "
            f"{token.life_seconds} s. Synchronise both machines (chrony, systemd-timesyncd)."
        )
    return (
        f"Clock: {_clock_sentence(skew)} A token lives {token.life_seconds} s and is dated 5 s back: there it "
        f"{'has ended already' if skew > 0 else 'lies in the future'}. Synchronise both machines (chrony, systemd-timesyncd)."
    )


def _issuer(seen: Observed, token: Presented) -> str:
    return (
        f"Issuer: the token's `iss` is {token.issuer} and the backend expects another. Set the backend's trusted issuer to "
        "exactly this text, without a slash more or less; or make an issuer with the URL that it expects (portazgo issuer "
        f"create) and give it to the backend: portazgo backend change {seen.backend} --issuer NAME"
    )


def _audience(seen: Observed, token: Presented) -> str:
    return (
        f"Audience: the token's `aud` is {token.audience} and the backend expects another. Give the token what it expects: "
        f"portazgo backend change {seen.backend} --audience AUDIENCE; or have the backend expect {token.audience}."
    )


def _algorithm(seen: Observed, token: Presented) -> str:
    if token.shares_secret:
        return (
            "Algorithm: the token is signed with HS256, a shared secret, and the backend doesn't allow that. Have it "
            f"allow HS256 and hold the secret; or sign without one: portazgo backend change {seen.backend} --algorithm ES256"
        )
    return (
        f"Algorithm: the token is signed with {token.algorithm} and the backend doesn't allow that. Add {token.algorithm} to "
        "the algorithms that it allows, and have it take the public key from the key set; or sign as it expects: "
        f"portazgo backend change {seen.backend} --algorithm ALGORITHM. A backend that shares a secret (HS256) can't check "
        "these tokens: make an issuer of its own for it (portazgo issuer create NAME --url URL --algorithm HS256)."
    )


def _key_set_cause(_seen: Observed, token: Presented) -> str:
    if token.shares_secret:
        return (
            f"Key: the backend checks the token with another secret than the one of the key {token.kid}. Give it that secret "
            "(simplejwt: SIGNING_KEY); who has lost it rotates the issuer: portazgo issuer rotate NAME"
        )
    return (
        f"Key set: the backend doesn't have the public key {token.kid}. It must read {_jwks(token)} from where it runs; "
        "check the address that it is set up with, whether it can reach it, and whether it keeps an old copy."
    )


def _claims(seen: Observed, _token: Presented) -> str:
    return (
        "Claims: the backend misses a claim, or doesn't know the user that one names. Give the token what it looks for: "
        f"portazgo backend change {seen.backend} --claim NAME=VALUE, such as token_type=access for simplejwt."
    )


def _unseen(_seen: Observed, _token: Presented) -> str:
    return (
        "Token not seen: the backend says that none was sent. The gateway sends `Authorization: Bearer …`: look which "
        "authentication the backend has on this path, and whether a proxy before it takes the header away."
    )


def _other_scheme(scheme: str) -> str:
    return (
        f"Scheme: the backend asks for `Authorization: {scheme} …`, and the gateway sends Bearer. Have the backend "
        "take bearer tokens on this path (simplejwt: AUTH_HEADER_TYPES)."
    )


def _all_to_check(token: Presented) -> list[str]:
    return [
        "It doesn't say why. Compare what the backend is set up with, and look at its log:",
        f"Issuer: `iss` is {token.issuer}, to the letter.",
        f"Audience: `aud` is {token.audience}.",
        _key_to_check(token),
    ]


def _key_to_check(token: Presented) -> str:
    if token.shares_secret:
        return f"Algorithm: {token.algorithm}, with the secret of the key {token.kid}; its kid is no part of the check."
    return f"Algorithm: {token.algorithm}, with the public key {token.kid} of {_jwks(token)}"


def _key_set_notes(seen: Observed, token: Presented) -> list[str]:
    notes: list[str] = []
    if token.shares_secret:
        return notes
    if seen.key_set is not None and seen.key_set.problem is not None:
        notes.append(f"Key set: from the control plane {seen.key_set.url} {seen.key_set.problem}.")
    if _is_loopback(token.issuer) and not _is_loopback(seen.target):
        notes.append(
            f"Key set: {token.issuer} is an address of this machine, and the backend runs on another: it can't read the "
            "key set there. Set PORTAZGO_ISSUER_URL before the first start, or make an issuer with an address that both reach."
        )
    return notes


def _is_loopback(url: str) -> bool:
    return is_socket(url) or (urlsplit(url).hostname or "").startswith(_LOOPBACK)


def _jwks(token: Presented) -> str:
    return f"{token.issuer}/.well-known/jwks.json"


_UNSEEN = re.compile(
    r"credentials were not provided|(no|missing) (auth\w*|bearer|access)?\s?(token|header)"
    # But not: the token is missing the "aud" claim.
    r"|token (is )?(missing|required)(?! the| \w+ claim)",
    re.IGNORECASE,
)
_KEYS_AWAY = re.compile(r"\bjwks?\b|\bkeys? .{0,30}(fetch|load|reach|retriev|unavailable)", re.IGNORECASE)
_NO_SUCH_KEY = re.compile(r"no such key|signing key|signature key", re.IGNORECASE)
_Cause = Callable[[Observed, Presented], str]
_CAUSES: tuple[tuple[re.Pattern[str], _Cause], ...] = (
    (_UNSEEN, _unseen),
    (re.compile(r"issuer|\biss\b", re.IGNORECASE), _issuer),
    (re.compile(r"audience|\baud\b", re.IGNORECASE), _audience),
    (re.compile(r"\balg\b|algorithm", re.IGNORECASE), _algorithm),
    (
        re.compile(
            r"expired|not yet valid|not active|before (being )?valid|used before|in the future|\b(nbf|iat|exp)\b",
            re.IGNORECASE,
        ),
        _clock,
    ),
    (
        re.compile(
            rf"{_NO_SUCH_KEY.pattern}|{_KEYS_AWAY.pattern}|\bkid\b|signature (verification|is not|does|validation|mismatch)"
            "|(invalid|bad|wrong) signature|signature is invalid",
            re.IGNORECASE,
        ),
        _key_set_cause,
    ),
    (
        re.compile(
            r"token.?type|wrong type|no (recognizable )?(user|identification)|user (not found|is inactive)|claim",
            re.IGNORECASE,
        ),
        _claims,
    ),
)
_BY_STATUS: dict[int, Callable[[Observed], list[str]]] = {
    401: _unauthorized,
    403: _forbidden,
    404: _not_there,
    405: _not_there,
    429: _throttled,
}
