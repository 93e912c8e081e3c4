"""Scanners find the keys of a deployment by rules of its own prefix, and nothing that merely looks like one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.keys.domain import Kid, format_key, new_secret
from portazgo.keys.scanning import ScannerFormat, expression, rules
from portazgo.kit.ids import BASE62, new_kid

URL = "https://control.example"
KEY = format_key("acme", "live", Kid("7hK2mQ9xTb"), new_secret())

prefixes = st.from_regex(r"[a-z][a-z0-9]{1,11}", fullmatch=True)
around = st.sampled_from(["", " ", "\n", '"', "'", "=", ":", ",", "/", "`", "<", ">", "\u00bf"])


@given(prefix=prefixes, environment=st.sampled_from(["live", "test"]), before=around, after=around)
def test_every_key_is_found_whole(prefix: str, environment: str, before: str, after: str) -> None:
    key = format_key(prefix, environment, Kid(new_kid()), new_secret())
    lead = "Bearer" if before else ""
    found = re.search(expression(prefix), lead + before + key + after)
    assert found is not None
    assert found[0] == key


NEAR_MISSES = {
    "one character short": KEY[:-1],
    "one character long": KEY + "a",
    "of another deployment": KEY.replace("acme", "acne", 1),
    "prefix within a word": "x" + KEY,
    "no such environment": KEY.replace("_live_", "_prod_", 1),
    "capitals in the environment": KEY.replace("_live_", "_LIVE_", 1),
    "a hyphen in the secret": KEY[:-10] + "-" + KEY[-9:],
    "a kid alone": KEY.split("_")[2],
    "cut after the kid": KEY.rsplit("_", 1)[0] + "_",
    "a short kid": KEY.replace("7hK2mQ9xTb", "7hK2mQ9xT", 1),
    "a line break inside": KEY[:30] + "\n" + KEY[30:],
    "a letter that only looks like one": KEY[:-5] + "\u0430" + KEY[-4:],
}


@pytest.mark.parametrize("text", NEAR_MISSES.values(), ids=NEAR_MISSES.keys())
def test_a_near_miss_is_not_found(text: str) -> None:
    assert re.search(expression("acme"), text) is None


def test_the_plain_rule_is_the_expression() -> None:
    assert rules("acme", ScannerFormat.REGEX, URL) == expression("acme") + "\n"


def test_gitleaks_takes_a_rule_beside_its_own() -> None:
    document = tomllib.loads(rules("acme", ScannerFormat.GITLEAKS, URL))
    assert document["extend"] == {"useDefault": True}
    (rule,) = document["rules"]
    assert rule["id"] == "portazgo-acme-api-key"
    assert re.search(rule["regex"], f"key = {KEY}")
    assert any(keyword in KEY.lower() for keyword in rule["keywords"])


def test_trufflehog_takes_a_custom_detector() -> None:
    from ruamel.yaml import YAML

    document = YAML(typ="safe").load(rules("acme", ScannerFormat.TRUFFLEHOG, URL))
    (detector,) = document["detectors"]
    assert detector["name"] == "portazgo-acme-api-key"
    (pattern,) = detector["regex"].values()
    assert re.search(pattern, f"key = {KEY}")
    assert any(keyword in KEY.lower() for keyword in detector["keywords"])


def test_github_is_told_a_type_for_each_environment_and_where_findings_go() -> None:
    types = json.loads(rules("acme", ScannerFormat.GITHUB, URL + "/"))["secret_types"]
    assert [one["type"] for one in types] == ["portazgo_acme_live_api_key", "portazgo_acme_test_api_key"]
    assert {one["endpoint"] for one in types} == {"https://control.example/api/v1/security/leaks"}
    found = [re.search(one["regular_expression"], KEY) is not None for one in types]
    assert found == [True, False]


GO = """
package main

import ("fmt"; "io"; "os"; "regexp"; "strings")

func main() {
	given, _ := io.ReadAll(os.Stdin)
	lines := strings.Split(string(given), "\\n")
	expression := regexp.MustCompile(lines[0])
	for _, line := range lines[1:] { fmt.Println(expression.FindString(line)) }
}
"""


def test_go_reads_the_expression_as_python_does(tmp_path: Path) -> None:
    """Gitleaks and trufflehog are Go programs: RE2 knows less than Python's expressions, and boundaries of ASCII only."""
    go = shutil.which("go", path="/usr/local/go/bin:/usr/bin:/usr/local/bin") or shutil.which("go")
    assert go is not None, "install Go: scripts/test-services does"
    (tmp_path / "find.go").write_text(GO)
    texts = [f"a={KEY};", KEY, *(text for text in NEAR_MISSES.values() if "\n" not in text)]
    done = subprocess.run(
        [go, "run", str(tmp_path / "find.go")],
        input="\n".join([expression("acme"), *texts]),
        env={**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [KEY, KEY, *[""] * (len(texts) - 2)]


def test_the_alphabet_is_the_one_of_keys() -> None:
    assert set(BASE62) == set(re.findall(r"[0-9A-Za-z]", "".join(map(chr, range(128)))))
