"""Verifies: carried by a plan through its file, asked when everything is applied, of the world as it then is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.engine.scripted import DEPLOYMENT, KEY, Scripted
from tests.front import CAPABILITIES, Front
from tests.harness import Dropped, FakeClock, Points, machine_for
from tests.memory_driver import MemoryDriver
from vchlang.analysis.later import Later
from vchlang.kinds.world import Absent
from vchlang.plan import codec, verifies
from vchlang.plan.build import build, queries
from vchlang.plan.lowered import NotKnown, Ref
from vchlang.plan.model import Plan
from vchlang.portlayer import asking
from vchlang.portlayer.asking import ask
from vchlang.portlayer.events import Event, RunDone, StepDone, VerifyDone, VerifyFailed
from vchlang.portlayer.execute import execute
from vchlang.portlayer.recover import recover
from vchlang.state.sqlite import SqliteStore
from vchlang.state.store import Holder
from vchlang.system import Machine

HEAD = """existing network lan at "vmNet"
ensure location infra at "ds://d/infra" { access: .create }
create storage data in infra { free: 1GiB }
"""


class FakeNetwork:
    """What listens: ports by host, statuses by URL. `asked` counts; `opens` says at which try a port opens."""

    def __init__(self) -> None:
        self.ports: set[tuple[str, int]] = set()
        self.statuses: dict[str, int] = {}
        self.asked: list[Any] = []
        self.opens: dict[tuple[str, int], int] = {}

    def connect(self, host: str, port: int, seconds: float) -> None:
        self.asked.append((host, port, seconds))
        tries = sum(one[:2] == (host, port) for one in self.asked)
        if (host, port) not in self.ports and tries < self.opens.get((host, port), 1 << 30):
            raise ConnectionRefusedError(111, "Connection refused")

    def status(self, url: str, seconds: float) -> int:
        self.asked.append((url, seconds))
        if url not in self.statuses:
            raise TimeoutError("timed out")
        return self.statuses[url]


class Verifying(Scripted):
    """Scripts with verifies, on a network that answers as told."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.network = FakeNetwork()

    def machine(self, points: Points | None = None) -> Machine:
        self.runs += 1
        machine = machine_for(points, seed=str(self.runs))
        machine.network = self.network
        return machine

    def events(
        self, script: str, points: Points | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        machine = self.machine(points)
        driver = MemoryDriver(self.world, machine.point)
        store = SqliteStore(self.path, machine)
        holder = Holder(user="anna", host="here", pid=1, run=f"run-{self.runs}", verb="apply")
        recover(driver, store, machine, holder, DEPLOYMENT)
        plan = self._plan(script, store.read(DEPLOYMENT), driver)
        yield from execute(
            plan, driver, store, machine, holder, reveal=lambda value: "", data=lambda ref: None, cancelled=cancelled
        )  # fmt: skip

    def run(self, script: str, **more: Any) -> tuple[str, list[VerifyDone | VerifyFailed]]:
        """Apply; how it ended, and the answers."""
        events = list(self.events(script, **more))
        last = events[-1]
        assert isinstance(last, RunDone)
        return last.status, [one for one in events if isinstance(one, VerifyDone | VerifyFailed)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Verifying]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as place:
        yield Verifying(Path(place))


def failed(answers: list[VerifyDone | VerifyFailed]) -> VerifyFailed:
    (one,) = answers
    assert isinstance(one, VerifyFailed)
    return one


# ---- asked at the end, of what is there then -------------------------------------------------------------------------


def test_everything_is_applied_first_and_saved(world: Verifying) -> None:
    seen: list[str] = []
    for event in world.events(HEAD + 'verify data.url == "elsewhere", "it is ${data.url}"\nverify len(data.url) == 1'):
        seen.append(type(event).__name__)
        if isinstance(event, VerifyFailed):
            assert {row.address for row in world.read().objects} == {"infra", "data"}
            assert world.read().holder is None, "asking holds no lock"
    kinds = [one for one in seen if one in ("StepDone", "VerifyFailed", "VerifyDone", "RunDone")]
    assert kinds[-3:] == ["VerifyFailed", "VerifyFailed", "RunDone"]
    assert kinds.index("VerifyFailed") > max(at for at, one in enumerate(kinds) if one == "StepDone")


def test_a_failed_verify_says_what_was_found(world: Verifying) -> None:
    status, answers = world.run(HEAD + 'verify data.url == "elsewhere" and 1 == 1, "it is ${data.url}"')
    one = failed(answers)
    assert status == "unverified"
    assert one.message == "it is ds://d/infra/vch-1-data"
    assert one.found == '`data.url` is "ds://d/infra/vch-1-data"'
    assert one.text == 'data.url == "elsewhere" and 1 == 1'
    assert one.place is not None and (one.place.line, one.place.column) == (4, 8)


def test_a_plan_that_changes_nothing_verifies_again(world: Verifying) -> None:
    script = HEAD + 'verify starts_with("${data.url}", "ds://")'
    assert world.run(script)[0] == "done"
    calls = list(world.calls)
    status, answers = world.run(script)
    assert status == "done" and [type(one) for one in answers] == [VerifyDone]
    assert world.calls == calls
    status, answers = world.run(script + "\nverify len(data.url) == 3")
    assert status == "unverified" and [type(one) for one in answers] == [VerifyDone, VerifyFailed]


def test_no_verify_is_asked_when_a_step_failed_or_somebody_stopped(world: Verifying) -> None:
    script = HEAD + "verify len(data.url) == 3"
    stopped = False

    def cancelled() -> bool:
        return stopped

    answers = []
    for event in world.events(script, cancelled=cancelled):
        stopped = stopped or isinstance(event, StepDone)
        answers += [event] if isinstance(event, VerifyFailed) else []
    assert answers == []


def test_a_fact_that_the_platform_does_not_tell_decides_nothing() -> None:
    (verify,) = Front(HEAD + "verify lan.vlan == 3 or lan.vlan != 3").plan().plan.verifies

    def nothing(ref: Ref) -> Any:
        raise NotKnown(ref)

    answer = ask(verify, nothing, machine_for())
    assert not answer.holds and answer.message == "nobody can tell"
    assert answer.found == "`lan.vlan` is not known: the target gave no such fact"


# ---- probes ----------------------------------------------------------------------------------------------------------


def test_probes(world: Verifying) -> None:
    world.network.ports.add(("10.0.0.1", 80))
    world.network.statuses = {"http://a/": 204, "http://b/": 404}
    status, answers = world.run('verify tcp_open("10.0.0.1", 80) and http_ok("http://a/") and not http_ok("http://b/")')
    assert status == "done", answers
    assert world.run('verify http_status("http://b/") == 404 and http_status("http://c/") == null')[0] == "done"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('tcp_open("10.0.0.1", 80)', "10.0.0.1 port 80: connection refused"),
        ('tcp_open("10.0.0.1", 0)', "10.0.0.1 port 0: a port is a number from 1 to 65535"),
        ('http_ok("http://b/")', "http://b/: it answers 404"),
        ('http_ok("http://c/")', "http://c/: no answer within 5s"),
        ('http_ok("http://c/", 2s)', "http://c/: no answer within 2s"),
        ('http_status("http://b/") == 200', '`http_status("http://b/")` is 404'),
    ],
)
def test_a_probe_that_does_not_hold_has_its_reason(world: Verifying, condition: str, found: str) -> None:
    world.network.statuses = {"http://b/": 404}
    status, answers = world.run(f"verify {condition}")
    assert status == "unverified"
    assert failed(answers).found == found


