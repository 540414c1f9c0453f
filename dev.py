#!/usr/bin/env python3
"""Everything a developer of vch runs, with nothing but Python 3.11 and pip (or uv) on the machine.

The first call of any command sets up `.venv`; later ones do so again when the pinned requirements have changed.
Standard library only, and it must still parse on an old Python to be able to say that it is too old.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "dev-stamp"
REQUIREMENTS = ROOT / "requirements" / "test.txt"
SEED = "examples/seed.vch"
# From inside of a virtual environment, the interpreter that it was made with: that one has pip, and outlives `.venv`.
HOST = getattr(sys, "_base_executable", None) or sys.executable

USAGE = f"""\
usage: python3 dev.py COMMAND

  setup         set up .venv and nothing else
  demo          validate, plan and apply {SEED} on this machine, and talk to what it started
  test [ARGS]   the tests; ARGS go to pytest
  check         all that CI runs: format, lint, types, import contracts, the wheel from another folder, the tests
  fix           format, mend what lint can mend, make the grammar's table, rewrite the expected blocks of golden cases
                and the reference
  docs          write docs/reference/ from the grammar, the kinds, codes, functions, commands and the standard library
  sweep [ARGS]  stop the seed example at every durable write by kill -9, and resume it; with --mutations, look at what
                is said of 100,000 programs with a mistake; with --hostile, what programs cost that never end
  bench [ARGS]  measure vch beside its peers; ARGS are names of benchmarks
"""


class Failed(Exception):
    """A command ended with a code that is not 0; what it printed says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        # A process that a signal ended has a negative code, which is no exit code.
        self.code = code if code > 0 else 128 - code


# ---- running things ----------------------------------------------------------------------------


def say(line: str = "") -> None:
    print(line, flush=True)


def status(*argv: object, cwd: Path = ROOT) -> int:
    return subprocess.run([str(word) for word in argv], cwd=cwd).returncode


def run(*argv: object, cwd: Path = ROOT) -> None:
    code = status(*argv, cwd=cwd)
    if code != 0:
        raise Failed(code)


def tool(name: str, venv: Path = VENV) -> Path:
    return venv / ("Scripts" if os.name == "nt" else "bin") / name


PYTHON = tool("python")


# ---- setting up ----------------------------------------------------------------------------------


def setup() -> None:
    """Make `.venv` what the requirements say, if it is not that already."""
    interpreter = _digest(sys.version, str(ROOT))
    wanted = _digest(REQUIREMENTS.read_text(), (ROOT / "pyproject.toml").read_text())
    have = STAMP.read_text().split() if STAMP.exists() else ["", ""]
    if have == [interpreter, wanted] and PYTHON.exists():
        return
    usable = PYTHON.exists() and have[0] in ("", interpreter) and status(PYTHON, "-c", "") == 0
    print("Setting up .venv (once; up to a minute) ...", file=sys.stderr, flush=True)
    if not usable:
        make_venv(VENV)
    STAMP.unlink(missing_ok=True)
    install(VENV, "--require-hashes", "-r", REQUIREMENTS)
    # What builds the package is among the pinned requirements, so nothing else is fetched for it.
    install(VENV, "--no-deps", "--no-build-isolation", "-e", ROOT)
    STAMP.write_text(interpreter + "\n" + wanted + "\n")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def make_venv(path: Path) -> None:
    """A virtual environment; without pip of its own where something else can install into it."""
    uv = shutil.which("uv")
    if uv:
        run(uv, "venv", "--quiet", "--clear", "--python", HOST, path)
    elif host_pip_reaches_others():
        # Quicker, and needs no ensurepip, which some distributions keep in a package of its own.
        run(HOST, "-m", "venv", "--clear", "--without-pip", path)
    else:
        run(HOST, "-m", "venv", "--clear", path)


def install(venv: Path, *args: object) -> None:
    """Install into a virtual environment, and say what was wrong only if it fails."""
    python = tool("python", venv)
    uv = shutil.which("uv")
    if uv:
        run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *args)
        return
    pip = (HOST, "-m", "pip", "--python", python) if host_pip_reaches_others() else (python, "-m", "pip")
    run(*pip, "install", "--quiet", "--quiet", "--disable-pip-version-check", *args)


