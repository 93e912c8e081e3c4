"""How the backend's URLs become the partner's (URLS of docs/programs.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from portazgo.routes.domain import shape


class RoutePaths(Protocol):
    """What is known of a route."""

    @property
    def path(self) -> str:
        """The partner's path."""

    @property
    def backend_path(self) -> str:
        """The backend's path."""

    @property
    def backend_method(self) -> str:
        """The method that the backend is called with."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Where the backend is called."""

    @property
    def claims(self) -> frozenset[str] | None:
        """Of the token that its calls carry; None: nobody knows yet."""


class Urls:
    """The lists of one program, one for each thing that becomes of a URL that is none of the partner's."""

    def __init__(self, routes: Iterable[RoutePaths], query: Iterable[list[Any]]) -> None:
        known = list(routes)
        # A URL in an answer is for reading: where two routes share a path, the one that reads comes first.
        known.sort(key=lambda route: route.backend_method != "GET")
        self._prefixes = list(dict.fromkeys([*(target for route in known for target in route.targets), ""]))
        self._routes: dict[str, tuple[str, str]] = {}
        for route in known:
            self._routes.setdefault(shape(route.backend_path), (route.backend_path, route.path))
        self._query = list(query)
        self.written: list[dict[str, Any]] = []

    def index(self, otherwise: str) -> int:
        """Return the index of the list with that ending, made if need be."""
        for index, written in enumerate(self.written):
            if written["otherwise"] == otherwise:
                return index
        self.written.append(
            {
                "prefixes": self._prefixes,
                "routes": [{"from": backend, "to": partner} for backend, partner in self._routes.values()],
                "query": self._query,
                "otherwise": otherwise,
            }
        )
        return len(self.written) - 1
