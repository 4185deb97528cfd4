"""What the documents say is there, is there: files, and tests by name."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from idp.metrics import EVERY

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "docs" / name for name in ("security.md", "attacks.md", "conformance.md")]
_NAMED = re.compile(r"`((?:tests|docs|idp)/[^`:]*)(?:::(\w+))?`|`(test_\w+)`")


@cache
def known() -> frozenset[str]:
    """Every test there is."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"^\s*def (test_\w+)", text, re.MULTILINE))
    return frozenset(found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_and_file_that_a_document_names_exists(document: Path) -> None:
    named = _NAMED.findall(document.read_text(encoding="utf-8"))

    missing = [file for file, _, _ in named if file and not (ROOT / file).exists()]
    missing += [name for _, inside, alone in named for name in (inside, alone) if name]
    missing = [name for name in missing if name not in known()]
    assert named
    assert missing == []


def test_operators_read_of_every_metric() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

    assert [metric.name for metric in EVERY if f"`{metric.name}" not in text] == []


def test_alerts_ask_for_metrics_and_labels_that_there_are() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rules = text.partition("```yaml")[2].partition("```")[0]
    page = (ROOT / "idp" / "management.py").read_text(encoding="utf-8")
    known = {metric.name for metric in EVERY} | set(re.findall(r'"(idp_\w+)"', page))

    asked = {
        re.sub(r"_(total|count|bucket|sum)$", "", name) for name in re.findall(r"\bidp_\w+", rules)
    }
    labels = set(re.findall(r"(\w+)(?:=~|!=|=)\"", rules))

    assert asked
    assert asked - known == set()
    assert labels <= {label for metric in EVERY for label in metric.labels}


@pytest.mark.parametrize(("title", "last"), [("Authlib's traps", 21), ("Corrections", 8)])
def test_every_number_of_a_table_has_a_row_with_a_test(title: str, last: int) -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = text.partition(f"## {title}")[2].partition("\n## ")[0]

    rows = re.findall(r"^\| (\d+) \|.*`test_\w+`", table, re.MULTILINE)

    assert [int(number) for number in rows] == list(range(1, last + 1))
