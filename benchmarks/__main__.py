"""Runs the benchmarks and prints one table: `python -m benchmarks [NAME ...] [--runs N]`."""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import terraform_vchs, vch_scripts
from benchmarks.measure import Broken, Cost, Series, cost, cpu, peak, printed, take_turns

ROOT = Path(__file__).resolve().parent.parent
VCH = str(Path(sys.executable).with_name("vch"))
LINES = 10_000
MANY = 500
MODULES = 100

# In a process of its own: only the call is measured, from a text in memory to the finished tree. "warm" parses one
# line first, so that what happens once (reading the grammar's table) does not flatten the growth.
PARSE = """\
import sys, time
from vchlang.syntax.parser import parse
from vchlang.text import SourceText
if sys.argv[2] == "warm":
    parse(SourceText("warm.vch", "let a = 1\\n"))
with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
start = time.process_time()
parsed = parse(SourceText(sys.argv[1], text))
print(time.process_time() - start)
sys.exit(1 if parsed.diagnostics else 0)
"""

# Reading and checking a script with its modules, by a workspace that is new, and by the same one again.
OPEN = """\
import gc, sys, time
from vchlang.project import find
from vchlang.workspace import Workspace
gc.disable()
workspace = Workspace(find(sys.argv[1]))
start = time.process_time()
loaded = workspace.load(sys.argv[1] + "/main.vch")
cold = time.process_time()
workspace.refresh()
loaded = workspace.load(sys.argv[1] + "/main.vch")
print((cold - start, time.process_time() - cold)[sys.argv[2] == "warm"])
sys.exit(1 if loaded.diagnostics else 0)
"""


Costs = dict[str, list[Cost]]
Reading = Callable[[Sequence[Cost]], Series]


class Row(NamedTuple):
    what: str
    ours: Series
    theirs: Series | None  # None: nothing to compare with
    unit: str
    figure: float | None  # ratio, or exponent; None when the peer is missing
    target: float


class Place(NamedTuple):
    """A folder to work in, and how to run both sides there."""

    directory: str
    runs: int
    terraform: str | None

    def vch(self, *args: str) -> Callable[[], Cost]:
        return lambda: cost((VCH, *args), self.directory, os.environ)

    def python(self, code: str, *args: str) -> Callable[[], Cost]:
        return lambda: cost((sys.executable, "-c", code, *args), str(ROOT), os.environ)

    def peer(self, configuration: str, *args: str) -> Callable[[], Cost] | None:
        """Terraform on this configuration, without the user's settings and without asking for a newer version."""
        if self.terraform is None:
            return None
        folder = os.path.join(self.directory, "terraform")
        os.makedirs(folder, exist_ok=True)
        write(folder, "main.tf", configuration)
        env = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
        env |= {
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_CONFIG_FILE": write(self.directory, "terraformrc", ""),
        }
        return lambda: cost((self.terraform or "", *args), folder, env)

    def measure(self, ours: Callable[[], Cost], theirs: Callable[[], Cost] | None, **more: Callable[[], Cost]) -> Costs:
        return take_turns({"ours": ours} | ({"theirs": theirs} if theirs else {}) | more, self.runs)


def write(directory: str, name: str, text: str) -> str:
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def compare(what: str, unit: str, target: float, costs: Costs, ours: Reading, theirs: Reading) -> Row:
    """One row: a figure of our costs beside one of theirs."""
    left = ours(costs["ours"])
    right = theirs(costs["theirs"]) if "theirs" in costs else None
    return Row(what, left, right, unit, left.median / right.median if right else None, target)


# ---- the benchmarks ------------------------------------------------------------------------------


def plan_seed(place: Place) -> Iterator[Row]:
    """`vch plan` of the seed example in an empty world beside `terraform plan` of one VCH of 16 objects."""
    # A copy, since the world of the checkout may hold what the demo left running.
    shutil.copytree(ROOT / "examples", os.path.join(place.directory, "examples"), symlinks=True)
    shutil.copy(ROOT / "vch.toml", place.directory)
    ours = place.vch("plan", "examples/seed.vch")
    costs = place.measure(ours, place.peer(terraform_vchs.vchs(1), "plan", "-input=false", "-no-color"))
    yield compare("plan_seed, CPU", "s", 1.3, costs, cpu, cpu)
    yield compare("plan_seed, peak memory", "MiB", 0.5, costs, peak, peak)


