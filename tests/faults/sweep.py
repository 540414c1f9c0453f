"""The run dropped at every durable write of create, edit and destroy of the seed example, then resumed.

`python3 dev.py sweep` does all points with a real `kill -9`, each in a process of its own, and goes on where it was
stopped (`--state FILE` remembers what is done). The gate drops at every point too, inside one process, and kills at
sixteen (`tests/faults/test_sweep.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.scene import ROOT, SCRIPT, Broken, Scene, in_memory
from tests.harness import Dropped, Points

VERBS = {
    "create": ("apply", SCRIPT, "--yes"),
    "edit": ("apply", SCRIPT, "--yes"),
    "destroy": ("destroy", SCRIPT, "--yes"),
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="dev.py sweep", description=__doc__)
    parser.add_argument("--dropped", action="store_true", help="drop inside one process instead of kill -9")
    parser.add_argument("--state", default=str(ROOT / ".sweep.json"), help="what is done already")
    parser.add_argument("--every", type=int, default=1, help="only every so many points")
    parser.add_argument("--chain", metavar="PART/PARTS", help="one of the gate's chains of drops")
    options = parser.parse_args(argv)
    if options.chain:
        part, _, parts = options.chain.partition("/")
        print(f"{chain(int(part), int(parts))} stops")
        return 0
    kill = not options.dropped
    done = _load(options.state)
    bad = 0
    begun = time.monotonic()
    for verb in VERBS:
        total = count(verb)
        for number in range(1, total + 1, options.every):
            name = f"{'kill' if kill else 'drop'} {verb} {number}"
            if name in done:
                continue
            try:
                one(verb, number, kill=kill)
                done[name] = "ok"
            except Broken as error:
                done[name] = str(error)
            Path(options.state).write_text(json.dumps(done, indent=0), encoding="utf-8")
            wrong = done[name] != "ok"
            bad += wrong
            if wrong or number % 25 == 1:
                print(f"{name} of {total}: {done[name]}", flush=True)
    print(f"{len(done)} cases, {bad} bad, {time.monotonic() - begun:.0f} s")
    return 1 if bad else 0


def count(verb: str) -> int:
    """How many points a verb has when nothing stops it."""
    with tempfile.TemporaryDirectory(prefix="vch-sweep-", dir=in_memory()) as directory:
        scene = Scene(Path(directory))
        try:
            points = Points()
            prepare(scene, verb)
            code, said = scene.vch(*VERBS[verb], points=points)
            if code:
                raise Broken(f"{verb} does not work at all: {said}")
            return len(points.seen)
        finally:
            scene.end()


def prepare(scene: Scene, verb: str, odd: bool = True) -> None:
    """Bring the scene to where the verb begins."""
    if verb == "create":
        return
    scene.edit(False)
    code, said = scene.vch(*VERBS["create"])
    if code:
        raise Broken(f"the example cannot be applied: {said}")
    if verb == "edit":
        scene.edit(odd)


def one(verb: str, number: int, *, kill: bool) -> None:
    """One verb stopped at one point, resumed and checked; in a scene of its own."""
    with tempfile.TemporaryDirectory(prefix="vch-sweep-", dir=in_memory()) as directory:
        scene = Scene(Path(directory))
        try:
            prepare(scene, verb)
            stop(scene, verb, number, kill=kill)
            resume(scene, verb)
        except Broken as error:
            raise Broken(f"{verb} stopped at point {number}: {error}") from error
        finally:
            scene.end()


def stop(scene: Scene, verb: str, number: int, *, kill: bool) -> bool:
    """Run a verb and stop it at a point; whether it was stopped there and did not end before."""
    if kill:
        argv = [sys.executable, "-m", "tests.faults.killed", str(number), *VERBS[verb]]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "true"}
        done = subprocess.run(argv, cwd=scene.root, env=environment, capture_output=True, timeout=120, check=False)
        return done.returncode == -signal.SIGKILL
    try:
        scene.vch(*VERBS[verb], points=Points(stop_at=number))
    except Dropped:
        return True
    return False


def resume(scene: Scene, verb: str) -> None:
    """Run the verb again, as a user would, and hold what must hold; then destroy what is there and hold that too."""
    code, said = scene.vch(*VERBS[verb])
    if code:
        raise Broken(f"{verb} does not resume (exit {code}): {said}")
    if verb != "destroy":
        scene.settled()
        code, said = scene.vch(*VERBS["destroy"])
        if code:
            raise Broken(f"destroy does not work (exit {code}): {said}")
    scene.empty()


def chain(part: int, parts: int) -> int:
    """One of several chains: create dropped at a point and resumed, destroy likewise, then the next point; then edits.

    Together the parts stop at every point. How many stops there were; Broken at the first thing that does not hold.
    """
    stops = 0
    with tempfile.TemporaryDirectory(prefix="vch-sweep-", dir=in_memory()) as directory:
        scene = Scene(Path(directory))
        try:
            number, going = part + 1, True
            while going:
                going = _drop(scene, "create", number)
                scene.settled()
                going |= _drop(scene, "destroy", number)
                scene.empty()
                stops += 2
                number += parts
            prepare(scene, "edit", odd=False)
            number, odd, going = part + 1, False, True
            while going:
                odd = not odd
                scene.edit(odd)
                going = _drop(scene, "edit", number)
                scene.settled()
                stops += 1
                number += parts
            _drop(scene, "destroy", 0)
            scene.empty()
        finally:
            scene.end()
    return stops


def _drop(scene: Scene, verb: str, number: int) -> bool:
    """Drop a verb at a point (0: at none) and run it again; whether it was dropped there."""
    dropped = bool(number) and stop(scene, verb, number, kill=False)
    code, said = scene.vch(*VERBS[verb])
    if code:
        raise Broken(f"{verb} dropped at point {number} does not resume (exit {code}): {said}")
    return dropped


def _load(path: str) -> dict[str, str]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items() if value == "ok"}


if __name__ == "__main__":
    raise SystemExit(main())
