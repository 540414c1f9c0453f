"""Running one test: on a platform that only plans, or on an embedded one of its own that is gone afterwards.

Without a `verify` nothing is applied: the script is planned against a platform that has everything, since the test is
about the script. With one, everything is real: a world of its own in a temporary directory, the local portlayer, its
processes. What the script only looks up (`existing`, `adopt`, the pools and datastores that it names) is there by
itself. However a test ends, the world is destroyed, what runs in it is ended, and the directory goes.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Generator
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.program import Composition, Parameters
from vchlang.analysis.trial import Trial, after, before, outside_tests, settings, without_tests
from vchlang.cli.parameters import values_of
from vchlang.cli.planning import in_order
from vchlang.cli.refusal import Refusal, of_driver, of_store, problem
from vchlang.cli.secrets import Key, Secrets, secret_params
from vchlang.cli.show_diagnostics import Sources
from vchlang.cli.show_events import failure_of, unverified
from vchlang.cli.target import Setting, holder
from vchlang.diagnostics import Code, Diagnostic, Severity, nearest
from vchlang.kinds.schema import KINDS
from vchlang.kinds.world import Absent, Capabilities, Observation, Present
from vchlang.plan.build import build, queries
from vchlang.plan.destroy import destroy, destroy_queries
from vchlang.plan.model import Plan
from vchlang.plan.outline import NO_PLAN, outline, step_of
from vchlang.plan.request import Planned, Request
from vchlang.plan.verifies import lower_value, raise_value, verifies_of
from vchlang.portlayer.asking import ask, facts_now
from vchlang.portlayer.driver import DriverError
from vchlang.portlayer.events import Event, RunDone, StepDone, StepFailed, VerifyFailed
from vchlang.portlayer.execute import execute
from vchlang.portlayer.observe import confirm, observe
from vchlang.portlayer.recover import recover
from vchlang.project import Environment, SecretSource
from vchlang.state.store import Deployment, StoreError
from vchlang.system import Files, Machine
from vchlang.text import Span
from vchlang.workspace import Loaded

PREFIX = "vch-test-"
"""How the directories of tests begin. Who runs a test holds the lock of its directory."""
EVERYTHING = Capabilities(
    driver="test",
    kinds=tuple(KINDS),
    schemes=("ds", "nfs", "file"),
    isolation=("tether", "kernel"),
    promises=dict.fromkeys(
        ("read_only", "write_only", "append_only", "noexec", "squash", "memory", "cpus", "segment", "limits of a task",
         "tls"), "a platform that keeps everything",
    ),
    provides={
        "adapter": ("pvscsi", "lsilogic", "nvme", "ahci", "directory"),
        "nic": ("vmxnet3", "e1000e", "loopback"),
        "arch": ("x86_64", "aarch64"),
        "boot": ("direct", "bios", "efi", "tether"),
        "host.usr": ("ro",),
        "python": tuple(f"3.{minor}" for minor in range(8, 20)),
    },
)  # fmt: skip
"""What a test without a `verify` is planned against."""


class Interrupted(Exception):
    """Somebody asked to stop."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Why a test failed, with the texts to show it in."""

    diagnostic: Diagnostic
    sources: Sources


class _Dropped(BaseException):
    """The first apply of a test with `@fault` ends here, as by `kill -9`: nothing durable happens after it."""