def parse(place: Place) -> Iterator[Row]:
    """A text of 10,000 lines to the finished tree, without any cache, beside `terraform fmt -check` of as many."""
    long = write(place.directory, "long.vch", vch_scripts.script(LINES))
    short = write(place.directory, "short.vch", vch_scripts.script(LINES // 10))
    costs = place.measure(
        place.python(PARSE, long, "cold"),
        place.peer(terraform_vchs.lines(LINES), "fmt", "-check"),
        long=place.python(PARSE, long, "warm"),
        short=place.python(PARSE, short, "warm"),
    )
    yield compare("parse, CPU", "s", 0.45, costs, printed, cpu)
    grown, small = printed(costs["long"]), printed(costs["short"])
    exponent = math.log10(grown.median / small.median)
    yield Row("parse, exponent from 1,000 lines on", grown, None, "s", exponent, 1.1)


def validate(place: Place) -> Iterator[Row]:
    """`vch validate` of 10,000 and 18,000 lines, whole process, beside `terraform validate` of as many."""
    shutil.copytree(ROOT / "examples" / "images" / "boot", os.path.join(place.directory, "boot"))
    shutil.copy(ROOT / "vch.toml", place.directory)
    for lines in (LINES, 18_000):
        write(place.directory, "long.vch", vch_scripts.script(lines))
        ours = place.vch("validate", "long.vch")
        costs = place.measure(ours, place.peer(terraform_vchs.lines(lines), "validate", "-no-color"))
        yield compare(f"validate {lines:,} lines, CPU", "s", 1.0, costs, cpu, cpu)


def instances(place: Place) -> Iterator[Row]:
    """`vch plan` of 500 VCHs (8,000 elements) as instances of a component in a loop, beside the same written out."""
    shutil.copytree(ROOT / "examples" / "images" / "boot", os.path.join(place.directory, "boot"))
    write(place.directory, "vch.toml", vch_scripts.project(MANY))
    write(place.directory, "looped.vch", vch_scripts.looped(MANY))
    write(place.directory, "tenth.vch", vch_scripts.looped(MANY // 10))
    write(place.directory, "written.vch", vch_scripts.written(MANY))
    costs = take_turns(
        {name: place.vch("plan", f"{name}.vch", "--format", "json") for name in ("looped", "written", "tenth")},
        place.runs,
    )
    looped, out, tenth = (cpu(costs[name]) for name in ("looped", "written", "tenth"))
    yield Row(f"plan {MANY} VCHs, looped / written out", looped, out, "s", looped.median / out.median, 1.5)
    exponent = math.log10(looped.median / tenth.median)
    yield Row(f"plan, exponent from {MANY // 10} to {MANY} VCHs", looped, tenth, "s", exponent, 1.1)


def modules(place: Place) -> Iterator[Row]:
    """Opening 100 modules of 100 lines: read, parse and check them; and once more in the same workspace."""
    write(place.directory, "vch.toml", "language = 1\n")
    for number in range(MODULES):
        before = number - 1 if number % 10 else None
        write(place.directory, f"m{number}.vch", vch_scripts.module(number, before))
    write(place.directory, "main.vch", vch_scripts.importing(MODULES))
    costs = take_turns({name: place.python(OPEN, place.directory, name) for name in ("cold", "warm")}, place.runs)
    for name, target in (("cold", 0.5), ("warm", 0.1)):
        series = printed(costs[name])
        yield Row(f"open {MODULES} modules, {name}, seconds", series, None, "s", series.median, target)


def fmt(place: Place) -> Iterator[Row]:
    """`vch fmt` of 10,000 lines, whole process, beside `terraform fmt` of as many: laid out already, so that nothing
    is written; and with every indentation and column lost, so that each line changes."""
    script, configuration = vch_scripts.script(LINES), terraform_vchs.lines(LINES)
    for what, spaces in (("already laid out", None), ("all lines moved", re.compile(r"(?m)^ +|(?<=\S) {2,}"))):
        lost = [text if spaces is None else spaces.sub(_one_space, text) for text in (script, configuration)]
        ours, theirs = place.vch("fmt", "long.vch"), place.peer(configuration, "fmt")
        if spaces is None:
            write(place.directory, "long.vch", lost[0])
            ours()
            lost[0] = Path(place.directory, "long.vch").read_text()
        before = again(ours, os.path.join(place.directory, "long.vch"), lost[0])
        beside = None
        if theirs is not None:
            beside = again(theirs, os.path.join(place.directory, "terraform", "main.tf"), lost[1])
        yield compare(f"fmt, {what}, CPU", "s", 0.7, place.measure(before, beside), cpu, cpu)


def _one_space(found: re.Match[str]) -> str:
    return " " if found.start() and found.string[found.start() - 1] != "\n" else ""


def again(contender: Callable[[], Cost], path: str, text: str) -> Callable[[], Cost]:
    """The same, with the file as it was before each run."""

    def run() -> Cost:
        Path(path).write_text(text)
        return contender()

    return run


BENCHMARKS: dict[str, Callable[[Place], Iterator[Row]]] = {
    "plan_seed": plan_seed,
    "parse": parse,
    "validate": validate,
    "fmt": fmt,
    "instances": instances,
    "modules": modules,
}


# ---- the table -----------------------------------------------------------------------------------

COLUMNS = "{:<38} {:>24} {:>24} {:>7} {:>7}  {}"


def show(row: Row) -> None:
    verdict = "no peer" if row.figure is None else "ok" if row.figure <= row.target else "MISSED"
    figure = "-" if row.figure is None else f"{row.figure:.2f}"
    print(
        COLUMNS.format(row.what, spread(row.ours, row.unit), spread(row.theirs, row.unit), figure, row.target, verdict),
        flush=True,
    )


def spread(series: Series | None, unit: str) -> str:
    """Median, and the least and the most in brackets."""
    if series is None:
        return "-"
    digits = 3 if unit == "s" else 1
    middle, least, most = (f"{value:.{digits}f}" for value in (series.median, min(series.values), max(series.values)))
    return f"{middle} {unit} ({least}-{most})"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--runs", type=int, default=7, help="of each contender, at least 5 (default 7)")
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in BENCHMARKS]
    if unknown or args.runs < 5:
        parser.error(f"no benchmark {unknown[0]}" if unknown else "a median of fewer than 5 runs says little")
    terraform = shutil.which("terraform")
    if terraform is None:
        print("terraform is not on PATH, so vch is measured alone.")
    print(f"CPU time, medians of {args.runs} runs taken in turns; in brackets the least and the most.\n")
    print(COLUMNS.format("", "vch", "terraform", "ratio", "at most", "").rstrip())
    for name in args.names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="vch-bench-") as directory:
            try:
                for row in BENCHMARKS[name](Place(directory, args.runs, terraform)):
                    show(row)
            except (Broken, OSError) as broken:
                print(f"{name} could not be measured: {broken}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
