"""What the commands of care share: a refusal becomes a sentence, a remedy and an exit code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from portazgo.cli.exits import Exit
from portazgo.cli.session import Failed

P = ParamSpec("P")
R = TypeVar("R")


def tends(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what keeps care from being given into a sentence: exit 2 where something must be corrected first, else 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from portazgo.care.failed import CareFailed, CareRefused  # noqa: PLC0415
        from portazgo.kit.errors import StartRefused  # noqa: PLC0415
        from portazgo.kit.http import Unreachable  # noqa: PLC0415

        try:
            return command(*args, **kwargs)
        except (CareRefused, StartRefused) as problem:
            raise Failed(problem.sentence, remedy=problem.remedy, exit_code=Exit.USAGE) from None
        except CareFailed as problem:
            raise Failed(problem.sentence, remedy=problem.remedy) from None
        except Unreachable as problem:
            raise Failed(
                str(problem), remedy="Is it running? `portazgo up` starts it here; PORTAZGO_INTERNAL_URL names another."
            ) from None

    return wrapped
