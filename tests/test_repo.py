"""The project's own rules: who imports whom, what a start may cost, and what must not stand in the tree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import vchlang
from vchlang import resources

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "vchlang"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_import_contracts_are_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


# ---- what a start costs --------------------------------------------------------------------------

# Each of these alone takes a large part of what `vch plan` has (dataclasses pulls in inspect).
SLOW = {
    *("lark", "rich", "pyVmomi", "pyVim", "pygls", "lsprotocol", "psycopg", "re2", "cryptography"),
    *("argparse", "asyncio", "dataclasses", "importlib.metadata", "importlib.resources"),
}


def test_a_start_loads_nothing_slow() -> None:
    loaded = modules_loaded_by("import vchlang.cli")
    assert "vchlang.cli" in loaded
    slow = {module for module in loaded if module in SLOW or module.split(".")[0] in SLOW}
    # What the interpreter itself loads before any of ours (path files of the environment) is not ours to answer for.
    assert slow - modules_loaded_by("pass") == set()


def modules_loaded_by(code: str) -> set[str]:
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = (line for line in answer.stderr.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[1].strip() for line in lines}


# ---- what is made from something else ------------------------------------------------------------


def test_the_version_is_said_twice_and_is_one() -> None:
    assert PROJECT["project"]["version"] == vchlang.__version__


def test_the_table_fits_the_grammar() -> None:
    table = Path(resources.grammar_table())
    assert table.is_file(), "no table; `python3 dev.py setup` makes it"
    before = table.read_bytes()
    subprocess.run([sys.executable, "-m", "vchlang.syntax.tables", "--if-stale"], cwd=ROOT, check=True)
    assert table.read_bytes() == before, "the table was older than the grammar; it is made now"


def test_requirements_are_pinned_by_hash_and_cover_the_runtime() -> None:
    text = (ROOT / "requirements" / "test.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert [line for line in lines if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:", line)] == []
    pinned = {line.split("==")[0].lower() for line in lines}
    wanted = {re.split(r"[<>=!~\[ ]", dependency)[0].lower() for dependency in PROJECT["project"]["dependencies"]}
    assert wanted - pinned == set()


# ---- what must not stand in the tree ---------------------------------------------------------------

# A path of the machine that this was written on; /home/anna or, in an image, /root/logs are none.
MACHINE = re.compile(r"(?<![\w./-])/(?:work|root/\.\w+)/" + (f"|{re.escape(str(ROOT))}" if len(ROOT.parts) > 2 else ""))
# Where packages are fetched from is a setting of each machine, and no business of the project.
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org|golang\.org/\w|https?://\S+/simple\b"
    r'|"resolved": *"http'
)


def files() -> Iterator[Path]:
    """What is or would be committed."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    for name in filter(None, answer.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            yield ROOT / name


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine paths", "registry addresses"])
def test_the_tree_is_free_of(pattern: re.Pattern[str]) -> None:
    found = []
    for path in files():
        text = path.read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                found.append(f"{name_of(path)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_public_modules_say_what_they_know() -> None:
    silent = []
    for path in SOURCES:
        public = not path.stem.startswith("_") or path.stem == "__init__"
        if public and not ast.get_docstring(ast.parse(path.read_text())):
            silent.append(name_of(path))
    assert silent == []


def test_no_module_has_grown_a_second_job() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 1000} == {}