def test_within_tries_again_and_ends(world: Verifying) -> None:
    world.network.opens = {("10.0.0.1", 80): 4}
    assert world.run('verify tcp_open("10.0.0.1", 80, 30s)')[0] == "done"
    assert len(world.network.asked) == 4
    world.network.asked.clear()
    assert world.run('verify tcp_open("10.0.0.2", 80, 3s)')[0] == "unverified"
    assert 10 <= len(world.network.asked) <= 16
    world.network.asked.clear()
    assert world.run('verify tcp_open("10.0.0.1", 81)')[0] == "unverified"
    assert len(world.network.asked) == 1


def test_one_question_is_asked_once(world: Verifying) -> None:
    """Also where its answer is shown: a message must not ask the world again."""
    world.network.statuses = {"http://b/": 500}
    script = 'verify http_status("http://b/") == 200 or http_ok("http://b/"), "it said ${http_status("http://b/")}"'
    front = Front(script)
    assert "misplaced" in front.codes(), "a message is no condition"
    status, answers = world.run('verify http_status("http://b/") == 200 or http_status("http://b/") == 201')
    assert status == "unverified" and "is 500" in failed(answers).found
    assert len(world.network.asked) == 1


# ---- what is left of a condition means the same ---------------------------------------------------------------------

_FACT = 'ensure location infra at "ds://d/infra" { access: .create }\nlet x = "${infra.url}"\n'
_KNOWN = 'let x = "ds://d/infra"\n'
_REST = """
type Mode = .a | .b(n: Int, m: Int = 3)
fn twice(text: String, times: Int = 2) = joined([for n in 1..times: text], "-")
fn long(text: String) -> Bool = len(text) > 6
let words = split(x, "/")
let table = { url: x, n: len(x), list: [x, "y"] }
let plus = 40
"""


