"""`portazgo completion`: scripts that let a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

_INSTALL = {
    "bash": 'Add to ~/.bashrc:  eval "$(portazgo completion bash)"',
    "zsh": 'Add to ~/.zshrc:  eval "$(portazgo completion zsh)"',
    "fish": "Write to a file:  portazgo completion fish > ~/.config/fish/completions/portazgo.fish",
}


@click.command(epilog="\b\n" + "\n".join(_INSTALL.values()))
@click.argument("shell", type=click.Choice(list(_INSTALL)))
def completion(shell: str) -> None:
    """Print the completion script of a shell."""
    from portazgo.cli.main import portazgo  # noqa: PLC0415 - it imports this module

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choices are click's own shells
    # Not the shell's own source(): bash's first runs bash to look at its version.
    click.echo(ShellComplete.source(kind(portazgo, {}, "portazgo", "_PORTAZGO_COMPLETE")))
