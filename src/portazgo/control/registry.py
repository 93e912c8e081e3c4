"""The nouns of the control plane, one line each: the Django app, whether it has an admin API, which database it lives in.

The order is that of docs/wire.md, section 11: later ones may import earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Database = Literal["default", "ledger"]


@dataclass(frozen=True, slots=True)
class Noun:
    """One line. `router` is where the noun's ninja Router stands, None when it has none."""

    app: str
    api: bool = True
    database: Database = "default"

    @property
    def label(self) -> str:
        """Its Django app label."""
        return self.app.rpartition(".")[2]

    @property
    def router(self) -> str | None:
        """The dotted name of its router."""
        return f"{self.app}.api.router" if self.api else None


NOUNS = (
    Noun("portazgo.audit"),
    Noun("portazgo.accounts"),
    Noun("portazgo.snapshot", api=False),
    Noun("portazgo.partners"),
    Noun("portazgo.notifications"),
    Noun("portazgo.signing"),
    Noun("portazgo.backends"),
    Noun("portazgo.apis"),
    Noun("portazgo.plans"),
    Noun("portazgo.applications"),
    Noun("portazgo.keys"),
    Noun("portazgo.routes"),
    Noun("portazgo.nodes"),
    Noun("portazgo.wrapping"),
    Noun("portazgo.usage", database="ledger"),
    Noun("portazgo.lake", database="ledger"),
    Noun("portazgo.traces", database="ledger"),
    Noun("portazgo.contracts"),
    Noun("portazgo.partner_view", database="ledger"),
    Noun("portazgo.leaks"),
    Noun("portazgo.declarative"),
    Noun("portazgo.control", api=False),
)

LEDGER_LABELS = frozenset(noun.label for noun in NOUNS if noun.database == "ledger")
