"""Rules by which scanners for leaked secrets find a deployment's keys. Pure.

The expression is one that RE2 (gitleaks, trufflehog) and Hyperscan (GitHub) take: no look-around. A key's CRC tells the
rest; a scanner that can calculate it has no false positive left.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum

from portazgo.keys.domain import CRC_LENGTH, SECRET_LENGTH
from portazgo.kit.ids import KID_LENGTH

LEAKS_PATH = "/api/v1/security/leaks"
"""Where findings are reported in the form of GitHub's secret-scanning partner program."""


class ScannerFormat(StrEnum):
    """Whose rules."""

    REGEX = "regex"
    GITLEAKS = "gitleaks"
    TRUFFLEHOG = "trufflehog"
    GITHUB = "github"


def expression(prefix: str) -> str:
    """Write the regular expression of the deployment's keys; a match is the whole key."""
    return rf"\b{prefix}_(?:live|test)_[0-9A-Za-z]{{{KID_LENGTH}}}_[0-9A-Za-z]{{{SECRET_LENGTH + CRC_LENGTH}}}\b"


def rules(prefix: str, form: ScannerFormat, control_url: str) -> str:
    """Write the rules of one scanner, as its file has them."""
    return _WRITERS[form](prefix, control_url)


def _regex(prefix: str, _url: str) -> str:
    return expression(prefix) + "\n"


def _gitleaks(prefix: str, _url: str) -> str:
    return f"""\
title = "API keys of this deployment of Portazgo"

[extend]
useDefault = true

[[rules]]
id = "portazgo-{prefix}-api-key"
description = "API key of a partner ({prefix}_live_…, {prefix}_test_…): whoever has it calls the API in the partner's name"
regex = '''{expression(prefix)}'''
keywords = ["{prefix}_live_", "{prefix}_test_"]
"""


def _trufflehog(prefix: str, _url: str) -> str:
    return f"""\
detectors:
  - name: portazgo-{prefix}-api-key
    keywords:
      - {prefix}_live_
      - {prefix}_test_
    regex:
      key: '{expression(prefix)}'
"""


def _github(prefix: str, url: str) -> str:
    """Write what the secret-scanning partner program asks a service provider for."""
    types = [
        {
            "name": f"Portazgo API key ({environment})",
            "type": f"portazgo_{prefix}_{environment}_api_key",
            "regular_expression": expression(prefix).replace("(?:live|test)", environment),
            "endpoint": url.rstrip("/") + LEAKS_PATH,
        }
        for environment in ("live", "test")
    ]
    return json.dumps({"secret_types": types}, indent=2, ensure_ascii=False) + "\n"


_WRITERS: dict[ScannerFormat, Callable[[str, str], str]] = {
    ScannerFormat.REGEX: _regex,
    ScannerFormat.GITLEAKS: _gitleaks,
    ScannerFormat.TRUFFLEHOG: _trufflehog,
    ScannerFormat.GITHUB: _github,
}
