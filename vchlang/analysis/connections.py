"""What rules of segments and `reachable` speak of, worked out: traffic, the ends of a connection, and the way found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vchlang import values as v
from vchlang.analysis.express import Expressions
from vchlang.analysis.program import Composition, Inputs, Parameters, Program
from vchlang.analysis.scopes import NOTHING, Scope
from vchlang.analysis.steps import PEERS, TRAFFIC
from vchlang.diagnostics import Label
from vchlang.syntax import ast

if TYPE_CHECKING:
    from vchlang.analysis.segments import Reach


class Connections(Expressions):
    """Answers about connections. `ways`: by the identity of a call of `reachable`, what was found for which ends."""

    def __init__(self, program: Program, parameters: Parameters, inputs: Inputs) -> None:
        super().__init__(program, parameters, inputs)
        self.out: Composition | None = None
        self.reach: Reach | None = None
        self.ways: dict[int, tuple[Any, list[Any]]] = {}

    def traffic(self, node: Any, scope: Scope) -> Any:
        """Which connections a rule speaks of: a case with the ports, as numbers and ranges."""
        callee = node.callee if isinstance(node, ast.Call) else node
        word = callee.text if isinstance(callee, ast.Name) else ""
        if word not in TRAFFIC:
            return NOTHING
        if not isinstance(node, ast.Call) or not node.args:
            return v.VariantValue(word)
        ports: list[Any] = []
        for arg in node.args:
            value = self.quiet(arg.value, scope)
            self.settled(value, arg.value, "a port")
            known = value if isinstance(value, list) else [value]
            ports += [_ports(one) for one in known]
        return v.VariantValue(word, {"ports": ports})

    def end_of(self, node: Any, scope: Scope) -> Any:
        """An end of a connection: a segment or an executor, any or outside."""
        if isinstance(node, ast.Name) and node.text in PEERS and self.lookup(node.text, scope) is NOTHING:
            return v.VariantValue(node.text)
        return self.quiet(node, scope)

    def peer_of(self, node: Any, scope: Scope) -> Any:
        """The other end of a rule, which is no executor."""
        found = self.end_of(node, scope)
        return NOTHING if isinstance(found, v.ElementRef) and found.kind != "segment" else found

    def reachable(self, node: ast.Call, scope: Scope) -> Any:
        ends = [self.end_of(arg.value, scope) for arg in node.args[:2]]
        only: Any = None
        if len(node.args) == 3:
            only = self.traffic(node.args[2].value, scope)
            if only is NOTHING or any(isinstance(one, v.Unknown) for one in v.leaves(only)):
                return NOTHING
        if len(ends) != 2 or self.out is None or any(isinstance(one, v.Unknown) or one is None for one in ends):
            return NOTHING
        if self.reach is None:
            from vchlang.analysis.segments import Reach  # most scripts have no segments

            self.reach = Reach(self.out)
        if not self.reach.settled:
            return NOTHING
        from vchlang.analysis.traffic import traffic_of

        way = self.reach.reachable(ends[0], ends[1], only=traffic_of(only) if only is not None else None)
        self.ways[id(node)] = way, ends
        return way is not None

    def paths(self, condition: Any) -> tuple[list[str], list[Label]]:
        """What `reachable` found on the way to an assert that failed: the connection, and the rules that allow it."""
        hints: list[str] = []
        labels: list[Label] = []
        for call in calls_in(condition, "reachable"):
            found = self.ways.get(id(call))
            if found is None or self.reach is None:
                continue
            way, ends = found
            if way is None:
                hints.append(self.reach.reason(*ends))
                continue
            hints.append(str(way))
            labels += way.labels
        return hints, labels


def calls_in(node: Any, name: str) -> list[ast.Call]:
    """The calls of a function in an expression."""
    out: list[ast.Call] = []
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, tuple):
            todo += one
        elif isinstance(one, ast.Node):
            if isinstance(one, ast.Call) and isinstance(one.callee, ast.Name) and one.callee.text == name:
                out.append(one)
            todo += [getattr(one, field) for field in one.__struct_fields__[2:]]
    return out


def _ports(value: Any) -> Any:
    """A port or a range of ports as a rule has it."""
    if isinstance(value, v.Range):
        return {"low": value.low, "high": value.high}
    return value if type(value) is int else NOTHING
