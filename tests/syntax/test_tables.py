"""The table is made once, read without Lark, and never trusted when it belongs to another grammar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vchlang import resources
from vchlang.syntax import tables

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_start_reads_the_table_and_not_lark() -> None:
    tables.main(["--if-stale"])
    program = (
        "import sys; from vchlang.syntax.parser import parse; from vchlang.text import SourceText;"
        "assert not parse(SourceText('', 'let a = \"${b}\"')).diagnostics;"
        "print([name for name in sys.modules if name.split('.')[0] in ('lark', 'interegular', 'pickle')])"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_another_grammar_makes_another_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar, table = tmp_path / "vch.lark", tmp_path / "made" / "grammar.table"
    text = Path(resources.grammar_file()).read_text(encoding="utf-8")
    grammar.write_text(text, encoding="utf-8")
    monkeypatch.setattr(resources, "grammar_file", lambda: str(grammar))
    monkeypatch.setattr(resources, "grammar_table", lambda: str(table))
    first = tables.load()
    written = table.read_bytes()
    assert tables.load() == first
    assert table.read_bytes() == written
    grammar.write_text(text.replace('| "stop"', '| "stop" | "pause"'), encoding="utf-8")
    assert "pause" in tables.load().words
    assert table.read_bytes() != written
    for damaged in (b"", written[: len(written) // 2], b"\xff" * 100):
        table.write_bytes(damaged)
        assert "pause" in tables.load().words
    assert [path.name for path in table.parent.iterdir()] == ["grammar.table"]


def test_a_place_that_cannot_be_written_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(resources, "grammar_table", lambda: str(tmp_path / "file" / "grammar.table"))
    assert tables.load().words["let"]
    assert tables.main([]) == 1
