"""Writes what is generated from the fault catalogue: the Rust table, the docs page, the JSON for other tools.

`python -m portazgo.faults.generate [--check]`: with --check it writes nothing and exits 1 when something is stale.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import get_args

from portazgo.faults.catalogue import Fault, Phase, catalogue

PROJECT = Path(__file__).resolve().parents[3]
NOTICE = "Generated from src/portazgo/faults/catalogue.toml by `make gen`; do not edit."

_DOCS_INTRODUCTION = """\
# Faults

<!-- {notice} -->

Every answer that Portazgo itself gives is `application/problem+json` (RFC 9457); its `code` is the public code below, its
`instance` the request id. Records, traces and metrics carry the fault's own code. *Blame* says whose move it is:

| blame | whose move |
|---|---|
| `partner` | the caller changes the request |
| `partner_network` | the way between the caller and the gateway |
| `policy` | a rule that the operator set; the caller asks, the operator decides |
| `gateway` | Portazgo |
| `backend` | whoever runs the backend |
| `backend_network` | the way between the gateway and the backend |
| `platform` | what Portazgo runs on: disk, clock, key provider |
"""


def rust_table(faults: tuple[Fault, ...]) -> str:
    """The enum and its table, for core/src/fault/generated.rs."""
    variants = "\n".join(f"    /// {fault.operator}\n    {_camel(fault.code)} = {fault.id}," for fault in faults)
    rows = "\n".join(_rust_row(fault) for fault in faults)
    return (
        f"// {NOTICE}\n\nuse super::{{Blame, Description}};\n\n"
        "/// One way in which a call can fail. The number is stored in records and never changes its meaning.\n"
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n#[repr(u16)]\n"
        f"pub enum Fault {{\n{variants}\n}}\n\n"
        f"pub(super) const TABLE: [(Fault, Description); {len(faults)}] = [\n{rows}\n];\n"
    )


def docs_page(faults: tuple[Fault, ...]) -> str:
    """docs/faults.md: one anchor per fault, in the order of a request's path."""
    lines = [_DOCS_INTRODUCTION.format(notice=NOTICE)]
    phases = get_args(Phase)
    in_order = sorted(faults, key=lambda fault: (phases.index(fault.phase), fault.id))
    for phase, of_phase in groupby(in_order, key=lambda fault: fault.phase):
        lines += [f"## In `{phase}`", ""]
        for fault in of_phase:
            lines += _docs_entry(fault)
    return "\n".join(lines)


def json_document(faults: tuple[Fault, ...]) -> str:
    """schema/faults.json."""
    return (
        json.dumps({"notice": NOTICE, "faults": [asdict(fault) for fault in faults]}, indent=2, ensure_ascii=False)
        + "\n"
    )


def outputs() -> dict[Path, str]:
    """What belongs in which file."""
    faults = catalogue()
    return {
        PROJECT / "native/crates/core/src/fault/generated.rs": rust_table(faults),
        PROJECT / "docs/faults.md": docs_page(faults),
        PROJECT / "schema/faults.json": json_document(faults),
    }


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    stale = {path: text for path, text in outputs().items() if not path.exists() or path.read_text("utf-8") != text}
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(PROJECT)} is stale: run `make gen`\n")
        return 1 if stale else 0
    for path, text in stale.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


def _rust_row(fault: Fault) -> str:
    return (
        "    (\n"
        f"        Fault::{_camel(fault.code)},\n"
        "        Description {\n"
        f"            code: {json.dumps(fault.code)},\n"
        f"            public_code: {json.dumps(fault.public_code)},\n"
        f"            blame: Blame::{_camel(fault.blame)},\n"
        f"            phase: {json.dumps(fault.phase)},\n"
        f"            status: {fault.status},\n"
        f"            retryable: {json.dumps(fault.retryable)},\n"
        f"            billable: {json.dumps(fault.billable)},\n"
        f"            partner: {json.dumps(fault.partner)},\n"
        "        },\n"
        "    ),"
    )


def _docs_entry(fault: Fault) -> list[str]:
    facts = [
        f"public code `{fault.public_code}`",
        f"status {fault.status}",
        f"blame **{fault.blame}**",
        "worth a retry" if fault.retryable else "a retry won't help",
        "billed" if fault.billable else "not billed",
    ]
    return [
        f"### {fault.code}",
        "",
        " · ".join(facts),
        "",
        f"*Partner:* {fault.partner}  ",
        f"*Operator:* {fault.operator}  ",
        f"*Next:* {fault.next_step}",
        "",
    ]


def _camel(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("_"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
