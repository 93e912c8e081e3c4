"""What a line of the table of settings is, and what can be wrong with one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portazgo.settings_kinds import Kind


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. `default` is text as a person would write it; None: see `absent`.

    `in_file`: whether portazgo.yaml may set it. Never what says where secrets lie, who keeps them or where they are sent:
    whoever clones a repository and calls the command line in it must not hand over a token.
    """

    kind: Kind
    default: str | None
    absent: str
    meaning: str
    remedy: str
    in_file: bool


def setting(
    kind: Kind, default: str | None, meaning: str, remedy: str, *, absent: str = "", in_file: bool = False
) -> Any:
    """Give a line of the table, as a dataclass field."""
    return field(metadata={"setting": Setting(kind, default, absent, meaning, remedy, in_file)})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: which setting, where it was read, what is wrong, what to do."""

    name: str
    source: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.name} ({self.source}): {self.message}. {self.remedy}"
