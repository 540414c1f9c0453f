"""Every builtin: its example holds, it is described, typed as it says, and refuses what it cannot do."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.front import Front
from vchlang import values as v
from vchlang.analysis import builtins
from vchlang.analysis.builtins import BUILTINS, GROUPS, Builtin, Misfit, Mistake
from vchlang.codes import CODES

PURE = [one for one in BUILTINS.values() if not one.reads]


def run(name: str, *args: Any) -> Any:
    return BUILTINS[name].run(*args)


@pytest.mark.parametrize("builtin", PURE, ids=lambda one: one.name)
def test_example_holds(builtin: Builtin) -> None:
    front = Front(f'assert {builtin.example}, "the example does not hold"')
    assert front.codes() == [], front.said()
    wrong = Front(f'assert not ({builtin.example}), "it must be able to fail"')
    assert wrong.codes() == ["assert-failed"], wrong.said()


@pytest.mark.parametrize("builtin", list(BUILTINS.values()), ids=lambda one: one.name)
def test_described(builtin: Builtin) -> None:
    assert builtin.doc.endswith(".")
    assert len(builtin.doc.split("\n", maxsplit=1)[0]) <= 120
    assert f"{builtin.name}(" in builtin.example
    assert builtin.group in GROUPS
    assert builtin.signature.startswith(f"{builtin.name}(")


def test_a_name_stands_once_and_in_the_module_that_is_loaded_for_it() -> None:
    folder = Path(builtins.__file__).parent
    for module, names in builtins._NAMES.items():
        tree = ast.parse((folder / f"{module}.py").read_text())
        defined = [one.name.rstrip("_") for one in tree.body if isinstance(one, ast.FunctionDef) and one.name[0] != "_"]
        assert names.split() == defined, module
    assert len(BUILTINS) == sum(len(names.split()) for names in builtins._NAMES.values())


def test_mistakes_have_codes_that_exist() -> None:
    folder = Path(builtins.__file__).parent
    said = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Mistake", "Misfit"):
                assert isinstance(node.args[0], ast.Constant)
                said.add(node.args[0].value)
    assert len(said) > 8
    assert said - set(CODES) == set()


# ---- what the checker says ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("Bytes", "sum([1GiB, 2GiB])"),
        ("Bytes", "sum([], 0B)"),
        ("Bytes", "abs(1GiB)"),
        ("Bytes", "max_of([1GiB, 2GiB])"),
        ("Int", "first([1, 2])"),
        ("Int", "reduce([1, 2], 0, (x, y) => x + y)"),
        ("String", "reduce([1, 2], \"\", (x, y) => '')"),
        ("[String]", "map([1, 2], x => string(x))"),
        ("[Int]", "filter([1, 2], x => x > 1)"),
        ("[Int]", "values({ a: 1, b: 2 })"),
        ("[Bytes]", "sort_by([2B, 1B], x => whole(x, 1B))"),
        ("{String: [Int]}", 'group_by([1, 2], x => "a")'),
        ("{String: Bytes}", "map_values({ a: 1 }, x => x * 1GiB)"),
        ("{String: Int}", "filter_entries({ a: 1 }, (key, value) => value > 0)"),
        ("[Int]", "compact([1, null])"),
        ("Int", "coalesce(null, 1)"),
        ("Int?", "coalesce(null, null)"),
        ("Int?", 'index_of("abc", "b")'),
        ("String", 'reverse("ab")'),
        ("[Int]", "reverse([1])"),
        ("String", 'merge({ a: 1 }, { b: "x" }).b'),
        ("String", 'zip([1], ["a"])[0].second'),
        ("Int", "entries({ a: 1 })[0].value"),
        ("Int", "round(2.5)"),
        ("Float", "round(2.5, 1)"),
        ("Cidr", 'cidr_subnet("10.0.0.0/8", 8, 1)'),
        ("Duration", 'date_diff("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")'),
        ("[Int]", "range(1, 3)"),
    ],
)
def test_types_of_results(type_: str, text: str) -> None:
    front = Front(f"let a: {type_} = {text}")
    assert front.codes() == [], front.said()


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("String", "first([1])"),
        ("[String]", "map([1], x => x)"),
        ("Int", "sum([1GiB])"),
        ("Int", 'merge({ a: 1 }, { b: "x" }).b'),
        ("String", "entries({ a: 1 })[0].value"),
        ("Int", "round(2.5, 1)"),
        ("{String: String}", "map_values({ a: 1 }, x => x + 1)"),
        ("Int", 'date_diff("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")'),
    ],
)
def test_wrong_types_of_results_are_seen(type_: str, text: str) -> None:
    assert Front(f"let a: {type_} = {text}").codes()[:1] == ["wrong-type"]


def test_a_result_that_may_be_null_is_not_taken_for_one_that_is_not() -> None:
    assert Front("let a: Int = index_of([1], 1)").codes() == ["maybe-null"]
    assert Front("param a: Int? = null\nlet b: Int = coalesce(a, null)").codes() == ["maybe-null"]
    assert Front("param a: Int? = null\nlet b: Int = coalesce(a, 1)").codes() == []


# ---- what a call refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("let a = len()", "wrong-arguments"),
        ("let a = upper(1)", "wrong-type"),
        ('let a = int("x")', "wrong-type"),
        ('let a = int("9223372036854775808")', "limit-int"),
        ('let a = float("nan")', "wrong-type"),
        ('let a = float("1e999")', "out-of-range"),
        ('let a = bool("yes")', "wrong-type"),
        ('let a = bytes("8gb")', "wrong-unit"),
        ('let a = bytes("0.5B")', "inexact"),
        ('let a = bytes("99999PB")', "limit-int"),
        ('let a = split("a", "")', "wrong-arguments"),
        ('let a = substring("abc", 4)', "bad-index"),
        ('let a = substring("abc", 0, -1)', "wrong-arguments"),
        ('let a = repeat("a", -1)', "wrong-arguments"),
        ('let a = pad_start("a", 3, "ab")', "wrong-arguments"),
        ('let a = indent("a", -1)', "wrong-arguments"),
        ('let a = slug("…")', "bad-text"),
        ('let a = sort([1, "a"])', "wrong-type"),
        ("let a = sort([true, false])", "wrong-type"),
        ("let a = min([1], [2])", "wrong-type"),
        ("let a = first([])", "bad-index"),
        ("let a = max_of([])", "bad-index"),
        ("let a = element([], 0)", "bad-index"),
        ("let a = slice([1, 2], 1, 3)", "bad-index"),
        ("let a = slice([1, 2], 2, 1)", "bad-index"),
        ("let a = chunk([1], 0)", "wrong-arguments"),
        ("let a = zip([1], [])", "wrong-arguments"),
        ("let a = range(1, 2, 0)", "wrong-arguments"),
        ("let a = filter([1], x => x)", "wrong-type"),
        ("let a = group_by([1], x => 1.5)", "wrong-type"),
        ('let a = sum(["a"])', "wrong-type"),
        ("let a = sum([9223372036854775807, 1])", "limit-int"),
        ('let a = pick({ a: 1 }, ["b"])', "bad-index"),
        ('let a = invert({ a: "x", b: "x" })', "duplicate-field"),
        ('let a = from_entries([{ key: "$a", value: 1 }])', "bad-text"),
        ("let a = pow(2, 63)", "limit-int"),
        ("let a = pow(2, 9223372036854775807)", "limit-int"),
        ("let a = pow(2, -1)", "wrong-arguments"),
        ("let a = log(0, 2)", "wrong-arguments"),
        ("let a = log(2, 1)", "wrong-arguments"),
        ("let a = clamp(1, 3, 2)", "wrong-arguments"),
        ("let a = whole(1GiB, 0B)", "division-by-zero"),
        ("let a = whole(1GiB, 1)", "wrong-type"),
        ("let a = round(1.5, 99)", "wrong-arguments"),
        ("let a = to_base(1, 37)", "wrong-arguments"),
        ('let a = from_base("8", 8)', "bad-text"),
        ('let a = from_base("1_0", 10)', "bad-text"),
        ('let a = cidr_host("10.0.0.0/30", 9)', "bad-index"),
        ('let a = cidr_host("10.0.0.0/30", -5)', "bad-index"),
        ('let a = cidr_overlap("x", "10.0.0.0/8")', "bad-text"),
        ('let a = cidr_contains("10.0.0.0/8", "x")', "bad-text"),
        ('let a = cidr_subnet("10.0.0.0/30", 3, 0)', "wrong-arguments"),
        ('let a = cidr_subnet("10.0.0.0/8", 8, 256)', "bad-index"),
        ('let a = cidr_subnets("10.0.0.0/24", 1, 1, 1)', "bad-index"),
        ('let a = cidr_size("::/0")', "limit-int"),
        ('let a = base64_decode("a")', "bad-text"),
        ('let a = base64_decode("/w==")', "bad-text"),
        ('let a = url_decode("%zz")', "bad-text"),
        ('let a = url_decode("%ff")', "bad-text"),
        ('let a = json_decode("{")', "bad-text"),
        ('let a = json_decode("[1e999]")', "bad-text"),
        ('let a = json_decode("9223372036854775808")', "limit-int"),
        ("let a = json_decode('{\"$ref\": 1}')", "bad-text"),
        ("let a = json(1..3)", "wrong-type"),
        ("let a = json(1, 99)", "wrong-arguments"),
        ('let a = toml_decode("a = ")', "bad-text"),
        ('let a = toml_decode("a = inf")', "out-of-range"),
        ('let a = csv_decode("a,a\\n")', "duplicate-field"),
        ('let a = csv_decode("a,b\\n1\\n")', "bad-text"),
        ('let a = csv_decode("a\\n\\"x")', "bad-text"),
        ('let a = csv_decode("a", "ab")', "wrong-arguments"),
        ('let a = uuid5("x", "y")', "bad-text"),
        ('let a = date_add("2026-02-30T00:00:00Z", 1s)', "bad-text"),
        ('let a = date_add("yesterday", 1s)', "bad-text"),
        ('let a = date_add("9999-12-31T23:59:59Z", 1s)', "out-of-range"),
        ('let a = date_diff("9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z")', "limit-int"),
        ('let a = date_format("2026-01-01T00:00:00Z", "yyyy")', "bad-text"),
        ("let a = from_unix(9223372036854775807)", "out-of-range"),
        ("let a = matches(\"a\", '(a')", "bad-text"),
        ("let a = matches(\"a\", '(a)\\1')", "bad-text"),
    ],
)
def test_wrong_calls_are_diagnostics(text: str, code: str) -> None:
    front = Front(text)
    assert front.codes() == [code], front.said()


def test_a_mistake_says_what_is_wrong_in_words() -> None:
    assert "it has `ab`" not in Front('let a = pick({ ab: 1 }, ["abb"])').said()
    assert "did you mean `ab`?" in Front('let a = pick({ ab: 1 }, ["abb"])').said()
    assert "patterns are RE2" in Front("let a = find(\"a\", '(?=a)')").said()


@pytest.mark.parametrize(
    ("name", "args", "code", "words"),
    [
        ("upper", (1,), "wrong-type", "`text` of `upper` takes String, not 1"),
        ("joined", (["a", 1], ","), "wrong-type", "`parts` of `joined` takes [String]"),
        ("repeat", ("a", True), "wrong-type", "`times` of `repeat` takes Int, not true"),
        ("flatten", ([1],), "wrong-type", "`lists` of `flatten`"),
        ("from_entries", ([{"key": "a"}],), "wrong-type", "`entries` of `from_entries`"),
        ("abs", ("x",), "wrong-type", "takes Number"),
        ("map", ({}, len), "wrong-type", "`list` of `map`"),
        ("union", ([1], 2), "wrong-type", "`other` of `union`"),
        ("cidr_prefix", ("10.0.0.0",), "bad-text", "is no Cidr"),
        ("date_add", ("2026-01-01T00:00:00Z", 5), "wrong-type", "takes Duration"),
    ],
)
def test_what_the_checker_could_not_see_is_a_misfit(name: str, args: tuple[Any, ...], code: str, words: str) -> None:
    with pytest.raises(Misfit) as found:
        run(name, *args)
    assert found.value.code == code
    assert words in found.value.message


# ---- at the edges ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        'lines("") == [] and lines("a") == ["a"] and lines("a\\n\\nb") == ["a", "", "b"]',
        'split("", ",") == [""] and joined([], ",") == ""',
        'repeat("a", 0) == "" and repeat("", 9223372036854775807) == ""',
        'pad_start("abc", 2) == "abc" and pad_start("é", 2) == " é" and pad_end("a", -5) == "a"',
        'substring("añb", 1, 1) == "ñ" and substring("abc", 3) == "" and substring("abc", 1, 99) == "bc"',
        'indent("a\\n\\nb", 2) == "a\\n\\n  b"',
        'slug("Straße 5") == "strasse-5"',
        "sum([]) == 0 and distinct([]) == [] and flatten([]) == [] and chunk([], 3) == [] and sort([]) == []",
        "element([1, 2, 3], -1) == 3 and slice([1], 1) == [] and zip([], []) == []",
        "range(3, 1) == [] and range(3, 1, -1) == [3, 2, 1] and range(1, 1) == [1] and range(0, 5, 2) == [0, 2, 4]",
        "product([]) == [[]] and product([[1], []]) == []",
        'distinct([{ a: 1 }, { a: 1 }, { a: 2 }]) == [{ a: 1 }, { a: 2 }] and distinct([[1], [1]]) == [[1]]',
        "index_of([[1], [2]], [2]) == 1 and index_of([], 1) == null and contains([[1]], [1])",
        'contains({ a: 1 }, "a") and contains(1..3, 3) and not contains(1..3, 4)',
        'sort(["b", "B", "a"]) == ["B", "a", "b"] and sort([2.5, 1]) == [1, 2.5]',
        "sort_by([3, 1, 2], x => -x) == [3, 2, 1]",
        "all([], x => x > 1) and not any([], x => x > 1) and count([], x => x > 1) == 0",
        "reduce([], 7, (a, b) => 0) == 7",
        "abs(-5GiB) == 5GiB and sign(0) == 0 and sign(-1.5) == -1",
        "round(-2.5) == -3 and round(2.675, 2) == 2.68 and round(0.49999999999999994) == 0",
        'fixed(-0.4, 0) == "0" and fixed(1000000000000000000000.0, 1) == "1000000000000000000000.0"',
        "pow(0, 0) == 1 and pow(-1, 9223372036854775807) == -1 and pow(-2, 63) == -9223372036854775807 - 1",
        'to_base(-255, 16) == "-ff" and to_base(0, 2) == "0" and from_base("-FF", 16) == -255',
        "log(1000, 10) == 3.0 and floor(-0.5) == -1 and ceil(-0.5) == 0",
        "whole(-1B, 1KiB) == -1 and whole(7, 2) == 3",
        'int("-0") == 0 and bytes("1.5KiB") == 1536B and duration("-1s") == -1s and float("-1e3") == -1000.0',
        'merge({ a: 1 }, {}) == { a: 1 } and omit({ a: 1 }, ["b"]) == { a: 1 } and entries({}) == []',
        'merge_deep({ a: { b: 1 } }, { a: 2 }, { a: { c: 3 } }) == { a: { c: 3 } }',
        'cidr_first("10.0.0.0/31") == "10.0.0.0" and cidr_last("10.0.0.0/32") == "10.0.0.0"',
        'cidr_first("fd00::/64") == "fd00::1" and cidr_last("fd00::/64") == "fd00::ffff:ffff:ffff:ffff"',
        'cidr_subnets("10.0.0.0/24", 0) == ["10.0.0.0/24"]',
        'cidr_subnets("10.1.0.0/16", 4, 8, 4) == ["10.1.0.0/20", "10.1.16.0/24", "10.1.32.0/20"]',
        'not cidr_contains("10.0.0.0/8", "::1") and not cidr_overlap("10.0.0.0/8", "fd00::/8")',
        'cidr_host("fd00::/8", 9223372036854775807) == "fd00::7fff:ffff:ffff:ffff"',
        'base64("") == "" and base64_decode("") == "" and base64_decode(base64("añ€😀")) == "añ€😀"',
        'url_encode("ä+~") == "%C3%A4%2B~" and url_decode("a+b") == "a+b"',
        'json(null) == "null" and json(8GiB) == "\\"8GiB\\"" and json({}, 2) == "{}" and json("é") == "\\"é\\""',
        'json_decode("null") == null and json_decode("[]") == []',
        'yaml({}) == "{}\\n" and yaml([]) == "[]\\n" and yaml("no") == "\\"no\\"\\n"',
        'yaml([[1, 2], { a: [] }]) == "- - 1\\n  - 2\\n- a: []\\n"',
        'yaml({ a: { b: [{ c: 1, d: null }] } }) == "a:\\n  b:\\n    - c: 1\\n      d: null\\n"',
        'toml_decode("d = 2026-01-01").d == "2026-01-01" and toml_decode("") == {}',
        'csv_decode("") == [] and csv_decode("a;b\\n\\"x;y\\";2", ";")[0]["a"] == "x;y"',
        'uuid5("dns", "python.org") == "886313e1-3b8a-5372-9b90-0c9aee199e5d"',
        'date_add("2024-02-28T00:00:00.5+05:30", 1d) == "2024-02-29T00:00:00.5+05:30"',
        'date_add("2026-01-01T00:00:00Z", -1ns) == "2025-12-31T23:59:59.999999999Z"',
        'not date_before("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")',
        "date_format(\"2026-01-01T00:00:00+02:00\", \"YY'T'h Z\") == \"26T0 +02:00\"",
        'unix_time("1969-12-31T23:59:59Z") == -1 and from_unix(-1) == "1969-12-31T23:59:59Z"',
        'basename("/") == "" and dirname("/") == "/" and dirname("a") == "" and dirname("/a") == "/"',
        'basename("a/b/") == "b" and extension(".bashrc") == "" and extension("a.tar.gz") == ".gz"',
        'path_join("a", "/b", "") == "a/b" and path_join("/") == "/" and path_join("", "a") == "a"',
        "find(\"añb\", '[^a]') == \"ñ\" and find(\"a\", 'x') == null and find_all(\"ññ\", '') == [\"\", \"\", \"\"]",
        "replace_matches(\"añ\", '', \"-\") == \"-a-ñ-\" and replace_matches(\"ab\", 'b', '\\0$') == 'a\\0$'",
        "captures(\"ab\", '(x)?(b)') == { \"2\": \"b\" } and captures(\"ab\", 'x') == null",
    ],
)  # fmt: skip
def test_edges(text: str) -> None:
    front = Front(f'assert {text}, "no"')
    assert front.codes() == [], front.said()


LATER = v.Unknown(v.STRING, "web", "address")
MAYBE = v.Unknown(v.Optional(v.STRING), "web", "address")
SECRET = v.Secret(("token",), "swordfish")


@pytest.mark.parametrize(
    ("name", "args", "made"),
    [
        ("first", ([LATER, 1],), LATER),
        ("reverse", ([LATER, SECRET],), [SECRET, LATER]),
        ("slice", ([1, LATER], 1), [LATER]),
        ("flatten", ([[LATER], [1]],), [LATER, 1]),
        ("chunk", ([LATER, 1, SECRET], 2), [[LATER, 1], [SECRET]]),
        ("zip", ([LATER], [SECRET]), [{"first": LATER, "second": SECRET}]),
        ("compact", ([LATER, None],), [LATER]),
        ("merge", ({"a": LATER}, {"b": 1}), {"a": LATER, "b": 1}),
        ("lookup", ({"a": LATER}, "a", ""), LATER),
        ("entries", ({"a": SECRET},), [{"key": "a", "value": SECRET}]),
        ("from_entries", ([{"key": "a", "value": LATER}],), {"a": LATER}),
        ("map_values", ({"a": 1}, lambda _: LATER), {"a": LATER}),
        ("group_by", ([LATER], lambda _: "x"), {"x": [LATER]}),
        ("coalesce", (None, [LATER]), [LATER]),
    ],
)
def test_what_looks_at_the_shape_only_hands_on_what_is_not_known(name: str, args: tuple[Any, ...], made: Any) -> None:
    assert BUILTINS[name].shape
    assert run(name, *args) == made


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("flatten", ([[1], LATER],)),
        ("compact", ([MAYBE],)),
        ("pick", ({"a": 1}, [LATER])),
        ("omit", ({"a": 1}, [LATER])),
        ("from_entries", ([{"key": LATER, "value": 1}],)),
        ("from_entries", ([LATER],)),
    ],
)
def test_a_shape_that_hangs_on_what_is_not_known_is_not_known(name: str, args: tuple[Any, ...]) -> None:
    assert run(name, *args) == v.Unknown(v.ANY)


def test_lines_end_in_either_way() -> None:
    assert run("lines", "a\r\nb\r\n") == ["a", "b"]


def test_units_keep_their_dimension() -> None:
    assert type(run("sum", [v.Bytes(1), v.Bytes(2)])) is v.Bytes
    assert type(run("abs", v.Duration(-1))) is v.Duration
    assert type(run("date_diff", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")) is v.Duration


# ---- limits, before anything is built -------------------------------------------------------------------------------

HUGE = 2**62
MILLION = list(range(1_000_000))


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("repeat", ("ab", HUGE), "limit-size"),
        ("pad_start", ("a", HUGE), "limit-size"),
        ("pad_end", ("a", HUGE), "limit-size"),
        ("indent", ("a\nb", HUGE), "limit-size"),
        ("replace", ("a" * 100_000, "a", "b" * 1000), "limit-size"),
        ("joined", (["a"] * 1000, "b" * 20_000), "limit-size"),
        ("split", ("," * 1_000_001, ","), "limit-size"),
        ("lines", ("\n" * 1_000_001,), "limit-size"),
        ("chars", ("a" * 1_000_001,), "limit-size"),
        ("range", (-HUGE, HUGE), "limit-size"),
        ("range", (HUGE, -HUGE, -1), "limit-size"),
        ("range", (0, 1_000_000), "limit-size"),
        ("product", ([[1] * 100] * 100,), "limit-size"),
        ("flatten", ([MILLION, [1]],), "limit-size"),
        ("union", (MILLION, [1]), "limit-size"),
        ("cidr_hosts", ("10.0.0.0/8",), "limit-size"),
        ("cidr_hosts", ("fd00::/8",), "limit-size"),
        ("find_all", ("a" * 1_000_001, "a"), "limit-size"),
        ("replace_matches", ("a" * 10_000, "a", "b" * 10_000), "limit-size"),
        ("matches", ("a", "a" * 1025), "limit-size"),
        ("json_decode", ("[" * 100_000,), "limit-depth"),
        ("json_decode", ("[" * 102 + "]" * 102,), "limit-depth"),
        ("json_decode", ("[" * 100_000 + "]" * 100_000,), "limit-depth"),
        ("json_decode", ("[" + "1," * 1_000_001 + "1]",), "limit-size"),
        ("toml_decode", ("a" + ".a" * 200_000 + " = 1",), "limit-depth"),
        ("toml_decode", ("a = " + "[" * 100_000,), "limit-depth"),
        ("toml_decode", ("#" * (2**20 + 1),), "limit-size"),
        ("csv_decode", ("a\n" + "1\n" * 1_000_001,), "limit-size"),
        ("date_format", ("2026-01-01T00:00:00Z", "q" * 100_000), "bad-text"),
    ],
)  # fmt: skip
def test_hostile_arguments_are_refused(name: str, args: tuple[Any, ...], code: str) -> None:
    with pytest.raises(Mistake) as found:
        run(name, *args)
    assert found.value.code == code


def doubled(times: int) -> Any:
    """A value of 2^times parts that takes little memory: each list holds the one before it twice."""
    value: Any = "x"
    for _ in range(times):
        value = [value, value]
    return value


@pytest.mark.parametrize("call", [
    lambda value: run("json", value),
    lambda value: run("yaml", value),
    lambda value: run("distinct", [value]),
    lambda value: run("contains", [value], value),
])  # fmt: skip
def test_shared_parts_are_counted_as_often_as_they_stand(call: Any) -> None:
    with pytest.raises(Mistake) as found:
        call(doubled(40))
    assert found.value.code == "limit-size"


def test_the_budget_of_a_call_follows_the_size_of_its_arguments() -> None:
    assert builtins.work(["a", 1, []]) == 0
    assert builtins.work(["a" * 6400, [1] * 160]) == 110
