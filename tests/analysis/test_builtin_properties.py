"""What holds of the builtins for all arguments: round trips, orders, and the counts of what they give."""

from __future__ import annotations

import ipaddress
import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS, Mistake


def run(name: str, *args: Any) -> Any:
    return BUILTINS[name].run(*args)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
WHOLE = st.integers(v.INT_MIN, v.INT_MAX)
SCALARS = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
KEYS = TEXTS.filter(lambda text: not text.startswith("$"))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
SMALL = st.lists(st.integers(0, 9) | st.booleans() | st.sampled_from(["a", "1"]), max_size=12)
V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


@st.composite
def ranges(draw: st.DrawFn, longest: int = 0) -> str:
    """A range of either version, with or without bits of a host."""
    address = draw(V4 | V6)
    most = address.max_prefixlen - longest
    return f"{address}/{draw(st.integers(0, most))}"


# ---- lists and maps -------------------------------------------------------------------------------------------------


@given(st.lists(WHOLE | st.floats(allow_nan=False), max_size=20))
def test_sorting_keeps_the_values_and_orders_them(values: list[Any]) -> None:
    made = run("sort", values)
    assert sorted(map(repr, made)) == sorted(map(repr, values))
    assert all(one <= other for one, other in itertools.pairwise(made))
    assert run("sort_by", values, lambda one: one) == made
    assert run("sort_by", values, lambda one: 0) == values


@given(SMALL, SMALL)
def test_sets_of_lists(one: list[Any], other: list[Any]) -> None:
    def same(left: Any, right: Any) -> bool:
        return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)

    def has(values: list[Any], wanted: Any) -> bool:
        return any(same(value, wanted) for value in values)

    once = run("distinct", one)
    assert all(has(once, value) for value in one)
    assert not any(same(left, right) for left, right in itertools.combinations(once, 2))
    both = run("union", one, other)
    assert len(both) == len(run("distinct", one + other))
    common = run("intersection", one, other)
    assert all(has(one, value) and has(other, value) for value in common)
    assert len(common) + len(run("difference", one, other)) == len(once)
    for value in one:
        assert run("contains", one, value)
        assert same(one[run("index_of", one, value)], value)


@given(SMALL, st.integers(1, 5))
def test_chunks_are_the_list(values: list[Any], size: int) -> None:
    made = run("chunk", values, size)
    assert run("flatten", made) == values
    assert all(len(one) == size for one in made[:-1])
    assert all(made)
    assert run("reverse", run("reverse", values)) == values


@given(st.lists(st.integers(-99, 99), max_size=20))
def test_groups_are_the_list(values: list[int]) -> None:
    groups = run("group_by", values, lambda one: one % 3)
    assert sorted(run("flatten", list(groups.values()))) == sorted(values)
    assert all(str(one % 3) == key for key, found in groups.items() for one in found)
    assert run("reduce", values, 0, lambda a, b: a + b) == run("sum", values)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_a_range_has_its_ends_and_its_steps(low: int, high: int, step: int) -> None:
    made = run("range", low, high, step)
    assert made == [low + at * step for at in range(len(made))]
    following = low + len(made) * step
    assert all(min(low, high) <= one <= max(low, high) for one in made)
    assert following > high if step > 0 else following < high


@given(st.dictionaries(KEYS, SCALARS, max_size=8))
def test_entries_are_the_map(values: dict[str, Any]) -> None:
    assert run("from_entries", run("entries", values)) == values
    some = list(values)[::2]
    picked, left = run("pick", values, some), run("omit", values, some)
    assert run("merge", left, picked) == values
    assert list(picked) == some and not set(left) & set(some)


# ---- numbers --------------------------------------------------------------------------------------------------------


@given(WHOLE, st.integers(2, 36))
def test_bases_round_trip(number: int, base: int) -> None:
    text = run("to_base", number, base)
    assert run("from_base", text, base) == number == int(text, base)


@given(st.floats(-1e15, 1e15), st.integers(0, 6))
def test_rounding_is_near(number: float, digits: int) -> None:
    made = run("round", number, digits)
    assert abs(made - number) <= 0.5 * 10**-digits * 1.0001 + abs(number) * 1e-15
    assert float(run("fixed", number, digits)) == made
    assert run("floor", number) <= number <= run("ceil", number)


@given(st.integers(-(2**40), 2**40), st.integers(-3, 70))
def test_powers_are_exact_or_refused(base: int, exponent: int) -> None:
    try:
        assert run("pow", base, exponent) == base**exponent
    except Mistake as problem:
        assert problem.code == ("wrong-arguments" if exponent < 0 else "limit-int")
        assert exponent < 0 or not v.INT_MIN <= base**exponent <= v.INT_MAX


@given(st.sampled_from([v.Bytes, v.Frequency, v.Duration]), WHOLE)
def test_units_are_read_as_they_are_shown(unit: Any, number: int) -> None:
    name = {v.Bytes: "bytes", v.Frequency: "frequency", v.Duration: "duration"}[unit]
    found = run(name, v.show(unit(number)))
    assert found == number and type(found) is unit


# ---- address ranges -------------------------------------------------------------------------------------------------