class Trying:
    """The tests of one file.

    environment: whose parameters apply; None for none. stopped: whether somebody asked to stop. limit: seconds that
    one test may take.
    """

    def __init__(
        self,
        here: Setting,
        loaded: Loaded,
        machine: Machine,
        environment: Environment | None,
        stopped: Callable[[], bool],
        limit: float,
    ) -> None:
        assert loaded.program is not None
        self.here = here
        self.loaded = loaded
        self.machine = machine
        self.environment = environment
        self.stopped = stopped
        self.limit = limit
        self.program, self.wrong = without_tests(loaded.program)
        self.broken = tuple(
            one for one in outside_tests(loaded.program, loaded.diagnostics) if one.severity is Severity.ERROR
        )
        """What is wrong with the file, whatever its tests set."""
        stem = os.path.basename(loaded.name).removesuffix(".vch")
        self.deployment = stem if v.text_mistake(stem, v.NAME) is None else "test"
        self.until = 0.0
        self.made: list[Finding] = []

    def run(self, trial: Trial) -> tuple[Finding, ...]:
        """Run one test; why it failed, if it did. Interrupted when somebody asked to stop, with everything cleared."""
        self.until = self.machine.clock.monotonic() + self.limit
        self.made = []
        try:
            self.trial(trial)
        except Refusal as refusal:
            self.note(refusal.diagnostics)
        except StoreError as error:
            self.note(of_store(error).diagnostics)
        except DriverError as error:
            self.note(of_driver(error).diagnostics)
        return tuple(self.made)

    def trial(self, trial: Trial) -> None:
        workspace = self.here.workspace
        if self.note(self.wrong[trial.base]):
            return
        set_ = settings(self.program, trial, workspace.read_so_far)
        if self.note(set_.diagnostics):
            return
        given = dict(set_.given)
        if self.environment is not None:
            given = {**values_of(self.program, self.environment, _NOTHING_GIVEN, {}), **given}
        secrets = self.secrets_of(set_.secrets)
        parameters = Parameters(given=given, secrets={name: v.Secret((name,), known=False) for name in secrets})
        composition = workspace.evaluate(self.program, parameters)
        found = [*self.broken, *(one for one in composition.diagnostics if one.severity is Severity.ERROR)]
        if found or not trial.applies:
            self.on_paper(trial, composition, parameters, found)
        else:
            self.really(trial, composition, parameters, secrets)

    def secrets_of(self, given: dict[str, Any]) -> dict[str, str]:
        """The text of each secret as its source would have it: what the test says, else made up."""
        out: dict[str, str] = {}
        for name, type_ in secret_params(self.program).items():
            if name in given:
                value = given[name]
            elif self.program.symbols[name].node.declaration.default is not None:
                continue  # it may be left out, and is
            elif isinstance(type_, v.RecordOf):
                value = {field.name: f"made-up-{field.name}" for field in type_.fields}
            else:
                value = f"made-up-{name}"
            out[name] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return out

    # ---- without a platform ------------------------------------------------------------------------------------------

    def on_paper(self, trial: Trial, composition: Composition, parameters: Parameters, found: list[Diagnostic]) -> None:
        """Plan against a platform that has everything, and ask the asserts."""
        plan = dict(NO_PLAN)
        if not found:
            request = self.request(Deployment(name=self.deployment), lambda secret: "-".join(secret.origin))
            observed: dict[str, Observation] = {}
            for query in queries(composition, request):
                element = composition.elements.get(query.id)
                there = element is not None and element.verb in ("existing", "adopt")
                observed[query.id] = Present() if there else Absent()
            planned = build(composition, request, observed, (), EVERYTHING)
            found = [one for one in planned.diagnostics if one.severity is Severity.ERROR]
            plan = outline(planned.plan) if not found else plan
        if self.asserts(trial, parameters, plan, found) and found and trial.applies:
            message = "there is something to verify, and the script has errors, so nothing was applied"
            self.say(codes.TEST_FAILED, message, trial.head)

    def asserts(self, trial: Trial, parameters: Parameters, plan: dict[str, Any], found: list[Diagnostic]) -> bool:
        """Ask the asserts; whether all hold. Errors that no assert speaks of make a test fail by themselves."""
        errors = in_order(found)
        if errors and not trial.expects_errors:
            self.note(errors)
            return False
        said = [one.code for one in errors]
        expected = before(self.program, parameters, self.here.workspace.read_so_far, trial, plan, said)
        return not self.note(expected.diagnostics)

    # ---- on one that is real -----------------------------------------------------------------------------------------

    def really(self, trial: Trial, composition: Composition, parameters: Parameters, secrets: dict[str, str]) -> None:
        """Plan, apply and verify in a world of its own, and clear it away."""
        if (outside := self.outside(composition)) is not None:
            self.say(codes.TEST_FAILED, *outside)
            return
        directory, lock = _directory()
        try:
            world = World(directory, composition, self, secrets)
            try:
                self.in_world(trial, composition, parameters, world)
            finally:
                self.note(world.end())
        finally:
            os.close(lock)

    def outside(self, composition: Composition) -> tuple[str, Span] | None:
        """What keeps a test from being applied: a location that would be a real place on this machine."""
        for element in composition.elements.values():
            at = element.body.get("at")
            if element.kind == "location" and isinstance(at, str) and at.startswith("file://"):
                where = element.spans["at"]
                span = where.span if where.source == self.loaded.name else Span(0, 0)
                return f"`{element.address}` would be {at}, outside of the test's own world; set another place", span
        return None

    def in_world(self, trial: Trial, composition: Composition, parameters: Parameters, world: World) -> None:
        planned = world.plan(composition)
        found = [one for one in planned.diagnostics if one.severity is Severity.ERROR]
        plan = outline(planned.plan) if not found else dict(NO_PLAN)
        if not self.asserts(trial, parameters, plan, found):
            return
        if found:
            self.say(codes.TEST_FAILED, "there is something to verify, and the plan is refused", trial.head)
            return
        now: Plan | None = planned.plan
        if trial.fault:
            now = self.broken_off(trial, composition, world, planned.plan)
        if now is None or not self.apply(now, world):
            return
        fact = facts_now(now, world.driver, world.store, self.machine)
        outputs = {one.name: raise_value(lower_value(one.value), fact) for one in composition.outputs}
        again = world.plan(composition)
        if self.note([one for one in again.diagnostics if one.severity is Severity.ERROR]):
            return
        names = {"plan": plan, "replan": outline(again.plan), "outputs": outputs, "errors": []}
        left = after(self.program, parameters, self.here.workspace.read_so_far, trial, names)
        self.note(left.diagnostics)
        for one, verify in zip(left.verifies, verifies_of(list(left.verifies), lambda where: None), strict=True):
            answer = ask(verify, fact, self.machine, self.cancelled)
            self.cut_short()
            if not answer.holds:
                where = one.where
                self.note([
                    Diagnostic(
                        code=codes.VERIFY_FAILED.slug,
                        severity=Severity.ERROR,
                        message=answer.message,
                        source=where.source,
                        span=where.span,
                        found=answer.found,
                    )
                ])  # fmt: skip

    def broken_off(self, trial: Trial, composition: Composition, world: World, plan: Plan) -> Plan | None:
        """Apply, be killed after the step that the test names, recover and plan again; that plan."""
        steps = [step_of(op) for op in plan.operations if op.action != "none"]
        if trial.fault not in steps:
            near = nearest(trial.fault, steps)
            hint = f"did you mean {v.quoted(near)}?" if near else ""
            message = f"the plan has no step {v.quoted(trial.fault)}; it has " + ", ".join(steps)
            self.say(codes.NO_SUCH_STEP, message, trial.head, hint)
            return None
        ended = world.apply(plan, self.cancelled, break_after=trial.fault)
        self.cut_short()
        if ended is not None:
            self.note_failures(ended, plan)
            if not ended.failures:
                self.say(codes.TEST_FAILED, f"the apply ended before {v.quoted(trial.fault)} was done", trial.head)
            return None
        planned = world.resume(composition)
        if self.note([one for one in planned.diagnostics if one.severity is Severity.ERROR]):
            return None
        return planned.plan

    def apply(self, plan: Plan, world: World) -> bool:
        """Carry a plan out; whether everything in it was done and is as the script wants it."""
        ended = world.apply(plan, self.cancelled)
        self.cut_short()
        assert ended is not None, "only a fault breaks an apply off. This is a bug in vch."
        self.note_failures(ended, plan)
        if ended.done.status not in ("done", "unverified") and not ended.failures:
            self.say(codes.TEST_FAILED, ended.done.message or f"the apply ended as {ended.done.status}", Span(0, 0))
        return ended.done.status == "done"

    def note_failures(self, ended: Ended, plan: Plan) -> None:
        operations = {op.id: op for op in plan.operations}
        for one in ended.failures:
            if isinstance(one, StepFailed):
                found, sources = failure_of(one, operations[one.operation], plan, self.here.sources)
            else:
                found, sources = unverified(one, plan, self.here.sources)
            self.made.append(Finding(diagnostic=found, sources=sources))

    # ---- parts -------------------------------------------------------------------------------------------------------

    def cancelled(self) -> bool:
        return self.stopped() or self.machine.clock.monotonic() > self.until

    def cut_short(self) -> None:
        """Stop here when somebody asked for it or the time is up."""
        if self.stopped():
            raise Interrupted
        if self.machine.clock.monotonic() > self.until:
            message = f"the test takes longer than {v.show(v.Duration(int(self.limit * 1e9)))}"
            raise Refusal([problem(codes.TEST_FAILED.slug, message, "--within gives it more time")])

    def request(self, state: Deployment, digest: Callable[[v.Secret], str]) -> Request:
        workspace = self.here.workspace
        return Request(
            deployment=self.deployment,
            project=self.here.project.name,
            environment="test",
            target="local",
            script=self.loaded.name,
            state=state,
            position=workspace.position,
            secret_digest=digest,
            inputs=workspace.inputs(self.loaded),
        )

    def note(self, found: tuple[Diagnostic, ...] | list[Diagnostic]) -> bool:
        """Remember why the test failed; whether there is anything."""
        self.made += [Finding(diagnostic=one, sources=self.here.sources) for one in found]
        return bool(found)

    def say(self, code: Code, message: str, span: Span, hint: str = "") -> None:
        source = self.loaded.name if span != Span(0, 0) else ""
        hints = (hint,) if hint else ()
        self.note([
            Diagnostic(code=code.slug, severity=code.severity, message=message, source=source, span=span, hints=hints)
        ])  # fmt: skip


