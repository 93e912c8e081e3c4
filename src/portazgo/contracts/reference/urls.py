"""The backend's addresses, turned to the partner's by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote, unquote_plus, urlsplit

_LINK = re.compile(r'<(?P<target>[^>]*)>(?P<parameters>(?:[^,"]|"[^"]*")*)')
_RELATION = re.compile(r"\A[A-Za-z0-9. -]*\Z")


class Addresses:
    """What is known of addresses: where the backend is, which of its paths are which of the partner's, and the query."""

    def __init__(self, base: str, origins: Sequence[str], paths: Mapping[str, str], query: Mapping[str, str]) -> None:
        self._base = base
        self._hosts = [urlsplit(origin).netloc.lower() for origin in origins]
        self._paths = paths
        self._query = query

    def address(self, address: str) -> str | None:
        """Return the partner's address; None: it leads to nothing of theirs."""
        parts = urlsplit(address)
        if (parts.scheme or parts.netloc) and parts.netloc.lower() not in self._hosts:
            return None
        if not parts.path.startswith("/") or self._is_bent(parts.path):
            return None
        for backend, partner in self._paths.items():
            values = _values(backend, parts.path)
            if values is not None:
                return self._base + _filled(partner, values) + self._asked(parts.query)
        return None

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

    def _asked(self, query: str) -> str:
        written = []
        for pair in query.split("&"):
            name, equals, value = pair.partition("=")
            known = self._query.get(unquote_plus(name))
            if known is not None:
                written.append(quote(known, safe="") + equals + _in_ascii(value))
        return "?" + "&".join(written) if written else ""


def _values(template: str, path: str) -> dict[str, str] | None:
    names = re.findall(r"\{([^{}]*)\}", template)
    pattern = re.sub(r"\\\{[^{}]*\\\}", "([^/]+)", re.escape(template))
    found = re.fullmatch(pattern, path)
    return None if found is None else dict(zip(names, found.groups(), strict=True))


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{([^{}]*)\}", lambda found: values[found[1]], template)


def _in_ascii(text: str) -> str:
    return "".join(letter if letter.isascii() else quote(letter) for letter in text)
