"""`portazgo backup` and `portazgo restore`."""

from __future__ import annotations

from pathlib import Path

import click

from portazgo.cli.output import show_one
from portazgo.cli.session import load_settings, output_options
from portazgo.cli.tending import tends

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--key-file", type=FILE, help="Where to copy the master key; default: beside FOLDER, FOLDER.master.key.")
@click.option("--without-key", is_flag=True, help="Leave the master key where it is.")
@output_options
@tends
def backup(folder: Path, key_file: Path | None, output: str, *, without_key: bool, quiet: bool) -> None:
    """Copy state and ledger to FOLDER, which must be new; the master key goes to a file of its own.

    Everything may run meanwhile. Keep the key's file elsewhere than FOLDER: each is useless without the other.
    """
    from portazgo.care.backup import back_up  # noqa: PLC0415 - databases and key wrapping, only where needed
    from portazgo.care.master_key import beside  # noqa: PLC0415

    if key_file is not None and without_key:
        raise click.UsageError("--key-file and --without-key say the opposite of each other")
    folder = folder.absolute()
    target = None if without_key else (key_file or beside(folder)).absolute()
    if target is not None and folder in target.parents:
        raise click.UsageError("the key's file must not be in FOLDER: who finds one would have both")
    made = back_up(load_settings(), folder, target)
    show_one(
        {
            "folder": str(made.folder),
            "key_file": None if made.key_file is None else str(made.key_file),
            "engine": made.manifest.engine,
            "revision": made.manifest.revision,
            "made_at": made.manifest.made_at,
            "key_id": made.manifest.key_id,
        },
        output,
    )
    if not quiet:
        click.echo(_what_to_do(made.key_file, by_kms=target is not None and made.key_file is None), err=True)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--key-file", type=FILE, help="The master key's file; default: FOLDER.master.key, or the one in place.")
@click.option(
    "--revocations",
    type=FILE,
    multiple=True,
    help="A revocations.log or a node's revoked.log that outlived what was lost: its keys stay dead. May be repeated.",
)
@output_options
@tends
def restore(folder: Path, key_file: Path | None, revocations: tuple[Path, ...], output: str, *, quiet: bool) -> None:
    """Bring the backup in FOLDER into an empty data folder (and empty databases)."""
    from portazgo.care.restore import restore as bring_back  # noqa: PLC0415 - as above

    settings = load_settings()
    done = bring_back(settings, folder.absolute(), key_file=key_file, revocations=revocations)
    show_one(
        {
            "data_dir": str(settings.data_dir),
            "engine": done.manifest.engine,
            "revision": done.manifest.revision,
            "made_at": done.manifest.made_at,
            "keys_to_kill_again": done.revoked_since,
        },
        output,
    )
    if not quiet:
        click.echo(
            "Start it with `portazgo up`. Nodes that know later changes than this backup keep what they have and say so: "
            "docs/operations.md, Restore, tells what to do with them.",
            err=True,
        )


def _what_to_do(key_file: Path | None, *, by_kms: bool) -> str:
    if by_kms:
        return "Its secrets are sealed by AWS KMS: it can be restored wherever that key may be used, and nowhere else."
    if key_file is None:
        return "The master key was left out: see that you have a copy of it, the backup is useless without."
    return f"Move {key_file} to another place than the backup: whoever has both has every secret."
