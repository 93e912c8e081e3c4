"""A link inside the documents leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.documents import PROJECT, documents

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """How headings are named in addresses."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(document.read_text("utf-8")))
    return {text.strip().replace(" ", "-") for text in plain}


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    lost = []
    for target, anchor in LINK.findall(document.read_text("utf-8")):
        path = (document.parent / target).resolve() if target else document
        if not path.exists() or (anchor and anchor not in anchors(path)):
            lost.append(f"{target}#{anchor}" if anchor else target)
    assert lost == []


def test_every_file_that_the_documents_name_in_code_is_there() -> None:
    named = re.compile(r"`((?:src|native|tests|scripts|docs|schema|bench)/[\w./-]+\.(?:py|rs|md|toml|json|sh))`")
    lost = [
        f"{document.relative_to(PROJECT)}: {path}"
        for document in documents()
        for path in named.findall(document.read_text("utf-8"))
        if not (PROJECT / path).exists()
    ]
    assert lost == []
