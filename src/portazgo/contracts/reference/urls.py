"""The backend's addresses, turned to the partner's by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_plus, urlsplit

_LINK = re.compile(r'<(?P<target>[^>]*)>(?P<parameters>(?:[^,"]|"[^"]*")*)')
_RELATION = re.compile(r"\A[A-Za-z0-9. -]*\Z")


_MOST_ENCODED = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A parameter of the query: the partner's name, and what the backend's values are to partners. None: the same."""

    name: str
    values: Mapping[str, str] | None = None
    copies: bool = True
    """Whether a value that is not listed is the same for both."""


class Addresses:
    """What is known of addresses: where the backend is, which of its paths are which of the partner's, and the query."""

    def __init__(self, base: str, origins: Sequence[str], paths: Mapping[str, str], query: Mapping[str, Asked]) -> None:
        self._base = base
        self._hosts = [_host(urlsplit(origin).netloc) for origin in origins]
        self._paths = paths
        self._query = query

    def address(self, address: str) -> str | None:
        """Return the partner's address; None: it leads to nothing of theirs."""
        parts = urlsplit(address)
        known = {*self._hosts, _host(urlsplit(self._base).netloc)}
        if parts.scheme not in {"", "http", "https"} or (
            (parts.scheme or parts.netloc) and _host(parts.netloc) not in known
        ):
            return None
        if not parts.path.startswith("/") or self._is_bent(parts.path) or self._tells(parts.path):
            return None
        for path in (parts.path, parts.path[:-1] if parts.path.endswith("/") else parts.path + "/"):
            for backend, partner in self._paths.items():
                values = _values(backend, path)
                if values is not None:
                    asked = self._asked(parts.query)
                    return None if asked is None else self._base + _filled(partner, values) + asked
        return None

    def _tells(self, text: str) -> bool:
        """Tell whether a text says where the backend is, however often it is encoded."""
        text = text.lower()
        for _ in range(_MOST_ENCODED):
            if any(host.partition(":")[0] in text for host in self._hosts):
                return True
            plain = unquote_plus(text).lower()
            if plain == text:
                return False
            text = plain
        return True

    def links(self, text: str) -> str | None:
        """Return what of a Link header (RFC 8288) leads to the partner's, with its relation; None: nothing does."""
        written = []
        for found in _LINK.finditer(text):
            target = self.address(found["target"])
            pairs = [parameter.partition("=") for parameter in found["parameters"].split(";")]
            relations = [value.strip().strip('"') for name, _, value in pairs if name.strip().lower() == "rel"]
            relation = next((one for one in relations if _RELATION.match(one)), None)
            if target is not None and relation is not None:
                written.append(f'<{target}>; rel="{relation}"')
        return ", ".join(written) or None

    @staticmethod
    def _is_bent(path: str) -> bool:
        """Tell whether a path is none that a gateway takes: it is another to some, by dots or by a slash that is encoded."""
        return not path.isascii() or any(
            unquote(segment) in {".", ".."} or set(unquote(segment)) & {"/", "\\", "\0"} for segment in path.split("/")
        )

    def _asked(self, query: str) -> str | None:
        """Return what partners ask by this query; None: by what they have no word for."""
        written = []
        for pair in query.split("&"):
            name, equals, value = pair.partition("=")
            known = self._query.get(unquote_plus(name))
            if known is None or self._tells(value):
                continue
            text = _in_ascii(value)
            if equals and known.values is not None:
                other = known.values.get(unquote_plus(value))
                if other is None and not known.copies:
                    return None
                text = text if other is None else quote(other, safe="")
            written.append(quote(known.name, safe="") + equals + text)
        return "?" + "&".join(written) if written else ""


def _host(netloc: str) -> str:
    """Return host and port without the schemes' own, in lower case."""
    return re.sub(":(80|443)$", "", netloc.lower())


def _values(template: str, path: str) -> dict[str, str] | None:
    names = re.findall(r"\{([^{}]*)\}", template)
    pattern = re.sub(r"\\\{[^{}]*\\\}", "([^/]+)", re.escape(template))
    found = re.fullmatch(pattern, path)
    return None if found is None else dict(zip(names, found.groups(), strict=True))


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{([^{}]*)\}", lambda found: values[found[1]], template)


def _in_ascii(text: str) -> str:
    return "".join(letter if letter.isascii() else quote(letter) for letter in text)
