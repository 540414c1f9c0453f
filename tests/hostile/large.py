"""More hostile programs: functions with huge arguments, huge numbers, large files, bytes, what comes from outside."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.programs import LIMITS, POOL, SECRET, TOML, Hostile, limited, lines, list_of, nested, of

# ---- functions -----------------------------------------------------------------------------------------------------

_TEXT = 'let t = repeat("ab", 8000000)\n'
_LIST = "let l = range(1, 1000000)\n"
_WORDS = 'let w = map(range(1, 100000), x => "word${x}")\n'


def _called(before: str, *calls: str) -> Callable[[], Hostile]:
    """Each call often, so that no single call has to be over a limit for all of them to be."""
    return lambda: of(before + "".join(
        f"output o{n} = len([for x in 1..2000: {call}])\n" for n, call in enumerate(calls)
    ), *LIMITS)  # fmt: skip


BUILTINS: dict[str, Callable[[], Hostile]] = {
    "repeat": lambda: of('output a = repeat("abc", 1000000000000)', "limit-size"),
    "pad": lambda: of('output a = pad_start("a", 1000000000000)\noutput b = pad_end("a", 1000000000000)', "limit-size"),
    "indent": lambda: of('output a = indent("a\\nb", 1000000000000)', "limit-size", "bad-call", "out-of-range"),
    "replace that grows": lambda: of(
        'let t = repeat("a", 100000)\noutput a = len(replace(t, "a", t))\noutput b = len(replace(t, "", t))',
        "limit-size",
    ),
    "joined that grows": lambda: of(_WORDS + 'let t = repeat("a", 100000)\noutput a = len(joined(w, t))', "limit-size"),
    "regular expression": lambda: of(
        'let t = repeat("a", 100000)\noutput a = matches(t, "(a*)*b")\noutput b = len(find_all(t, "(a|a)*?"))\n'
        'output c = matches(t, "((a{0,500}){0,500}){0,500}")\noutput d = len(replace_matches(t, "", t))',
        *LIMITS,
        "bad-pattern",
    ),
    "regular expression, deep": lambda: of(
        'output c = matches("a", "' + nested("(", "a", ")", 50_000) + '")', *LIMITS, "bad-pattern"
    ),
    "find often": _called(_TEXT, 'find(t, "c")', 'find_all(t, "a")', 'matches(t, "^c$")', 'captures(t, "c")'),
    "upper often": _called(_TEXT, "upper(t)", "trim(t)", "slug(t)"),
    "split often": _called(_TEXT, 'split(t, "a")', "chars(t)", "lines(t)"),
    "hash often": _called(_TEXT, "sha256(t)", "crc32(t)", "base64(t)"),
    "substring often": _called(_TEXT, "substring(t, 1)", 'starts_with(t, "b")', 'index_of(t, "c")', 'contains(t, "c")'),
    "compare often": _called(_TEXT + 'let u = "${t}"\n', "t == u", "t < u", "t in [u]"),
    "sort often": _called(_LIST, "sort(l)", "sort_by(l, x => -x)"),
    "distinct often": _called(_LIST, "distinct(l)", "union(l, l)", "difference(l, l)", "intersection(l, l)"),
    "sum often": _called(_LIST, "sum(l)", "max_of(l)", "min_of(l)", "reverse(l)", "contains(l, 0)"),
    "slice often": _called(_LIST, "slice(l, 0)", "chunk(l, 10)", "flatten([l, l])", "zip(l, l)", "l + [1]"),
    "in often": _called(_LIST, "-x in l", "l == [1]", "l == l"),
    "index of often": _called(_LIST, "index_of(l, 0)", "compact(l)"),
    "keys often": _called(
        'let m = {for x in 1..100000: "k${x}": x}\n', "keys(m)", "values(m)", "entries(m)", "invert(m)"
    ),
    "pick often": _called('let m = {for x in 1..100000: "k${x}": x}\n', "pick(m, [])", "omit(m, [])", "merge(m, m)"),
    "json often": _called(_LIST, "json(l)", "yaml(l)", "string(l)"),
    "decode often": _called("let j = json(range(1, 100000))\n", "json_decode(j)", "csv_decode(j)"),
    "decode deep": lambda: of(
        'output a = json_decode(repeat("[", 100000))\n'
        'output b = json_decode("${repeat("[", 100000)}${repeat("]", 100000)}")\n'
        'output c = toml_decode("a = ${repeat("[", 100000)}")',
        *LIMITS,
        "bad-text",
        "bad-json",
    ),
    "decode large numbers": lambda: of(
        'output a = json_decode(repeat("9", 1000000))\noutput b = json_decode("1e400")\n'
        'output c = int(repeat("9", 100000))',
        *LIMITS,
        "bad-text",
    ),
    "product": lambda: of("let l = range(1, 1000)\noutput a = len(product([l, l, l, l]))", "limit-size"),
    "product of a hundred": lambda: of("output a = len(product(map(range(1, 100), x => [1, 2])))", "limit-size"),
    "pow": lambda: of(
        "output a = pow(10, 1000000000)\noutput b = pow(2, 64)\noutput c = pow(-9, 9223372036854775807)", "limit-int"
    ),
    "hosts of a network": lambda: of(
        'output a = len(cidr_hosts("::/0"))\noutput b = cidr_size("::/0")', *LIMITS, "bad-call"
    ),
    "subnets": lambda: of(
        'output a = len([for x in 1..100000: cidr_subnet("10.0.0.0/8", 16, x)])',
        *LIMITS,
        "bad-index",
        "bad-call",
        "out-of-range",
    ),
    "from_base": lambda: of('output a = from_base(repeat("z", 1000000), 36)', *LIMITS, "bad-text"),
    "dates": lambda: of(
        'output a = from_unix(9223372036854775807)\noutput b = date_add("9999-12-31T23:59:59Z", 9223372036s)',
        *LIMITS,
        "bad-text",
        "bad-time",
        "bad-call",
        "out-of-range",
    ),
    "fixed": lambda: of("output a = fixed(1.5, 1000000000)\noutput b = round(1.5, -1000000000)", "wrong-arguments"),
    "reduce that doubles": lambda: of(
        'output a = len(reduce(range(1, 100), "xx", (a, x) => "${a}${a}"))\n'
        "output b = len(reduce(range(1, 100), [1], (a, x) => a + a))\n"
        "output c = reduce(range(1, 100), [1], (a, x) => [a, a])",
        *LIMITS,
    ),
    "map that grows": lambda: of("output a = len(map(range(1, 100000), x => range(1, 10000)))", *LIMITS),
    "group by": lambda: limited('output a = len(group_by(range(1, 900000), x => "${x}"))'),
    "path_join": lambda: of(_TEXT + "output a = path_join(t, t, t, t)\noutput b = url_encode(t)", *LIMITS),
    "secret in functions": lambda: of(
        SECRET + "output a = repeat(secret, 1000000)\nlet b = [for x in 1..1000000000000: secret]\noutput c = len(b)",
        "secret-sink",
        *LIMITS,
    ),
}

NUMBERS: dict[str, Callable[[], Hostile]] = {
    "a number of 4,000 digits": lambda: of("let a = " + "9" * 4_000, "limit-int"),
    "a number of a million digits": lambda: of("let a = " + "9" * 1_000_000 + "\noutput b = a * a", "limit-int"),
    "a float of a million digits": lambda: of("let a = 0." + "9" * 1_000_000 + "\noutput b = a", "limit-int"),
    "powers": lambda: of("let v0 = 10\n" + lines("let v{n} = v{m} * v{m}", 60, 1) + "output o = v60", "limit-int"),
    "powers of floats": lambda: of(
        "let v0 = 10.0\n" + lines("let v{n} = v{m} * v{m}", 60, 1) + "output o = v60", "limit-int"
    ),
    "infinity in JSON": lambda: of(
        "let v0 = 10.0\n"
        + lines("let v{n} = v{m} * v{m}", 60, 1)
        + "output o = json(v60)\noutput p = v60 - v60\noutput q = floor(v60)",
        "limit-int",
        "bad-call",
        "limit-size",
    ),
    "units": lambda: of("let a = 9000PiB * 9000\nlet b = 99999999999999999999999PiB\nlet c = 300000000d", "limit-int"),
    "negative": lambda: of("let a = -9223372036854775807 - 2\nlet b = -(-9223372036854775807 - 1)", "limit-int"),
    "division": lambda: of("output a = (-9223372036854775807 - 1) / -1", "limit-int"),
    "exponents": lambda: of("let a = 1e400\nlet b = 1e-400", "syntax", "wrong-unit", "limit-int"),
    "many digits after the point": lambda: of("let a = 1." + "0" * 1_000_000 + "GiB", "limit-int", "wrong-unit"),
}

# ---- large files ---------------------------------------------------------------------------------------------------

_RECORD = "let r = { " + ", ".join(f"f{n}: {n}" for n in range(100_000)) + " }\n"

LARGE: dict[str, Callable[[], Hostile]] = {
    "20,000 elements": lambda: of(POOL + lines("create executor e{n} in p", 20_000), *LIMITS),
    "100,000 elements": lambda: of(POOL + lines("create executor e{n} in p", 100_000), *LIMITS),
    "100,000 params": lambda: of(lines("param a{n}: Int = 1", 100_000), *LIMITS),
    "100,000 lets": lambda: of(lines("let a{n} = 1", 100_000), *LIMITS),
    "100,000 lets in a record": lambda: of("output o = " + list_of("#", 100_000), *LIMITS),
    "names misspelt": lambda: of(lines("let name_of_this_{n} = nam_of_this_{n}", 20_000), "unknown-name", *LIMITS),
    "names misspelt, all one": lambda: of(
        lines("let name_of_this_{n} = name_of_thiss", 30_000), "unknown-name", *LIMITS
    ),
    "long names misspelt": lambda: of(
        lines("let " + "long_" * 200 + "{n} = 1", 1_000) + lines("let o{n} = " + "long_" * 200 + "x{n}", 1_000),
        "unknown-name",
        *LIMITS,
    ),
    "kinds misspelt": lambda: of(lines("create executr e{n}", 50_000), "unknown-kind", *LIMITS),
    "fields misspelt": lambda: of(_RECORD + lines("let a{n} = r.f{n}x", 2_000), "unknown-field", *LIMITS),
    "mistakes of types": lambda: of(lines('let a{n}: Int = "x"', 50_000), "wrong-type", *LIMITS),
    "mistakes of values": lambda: of(lines("let a{n} = 1 / 0", 50_000), "division-by-zero", *LIMITS),
    "mistakes of syntax": lambda: of("let a = = 1\n" * 100_000, "syntax"),
    "mistakes on one line": lambda: of("let a = = 1 " * 20_000, "syntax"),
    "one name 100,000 times": lambda: of("let a = 1\n" * 100_000, "duplicate-name", *LIMITS),
    "one address 100,000 times": lambda: of(
        POOL + 'for x in 1..20000 { create executor e["k"] in p }', "duplicate-address", *LIMITS
    ),
    "one element 20,000 times": lambda: of(POOL + "create executor e in p\n" * 20_000, "duplicate-name", *LIMITS),
    "100,000 decorators": lambda: of(
        POOL + "@protect " * 100_000 + "create executor e in p", *LIMITS, "duplicate-field"
    ),
    "100,000 unknown decorators": lambda: of(
        POOL + "@x " * 100_000 + "create executor e in p", "unknown-decorator", "duplicate-field"
    ),
    "100,000 afters": lambda: of(POOL + "@after(p) " * 100_000 + "create executor e in p", *LIMITS),
    "100,000 rules": lambda: of(
        'existing network n at "lan"\ncreate segment s in n {\n' + lines("  allow tcp({n}) from any", 60_000, 1) + "}",
        *LIMITS,
    ),
    "1,000 segments": lambda: of(
        'existing network n at "lan"\n'
        + lines("create segment s{n} in n { allow tcp({n}) from s{o} }", 1_000, 1)
        + "create segment s1001 in n { }\nassert not reachable(s1001, s1)\nassert reachable(s1, s1001)",
        "assert-failed",
        *LIMITS,
    ),
    "all segments with all": lambda: of(
        'existing network n at "lan"\n'
        + lines("create segment s{n} in n { allow any to s{o} }", 200, 1)
        + "create segment s201 in n { }\n"
        + lines("assert not reachable(s{n}, s1)", 200, 1),
        "assert-failed",
        *LIMITS,
    ),
    "rules of a thousand segments": lambda: of(
        'existing network n at "lan"\ncreate segment t in n { }\n' + "for x in 1..1000 { create segment s[x] in n { "
        "for y in 1..100 { allow tcp(y) from t } } }\nassert not reachable(t, s[1000])",
        "assert-failed",
        *LIMITS,
    ),
    "a union of 10,000": lambda: of(
        "type A = " + " | ".join(f'"t{n}"' for n in range(10_000)) + '\nparam a: A = "t9999"\noutput b = a', *LIMITS
    ),
    "a union of 10,000, missed": lambda: of(
        "type A = " + " | ".join(f'"t{n}"' for n in range(10_000)) + "\n" + lines('let b{n}: A = "tt{n}"', 300),
        "unknown-variant",
        *LIMITS,
    ),
    "a union of 10,000 records": lambda: of(
        "type A = "
        + " | ".join(f"{{ f{n}: Int }}" for n in range(10_000))
        + "\nparam a: A = { f9999: 1 }\noutput b = a",
        *LIMITS,
    ),
    "a variant of 10,000 cases": lambda: of(
        "type A = "
        + " | ".join(f".c{n}(x: Int)" for n in range(10_000))
        + "\n"
        + lines("let b{n}: A = .c{n}(x: 1)", 1_000),
        *LIMITS,
    ),
    "a record of 100,000 fields": lambda: of(_RECORD + "output o = r.f99999", *LIMITS),
    "a record of 100,000 fields, spread": lambda: of(
        _RECORD + lines("let s{n} = { ...r, x: {n} }", 100) + "output o = s99.x", *LIMITS
    ),
    "a record type of 50,000 fields": lambda: of(
        "type R = { " + ", ".join(f"f{n}: Int = {n}" for n in range(50_000)) + " }\n" + lines("let a{n}: R = { }", 20),
        *LIMITS,
    ),
    "a list of 100,000 records": lambda: of("let a = " + list_of("{ f#: # }", 50_000) + "\noutput o = len(a)", *LIMITS),
    "a function of 10,000 parameters": lambda: of(
        "fn f("
        + ", ".join(f"a{n}: Int = {n}" for n in range(10_000))
        + ") -> Int = a1\n"
        + lines("let b{n} = f()", 100),
        *LIMITS,
    ),
    "a call of 100,000 arguments": lambda: of("output o = max(" + list_of("#", 100_000)[1:-1] + ")", *LIMITS),
    "a component of 10,000 parameters": lambda: of(
        "component c("
        + ", ".join(f"a{n}: Int = {n}" for n in range(10_000))
        + ") { output o = a1 }\n"
        + lines("create c i{n}", 50),
        *LIMITS,
    ),
    "10,000 components": lambda: of(lines("component c{n}() { output o = {n} }\ncreate c{n} i{n}", 5_000), *LIMITS),
    "5,000 components that nobody uses": lambda: of(
        lines("component c{n}(n: Int) in pool: Pool { create executor e in pool output o = n }", 5_000), *LIMITS
    ),
    "components that nobody uses, and work": lambda: of(
        lines("component c{n}(n: Int) { let l = [for x in 1..300000: x] output o = len(l) }", 50), *LIMITS
    ),
    "10,000 functions": lambda: of(lines("fn f{n}(a: Int) -> Int = a + {n}\noutput o{n} = f{n}(1)", 10_000), *LIMITS),
    "a handle of 5,000 joins": lambda: of(
        POOL + 'create executor e in p\nfor x in 1..5000 { create task t[x] { path: "/bin/t" } }\n'
        "handle e { for x in 1..5000 { join t[x], bind { restart: .always } } }",
        *LIMITS,
        "no-loader",
    ),
    "an element that all others need": lambda: of(
        POOL + "create executor e in p\nlet all = [for x in 1..2000: f[x].state]\n"
        "for x in 1..2000 { create executor f[x] in p }\n"
        'create task t { path: "/x", args: [for x in 1..2000: "${f[x].state}"] }',
        *LIMITS,
    ),
    "all after all": lambda: of(
        POOL
        + "\n".join(
            "@after(" + ", ".join(f"e{k}" for k in range(n)) + f") create executor e{n} in p" for n in range(1, 400)
        )
        + "\ncreate executor e0 in p",
        *LIMITS,
    ),
    "10,000 asserts of one let": lambda: of(_WORDS + lines("assert len(w) > {n}", 10_000), *LIMITS),
    "20,000 locations": lambda: of(lines('ensure location l{n} at "ds://disks/l{n}"', 20_000), *LIMITS),
    "locations in locations": lambda: of(
        lines('ensure location l{n} at "ds://disks/' + "a/" * 20 + "{n}/" + '"', 5_000), *LIMITS
    ),
    "5,000 waits": lambda: of(
        POOL + lines("create executor e{n} in p\nstart e{n}\nwait e{n} until ready within 1min", 5_000),
        *LIMITS,
        "no-loader",
    ),
    "unused of all kinds": lambda: of(lines("let a{n} = 1\nfn f{n}() = 1\ntype T{n} = Int", 20_000), *LIMITS),
}

# ---- texts ---------------------------------------------------------------------------------------------------------

TEXTS: dict[str, Callable[[], Hostile]] = {
    "NUL bytes": lambda: of(b"\0" * 1_000_000, "syntax", "not-text", *LIMITS, "unknown-character"),
    "NUL bytes in a text": lambda: of(b'let a = "' + b"\0" * 100_000 + b'"\noutput b = a'),
    "no text": lambda: of(
        bytes(range(256)) * 4_000, "not-text", "bad-encoding", "not-utf8", "unreadable", "syntax", "io-error"
    ),
    "surrogates": lambda: of(
        b'let a = "' + b"\xed\xa0\x80" * 1_000 + b'"',
        "not-text",
        "bad-encoding",
        "not-utf8",
        "unreadable",
        "syntax",
        "io-error",
    ),
    "escaped surrogates": lambda: of(
        'let a = "' + "\\u{d800}" * 1_000 + '"\noutput b = a', "syntax", "bad-escape", "bad-text"
    ),
    "other ends of lines": lambda: of("let a = 1\u2028let b = = 2\u2029\x85let c = \x0b\x0c3\n" * 5_000, "syntax"),
    "BOM": lambda: of("\ufeff" + "let a = 1\n" * 3 + "\ufeff" * 10_000, "syntax", "duplicate-name"),
    "a line of 10 MB": lambda: of('output a = "' + "x" * 10_000_000 + '"'),
    "a line of mistakes": lambda: of("let a" * 200_000, "syntax"),
    "a comment of 10 MB": lambda: of("# " + "x" * 10_000_000),
    "a doc of 100,000 lines": lambda: of("## x\n" * 100_000 + "let a = 1"),
    "over the size": lambda: of(" " * 17_000_000, "limit-size"),
    "text without an end": lambda: of('let a = "' + "x" * 1_000_000, "syntax", "unclosed"),
    "texts without an end": lambda: of('let a = "\n' * 100_000, "syntax", "unclosed"),
    "long text without an end": lambda: of('let a = """' + "x\n" * 500_000, "syntax", "unclosed"),
    "interpolation without an end": lambda: of('let a = "' + "${" * 100_000, "syntax", "unclosed", *LIMITS),
    "block without an end": lambda: of("handle a {\n" + "join b\n" * 100_000, "syntax", "unclosed"),
    "a million quotes": lambda: of('"' * 1_000_000, "syntax", *LIMITS),
    "a million backslashes": lambda: of("\\" * 1_000_000, "syntax", "unknown-character"),
    "a million closing braces": lambda: of("}" * 1_000_000, "syntax"),
    "only names": lambda: of("a " * 1_000_000, "syntax"),
    "only spaces": lambda: of(" \t\n" * 1_000_000),
    "combining marks": lambda: of(
        'let a = "' + "\u0301" * 500_000 + '"\noutput b = upper(a)\nlet c\u0301 = 1', "syntax", "unknown-character"
    ),
    "terminal codes": lambda: of('let a = "\x1b[2J\x1b]0;x\x07"\nlet b = \x1b[2J', "syntax", "unknown-character"),
    "a million interpolations": lambda: of('let x = 1\noutput a = "' + "${x}" * 300_000 + '"', *LIMITS),
    "nothing": lambda: of(""),
}

