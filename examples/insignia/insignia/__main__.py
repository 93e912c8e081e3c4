"""`python -m insignia serve`: migrate, seed what is empty, then become gunicorn."""

import argparse
import errno
import os
import socket
import sys
from pathlib import Path

import django
from django.core.management import call_command

PROJECT = Path(__file__).resolve().parent.parent
SETTING_BY_OPTION = {
    "jwks_url": "INSIGNIA_JWKS_URL",
    "issuer": "INSIGNIA_TRUSTED_ISSUER",
    "audience": "INSIGNIA_TRUSTED_AUDIENCE",
}


def main() -> None:
    """Run the command line."""
    options = _parser().parse_args()
    _refuse_a_taken_port(options.host, options.port)
    os.environ.update(_environment(options))
    _prepare_database()
    command = _gunicorn(options)
    os.execv(command[0], command)  # noqa: S606 - our own Python, no shell wanted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m insignia")
    serve = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="run the server")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8082)
    serve.add_argument("--data", type=Path, default=Path("insignia-data"), help="folder for database, keys and files")
    serve.add_argument("--jwks-url", help="where the trusted issuer publishes its keys")
    serve.add_argument("--issuer", help="the `iss` of tokens that are trusted")
    serve.add_argument("--audience", help="the `aud` that they must carry")
    serve.add_argument("--workers", type=int, default=1)
    serve.add_argument("--threads", type=int, default=8, help="per worker")
    serve.add_argument("--keep-alive", type=int, default=2, help="seconds that an idle connection is kept")
    return parser


def _environment(options: argparse.Namespace) -> dict[str, str]:
    given = {setting: getattr(options, option) for option, setting in SETTING_BY_OPTION.items()}
    return {
        "DJANGO_SETTINGS_MODULE": "insignia.settings",
        "INSIGNIA_DATA_DIR": str(options.data.resolve()),
        **{setting: value for setting, value in given.items() if value is not None},
    }


def _refuse_a_taken_port(host: str, port: int) -> None:
    """Exit with a sentence now; gunicorn would try for five seconds and print a traceback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "is taken; choose another with --port" if error.errno == errno.EADDRINUSE else error.strerror
            sys.exit(f"insignia: {host}:{port} {reason}.")


def _prepare_database() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("seed")


def _gunicorn(options: argparse.Namespace) -> list[str]:
    return [
        sys.executable,
        *("-m", "gunicorn", "insignia.wsgi:application"),
        *("--pythonpath", str(PROJECT)),
        *("--bind", f"{options.host}:{options.port}"),
        *("--worker-class", "gthread"),
        *("--workers", str(options.workers)),
        *("--threads", str(options.threads)),
        *("--keep-alive", str(options.keep_alive)),
        *("--graceful-timeout", "5"),
        "--no-control-socket",
    ]


if __name__ == "__main__":
    main()
