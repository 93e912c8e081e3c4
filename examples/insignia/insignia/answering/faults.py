"""Ways to be slow or to fail, chosen by a header or a file, only when INSIGNIA_FAULTS=1.

A fault is written as directives joined by commas, such as `delay=0.7` or `delay=0.2,status=503`:

    delay=SECONDS   wait before answering
    status=CODE     answer this status without asking the application
    html            answer an HTML page (as a proxy in front of a backend would)
    bad_json        answer JSON that stops in the middle, with a Content-Length that fits
    truncate        promise the whole body, send half of it, close the connection
    drip=SECONDS    send the body in ten pieces with this pause between them
    close           close the connection without answering
    hang            never answer; ends when the client goes, or after ten minutes

The file named by INSIGNIA_FAULT_FILE is read for every request. Each line is a fault, optionally followed by the
beginning of the paths that it is for; the first line that fits counts. An absent or empty file means no fault.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from insignia.answering.answer import Environ

HEADER = "HTTP_X_INSIGNIA_FAULT"
SECONDS = {"delay", "drip"}
SWITCHES = {"html", "bad_json", "truncate", "close", "hang"}


class UnknownFault(ValueError):
    """The text names no fault that we know."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to go wrong with one answer; see the module's text for each field."""

    text: str
    delay: float = 0.0
    drip: float = 0.0
    status: int | None = None
    html: bool = False
    bad_json: bool = False
    truncate: bool = False
    close: bool = False
    hang: bool = False

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read directives joined by commas; raises UnknownFault."""
        fault = cls(text)
        for directive in text.split(","):
            name, _, value = directive.strip().partition("=")
            fault = dataclasses.replace(fault, **{name: _value(name, value)})
        return fault


def _value(name: str, value: str) -> float | int | bool:
    if name in SECONDS:
        return _number(name, value, bounds=(0, 3600))
    if name == "status":
        return int(_number(name, value, bounds=(200, 599)))
    if name in SWITCHES and not value:
        return True
    raise UnknownFault(f"There is no fault {name!r}, or none that takes {value!r}.")


def _number(name: str, value: str, bounds: tuple[int, int]) -> float:
    low, high = bounds
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise UnknownFault(f"The fault {name!r} needs a number from {low} to {high}, not {value!r}.")
    return number


class Faults:
    """Chooses the fault of a request."""

    def __init__(self, file: Path | None) -> None:
        """Look into `file`, when there is one, besides the request's header."""
        self._file = file

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Faults | None":
        """Return None unless INSIGNIA_FAULTS=1: nobody outside of a test can make this server fail."""
        if environment.get("INSIGNIA_FAULTS") != "1":
            return None
        file = environment.get("INSIGNIA_FAULT_FILE")
        return cls(Path(file) if file else None)

    def choose(self, environ: Environ) -> Fault | None:
        """Return the fault for this request, the header's before the file's; raises UnknownFault."""
        text = environ.get(HEADER) or self._from_file(environ["PATH_INFO"])
        return Fault.parse(text) if text else None

    def _from_file(self, path: str) -> str | None:
        for line in self._lines():
            text, _, prefix = line.partition(" ")
            if path.startswith(prefix.strip()):
                return text
        return None

    def _lines(self) -> list[str]:
        if self._file is None:
            return []
        try:
            lines = self._file.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [line.strip() for line in lines if line.strip()]