def host_pip_reaches_others() -> bool:
    """Whether this Python's pip knows `--python` (22.3 and later)."""
    answer = subprocess.run([HOST, "-m", "pip", "--version"], capture_output=True, text=True)
    version = re.match(r"pip (\d+)\.(\d+)", answer.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= (22, 3)


def ready() -> None:
    """What every command starts from: `.venv`, byte code, and a table that fits the grammar.

    The byte code is made here since many machines set PYTHONDONTWRITEBYTECODE, and then each start of `vch` would
    compile all of it again. A file that does not compile is left to the command that follows, which says so better.
    """
    setup()
    status(PYTHON, "-m", "compileall", "-qq", ROOT / "vchlang")
    run(PYTHON, "-m", "vchlang.syntax.tables", "--if-stale")


# ---- the commands --------------------------------------------------------------------------------


def demo() -> None:
    ready()
    vch("validate", SEED)
    vch("plan", SEED)
    vch("apply", "--yes", SEED)
    shown = vch("show", SEED, keep=True)
    address = re.search(r"tcp://([\w.:\[\]-]+:\d+)", shown)
    if address is None:
        say("`show` names no address, so there is nothing to talk to.")
        raise Failed(1)
    get("http://" + address[1] + "/_ping")
    say(
        "\nIt runs, detached from this terminal. What to try next:\n"
        "  .venv/bin/vch logs personality            what a task wrote\n"
        f"  edit {SEED}, say  cpus: 2 to cpus: 1\n"
        f"  .venv/bin/vch plan {SEED}       the change, and why\n"
        f"  .venv/bin/vch apply {SEED}      make it so\n"
        f"  .venv/bin/vch destroy {SEED}    and nothing is left"
    )


def vch(*args: str, keep: bool = False) -> str:
    """Run `vch` for the reader to see. `keep`: give back what it printed too, for a step that needs it."""
    say("\n$ .venv/bin/vch " + " ".join(args))
    answer = subprocess.run([str(tool("vch")), *args], cwd=ROOT, stdout=subprocess.PIPE if keep else None, text=True)
    if keep:
        say(answer.stdout.rstrip("\n"))
    if answer.returncode != 0:
        say(f"\n`vch {args[0]}` ended with exit code {answer.returncode}.")
        raise Failed(answer.returncode)
    return answer.stdout or ""


def get(url: str) -> None:
    from urllib.error import URLError
    from urllib.request import ProxyHandler, build_opener

    say(f"\n$ curl {url}")
    try:
        # Without proxies: the address is on this machine.
        with build_opener(ProxyHandler({})).open(url, timeout=10) as answer:
            say(answer.read().decode("utf-8", "replace").rstrip("\n"))
    except URLError as error:
        say(f"no answer: {error}")
        raise Failed(1) from None


def test(*args: str) -> None:
    ready()
    run(PYTHON, "-m", "pytest", *args)


def check() -> None:
    """Everything, even after a failure; pytest last, so that its closing line is the last word when all is well."""
    ready()
    failed: list[str] = []
    for title, argv in (
        ("ruff format", (tool("ruff"), "format", "--check", ".")),
        ("ruff check", (tool("ruff"), "check", ".")),
        ("mypy --strict", (PYTHON, "-m", "mypy", "--strict", "vchlang")),
        ("import contracts", (tool("lint-imports"), "--no-logo")),
    ):
        say(f"\n==== {title}")
        if status(*argv) != 0:
            failed.append(title)
    say("\n==== wheel, from another folder")
    try:
        wheel()
    except Failed:
        failed.append("wheel")
    say("\n==== pytest")
    if status(PYTHON, "-m", "pytest") != 0:
        failed.append("pytest")
    if failed:
        say("\nfailed: " + ", ".join(failed))
        raise Failed(1)


def wheel() -> None:
    """Build the source archive, from it the wheel, and use that where nothing of this checkout can be found."""
    with tempfile.TemporaryDirectory(prefix="vch-wheel-") as name:
        there = Path(name)
        built = subprocess.run(
            [str(PYTHON), "-m", "build", "--no-isolation", "--outdir", name, str(ROOT)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if built.returncode != 0:
            say(built.stdout)
            raise Failed(built.returncode)
        (package,) = there.glob("*.whl")
        venv = there / "venv"
        make_venv(venv)
        install(venv, "--no-deps", "--no-index", package)
        # The libraries are taken from `.venv`. A path file adds the folder but not what path files in it name, so
        # the editable install in there is not seen.
        path_file = Path(site_packages(tool("python", venv)), "libraries.pth")
        path_file.write_text(site_packages(PYTHON) + "\n")
        shutil.copytree(ROOT / "examples", there / "elsewhere" / "examples")
        run(tool("python", venv), "-c", INSTALLED, venv, cwd=there / "elsewhere")
        run(tool("vch", venv), "validate", SEED, cwd=there / "elsewhere")
        say(f"{package.name} works")


INSTALLED = """
import os, sys
import vchlang
from vchlang import resources
where = os.path.realpath(sys.argv[1]) + os.sep
for path in (vchlang.__file__, resources.grammar_file(), resources.grammar_table(), resources.stdlib()):
    if not os.path.realpath(path).startswith(where) or not os.path.exists(path):
        sys.exit(f"{path} is not in the wheel")
"""


def site_packages(python: Path) -> str:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return subprocess.run([str(python), "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def fix() -> None:
    ready()
    codes = [
        status(tool("ruff"), "check", "--fix", "."),
        status(tool("ruff"), "format", "."),
        status(PYTHON, "-m", "vchlang.syntax.tables"),
        status(tool("vch"), "docs", "--reference", ROOT / "docs" / "reference"),
        status(PYTHON, "-m", "pytest", "--update"),
    ]
    for code in codes:
        if code != 0:
            raise Failed(code)


def docs() -> None:
    ready()
    run(tool("vch"), "docs", "--reference", ROOT / "docs" / "reference")


def sweep(*args: str) -> None:
    ready()
    if "--mutations" in args:
        run(PYTHON, "-m", "tests.syntax.campaign", *(one for one in args if one != "--mutations"))
    elif "--hostile" in args:
        run(PYTHON, "-m", "tests.hostile", *(one for one in args if one != "--hostile"))
    else:
        run(PYTHON, "-m", "tests.faults.sweep", *args)


def bench(*args: str) -> None:
    ready()
    run(PYTHON, "-m", "benchmarks", *args)


COMMANDS: dict[str, Callable[..., None]] = {
    "setup": ready,
    "demo": demo,
    "test": test,
    "check": check,
    "fix": fix,
    "docs": docs,
    "sweep": sweep,
    "bench": bench,
}


def main(argv: list[str]) -> int:
    if sys.version_info < (3, 11):
        print("vch needs Python 3.11 or later; this is {}.{}.".format(*sys.version_info[:2]), file=sys.stderr)
        return 2
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if argv else 2
    name, args = argv[0], argv[1:]
    if name not in COMMANDS or (args and name not in ("test", "sweep", "bench")):
        print(USAGE, end="", file=sys.stderr)
        return 2
    try:
        COMMANDS[name](*args)
    except Failed as failure:
        return failure.code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
