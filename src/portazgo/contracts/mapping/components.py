"""Names for the partner's components: one for each thing that the backend's became."""

from __future__ import annotations

from typing import Any

from portazgo.contracts.language.reading import Direction


class Components:
    """Gives names, the same one for the same thing."""

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}
        self._taken: set[str] = set()

    def name(self, component: str, key: Any, direction: Direction) -> str:
        """Return the name of what a component of the backend's became. `key` tells that apart from all else that it became."""
        whole = (direction, key)
        if whole not in self._names:
            wanted = component if direction == "answer" or component.endswith("Request") else f"{component}Request"
            name, number = wanted, 1
            while name in self._taken:
                number += 1
                name = f"{wanted}{number}"
            self._taken.add(name)
            self._names[whole] = name
        return self._names[whole]
