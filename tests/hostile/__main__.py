"""`python3 dev.py sweep --hostile`: every hostile program through `vch validate` and `vch plan`, each in a process.

Prints what each costs, and ends with 1 where one costs more than it may, has no diagnostic of those expected, or meets
a bug. `--name WORD` takes only programs whose name has it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.hostile.programs import LIMITS, SCRIPT, Hostile, programs

SECONDS, MEGABYTES = 2.0, 256.0
"""Of CPU, and of memory at the peak, for one command."""
_BACKSTOP = 6, 1536
VERBS = ("validate", "plan")
_ERROR = re.compile(r"^error\[([a-z0-9-]+)\]", re.M)


class Cost(NamedTuple):
    """What one command did. wrong: what is not as it should be; empty where all is."""

    name: str
    verb: str
    code: int
    errors: tuple[str, ...]
    seconds: float
    megabytes: float
    wrong: tuple[str, ...]

    def line(self) -> str:
        said = ",".join(self.errors[:3]) + ("…" if len(self.errors) > 3 else "")
        row = f"{self.name:45} {self.verb:8} {self.code:3} {self.seconds:6.2f} s {self.megabytes:5.0f} MB  {said:30}"
        return row + ("  WRONG: " + "; ".join(self.wrong) if self.wrong else "")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="dev.py sweep --hostile", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--name", default="", help="only programs whose name has this word")
    parser.add_argument("--from", dest="first", default="", help="begin at this program")
    parser.add_argument("--verb", choices=VERBS, help="only this command")
    options = parser.parse_args(argv)
    chosen = [one for one in programs() if options.name in one[0]]
    chosen = chosen[next((at for at, one in enumerate(chosen) if one[0] == options.first), 0) :]
    verbs = (options.verb,) if options.verb else VERBS
    found: list[Cost] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for costs in pool.map(lambda one: run(*one, verbs), chosen):
            found += costs
            for cost in costs:
                print(cost.line(), flush=True)
    bad = [one for one in found if one.wrong]
    print(f"\n{len(chosen)} programs, {len(found)} runs, {len(bad)} wrong; the slowest and the largest:")
    for one in sorted(found, key=lambda one: -one.seconds)[:5] + sorted(found, key=lambda one: -one.megabytes)[:5]:
        print("  " + one.line())
    return 1 if bad or not found else 0


def run(name: str, make: Callable[[], Hostile], verbs: tuple[str, ...] = VERBS) -> list[Cost]:
    """Put a program into a directory of its own and run commands on it."""
    with tempfile.TemporaryDirectory(prefix="vch-hostile-") as place:
        program = make()
        words = lay_out(program, Path(place))
        out = []
        for verb in verbs:
            said = measured(verb, [SCRIPT, *words], Path(place))
            out.append(judged(name, verb, program, said))
        return out


def lay_out(program: Hostile, place: Path) -> list[str]:
    """Write the files of a program; the words of a command line that give it its parameters."""
    text = program.text if isinstance(program.text, bytes) else program.text.encode("utf-8", "surrogatepass")
    (place / SCRIPT).write_bytes(text)
    (place / "vch.toml").write_text(program.toml, encoding="utf-8")
    for name, module in program.modules.items():
        (place / name).write_text(module, encoding="utf-8")
    words = [word for one in program.params for word in ("-p", one)]
    if program.given:
        (place / "given.json").write_text(program.given, encoding="utf-8")
        words += ["--params", "given.json"]
    return words


def measured(verb: str, words: list[str], place: Path) -> dict[str, Any]:
    """What `measured.py` says of one command."""
    root = str(Path(__file__).parents[2])
    argv = [sys.executable, str(Path(__file__).with_name("measured.py")), *map(str, _BACKSTOP), verb, *words]
    answer = subprocess.run(
        argv, cwd=place, env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TOKEN": "swordfish-1"},
        capture_output=True, text=True,
    )  # fmt: skip
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def judged(name: str, verb: str, program: Hostile, said: dict[str, Any]) -> Cost:
    """Hold what a command did against what it may cost and has to say."""
    text = said["said"]
    errors = tuple(dict.fromkeys(_ERROR.findall(text)))
    wrong: list[str] = []
    if said["seconds"] > SECONDS:
        wrong.append("slow")
    if said["megabytes"] > MEGABYTES:
        wrong.append("large")
    if "bug in vch" in text or "Traceback" in text:
        wrong.append("a bug: " + " ".join(text.split()[:16]))
    elif said["code"] not in (0, 3):
        wrong.append(f"exit code {said['code']}")
    elif (said["code"] == 3) != bool(errors):
        wrong.append("the exit code is not that of what it says")
    elif verb == "validate" and errors and not program.says & set(errors):
        wrong.append("says " + ", ".join(errors))
    elif verb == "validate" and not errors and program.says and not program.says >= LIMITS:
        wrong.append("says nothing")
    return Cost(name, verb, said["code"], errors, said["seconds"], said["megabytes"], tuple(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
