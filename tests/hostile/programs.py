"""Programs that would take for ever, or all memory, if nothing held them: by name, each made when it is asked for.

What is written in them is deterministic. Each has to come to an end with diagnostics, or with a plan, in little time
and memory (`python -m tests.hostile` measures that); which codes are expected stands beside each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

SCRIPT = "hostile.vch"
LIMITS = frozenset({"limit-steps", "limit-depth", "limit-size", "limit-int"})
TOML = """\
[project]
name = "hostile"
[env.local.inventory]
pools = ["/a/p"]
networks = { lan = ["10.0.0.0/8"] }
datastores = { disks = "" }
[env.local.secrets]
secret = { env = "TOKEN" }
"""
POOL = 'existing pool p at "/a/p"\n'
SECRET = "param secret: Secret<String>\n"


class Hostile(NamedTuple):
    """A script, with what stands beside it.

    says: one of these codes is among those of its errors; empty where it is an ordinary program, only a large one.
    modules: the other files, by name. params: what `-p` gives; given: what `--params` does, as JSON. text: may have
    bytes that are no text.
    """

    text: str | bytes
    says: frozenset[str]
    modules: dict[str, str]
    params: tuple[str, ...]
    toml: str
    given: str


def of(
    text: str | bytes, *says: str, params: tuple[str, ...] = (), toml: str = TOML, given: str = "", **modules: str
) -> Hostile:
    return Hostile(text, frozenset(says), {f"{name}.vch": one for name, one in modules.items()}, params, toml, given)


def limited(text: str, **more: str) -> Hostile:
    """A program that runs into a limit, whichever comes first."""
    return of(text, *LIMITS, **more)


def lines(form: str, count: int, start: int = 0) -> str:
    """A line for each number; `{n}` is the number, `{m}` the one before it and `{o}` the one after."""
    return "\n".join(form.replace("{n}", str(n)).replace("{m}", str(n - 1)).replace("{o}", str(n + 1))
                     for n in range(start, start + count)) + "\n"  # fmt: skip


def doubled(first: str, form: str, count: int = 60) -> str:
    """Lets of which each has the one before it twice."""
    return f"let v0 = {first}\n" + lines(f"let v{{n}} = {form}", count, 1)


def list_of(form: str, count: int) -> str:
    """A list written out; `#` is the number."""
    return "[" + ", ".join(form.replace("#", str(n)) for n in range(count)) + "]"


def nested(opening: str, inner: str, closing: str, depth: int) -> str:
    return opening * depth + inner + closing * depth


# ---- how deep ------------------------------------------------------------------------------------------------------

DEPTH: dict[str, Callable[[], Hostile]] = {
    "parentheses": lambda: limited("let a = " + nested("(", "1", ")", 100_000)),
    "lists": lambda: limited("let a = " + nested("[", "", "]", 100_000)),
    "records": lambda: limited("let a = " + nested("{ a: ", "1", " }", 100_000)),
    "blocks": lambda: limited(nested("if true {\n", "", "}\n", 50_000)),
    "loops in loops": lambda: limited(nested("for x in [1] {\n", "", "}\n", 50_000)),
    "conditionals": lambda: limited("let a = " + "if true then 1 else " * 50_000 + "1"),
    "conditions in conditions": lambda: limited("let a = " + nested("if ", "true", " then true else false", 50_000)),
    "else if": lambda: limited("if false { }" + " else if false { }" * 10_000),
    "types": lambda: limited("type A = " + nested("[", "Int", "]", 50_000)),
    "optional types": lambda: of("param a: Int" + "?" * 100_000 + " = 1", *LIMITS, "syntax"),
    "record types": lambda: limited("type A = " + nested("{ a: ", "Int", " }", 50_000)),
    "secret types": lambda: limited("param a: " + nested("Secret<", "String", ">", 50_000)),
    "texts in texts": lambda: of("let a = " + nested('"${', "1", '}"', 20_000), *LIMITS, "syntax", "unclosed"),
    "members": lambda: limited("let a = {}\nlet b = a" + ".b" * 50_000),
    "indexes": lambda: limited("let a = [1]\nlet b = a" + "[0]" * 50_000),
    "calls": lambda: limited("let a = 1\nlet b = a" + "()" * 50_000),
    "calls in calls": lambda: limited("let a = " + nested("upper(", '"a"', ")", 50_000)),
    "minus": lambda: limited("let a = " + "-" * 100_000 + "1"),
    "not": lambda: limited("let a = " + "not " * 100_000 + "true"),
    "sum of 100,000": lambda: limited("let a = 1" + " + 1" * 100_000),
    "and of 100,000": lambda: limited("let a = true" + " and true" * 100_000),
    "coalesce of 100,000": lambda: limited("let a = null" + " ?? null" * 100_000),
    "lambdas": lambda: limited("let a = map([1], " + "x => " * 50_000 + "1)"),
    "comprehensions": lambda: limited("let a = " + nested("[for x in [1]: ", "1", "]", 50_000)),
    "just under the depth": lambda: of("let a = " + nested("(", "1", ")", 190) + "\noutput b = a", *LIMITS),
    "variants": lambda: limited("let a = " + nested(".a(", "1", ")", 50_000)),
    "handle in handle": lambda: limited("handle a {\n" * 50_000),
    "brackets never closed": lambda: of("let a = " + "([{" * 50_000, *LIMITS, "syntax"),
    "types through types": lambda: of(
        lines("type A{n} = { a: A{o}? }", 3_000) + "type A3000 = Int\nparam a: A0? = null\noutput b = a", "limit-depth"
    ),
    "records through names": lambda: of(
        "type A0 = Int\n" + lines("type A{n} = { a: A{m}, b: A{m} }", 60, 1) + "param a: A60\noutput b = a", *LIMITS
    ),
    "unions through names": lambda: of(
        "type A0 = Int\n" + lines("type A{n} = A{m} | { a: A{m}, b: [A{m}] }", 40, 1) + "param a: A40\noutput b = a",
        *LIMITS,
    ),
    "variants through names": lambda: of(
        "type A0 = Int\n"
        + lines("type A{n} = .a(x: A{m}, y: A{m}) | .b(x: A{m})", 60, 1)
        + "param a: A60\noutput b = a",
        *LIMITS,
    ),
    "defaults through types": lambda: of(
        "type A0 = { x: Int = 1 }\n"
        + lines("type A{n} = { a: A{m} = {}, b: A{m} = {} }", 40, 1)
        + "let a: A40 = {}\noutput b = a",
        *LIMITS,
    ),
    "types of lets": lambda: of(doubled("{ a: 1 }", "{ a: v{m}, b: v{m} }", 80) + "output o = v80", *LIMITS),
    "types of lists, deep": lambda: of(
        "let v0 = 1\n" + lines("let v{n} = [v{m}]", 5_000, 1) + "output o = v5000", *LIMITS
    ),
    "types of lambdas": lambda: of(
        "output o = "
        + "".join(f"map([{{ x: a{n}, y: a{n} }}], a{n + 1} => " if n else "map([1], a1 => " for n in range(40))
        + "1"
        + ")" * 40,
        *LIMITS,
    ),
    "types of lists": lambda: of("let v0 = 1\n" + lines("let v{n} = [v{m}]", 400, 1) + "output o = v400", *LIMITS),
    "types of functions": lambda: of(
        "fn f0(x: Int) = { a: x, b: x }\n"
        + lines("fn f{n}(x: Int) = { a: f{m}(x), b: f{m}(x) }", 60, 1)
        + "output o = f60(1)",
        *LIMITS,
    ),
}

# ---- what needs itself ---------------------------------------------------------------------------------------------

RINGS: dict[str, Callable[[], Hostile]] = {
    "function itself": lambda: of("fn f(n: Int) -> Int = f(n - 1) + f(n - 2)\noutput a = f(1000000)", "cycle"),
    "functions in a ring": lambda: of(
        lines("fn f{n}(n: Int) -> Int = f{o}(n)", 3_000) + "fn f3000(n: Int) -> Int = f0(n)\noutput a = f0(1)",
        "cycle",
        "limit-depth",
    ),
    "function through a lambda": lambda: of("fn f(n: Int) -> Int = sum(map([n], x => f(x)))\noutput a = f(1)", "cycle"),
    "function to itself as a value": lambda: of(
        "fn f(n: Int) -> [Int] = map([n], g)\nfn g(n: Int) -> Int = sum(f(n))\noutput a = f(1)", "cycle"
    ),
    "component itself": lambda: of("component c() { create c x }\ncreate c y", "cycle"),
    "components in a ring": lambda: of(
        lines("component c{n}() { create c{o} x }", 1_000) + "component c1000() { create c0 x }\ncreate c0 y",
        "cycle",
        "limit-depth",
    ),
    "types in a ring": lambda: of(
        lines("type A{n} = { a: A{o} }", 1_000) + "type A1000 = { a: A0 }\nparam a: A0? = null\noutput b = a",
        "cycle",
        "limit-depth",
    ),
    "lets in a ring": lambda: of(lines("let a{n} = a{o}", 3_000) + "let a3000 = a0", "cycle", "limit-depth"),
    "lets all with all": lambda: of(
        lines("let a{n} = " + list_of("a#", 200)[1:-1].replace(", ", " + "), 200), "cycle", *LIMITS
    ),
    "params in a ring": lambda: of(
        lines("param a{n}: Int = a{o}", 100) + "param a100: Int = a0\noutput b = a0", "cycle", "limit-depth"
    ),
    "instances in a ring": lambda: of(
        "component c(n: Int) { output n = n }\n"
        + lines("create c x{n} { n: x{o}.n }", 500)
        + "create c x500 { n: x0.n }",
        "cycle",
        "limit-depth",
    ),
    "elements in a ring": lambda: of(
        POOL
        + lines('create task t{n} { path: "/x", args: [t{o}.state] }', 300)
        + 'create task t300 { path: "/x", args: [t0.state] }',
        "cycle",
    ),
    "after in a ring": lambda: of(
        POOL + lines("@after(e{o}) create executor e{n} in p", 1_000) + "@after(e0) create executor e1000 in p", "cycle"
    ),
    "modules in a ring of 500": lambda: of(
        'import { v } from "./m0"\noutput o = v',
        "import-cycle",
        "cycle",
        "limit-depth",
        **{f"m{n}": f'import {{ v as w }} from "./m{(n + 1) % 500}"\nlet v = w\n' for n in range(500)},
    ),
    "module itself": lambda: of('import { v } from "./hostile"\nlet v = 1', "import-cycle", "cycle", "module-cycle"),
}

# ---- loops ---------------------------------------------------------------------------------------------------------

_LOOP = "for a in 1..3000 { for b in 1..3000 { for c in 1..3000 { } } }"

LOOPS: dict[str, Callable[[], Hostile]] = {
    "list of 10**12": lambda: of("output a = [for x in 1..1000000000000: x]", "limit-steps"),
    "loop of 10**12": lambda: of("for x in 1..1000000000000 { }", "limit-steps"),
    "loop up to the largest": lambda: of("for x in -9223372036854775807..9223372036854775807 { }", "limit-steps"),
    "range of 10**12": lambda: limited("output a = len(range(1, 1000000000000))"),
    "range by nothing": lambda: of("output a = range(1, 10, 0)", "wrong-arguments"),
    "empty loops": lambda: of(_LOOP, "limit-steps"),
    "product of lists": lambda: of(
        "let n = 1..3000\noutput a = [for x in n: [for y in n: [for z in n: x]]]", "limit-steps"
    ),
    "condition that never holds": lambda: of("output a = [for x in 1..900000 if x > 900000: x]", "limit-steps"),
    "many conditions": lambda: limited("output a = [for x in 1..700: [for y in 1..700 if y > 700: y]]"),
    "map of many": lambda: limited('output a = len({for x in 1..500000: "k${x}": x})'),
    "loop over a list of a million": lambda: limited("let l = range(1, 1000000)\nfor x in l { }\noutput a = len(l)"),
    "loops over one long list": lambda: limited(
        "let l = range(1, 900000)\noutput a = " + " + ".join(["len([for x in l: x])"] * 50)
    ),
    "elements in loops": lambda: limited(
        POOL + "for a in 1..100 { for b in 1..100 { for c in 1..100 { create executor e[a][b][c] in p } } }"
    ),
    "instances in loops": lambda: limited(
        POOL + "component c() in pool: Pool { for x in 1..1000 { create executor e[x] in pool } }\n"
        "for a in 1..1000 { create c i[a] in p }"
    ),
    "empty instances in loops": lambda: limited(
        "component c() { }\nfor a in 1..1000 { for b in 1..1000 { create c i[a][b] } }"
    ),
    "joins in loops": lambda: limited(
        POOL + 'create executor e in p\ncreate task t { path: "/x" }\nhandle e { for x in 1..1000000 { join t } }'
    ),
    "rules in loops": lambda: limited(
        'existing network n at "lan"\ncreate segment s in n { for x in 1..1000000 { allow tcp(x) from any } }'
    ),
    "waits in loops": lambda: limited(
        POOL + "create executor e in p\nstart e\nfor x in 1..1000000 { wait e until ready within 1min }"
    ),
    "asserts in loops": lambda: limited("for x in 1..1000000 { assert x < 0 }"),
    "false asserts": lambda: of('for x in 1..50000 { assert x < 0, "no ${x}" }', "assert-failed", *LIMITS),
    "lets in loops": lambda: limited("for x in 1..200000 { let a = x + 1 let b = a + 1 assert b > 0 }"),
    "where that loops": lambda: of(
        "type T = Int where all(range(1, 900000), x => x > it)\nlet a: [T] = [1, 2, 3, 4]\noutput b = a",
        *LIMITS,
        "where-failed",
    ),
    "where in a list": lambda: limited(
        "type T = Int where len([for x in 1..1000: x]) > it\nlet a: [T] = range(1, 2000)\noutput b = len(a)"
    ),
    "ports of a rule": lambda: limited(
        'existing network n at "lan"\ncreate segment s in n { allow tcp(1..65535) from any '
        + "allow tcp("
        + ", ".join(f"{n}..65535" for n in range(1, 9_000))
        + ") from any }"
    ),
}

# ---- what grows ----------------------------------------------------------------------------------------------------

_X = '"xxxxxxxxxxxxxxxx"'
_HUGE = 'let t = repeat("x", 16000000)\n'

GROWTH: dict[str, Callable[[], Hostile]] = {
    "doubling text": lambda: of(doubled(_X, '"${v{m}}${v{m}}"') + "output o = v60", "limit-size"),
    "doubling text, only its length": lambda: of(doubled(_X, '"${v{m}}${v{m}}"') + "output o = len(v60)", "limit-size"),
    "many large texts": lambda: limited(_HUGE + lines('let u{n} = "${t}{n}"', 200) + "output o = 1"),
    "a list of large texts": lambda: limited(_HUGE + 'output o = len([for x in 1..1000: "${t}${x}"])'),
    "a map of large texts": lambda: limited(_HUGE + 'output o = len({for x in 1..1000: "${t}${x}": x})'),
    "doubling secret": lambda: of(SECRET + doubled("secret", '"${v{m}}${v{m}}"') + "let o = v60", *LIMITS),
    "doubling unknown text": lambda: of(
        POOL
        + 'create executor e in p\nlet v0 = "${e.state}"\n'
        + lines('let v{n} = "${v{m}}${v{m}}"', 60, 1)
        + "output o = v60",
        *LIMITS,
    ),
    "doubling list": lambda: of(doubled("[1, 2, 3, 4]", "v{m} + v{m}") + "output o = len(v60)", "limit-size"),
    "doubling list by spread": lambda: of(
        doubled("[1, 2, 3, 4]", "[...v{m}, ...v{m}]") + "output o = len(v60)", "limit-size"
    ),
    "shared lists": lambda: of(doubled("[1]", "[v{m}, v{m}]") + "output o = v60", *LIMITS),
    "shared lists in JSON": lambda: of(doubled("[1]", "[v{m}, v{m}]") + "output o = json(v60)", *LIMITS),
    "shared lists in YAML": lambda: of(doubled("[1]", "[v{m}, v{m}]") + "output o = yaml(v60)", *LIMITS),
    "shared lists in a text": lambda: of(doubled("[1]", "[v{m}, v{m}]") + "output o = string(v60)", *LIMITS),
    "shared lists compared": lambda: of(doubled("[1]", "[v{m}, v{m}]", 40) + "assert v40 == [v39, v39]", *LIMITS),
    "shared lists compared apart": lambda: of(
        doubled("[1]", "[v{m}, v{m}]", 40)
        + "let w0 = [1]\n"
        + lines("let w{n} = [w{m}, w{m}]", 40, 1)
        + "assert v40 == w40 and v40 in [w40]",
        *LIMITS,
    ),
    "shared lists made distinct": lambda: of(
        doubled("[1]", "[v{m}, v{m}]") + "output o = len(distinct([v60]))", *LIMITS
    ),
    "shared lists, typed": lambda: of(
        doubled("[1]", "[v{m}, v{m}]", 25) + "let w: [anything] = v25\noutput o = len(w)", "unknown-type", *LIMITS
    ),
    "shared lists in an argument": lambda: of(
        POOL + doubled("[1]", "[v{m}, v{m}]", 40) + 'create task t { path: "/x", args: v40 }', "wrong-type", *LIMITS
    ),
    "shared records": lambda: of(doubled("{ a: 1 }", "{ a: v{m}, b: v{m} }") + "output o = v60", *LIMITS),
    "shared maps": lambda: of(
        doubled('{for x in ["a"]: x: 1}', '{for x in ["a", "b"]: x: v{m}}', 30) + "output o = v30", *LIMITS
    ),
    "shared by a loop": lambda: of(
        "let v0 = 1\n" + lines("let v{n} = [for x in 1..10: v{m}]", 20, 1) + "output o = len(v20)", *LIMITS
    ),
    "shared without types": lambda: of(
        'let v0 = json_decode("[1]")\n'
        + lines('let v{n} = json_decode("[1]") + [v{m}, v{m}]', 60, 1)
        + "output o = v60",
        *LIMITS,
    ),
    "shared and unknown": lambda: of(
        POOL
        + "create executor e in p\nlet v0 = e.state\n"
        + lines("let v{n} = [v{m}, v{m}]", 60, 1)
        + "output o = v60",
        *LIMITS,
    ),
    "shared and secret": lambda: of(
        SECRET + "let v0 = secret\n" + lines("let v{n} = { a: v{m}, b: v{m} }", 60, 1) + "output o = v60",
        "secret-sink",
        *LIMITS,
    ),
    "merged deep": lambda: of(
        doubled('{for x in ["a"]: x: 1}', '{for x in ["a", "b"]: x: v{m}}', 30)
        + "output o = len(merge_deep(v30, v30))",
        *LIMITS,
    ),
    "merged often": lambda: limited(
        'let m = {for x in 1..100000: "k${x}": x}\noutput o = len([for x in 1..1000: merge(m, m)])'
    ),
    "spread often": lambda: limited(
        'let m = {for x in 1..100000: "k${x}": x}\noutput o = len([for x in 1..1000: { ...m }])'
    ),
    "calls that double": lambda: of(
        "fn f0(n: Int) -> Int = n\n"
        + lines("fn f{n}(n: Int) -> Int = f{m}(n) + f{m}(n + 1)", 60, 1)
        + "output o = f60(1)",
        *LIMITS,
    ),
    "defaults that double": lambda: of(
        "fn f0(n: Int = 1) -> Int = n\n"
        + lines("fn f{n}(a: Int = f{m}(), b: Int = f{m}()) -> Int = a + b", 60, 1)
        + "output o = f60()",
        *LIMITS,
    ),
    "components that double": lambda: of(
        POOL
        + "component c0() in pool: Pool { create executor e in pool }\n"
        + lines("component c{n}() in pool: Pool { create c{m} x in pool create c{m} y in pool }", 28, 1)
        + "create c28 z in p",
        *LIMITS,
    ),
    "components that double and are empty": lambda: of(
        "component c0() { }\n" + lines("component c{n}() { create c{m} x create c{m} y }", 28, 1) + "create c28 z",
        *LIMITS,
    ),
    "outputs that double": lambda: of(
        "component c0(n: Int) { output o = [n] }\n"
        + lines("component c{n}(n: Int) { create c{m} x { n: n } output o = [...x.o, ...x.o] }", 29, 1)
        + "create c29 z { n: 1 }\noutput o = len(z.o)",
        *LIMITS,
    ),
    "lambdas in lambdas": lambda: limited(
        "let r = range(1, 1000)\noutput o = map(r, a => map(r, b => map(r, c => a + b + c)))"
    ),
    "a function that captures": lambda: of(
        "let fs = map(range(1, 100000), x => (y => x + y))\noutput o = len(fs)", "wrong-type", *LIMITS
    ),
    "a verify that doubles": lambda: of(
        POOL
        + "create executor e in p\nlet v0 = len(e.state)\n"
        + lines("let v{n} = v{m} + v{m}", 60, 1)
        + "verify v60 > 1",
        *LIMITS,
    ),
    "a verify of a large value": lambda: of(
        POOL + "create executor e in p\nlet l = range(1, 100000)\nverify len(e.state) in l and l == [1]",
        *LIMITS,
        "verify-failed",
    ),
    "components 40 deep": lambda: of(
        POOL
        + "component c0() in pool: Pool { create executor e in pool }\n"
        + lines("component c{n}() in pool: Pool { create c{m} x in pool }", 1_000, 1)
        + "create c1000 z in p",
        "limit-depth",
    ),
    "instances through parameters": lambda: of(
        "component c(n: Int) { output n = n + 1 }\ncreate c x0 { n: 0 }\n"
        + lines("create c x{n} { n: x{m}.n }", 1_000, 1)
        + "output o = x1000.n",
        *LIMITS,
    ),
}


def programs() -> Iterator[tuple[str, Callable[[], Hostile]]]:
    """Every program by its name, with what makes it."""
    from tests.hostile.large import BUILTINS, LARGE, NUMBERS, OUTSIDE, TEXTS

    for group in (DEPTH, RINGS, LOOPS, GROWTH, BUILTINS, NUMBERS, LARGE, TEXTS, OUTSIDE):
        yield from group.items()
