"""Whether the native module was built from the sources beside it.

The digest is SHA-256 over one line per source, `<SHA-256 of the content in hex>  <path>` with a newline (the form of
`sha256sum`), sorted by path; path is relative to `native/`, with `/`. Sources are `Cargo.toml`, `Cargo.lock` and, of
every crate, `Cargo.toml`, `build.rs` and `src/**/*.rs`: what ends up in the module, so that editing a test makes
nothing stale. `native/crates/python/build.rs` computes the same and embeds it as `portazgo._native.SOURCE_DIGEST`.
"""

from __future__ import annotations

from hashlib import sha256
from importlib import import_module
from pathlib import Path

_REBUILD = "Run `make native`."


class NativeModuleStale(Exception):
    """The native module is missing, or was built from other sources than those beside the package."""


def source_folder(package: Path | None = None) -> Path | None:
    """The `native/` folder beside the package, or None where Portazgo was installed from a wheel."""
    package = package or Path(__file__).resolve().parent
    if package.parent.name != "src":
        return None
    native = package.parent.parent / "native"
    return native if (native / "crates" / "python" / "Cargo.toml").is_file() else None


def sources(native: Path) -> list[str]:
    """The files that the digest covers, relative to `native`, sorted."""
    found = [native / "Cargo.toml", native / "Cargo.lock"]
    for crate in (native / "crates").iterdir():
        found += [path for path in (crate / "Cargo.toml", crate / "build.rs") if path.is_file()]
        found += (crate / "src").rglob("*.rs")
    return sorted(path.relative_to(native).as_posix() for path in found)


def source_digest(native: Path) -> str:
    """The digest of the sources, 64 hexadecimal digits."""
    total = sha256()
    for source in sources(native):
        content = sha256((native / source).read_bytes()).hexdigest()
        total.update(f"{content}  {source}\n".encode())
    return total.hexdigest()


def require_fresh() -> None:
    """Refuse to go on with a native module that doesn't match its sources.

    Costs about a millisecond per megabyte of sources, and nothing where there are none (an installed wheel).
    Raises NativeModuleStale.
    """
    native = source_folder()
    if native is None:
        return
    try:
        built_from: str = import_module("portazgo._native").SOURCE_DIGEST
    except ImportError as error:
        raise NativeModuleStale(f"The native module is not built: {error}. {_REBUILD}") from error
    check(native, built_from)


def check(native: Path, built_from: str) -> None:
    """Raise NativeModuleStale unless the sources in `native` have the digest `built_from`."""
    if source_digest(native) != built_from:
        raise NativeModuleStale(f"The native module is stale: it was built from other sources. {_REBUILD}")
