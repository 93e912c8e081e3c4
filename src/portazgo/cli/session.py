"""What every command that speaks to the admin API needs: where, with which token, how to print, how to fail."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from portazgo.cli.exits import Exit
from portazgo.cli.remedies import remedy_of
from portazgo.cli.words import say, speak, told

if TYPE_CHECKING:
    from portazgo.client.admin import AdminClient
    from portazgo.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

# By this a command notes that it has begun to print.
PRINTED = "portazgo.printed"
FORMATS = ("table", "json", "jsonl", "csv", "yaml")


class Failed(click.ClickException):
    """A sentence, what to do next, and the exit code.

    For programs: a stable code where there is one, and each single problem where there are several.
    """

    def __init__(
        self,
        sentence: str,
        *,
        remedy: str | None = None,
        exit_code: int = Exit.FAILED,
        error_code: str | None = None,
        problems: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(sentence)
        self.remedy = remedy
        self.code = exit_code
        self.error_code = error_code
        context = click.get_current_context(silent=True)
        self.beside_a_document = context is not None and PRINTED in context.meta
        self.problems = list(problems)


def output_options(command: Callable[P, R]) -> Callable[P, R]:
    """Add `-o/--output`, `--json` and `--quiet`."""
    command = click.option("-o", "--output", type=click.Choice(FORMATS), default="table", help="How to print.")(command)
    command = click.option("--json", "output", flag_value="json", help="The same as -o json.")(command)
    return click.option("--quiet", is_flag=True, help="Print nothing but errors and the document.")(command)


def connect() -> AdminClient:
    """Open the admin API that the settings name. Raises Failed with what is missing."""
    from portazgo.cli.output import note  # noqa: PLC0415 - it needs no more than the commands that call this
    from portazgo.client.admin import AdminClient  # noqa: PLC0415 - HTTP is imported by the commands that speak it
    from portazgo.kit.secret import Secret  # noqa: PLC0415
    from portazgo.settings import misspelt  # noqa: PLC0415

    settings = load_settings()
    for sentence in misspelt(os.environ, near_only=True):
        note(say("Warning: {warning}", warning=told(sentence)))
    try:
        token = settings.admin_token_file.read_text().strip()
    except OSError as problem:
        raise Failed(
            say(
                "there is no admin token in {file} ({why})",
                file=settings.admin_token_file,
                why=_system(problem.strerror),
            ),
            remedy=say("Start Portazgo here first (`portazgo up`), or name the file with PORTAZGO_ADMIN_TOKEN_FILE."),
            exit_code=Exit.LOGIN,
        ) from None
    return AdminClient(_control_url(settings), Secret(token))


def _control_url(settings: Settings) -> str:
    """Where the settings say; where they say nothing, the one that runs on this data folder, whatever its port."""
    from portazgo.roles.instance import running_instance  # noqa: PLC0415 - by the commands that need it
    from portazgo.settings import FILE  # noqa: PLC0415 - likewise
    from portazgo.settings_sources import is_given  # noqa: PLC0415 - likewise

    if is_given(("control_url", "control_listen", "control_port"), os.environ, FILE):
        return settings.control_url
    here = running_instance(settings.data_dir)
    return here.control_url if here and here.control_url else settings.control_url


def load_settings(flags: dict[str, str | None] | None = None) -> Settings:
    """Read the settings; everything wrong at once, exit 2."""
    from portazgo import settings  # noqa: PLC0415 - its table takes a few milliseconds that `--help` needn't pay

    try:
        loaded = settings.load(flags)
    except settings.SettingsInvalid as problem:
        raise Failed(say("the settings are wrong:\n{problem}", problem=problem), exit_code=Exit.USAGE) from None
    settings.use(loaded)
    speak(loaded.lang)
    return loaded


def speaks_to_admin_api(command: Callable[P, R]) -> Callable[P, R]:
    """Turn refusals of the admin API into sentences and exit codes."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from portazgo.client.admin import Answered  # noqa: PLC0415
        from portazgo.kit.http import Unreachable  # noqa: PLC0415

        try:
            return command(*args, **kwargs)
        except Unreachable as problem:
            raise Failed(
                say("{url} can't be reached: {why}", url=problem.url, why=_system(problem.why)),
                remedy=say("Is it running? `portazgo up` starts it here; PORTAZGO_CONTROL_URL names another."),
            ) from None
        except Answered as problem:
            raise _failed(problem.status, problem.problem) from None

    return wrapped


def _system(why: str | None) -> str:
    """Give what the system says, in the reader's language and without its number."""
    return told(re.sub(r"^\[Errno \d+\] ", "", why or ""))


_EXIT_BY_STATUS = {401: Exit.LOGIN, 403: Exit.LOGIN, 409: Exit.CONFLICT, 412: Exit.CONFLICT, 422: Exit.USAGE}


def _failed(status: int, problem: dict[str, object]) -> Failed:
    sentence = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
    listed = problem.get("errors")
    errors = listed if isinstance(listed, list) else []
    others = [error for error in errors if error.get("message") != sentence]
    places = "".join(f"\n  {one.get('pointer') or '/'}: {told(str(one.get('message')))}" for one in others)
    exit_code = Exit.REFUSED if problem.get("category") == "refused" else _EXIT_BY_STATUS.get(status, Exit.FAILED)
    code = problem.get("code")
    return Failed(
        told(sentence) + places,
        remedy=remedy_of(problem),
        exit_code=exit_code,
        error_code=None if code is None else str(code),
        problems=errors,
    )