@given(ranges(longest=8), st.integers(0, 8), st.data())
def test_parts_lie_in_their_range_and_do_not_overlap(range_: str, bits: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 2**bits - 1))
    part = run("cidr_subnet", range_, bits, number)
    assert run("cidr_contains", range_, part) and run("cidr_overlap", part, range_)
    assert run("cidr_prefix", part) == run("cidr_prefix", range_) + bits
    other = data.draw(st.integers(0, 2**bits - 1))
    assert run("cidr_overlap", part, run("cidr_subnet", range_, bits, other)) == (other == number)


@given(ranges(longest=8), st.lists(st.integers(0, 8), min_size=1, max_size=8))
def test_parts_one_after_the_other(range_: str, bits: list[int]) -> None:
    try:
        parts = run("cidr_subnets", range_, *bits)
    except Mistake as problem:
        assert problem.code == "bad-index"
        return
    made = [ipaddress.ip_network(one) for one in parts]
    assert [one.prefixlen - run("cidr_prefix", range_) for one in made] == bits
    assert all(one.broadcast_address < other.network_address for one, other in itertools.pairwise(made))
    assert all(run("cidr_contains", range_, one) for one in parts)


@given(ranges())
def test_hosts_are_as_the_library_has_them(range_: str) -> None:
    network = ipaddress.ip_interface(range_).network
    assert run("cidr_network", range_) == str(network)
    assert run("is_ipv6", range_) == (network.version == 6)
    first, last = run("cidr_first", range_), run("cidr_last", range_)
    assert run("cidr_contains", range_, first) and run("cidr_contains", range_, last)
    if network.num_addresses <= 256:
        hosts = [str(one) for one in network.hosts()]
        assert run("cidr_hosts", range_) == hosts
        assert (first, last) == (hosts[0], hosts[-1])
        assert run("cidr_size", range_) == network.num_addresses
        assert run("cidr_host", range_, -1) == str(network.broadcast_address)


# ---- encoding -------------------------------------------------------------------------------------------------------


@given(TEXTS)
def test_texts_round_trip(text: str) -> None:
    assert run("base64_decode", run("base64", text)) == text
    assert run("url_decode", run("url_encode", text)) == text
    assert run("joined", run("chars", text), "") == text
    assert run("joined", run("split", text, "a"), "a") == text


@given(VALUES, st.integers(0, 4))
def test_json_round_trips_and_is_what_others_read(value: Any, indent: int) -> None:
    text = run("json", value, indent)
    assert json.loads(text) == value
    found = run("json_decode", text)
    assert found == value
    assert list(found) == list(value) if isinstance(value, dict) else True


@given(st.text(alphabet='{}[]",:1ae-.\\u0 ', max_size=40))
def test_any_text_is_json_or_a_mistake(text: str) -> None:
    try:
        run("json_decode", text)
    except Mistake as problem:
        assert problem.code in ("bad-text", "limit-int", "out-of-range")


@given(VALUES)
def test_yaml_has_a_line_for_each_value_and_quotes_what_is_unsure(value: Any) -> None:
    text = run("yaml", value)
    assert text.endswith("\n")
    assert all(sign == "\n" or sign.isprintable() or ord(sign) > 0x7E for sign in text)
    leaves = [one for one in v.leaves(value) if isinstance(one, str)]
    assert all(
        json.loads(f'"{one}"') == one for one in leaves if f"{one}\n" in text and one.isalnum() and one.isascii()
    )


@given(st.lists(st.lists(TEXTS.filter(lambda text: not set(text) & set("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029\0")),
                         min_size=2, max_size=2), max_size=5))  # fmt: skip
def test_tables_are_read(rows: list[list[str]]) -> None:
    quoted = ["".join(('"', one.replace('"', '""'), '"')) for row in rows for one in row]
    lines = ["x,y", *(f"{left},{right}" for left, right in zip(quoted[::2], quoted[1::2], strict=True))]
    assert run("csv_decode", "\n".join(lines)) == [{"x": left, "y": right} for left, right in rows]


@given(st.text(alphabet="a.=[]\"'\n1#{}, -:T", max_size=40))
def test_any_text_is_toml_or_a_mistake(text: str) -> None:
    try:
        assert isinstance(run("toml_decode", text), dict)
    except Mistake as problem:
        assert problem.code in ("bad-text", "limit-int", "out-of-range")


# ---- times ----------------------------------------------------------------------------------------------------------

SECONDS = st.integers(-62_135_596_800, 253_402_300_799)


@given(SECONDS, st.integers(-(2**62), 2**62))
def test_adding_and_the_difference_agree(seconds: int, by: int) -> None:
    start = run("from_unix", seconds)
    assert run("unix_time", start) == seconds
    try:
        later = run("date_add", start, v.Duration(by))
    except Mistake as problem:
        assert problem.code == "out-of-range"
        return
    assert run("date_diff", later, start) == by
    assert run("date_before", start, later) == (by > 0)
    assert run("date_add", later, v.Duration(-by)) == start


@given(st.datetimes(), st.integers(-23, 23), st.sampled_from([0, 30, 45]))
def test_an_offset_does_not_change_the_instant(moment: Any, hours: int, minutes: int) -> None:
    zone = f"{'-' if hours < 0 else '+'}{abs(hours):02}:{minutes:02}"
    offset = (abs(hours) * 60 + minutes) * 60 * (-1 if hours < 0 else 1)
    text = f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}"
    assert run("unix_time", text + zone) == run("unix_time", text + "Z") - offset
    assert run("date_format", text + "Z", "YYYY-MM-DD'T'hh:mm:ss") == text