@pytest.mark.parametrize(
    "condition",
    [
        "len(x) == 12",
        "x == 'ds://d/infra'",
        "not (x != 'ds://d/infra')",
        "len(x) - 2 * 3 == 6 and -len(x) < 0 or false",
        "twice(x) == 'ds://d/infra-ds://d/infra'",
        "twice(x, 1) == x and len(twice(x, 3)) == 38",
        "filter(words, long) == []",
        "map(words, w => '${w}!')[0] == 'ds:!'".replace("'${w}!'", '"${w}!"'),
        "[for w in words if len(w) > 0: w] == ['ds:', 'd', 'infra']",
        "{for i, w in words if w != '': w: i} == {'ds:': 0, d: 2, infra: 3}",
        "table.n == 12 and table.list[1] == 'y' and table['url'] == x",
        "(if len(x) > 3 then [...words, 'z'] else [])[4] == 'z'",
        "(if x == 'q' then 1 else len(x)) == 12",
        "len(x) in 3..20 and 'd' in words",
        "(null ?? len(x)) == 12",
        "any(words, w => any(words, v => v == w and v == 'infra'))",
        "all([for w in words: len(w)], n => n < plus)",
        "reduce(words, 0, (sum, w) => sum + len(w)) == 9",
        "sort(words)[0] == ''",
        "1GiB * len(x) == 12GiB and 10s * len(x) / 2 == 1min",
        "sha256(x) == sha256('ds://d/infra')",
        '"${len(x)} ${x}" == "12 ds://d/infra"',
        "let_free(x)".replace("let_free(x)", "starts_with(x, 'ds')"),
    ],
)
def test_what_is_left_gives_the_same(condition: str) -> None:
    condition = condition.replace("'", '"')
    known = Front(_KNOWN + _REST + f'assert {condition}, "no"')
    assert known.codes() == [], known.said()
    assert _asked(_FACT, f"verify {condition}").holds
    wrong = _asked(_FACT, f"verify not ({condition})")
    assert not wrong.holds and wrong.message == "this does not hold"


def _asked(head: str, statement: str) -> asking.Answer:
    front = Front(head + _REST + statement)
    assert front.codes() == [], front.said()
    (verify,) = _written(front).verifies

    def fact(ref: Any) -> Any:
        assert str(ref) == "infra.url"
        return "ds://d/infra"

    return ask(verify, fact, machine_for())


