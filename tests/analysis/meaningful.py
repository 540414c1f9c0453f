"""Hypothesis strategies for programs that mean something: elements, components, loops, conditions, functions, modules.

Texts are put together here, so that one program can be written in several ways that must come to the same plan: its
statements in another order, a component or by hand what is in it, a loop or its turns. A name in a piece is written
with a `§` before it where the piece decides what it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
INT, TEXT, TRUTH, INTS, TEXTS, MAP, MAYBE = "Int", "String", "Bool", "[Int]", "[String]", "{String: Int}", "Int?"
TYPES = (INT, TEXT, TRUTH, INTS, TEXTS, MAP, MAYBE)
SECRET = "swordfish-Zq7"
WORLD = (
    'existing pool farm at "/clusterA/poolB"',
    'existing network vmnet at "vmNet"',
    'ensure location infra at "ds://datastore2/infra" { access: .create }',
)
MODULE = """\
type Small = Int where it in -1000000..1000000 else "too large"
type Mode = .fast | .slow(factor: Int = 2)
fn twice(n: Int) -> Int = n + n
fn named(n: Int, word: String = "w") -> String = "${word}${n}"
fn table(m: {String: Int}) -> {String: Int} = m
fn maybe(n: Int?) -> Int? = n
fn ints(l: [Int]) -> [Int] = l
let base = 3
let words = ["a", "b", "c"]
component box(n: Int, mark: String = "m") in pool: Pool {
  create executor e in pool
  for i in 1..n { create task t[i] { path: "/bin/${mark}", args: ["${i}"] } }
  output count = n + base
}
"""


class Names(NamedTuple):
    """What an expression may use: names by their type. secrets: of texts that are secret."""

    by_type: dict[str, tuple[str, ...]]
    secrets: tuple[str, ...] = ()

    def of(self, type_: str) -> tuple[str, ...]:
        return self.by_type.get(type_, ())

    def with_(self, type_: str, *names: str) -> Names:
        return Names({**self.by_type, type_: (*self.of(type_), *names)}, self.secrets)


class Drawn(NamedTuple):
    """A program. Its statements may stand in any order. secrets: values of its secret parameters."""

    statements: tuple[str, ...]
    modules: dict[str, str]
    secrets: dict[str, Any]

    @property
    def text(self) -> str:
        return "\n".join(self.statements) + "\n"


# ---- expressions ---------------------------------------------------------------------------------------------------


def expression(draw: Draw, type_: str, names: Names, depth: int = 2, *, wild: str = "") -> str:
    """An expression of a type. wild: `values`, where its value may be a mistake; `types`, where its type may too."""

    def some(wanted: str, more: Names = names) -> str:
        return expression(draw, wanted, more, depth - 1, wild=wild)

    if wild == "types" and draw(st.integers(0, 19)) == 0:
        type_ = draw(st.sampled_from(TYPES))
    if wild == "types" and names.secrets and draw(st.integers(0, 19)) == 0:
        return str(draw(st.sampled_from(names.secrets)))
    forms = _ATOMS[type_](draw, names)
    if depth > 0:
        forms = _FORMS[type_](some, names, draw, f"x{depth}", wild)
        forms.append(lambda: f"(if {some(TRUTH)} then {some(type_)} else {some(type_)})")
        forms += _ATOMS[type_](draw, names)
    chosen = draw(st.sampled_from(range(len(forms))))
    return forms[chosen]()


def _atoms(type_: str, *literals: str) -> Callable[[Draw, Names], list[Callable[[], str]]]:
    def make(draw: Draw, names: Names) -> list[Callable[[], str]]:
        known = names.of(type_)
        return [lambda: draw(st.sampled_from(literals)), *([lambda: draw(st.sampled_from(known))] if known else [])]

    return make


_ATOMS: dict[str, Callable[[Draw, Names], list[Callable[[], str]]]] = {
    INT: _atoms(INT, "0", "1", "2", "-3", "7"),
    TEXT: _atoms(TEXT, '"a"', '"b-1"', '"x y"', "'raw'"),
    TRUTH: _atoms(TRUTH, "true", "false"),
    INTS: _atoms(INTS, "ints([])", "[1]", "[3, 1, 2]"),
    TEXTS: _atoms(TEXTS, '["a"]', '["b", "a"]'),
    MAP: _atoms(MAP, "table({ a: 1 })", "table({ a: 1, b: 2 })"),
    MAYBE: _atoms(MAYBE, "maybe(null)", "maybe(4)"),
}


def _numbers(some: Any, names: Names, draw: Draw, var: str, wild: str) -> list[Callable[[], str]]:
    out = [
        lambda: f"({some(INT)} + {some(INT)})",
        lambda: f"({some(INT)} - {some(INT)})",
        lambda: f"len({some(TEXT)})",
        lambda: f"len({some(INTS)})",
        lambda: f"len({some(MAP)})",
        lambda: f"sum({some(INTS)}, 0)",
        lambda: f"min({some(INT)}, {some(INT)})",
        lambda: f"({some(MAYBE)} ?? {some(INT)})",
        lambda: f'lookup({some(MAP)}, "a", {some(INT)})',
        lambda: f"reduce({some(INTS)}, 0, ({var}a, {var}b) => max({var}a, {var}b))",
        lambda: f"-{some(INT)}",
    ]
    out += [lambda: f"twice({some(INT)})"] if "twice" in names.of("fn") else []
    if wild:
        out += [
            lambda: f"({some(INT)} / {some(INT)})",
            lambda: f"({some(INT)} * {some(INT)})",
            lambda: f"{some(INTS)}[{some(INT)}]",
            lambda: f"{some(MAP)}[{some(TEXT)}]",
            lambda: f"pow({some(INT)}, {some(INT)})",
            lambda: f"first({some(INTS)})",
        ]
    if wild == "types":
        out += [lambda: f"{some(MAP)}.a", lambda: f"({some(MAYBE)} + 1)"]
    return out


def _texts(some: Any, names: Names, draw: Draw, var: str, wild: str) -> list[Callable[[], str]]:
    out = [
        lambda: f'"${{{some(TEXT)}}}-${{{some(INT)}}}"',
        lambda: f"upper({some(TEXT)})",
        lambda: f'joined({some(TEXTS)}, ",")',
        lambda: f"string({some(INT)})",
        lambda: f'replace({some(TEXT)}, "a", {some(TEXT)})',
        lambda: f"json({some(INTS)})",
    ]
    out += [lambda: f"named({some(INT)}, word: {some(TEXT)})"] if "named" in names.of("fn") else []
    if wild:
        out += [
            lambda: f"substring({some(TEXT)}, {some(INT)})",
            lambda: f"{some(TEXTS)}[{some(INT)}]",
            lambda: f"repeat({some(TEXT)}, {some(INT)})",
        ]
    if wild == "types":
        out += [lambda: f'"${{{some(INTS)}}}"', lambda: f'"${{{some(MAYBE)}}}"']
    return out


def _truths(some: Any, names: Names, draw: Draw, var: str, wild: str) -> list[Callable[[], str]]:
    return [
        lambda: f"({some(INT)} {draw(st.sampled_from(['<', '<=', '==', '!=', '>']))} {some(INT)})",
        lambda: f"({some(TEXT)} == {some(TEXT)})",
        lambda: f"({some(TRUTH)} and {some(TRUTH)})",
        lambda: f"({some(TRUTH)} or {some(TRUTH)})",
        lambda: f"not {some(TRUTH)}",
        lambda: f"({some(INT)} in {some(INTS)})",
        lambda: f"({some(MAYBE)} == null)",
        lambda: f"any({some(INTS)}, {var} => {var} > {some(INT)})",
        lambda: f'starts_with({some(TEXT)}, "a")',
        lambda: f"({some(INTS)} == {some(INTS)})",
    ]


def _ints(some: Any, names: Names, draw: Draw, var: str, wild: str) -> list[Callable[[], str]]:
    inner = names.with_(INT, var)
    out = [
        lambda: f"[{some(INT)}, {some(INT)}]",
        lambda: f"[...{some(INTS)}, {some(INT)}]",
        lambda: f"({some(INTS)} + {some(INTS)})",
        lambda: f"[for {var} in {some(INTS)}: {some(INT, inner)}]",
        lambda: f"[for {var} in {some(INTS)} if {some(TRUTH, inner)}: {var}]",
        lambda: f"[for {var} in 1..3: {some(INT, inner)}]",
        lambda: f"map({some(INTS)}, {var} => {some(INT, inner)})",
        lambda: f"sort({some(INTS)})",
        lambda: f"distinct({some(INTS)})",
        lambda: f"values({some(MAP)})",
        lambda: f"[for {var}k, {var} in {some(MAP)}: {var}]",
    ]
    if wild:
        out += [lambda: f"slice({some(INTS)}, {some(INT)})", lambda: f"chunk({some(INTS)}, {some(INT)})[0]"]
    return out


def _lists(some: Any, names: Names, draw: Draw, var: str, wild: str) -> list[Callable[[], str]]:
    return [
        lambda: f"[{some(TEXT)}, {some(TEXT)}]",
        lambda: f"keys({some(MAP)})",
        lambda: f"[for {var} in {some(INTS)}: {some(TEXT, names.with_(INT, var))}]",
        lambda: f'split({some(TEXT)}, "-")',
    ]


def _maps(some: Any, names: Names, draw: Draw, var: str, wild: str) -> list[Callable[[], str]]:
    out = [
        lambda: f"table({{ a: {some(INT)}, b: {some(INT)} }})",
        lambda: f"merge({some(MAP)}, {some(MAP)})",
        lambda: f'{{for {var}k in ["a", "b"]: {var}k: {some(INT)}}}',
        lambda: f"{{for {var}k, {var} in {some(MAP)}: {var}k: {some(INT, names.with_(INT, var))}}}",
    ]
    out += [lambda: f"{{for {var}k in {some(TEXTS)}: {var}k: 1}}"] if wild else []
    return out


def _maybes(some: Any, names: Names, draw: Draw, var: str, wild: str) -> list[Callable[[], str]]:
    return [lambda: f"maybe({some(INT)})", lambda: "maybe(null)", lambda: f"index_of({some(INTS)}, {some(INT)})"]


_FORMS: dict[str, Callable[[Any, Names, Draw, str, str], list[Callable[[], str]]]] = {
    INT: _numbers, TEXT: _texts, TRUTH: _truths, INTS: _ints, TEXTS: _lists, MAP: _maps, MAYBE: _maybes,
}  # fmt: skip

# ---- pieces of programs --------------------------------------------------------------------------------------------


class Site(NamedTuple):
    """Statements about one executor, with `§` before the names that they declare, and what they are given by name."""

    body: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]
    number: str
    word: str


def site(draw: Draw, names: Names, *, deep: bool = True) -> Site:
    """An executor with storages, tasks and a handle. It is given `§n`, `§word`, `§pool`, `§loc` and `§net`."""
    outside = names
    # A component sees nothing of the parameters of its file.
    hidden = {"count", "label"}
    names = Names({type_: tuple(one for one in all_ if one not in hidden) for type_, all_ in names.by_type.items()})
    inside = names.with_(INT, "§n", "§local").with_(TEXT, "§word")
    count = draw(st.integers(0, 2))
    public, volume, extra, inner = (draw(st.booleans()) for _ in range(4))
    text = expression(draw, TEXT, inside, 1)
    body = [
        f"let §local = {expression(draw, INT, names.with_(INT, '§n'), 1)}",
        'create storage §iso in §loc { data: archive("iso/") }',
        f"{draw(st.sampled_from(['', '@protect ', '@retain ']))}create executor §web in §pool at §loc",
        f'create task §main {{ path: "/bin/main", args: ["${{§n}}", {text}], env: {{ WORD: §word }} }}',
    ]
    joins = ["join §iso as loader, bind", "join §main, bind { restart: .always, ready: .tcp(port: 80) }"]
    if volume:
        body.append("create storage §vol in §loc { packaging: .vmdk, free: 1GiB * (abs(§n % 5) + 1) }")
        joins.append('join §vol as persistent, bind at "/data"')
    if public:
        joins.append("join §net as public, bind { ip: .dhcp }")
    if count:
        body.append(f'for i in 1..{count} {{ create task §more[i] {{ path: "/bin/more", args: ["${{i}}", §word] }} }}')
        joins.append(f"for i in 1..{count} {{ join §more[i], bind {{ ready: .tcp(port: i + 100) }} }}")
    if extra:
        condition = expression(draw, TRUTH, inside, 1)
        body.append(f'if {condition} {{ create task §extra {{ path: "/bin/extra" }} }}')
    if inner and deep:
        body.append(f"create box §inner in §pool {{ n: 2, mark: {draw(st.sampled_from(['§word', 'null']))} }}")
    body.append("handle §web {\n  " + "\n  ".join(joins) + "\n}")
    body.append("start §web")
    outputs = [("url", '"http://${§web.state}:${§n}/"'), ("sum", expression(draw, INT, inside, 1))]
    if inner and deep:
        outputs.append(("total", "§inner.count + 1"))
    word = draw(st.sampled_from(['"abc"', '"d"', "words[1]", "null"]))
    return Site(tuple(body), tuple(outputs), expression(draw, INT, outside, 1), word)


def as_component(piece: Site, name: str, kind: str) -> tuple[list[str], list[str]]:
    """A site as a component and its instance; and what its outputs are called."""
    body = "\n".join(piece.body) + "\n" + "\n".join(f"output {one} = {value}" for one, value in piece.outputs)
    head = f'component {kind}(§n: Int, §word: String = "given", §net: Network) in §pool: Pool at §loc: Location'
    made = f"create {kind} {name} in farm at infra {{ n: {piece.number}, word: {piece.word}, net: vmnet }}"
    return [f"{head} {{\n{body}\n}}".replace("§", ""), made], [f"{name}.{one}" for one, _ in piece.outputs]


def by_hand(piece: Site, name: str) -> tuple[list[str], list[str]]:
    """What an instance of it comes to, written out; and what its outputs are called."""
    word = '"given"' if piece.word == "null" else piece.word
    lets = [
        f"let §n: Int = {piece.number}", f"let §word: String = {word}", "let §pool = farm", "let §loc = infra",
        "let §net = vmnet", *(f"let §{one} = {value}" for one, value in piece.outputs),
    ]  # fmt: skip
    return [one.replace("§", name + "_") for one in (*piece.body, *lets)], [f"{name}_{one}" for one, _ in piece.outputs]


@st.composite
def programs(draw: Draw, *, wild: str = "") -> Drawn:
    """A program with everything in it; without `wild` it is free of mistakes."""
    imports = 'import { twice, named, table, maybe, ints, base, words, box, Small } from "lib"'
    names = Names({INT: ("count", "base"), TEXT: ("label",), "fn": ("twice", "named"), TEXTS: ("words",)}, ("token",))
    out = [
        imports,
        *WORLD,
        f"param count: Int = {draw(st.integers(0, 3))}",
        'param label: String = "label"',
        "param small: Small = 5",
        "param token: Secret<String>",
        "fn shifted(n: Int, m: Int = n + 1) -> Int = n + m - base",
        'create task with_secret { path: "/bin/s", env: { TOKEN: token, BOTH: "x${token}" } }',
    ]
    for at in range(draw(st.integers(1, 4))):
        type_ = draw(st.sampled_from(TYPES))
        written = f": {type_}" if draw(st.booleans()) or type_ == MAYBE else ""
        out.append(f"let v{at}{written} = {expression(draw, type_, names, wild=wild)}")
        names = names.with_(type_, f"v{at}")
        out.append(f"output o{at} = v{at}" if not wild or draw(st.booleans()) else f"output o{at} = [v{at}, v{at}]")
    made, outputs = as_component(site(draw, names), "one", "site")
    out += made
    out += [f"output from_{one.split('.')[1]} = {one}" for one in outputs]
    if draw(st.booleans()):
        over = draw(st.sampled_from(["words", '["x", "y"]', "[]"]))
        out.append(f"for k in {over} {{ create storage disk[k] in infra {{ packaging: .vmdk, free: 1GiB }} }}")
    if draw(st.booleans()):
        condition = expression(draw, TRUTH, names, wild=wild)
        out.append(f'if {condition} {{ create task branch {{ path: "/bin/a" }} }}')
    if draw(st.booleans()):
        key = draw(st.sampled_from(['"k"', "1"]))
        out.append(f"create box b[{key}] in farm {{ n: 1 }}")
    out.append(f"output again = shifted({expression(draw, INT, names, wild=wild)}) + small")
    if wild:
        out.append(f"output last = {expression(draw, draw(st.sampled_from(TYPES)), names, 3, wild=wild)}")
        out.append(f"assert {expression(draw, TRUTH, names, wild=wild)}, {expression(draw, TEXT, names, wild=wild)}")
    return Drawn(tuple(out), {"lib": MODULE}, {"token": SECRET})


@st.composite
def expanded(draw: Draw) -> tuple[Drawn, Drawn]:
    """A program with an instance of a component, and the same with that written out; its name is `one`."""
    head = (
        'import { twice, named, table, maybe, ints, base, words, box } from "lib"', *WORLD, "param count: Int = 2",
        "output kept = [count, twice(base)]", "output rest = named(1)", "output all_ = words",
        "create box box in farm { n: 0 }",
    )  # fmt: skip
    names = Names({INT: ("base",), "fn": ("twice", "named")})
    piece = site(draw, names)
    instance, outputs = as_component(piece, "one", "site")
    written, others = by_hand(piece, "one")
    tail = [f"output x{at} = {one}" for at, one in enumerate(outputs)]
    same = [f"output x{at} = {one}" for at, one in enumerate(others)]
    modules = {"lib": MODULE}
    return Drawn((*head, *instance, *tail), modules, {}), Drawn((*head, *written, *same), modules, {})


@st.composite
def unrolled(draw: Draw) -> tuple[Drawn, Drawn]:
    """A program with a loop over a list, and the same with each turn of it written out."""
    keys = draw(st.lists(st.sampled_from(["a", "b", "c d", "x.y", "ü"]), unique=True, max_size=4))
    names = Names({INT: ("base",), TEXT: ("§k",), "fn": ("twice",)})
    sizes = expression(draw, TEXTS, names, 1)
    body = [
        f"create storage disk[§k] in infra {{ packaging: .vmdk, free: 1GiB * (1 + len({sizes})) }}",
        f'create task t[§k] {{ path: "/bin/t", args: [§k, {expression(draw, TEXT, names)}] }}',
    ]
    if draw(st.booleans()):
        condition = expression(draw, TRUTH, names, 1)
        body.append(f'if {condition} {{ create task u[§k] {{ path: "/bin/u", env: {{ K: "${{§k}}" }} }} }}')
    if draw(st.booleans()):
        body.append("create box b[§k] in farm { n: len(§k), mark: §k }")
    imports = 'import { twice, table, maybe, ints, base, box } from "lib"'
    head = (imports, *WORLD, "output o = twice(base)", "create box box in farm { n: 0 }")
    written = ", ".join(f'"{one}"' for one in keys)
    loop = "for k in [" + written + "] {\n  " + "\n  ".join(body).replace("§", "") + "\n}"
    turns = [one.replace("§k", f'"{key}"') for key in keys for one in body]
    modules = {"lib": MODULE}
    return Drawn((*head, loop), modules, {}), Drawn((*head, *turns), modules, {})