class _Given:
    """A command line that gives no parameters."""

    def all(self, name: str) -> list[str]:
        return []


_NOTHING_GIVEN: Any = _Given()


# ---- worlds ----------------------------------------------------------------------------------------------------------


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How an apply ended."""

    done: RunDone
    failures: tuple[StepFailed | VerifyFailed, ...]


class World:
    """An embedded platform with its state, in a directory of its own."""

    def __init__(self, directory: str, composition: Composition, trying: Trying, secrets: dict[str, str]) -> None:
        self.directory = directory
        self.trying = trying
        self.inventory = _inventory(composition, trying)
        self.key = Key(os.path.join(directory, "key"), trying.machine)
        sources: dict[str, SecretSource] = {}
        for name, text in secrets.items():
            path = os.path.join(directory, "secrets", name)
            trying.machine.files.ensure_directory(os.path.dirname(path), 0o700)
            trying.machine.files.write_new(path, text.encode(), 0o600)
            sources[name] = SecretSource(kind="file", name=path, origin="the test")
        self.secrets = Secrets(sources, self.key, trying.machine, None)
        if wrong := self.secrets.check(trying.program):
            raise Refusal(wrong, trying.here.sources)
        self.connect(trying.machine)

    def connect(self, machine: Machine) -> None:
        """Have driver and store as a new process would."""
        from vchlang.portlayer.drivers.local import LocalDriver
        from vchlang.state.embedded import EmbeddedStore

        root = self.trying.here.project.root
        self.machine = machine
        self.driver = LocalDriver(os.path.join(self.directory, "world"), self.inventory, machine, project_root=root)
        self.store = EmbeddedStore(os.path.join(self.directory, "state.db"), machine)

    def plan(self, composition: Composition) -> Planned:
        state = self.store.read(self.trying.deployment)
        request = self.trying.request(state, self.secrets.digest)
        wanted = queries(composition, request)
        findings = confirm(self.driver, wanted)
        return build(composition, request, observe(self.driver, state, wanted), findings, self.driver.capabilities())

    def apply(self, plan: Plan, cancelled: Callable[[], bool], *, break_after: str = "") -> Ended | None:
        """Carry a plan out. With `break_after`, it is dropped after that step as `kill -9` would drop it: then None."""
        dead = False

        def point(label: str) -> None:
            if dead:
                raise _Dropped(label)

        if break_after:
            here = self.trying.machine
            self.connect(Machine(here.clock, here.entropy, Files(point), here.spawn, point, here.network))
        failures: list[StepFailed | VerifyFailed] = []
        ended: RunDone | None = None
        steps = {op.id: step_of(op) for op in plan.operations}
        events = self.events(plan, cancelled)
        for event in events:
            if isinstance(event, StepFailed | VerifyFailed):
                failures.append(event)
            elif isinstance(event, RunDone):
                ended = event
            elif isinstance(event, StepDone) and break_after and steps[event.operation] == break_after:
                dead = True
                try:
                    events.close()
                except _Dropped:
                    pass
                return None
        assert ended is not None, "the last event is RunDone. This is a bug in vch."
        return Ended(done=ended, failures=tuple(failures))

    def events(self, plan: Plan, cancelled: Callable[[], bool]) -> Generator[Event, None, None]:
        return execute(
            plan,
            self.driver,
            self.store,
            self.machine,
            holder(plan.verb, self.machine),
            reveal=self.secrets.reveal,
            data=self.trying.here.workspace.open_data,
            cancelled=cancelled,
        )

    def resume(self, composition: Composition) -> Planned:
        """What the next command does after one was killed: recover, and plan again."""
        self.connect(self.trying.machine)
        gc.collect()  # what the dropped run held open is let go, as the kernel does for a killed process
        recover(self.driver, self.store, self.machine, holder("apply", self.machine), self.trying.deployment)
        return self.plan(composition)

    def end(self) -> tuple[Diagnostic, ...]:
        """Destroy everything, end what runs all the same, and remove the directory; what could not be done."""
        found: list[Diagnostic] = []
        try:
            self.connect(self.trying.machine)
            gc.collect()
            found += self.destroyed()
        except (StoreError, DriverError, Refusal) as error:
            message = f"what the test made could not be destroyed: {_words(error)}"
            found.append(problem(codes.TEST_FAILED.slug, message))
        finally:
            self.store.close()
            left = discard(self.directory)
        if left:
            message = f"these still run, and could not be ended: {', '.join(left)}"
            found.append(problem(codes.TEST_FAILED.slug, message))
        return tuple(found)

    def destroyed(self) -> list[Diagnostic]:
        by = holder("destroy", self.machine)
        recover(self.driver, self.store, self.machine, by, self.trying.deployment)
        state = self.store.read(self.trying.deployment)
        if not state.objects:
            return []
        # A test's world goes whole, whatever the script protects or keeps.
        rows = tuple(msgspec.structs.replace(row, protect=False, retain=False) for row in state.objects)
        request = self.trying.request(msgspec.structs.replace(state, objects=rows), self.secrets.digest)
        planned = destroy(request, observe(self.driver, state, destroy_queries(request)))
        found = [one for one in planned.diagnostics if one.severity is Severity.ERROR]
        if not found:
            ended = self.apply(planned.plan, lambda: False)
            failed = ended.failures if ended is not None else ()
            found = [
                problem(codes.TEST_FAILED.slug, f"what the test made could not be destroyed: {one.message}")
                for one in failed
            ]
        return found


def discard(directory: str) -> tuple[str, ...]:
    """End whatever runs in the world of a test, and remove it; what still runs, and then the directory stays."""
    from vchlang.portlayer.drivers.local.ending import end_all

    left = end_all(directory)
    if not left:
        Files().remove_tree(directory)
    return left


def _directory() -> tuple[str, int]:
    """A new directory for a test, and the lock of it."""
    while True:
        directory = tempfile.mkdtemp(prefix=PREFIX)
        try:
            lock = _locked(directory)
            if lock is not None and os.path.isdir(directory):
                return directory, lock
        except OSError:
            continue  # a sweep took it for one that was left
        if lock is not None:
            os.close(lock)


def sweep() -> None:
    """Clear away what killed runs of tests have left on this machine."""
    place = tempfile.gettempdir()
    for name in os.listdir(place):
        path = os.path.join(place, name)
        if not name.startswith(PREFIX) or os.path.islink(path):
            continue
        try:
            lock = _locked(path) if os.lstat(path).st_uid == os.geteuid() else None
        except OSError:
            continue  # it is gone by now
        if lock is not None:
            discard(path)
            os.close(lock)


def _locked(directory: str) -> int | None:
    """Hold the lock of a test's directory as long as the file is open; None while another process does.

    The kernel lets go of it when its holder dies, in whatever container it ran; the number of a process would not tell.
    """
    import fcntl

    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _inventory(composition: Composition, trying: Trying) -> Any:
    """What exists before the script runs: what it looks up or takes over, the pools and datastores that it names."""
    from vchlang.portlayer.drivers.local import Inventory

    pools: dict[str, None] = {}
    networks: dict[str, tuple[str, ...]] = {}
    datastores: dict[str, str] = {}
    known = trying.environment.inventory.networks if trying.environment is not None else {}
    request = trying.request(Deployment(name=trying.deployment), lambda secret: "")
    for query in queries(composition, request):
        element = composition.elements.get(query.id)
        if element is None or element.verb not in ("existing", "adopt"):
            continue
        if element.kind == "pool":
            pools[v.normal_path(query.identity)] = None
        elif element.kind == "network":
            networks[query.identity] = known.get(query.identity, ())
    for element in composition.elements.values():
        inside, at = element.body.get("inside"), element.body.get("at")
        if element.kind in ("pool", "executor", "template") and isinstance(inside, str):
            pools[v.normal_path(inside)] = None
        if element.kind == "location" and isinstance(at, str) and at.startswith("ds://"):
            datastores[at.removeprefix("ds://").partition("/")[0]] = ""
    return Inventory(pools=tuple(pools), networks=networks, datastores=datastores)


def _words(error: StoreError | DriverError | Refusal) -> str:
    if isinstance(error, Refusal):
        return "; ".join(one.message for one in error.diagnostics)
    return error.message if isinstance(error, StoreError) else error.detail