# ---- from outside --------------------------------------------------------------------------------------------------

OUTSIDE: dict[str, Callable[[], Hostile]] = {
    "a deep parameter": lambda: of(
        "param a: [[Int]]\noutput b = a", "bad-parameter", *LIMITS, params=("a=" + nested("[", "", "]", 30_000),)
    ),
    "a parameter nested just so": lambda: of(
        "type T = [Int]\nparam a: T\noutput b = a", "bad-parameter", *LIMITS, params=("a=" + nested("[", "", "]", 150),)
    ),
    "a parameter of a huge number": lambda: of(
        "param a: Int\noutput b = a", "bad-parameter", "limit-int", params=("a=" + "9" * 100_000,)
    ),
    "a parameter of a large text": lambda: of(
        "param a: Int\noutput b = a", "bad-parameter", params=("a=" + "x" * 100_000,)
    ),
    "a parameter of NULs": lambda: of(
        "param a: Name\noutput b = a", "bad-text", "bad-parameter", params=("a=\x1b[2J\u2028",)
    ),
    "a file of parameters of 10 MB": lambda: of(
        "param a: Int\nparam b: Name\nparam c: [String]\noutput d = [a, b, c]",
        "bad-parameter",
        "bad-text",
        given='{"a": "' + "9" * 3_000_000 + '", "b": "' + "x" * 3_000_000 + '", "c": [' + '"y",' * 700_000 + '"z"]}',
    ),
    "a file of parameters, deep": lambda: of(
        "param a: Int\noutput d = a", *LIMITS, "bad-parameter", given='{"a": ' + nested("[", "", "]", 100_000) + "}"
    ),
    "a file of parameters, a large number": lambda: of(
        "param a: Int\noutput d = a", *LIMITS, "bad-parameter", given='{"a": ' + "9" * 100_000 + "}"
    ),
    "a thousand parameters unknown": lambda: of(
        lines("param name_{n}: Int = 1\noutput o{n} = name_{n}", 1_000),
        "unknown-parameter",
        params=tuple(f"nme_{n}=1" for n in range(1_000)),
    ),
    "a union of parameters": lambda: of(
        "type A = Int | Bool | [A2]\ntype A2 = Int | Bool | [A3]\ntype A3 = Int | Bool | [[[[Int]]]]\n"
        "param a: A\noutput b = a",
        "bad-parameter",
        *LIMITS,
        params=("a=" + list_of("[[#]]", 8_000).replace(", ", ","),),
    ),
    "a deep project file": lambda: of(
        "output a = 1", "bad-project", toml=TOML + "[env.local.params]\nx = " + "[" * 100_000
    ),
    "a deep project file that closes": lambda: of(
        "param x: Int\noutput a = x",
        "bad-project",
        "bad-parameter",
        *LIMITS,
        toml=TOML + "[env.local.params]\nx = " + nested("[", "", "]", 500),
    ),
    "a large project file": lambda: of(
        "output a = 1", toml=TOML + "[env.local.params]\n" + lines("param_{n} = {n}", 20_000)
    ),
    "a project file with a large number": lambda: of(
        "param x: Int\noutput a = x",
        "bad-project",
        "bad-parameter",
        toml=TOML + "[env.local.params]\nx = " + "9" * 100_000,
    ),
    "a project file of tables": lambda: of("output a = 1", "bad-project", toml=TOML + "[a" + ".a" * 50_000 + "]\n"),
    "a chain of 1,000 modules": lambda: of(
        'import { v } from "./m0"\noutput o = v',
        *LIMITS,
        **{f"m{n}": f'import {{ v as w }} from "./m{n + 1}"\nlet v = w + 1\n' for n in range(1_000)},
        m1000="let v = 1\n",
    ),
    "a module under 1,000 names": lambda: of(
        lines('import { v as v{n} } from "./m"\noutput o{n} = v{n}', 1_000), m="let v = 1\n"
    ),
    "a module of a million": lambda: of(
        'import { l } from "./m"\noutput o = len([for x in l: [for y in l: x]])', *LIMITS, m="let l = range(1, 10000)\n"
    ),
    "modules that double": lambda: of(
        'import { v } from "./m0"\noutput o = v',
        *LIMITS,
        **{
            f"m{n}": f'import {{ v as a, w as b }} from "./m{n + 1}"\nlet v = "${{a}}${{b}}"\nlet w = "${{b}}${{a}}"\n'
            for n in range(60)
        },
        m60='let v = "xxxxxxxx"\nlet w = v\n',
    ),
    "a module with 50,000 mistakes": lambda: of(
        'import { v } from "./m"\noutput o = v',
        "unknown-name",
        *LIMITS,
        m="let v = 1\n" + lines("let a{n} = zzz{n}", 20_000),
    ),
    "components over 40 modules": lambda: of(
        'import { c0 } from "./m0"\ncreate c0 x',
        *LIMITS,
        **{
            f"m{n}": f'import {{ c{n + 1} }} from "./m{n + 1}"\n'
            f"component c{n}() {{ create c{n + 1} x create c{n + 1} y }}\n"
            for n in range(40)
        },
        m40="component c40() { output o = 1 }\n",
    ),
    "types over 60 modules": lambda: of(
        'import { T0 } from "./m0"\nparam a: T0\noutput o = a',
        *LIMITS,
        **{
            f"m{n}": f'import {{ T{n + 1} }} from "./m{n + 1}"\ntype T{n} = {{ a: T{n + 1}, b: T{n + 1} }}\n'
            for n in range(60)
        },
        m60="type T60 = Int\n",
    ),
    "files that are named by files, and work": lambda: of(
        'let f0 = file("m0.vch")\n'
        + lines('let f{n} = file(trim_start("${f{m}}"))', 80, 1)
        + "output o = f80\noutput p = len([for x in 1..100000: x])",
        *LIMITS,
        **{f"m{n}": f"m{n + 1}.vch" for n in range(81)},
    ),
    "modules in diamonds": lambda: of(
        'import { v } from "./a0"\noutput o = v',
        *LIMITS,
        **{
            f"{side}{n}": f'import {{ v as x }} from "./a{n + 1}"\nimport {{ v as y }} from "./b{n + 1}"\n'
            "let v = x + y\n"
            for n in range(40)
            for side in "ab"
        },
        a40="let v = 1\n",
        b40="let v = 1\n",
    ),
    "files that are named by files": lambda: of(
        'let f0 = file("m0.vch")\n' + lines('let f{n} = file(trim_start("${f{m}}"))', 80, 1) + "output o = f80",
        *LIMITS,
        "missing-file",
        **{f"m{n}": f"m{n + 1}.vch" for n in range(81)},
    ),
    "a secret in all of it": lambda: of(
        SECRET
        + "let v0 = { a: secret }\n"
        + lines("let v{n} = { a: v{m}, b: [v{m}, v{m}] }", 60, 1)
        + "fn f(a: [String]) -> Int = len(a)\n"
        'let l = [for x in 1..1000: "${secret}${x}"]\noutput o = v60\noutput p = f(l)\noutput q = "${secret}"\n'
        'assert secret == "x"',
        "secret-sink",
        *LIMITS,
    ),
}