def _written(front: Front) -> Plan:
    """The plan of a script, after a round trip to a file."""
    planned = front.plan()
    assert [one for one in planned.diagnostics if one.severity == "error"] == []
    data = codec.encode(planned.plan, key=KEY, now=0)
    back = codec.decode(data, key=KEY, now=1)
    assert back == planned.plan and codec.encode(back, key=KEY, now=0) == data
    return back


def test_components_and_modules_are_gone_from_a_plan() -> None:
    module = "let base = 10\nfn over(n: Int) = n > base\ncomponent c(at_least: Int) at store: Location {\n"
    module += '  create storage s in store { free: 1GiB }\n  verify over(len(s.url) - at_least), "in ${s.url}"\n'
    module += "  output size = len(s.url)\n}\n"
    script = 'import { c } from "std/c"\nensure location infra at "ds://d/infra" { access: .create }\n'
    script += "create c one at infra { at_least: 2 }\ncreate c two at infra { at_least: 30 }\n"
    front = Front(script, modules={"std/c": module})
    assert "not-static" in front.codes() or front.codes() == [], front.said()
    front = Front(script, modules={"std/c": module.replace("  output size = len(s.url)\n", "")})
    assert front.codes() == [], front.said()
    one, two = _written(front).verifies
    assert (one.instance, two.instance) == ("one", "two")

    def fact(ref: Any) -> Any:
        return f"ds://d/infra/vch-1-{ref.address.replace('.', '-')}"

    assert ask(one, fact, machine_for()).holds
    wrong = ask(two, fact, machine_for())
    assert not wrong.holds and wrong.message == "in ds://d/infra/vch-1-two-s"
    assert "over" not in json.dumps(msgspec.to_builtins(one.condition))


def test_no_secret_gets_into_a_plan() -> None:
    script = HEAD + "param vmomi: Secret<Credentials>\nlet both = { url: data.url, secret: vmomi }\n"
    script += 'verify both.url == "x" and vmomi != null'
    front = Front(script, secrets={"vmomi": {"user": "ops", "password": "swordfish"}})
    assert front.codes() == [], front.said()
    text = codec.encode(front.plan().plan, key=KEY, now=0)
    assert b"swordfish" not in text and b"digest-of" not in text


def test_a_condition_cannot_look_at_a_secret() -> None:
    script = 'param token: Secret<String>\nverify token == "x"\nverify tcp_open(token, 80)'
    assert {*Front(script, secrets={"token": "x"}).codes(), "secret-sink"} == {"secret-sink"}


def test_what_the_script_alone_decides_is_reported_before_anything() -> None:
    front = Front(HEAD + 'verify 1 == 2, "one"\nverify true\nverify data.url == "x" or true')
    assert front.codes() == ["verify-failed"]
    front = Front(HEAD + 'verify true\nverify data.url == "x" or true')
    assert front.plan().plan.verifies == ()


def test_probes_stand_in_a_verify_only() -> None:
    script = 'let a = tcp_open("x", 1)\nassert http_ok("http://x")\nfn up(h: String) = tcp_open(h, 1)\nverify up("x")'
    assert Front(script).codes() == ["misplaced", "misplaced", "misplaced"]


def test_a_loop_and_a_condition_inside_a_verify_may_be_late() -> None:
    script = HEAD + "verify [for one in lan.ranges: one] == [] and (if data.size == 1GiB then 1 else 2) == 1"
    assert Front(script).codes() == []
    assert Front(HEAD + "let a = [for one in lan.ranges: one]\nverify a == []").codes() == ["not-static"]


def test_equal_scripts_give_equal_plans() -> None:
    script = _FACT + _REST + "verify any(words, a => any(words, b => a == b)) and filter(words, long) == []"
    assert codec.digest(Front(script).plan().plan) == codec.digest(Front(script).plan().plan)


def test_a_mistake_at_apply_is_no_answer() -> None:
    answer = _asked(_FACT, "verify words[9] == x or 10 / (len(x) - 12) == 1")
    assert not answer.holds and "no number 9" in answer.found
    answer = _asked(_FACT, "verify 10 / (len(x) - 12) == 1")
    assert not answer.holds and "zero" in answer.found


