"""The repository's own promises: what may not stand in it, what is pinned, and when the native module is stale."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path

import lint_repository
import pytest

from portazgo import native_build

PROJECT = Path(__file__).resolve().parents[2]
NATIVE = PROJECT / "native"
REQUIREMENTS = sorted((PROJECT / "requirements").glob("*.txt"))
SHA256_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\Z")


def test_no_registry_host_and_no_machine_path_stands_in_the_repository() -> None:
    assert list(lint_repository.findings(lint_repository.tracked(PROJECT))) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("see https://" + "pypi" + ".org/simple", "the name of a package-registry host"),
        ("index = 'files." + "pythonhosted" + ".org'", "the name of a package-registry host"),
        ("registry=https://registry." + "npmjs" + ".org/", "the name of a package-registry host"),
        ("GOPROXY=https://" + "proxy" + ".golang.org", "the name of a package-registry host"),
        ("open('/" + "root/.ssh/config')", "a path of one machine"),
        ("cd /" + "home/somebody/portazgo", "a path of one machine"),
        ("> /" + "tmp/out.log", "a path of one machine"),
    ],
)
def test_a_planted_name_is_found_with_its_place(tmp_path: Path, line: str, what: str) -> None:
    planted = tmp_path / "notes.md"
    planted.write_text(f"harmless\n{line}\n", "utf-8")
    (finding,) = lint_repository.findings([planted])
    assert finding.startswith(f"{planted}:2: {what}: ")


@pytest.mark.parametrize(
    "line", ["GET /api/work/items", "./tmp/x", "homework/root/", "<https://example.com/home>", "${X}/tmp/x"]
)
def test_an_ordinary_path_is_no_finding(tmp_path: Path, line: str) -> None:
    harmless = tmp_path / "notes.md"
    harmless.write_text(line, "utf-8")
    assert list(lint_repository.findings([harmless])) == []


def test_a_long_file_is_reported_unless_it_is_generated(tmp_path: Path) -> None:
    written, generated, short = tmp_path / "long.py", tmp_path / "table.rs", tmp_path / "short.py"
    written.write_text("pass\n" * 501, "utf-8")
    generated.write_text("// Generated from a table\n" * 501, "utf-8")
    short.write_text("pass\n" * 500, "utf-8")
    assert list(lint_repository.long_files([written, generated, short])) == [
        f"{written}: 501 lines; split it by use case"
    ]


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_to_one_version_and_hashed(path: Path) -> None:
    requirements = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    for requirement in requirements:
        pin, *hashes = [part.strip() for part in re.split(r"\s(?=--hash)", requirement)]
        assert "==" in pin.split(";")[0], requirement
        assert hashes, f"{pin} has no hash"
        assert all(SHA256_HASH.match(each) for each in hashes), pin


def test_production_runs_the_versions_that_were_tested() -> None:
    base, dev = (_pins(PROJECT / "requirements" / name) for name in ("base.txt", "dev.txt"))
    assert base.items() <= dev.items()


def test_every_dependency_of_the_package_is_locked() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[\[<>=~!; ]", requirement)[0].replace(".", "-") for requirement in project["dependencies"]}
    assert names <= _pins(PROJECT / "requirements/base.txt").keys()


def test_the_native_module_was_built_from_the_sources_beside_it() -> None:
    native_build.require_fresh()


def test_the_digest_is_that_of_sha256sum_over_the_sorted_sources() -> None:
    listed = subprocess.run(
        ["sha256sum", "--", *native_build.sources(NATIVE)],  # noqa: S607 - coreutils
        cwd=NATIVE,
        check=True,
        capture_output=True,
    ).stdout
    assert native_build.source_digest(NATIVE) == sha256(listed).hexdigest()


@pytest.mark.parametrize(
    "edited",
    ["Cargo.toml", "Cargo.lock", "crates/core/Cargo.toml", "crates/python/build.rs", "crates/core/src/lib.rs"],
)
def test_an_edited_source_makes_the_module_stale(sources: Path, edited: str) -> None:
    built_from = native_build.source_digest(sources)
    native_build.check(sources, built_from)
    with (sources / edited).open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(native_build.NativeModuleStale, match=r"stale.*Run `make native`"):
        native_build.check(sources, built_from)


def test_new_deleted_and_renamed_sources_make_the_module_stale(sources: Path) -> None:
    before = native_build.source_digest(sources)
    new = sources / "crates/core/src/deeper/new.rs"
    new.parent.mkdir()
    new.write_text("", "utf-8")
    with_new = native_build.source_digest(sources)
    renamed = native_build.source_digest(_renamed(new, sources))
    assert len({before, with_new, renamed}) == 3
    (new.parent / "renamed.rs").unlink()
    assert native_build.source_digest(sources) == before


def test_editing_a_test_leaves_the_module_fresh(sources: Path) -> None:
    before = native_build.source_digest(sources)
    (sources / "crates/core/tests").mkdir(exist_ok=True)
    (sources / "crates/core/tests/another.rs").write_text("", "utf-8")
    assert native_build.source_digest(sources) == before


def test_sources_are_looked_for_beside_an_editable_installation_only(tmp_path: Path) -> None:
    installed = tmp_path / "lib/python3.11/site-packages/portazgo"
    installed.mkdir(parents=True)
    assert native_build.source_folder(installed) is None
    assert native_build.source_folder(PROJECT / "src/portazgo") == NATIVE


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of native/ without what was built."""
    return Path(shutil.copytree(NATIVE, tmp_path / "native", ignore=shutil.ignore_patterns("target", "fuzz")))


def _renamed(file: Path, native: Path) -> Path:
    file.rename(file.with_name("renamed.rs"))
    return native


def _pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9-]+)==([^ ]+)", path.read_text("utf-8"), re.MULTILINE)
    return dict(found)