# ---- stops -----------------------------------------------------------------------------------------------------------


def test_a_stop_between_the_last_step_and_the_verify_loses_only_the_answer(world: Verifying) -> None:
    script = HEAD + 'verify tcp_open("10.0.0.1", 80)'

    class Killed(FakeNetwork):
        def connect(self, host: str, port: int, seconds: float) -> None:
            raise Dropped("while asking")

    world.network = Killed()
    with pytest.raises(Dropped):
        world.run(script)
    assert world.read().pending == () and world.read().holder is None
    world.network = FakeNetwork()
    world.network.ports.add(("10.0.0.1", 80))
    status, answers = world.run(script)
    assert status == "done" and [type(one) for one in answers] == [VerifyDone]


def test_asking_writes_nothing(world: Verifying) -> None:
    plain, asking_ = Points(), Points()
    world.run(HEAD)
    world.run(HEAD, points=plain)
    world.run(HEAD + "verify len(data.url) == 3", points=asking_)
    assert len(plain.seen) == len(asking_.seen)


# ---- these tests find what they look for ----------------------------------------------------------------------------


def test_mutant_names_that_are_not_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner `v` is not the outer one that `w` stands for."""
    script = "fn some(w: String) = any(words, v => v != w)\nverify all(words, v => some(v))"
    assert _asked(_FACT, script).holds
    monkeypatch.setattr(Later, "fresh", _stale)
    assert not _asked(_FACT, script).holds


def _stale(self: Any, names: Any, scope: Any) -> Any:
    """Names as they are written: one that is put in the place of another then means the wrong thing."""
    from vchlang import values as v
    from vchlang.analysis.scopes import Scope
    from vchlang.syntax import ast

    inner = Scope(scope, scope.module)
    inner.values.update({one.text: v.Unknown(v.ANY, node=ast.Name(0, 0, one.text)) for one in names})
    return tuple(names), inner


def test_mutant_units_that_are_plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    statement = "verify 1GiB * len(x) > 1KiB"
    assert _asked(_FACT, statement).holds
    original = verifies.lower_value

    def plain(value: Any) -> Any:
        made = original(value)
        return made["number"] if isinstance(made, dict) and "$unit" in made else made

    monkeypatch.setattr(verifies, "lower_value", plain)
    wrong = _asked(_FACT, 'verify "${1GiB * len(x)}" == "12GiB"')
    assert not wrong.holds


def test_the_planner_asks_the_driver_nothing_for_a_verify() -> None:
    one, other = Front(HEAD), Front(HEAD + 'verify data.url == "x"')
    asked = [queries(front.composition, front.request()) for front in (one, other)]
    assert asked[0] == asked[1]
    observed = {query.id: Absent() for query in asked[1]}
    assert build(other.composition, other.request(), observed, (), CAPABILITIES).plan.verifies


def test_a_clock_that_stands_still_does_not_hang(world: Verifying) -> None:
    clock = FakeClock()
    machine = machine_for(clock=clock)
    machine.network = world.network
    (verify,) = Front('verify tcp_open("h", 1, 1min)').plan().plan.verifies
    assert not ask(verify, lambda ref: None, machine).holds
    assert sum(clock.slept) <= 61


@pytest.mark.parametrize(
    ("lets", "code"),
    [
        ("let a{n} = a{m} + a{m}", "limit-size"),  # shared in memory, and 2^40 operations when written out
        ("let a{n} = a{m} + 1", "limit-depth"),
    ],
)
def test_what_is_left_is_bounded(lets: str, code: str) -> None:
    text = HEAD + "let a0 = len(data.url)\n"
    chain = "".join(lets.format(n=n, m=n - 1) + "\n" for n in range(1, 131))
    front = Front(text + chain + "verify a130 > 3")
    assert front.codes() == [code], front.said()
    short = Front(text + "".join(lets.format(n=n, m=n - 1) + "\n" for n in range(1, 9)) + "verify a8 > 3")
    assert short.codes() == [] and len(short.plan().plan.verifies) == 1
