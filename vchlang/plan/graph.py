"""A deployment as a graph: what it is made of, from a composition, or what is done in which order, from a plan.

Nothing here draws; `plan.drawing` and the command line do. What the graph holds are texts as a plan shows them, so a
secret is "(secret)" in it and what only apply knows is an arrow to its fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.analysis.program import BindStep, Composition, ElementDecl, HandleDecl, JoinStep
from vchlang.kinds.schema import KINDS
from vchlang.plan.model import Operation, Plan
from vchlang.state.store import HANDLE

MADE_OF, ORDER = "made of", "order"

IN, AT, JOIN, USES, AFTER, THEN = "in", "at", "join", "uses", "after", "then"
"""What an edge says: it lies in that; it is kept at that; its handle joins that; a field of it mentions that; it comes
after that by `@after`; it is done before that."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """An element, or an operation of a plan.

    id: the address, or the operation's id. verb: the word of the script, or the operation's action. cluster: the
    instances of components that it stands in, outermost first. inside, at: what the clauses say, an address or a text.
    power: what the script wants an executor to do, `start`, `stop` or nothing. waits: what is waited for, in words.
    fields: all other fields that are written.
    """

    id: str
    kind: str
    verb: str
    address: str
    cluster: tuple[str, ...] = ()
    inside: str = ""
    at: str = ""
    power: str = ""
    waits: tuple[str, ...] = ()
    fields: dict[str, str] = {}


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """From one node to another, by id.

    what: see above. field: of `uses`, the field. role: of `join`, the role if there is one. bound: of `join`, whether
    there is a bind to it. fields: of `join`, what the join and its bind say.
    """

    start: str
    to: str
    what: str
    field: str = ""
    role: str = ""
    bound: bool = False
    fields: dict[str, str] = {}


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """title: the script, or the deployment of a plan. Nodes and edges have the order of the source or the plan."""

    title: str
    view: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


# ---- what it is made of --------------------------------------------------------------------------------------------


def made_of(composition: Composition, title: str) -> Graph:
    """What a script brings together. Equal compositions give equal graphs.

    What depends on a parameter without a value is not in it, where the composition has been made without.
    """
    declared = sorted(composition.elements.values(), key=lambda one: one.order)
    edges: list[Edge] = []
    for one in declared:
        edges += _clauses(one)
        edges += _uses(one.address, one.body.items())
        edges += [Edge(start=one.address, to=other, what=AFTER) for other in sorted(one.after)]
    own: dict[str, dict[str, str]] = {}
    for handle in sorted(composition.handles, key=lambda one: one.order):
        edges += _memberships(handle, own)
        edges += [Edge(start=handle.executor, to=other, what=AFTER) for other in sorted(handle.after)]
    powers = {one.executor: one.switch for one in sorted(composition.powers, key=lambda one: one.order)}
    waits: dict[str, list[str]] = {}
    for wait in sorted(composition.waits, key=lambda one: one.order):
        limit = f" within {v.show(v.Duration(wait.within))}" if wait.within else ""
        waits.setdefault(wait.task or wait.executor, []).append(f"{wait.state}{limit}")
    nodes = [_element(one, own.get(one.address, {}), powers, waits) for one in declared]
    known = {one.id for one in nodes}
    kept = dict.fromkeys((one.start, one.to, one.what, one.field, one.role) for one in edges)
    whole = {(one.start, one.to, one.what, one.field, one.role): one for one in edges}
    return Graph(
        title=title,
        view=MADE_OF,
        nodes=tuple(nodes),
        edges=tuple(whole[key] for key in kept if key[0] in known and key[1] in known and key[0] != key[1]),
    )


def _element(one: ElementDecl, own: dict[str, str], powers: dict[str, str], waits: dict[str, list[str]]) -> Node:
    clauses = {param.name for param in KINDS[one.kind].element.clauses.values()} if one.kind in KINDS else set()
    return Node(
        id=one.address,
        kind=one.kind,
        verb=one.verb,
        address=one.address,
        cluster=instances(one.address),
        inside=shown(one.body["inside"]) if "inside" in one.body else "",
        at=shown(one.body["at"]) if "at" in one.body else "",
        power=powers.get(one.address, ""),
        waits=tuple(waits.get(one.address, ())),
        fields={name: shown(value) for name, value in one.body.items() if name not in clauses} | own,
    )


def _clauses(one: ElementDecl) -> Iterator[Edge]:
    for name, what in (("inside", IN), ("at", AT)):
        if isinstance(one.body.get(name), v.ElementRef):
            yield Edge(start=one.address, to=one.body[name].address, what=what)


def _uses(start: str, fields: Iterable[tuple[str, Any]]) -> Iterator[Edge]:
    """The edges that the values of fields make; clauses have edges of their own."""
    for name, value in fields:
        if name in ("inside", "at") and isinstance(value, v.ElementRef):
            continue
        for one in v.leaves(value):
            if isinstance(one, v.ElementRef | v.Unknown) and one.address:
                yield Edge(start=start, to=one.address, what=USES, field="in" if name == "inside" else name)


def _memberships(handle: HandleDecl, own: dict[str, dict[str, str]]) -> list[Edge]:
    """An edge for each membership of a handle; what the executor's own bind says goes to `own`."""
    found: dict[tuple[str, str], list[JoinStep | BindStep]] = {}
    roles: dict[str, list[str]] = {}
    edges: list[Edge] = []
    for step in handle.steps:
        if step.address == handle.executor:
            own.setdefault(handle.executor, {}).update(_fields(step))
            continue
        role = step.role
        if isinstance(step, JoinStep):
            roles.setdefault(step.address, []).append(role)
        elif not role and len(roles.get(step.address, ())) == 1:
            role = roles[step.address][0]  # the one that is joined; handles.py reports where there are several
        found.setdefault((step.address, role), []).append(step)
        edges += _uses(step.address, step.body.items())
    joined = [
        Edge(
            start=handle.executor,
            to=address,
            what=JOIN,
            role=role,
            bound=any(isinstance(one, BindStep) for one in steps),
            fields={name: text for one in steps for name, text in _fields(one).items()},
        )
        for (address, role), steps in found.items()
    ]
    return joined + edges


def _fields(step: JoinStep | BindStep) -> dict[str, str]:
    return {name: shown(value) for name, value in step.body.items()}


def shown(value: Any) -> str:
    """A value as a plan shows it, a text without quotes."""
    return value if isinstance(value, str) else v.show(value)


def instances(address: str) -> tuple[str, ...]:
    """The instances that an address stands in: of `front["a.b"].inner.web` these are `front["a.b"]` and
    `front["a.b"].inner`."""
    out: list[str] = []
    quoted = False
    skip = False
    for at, char in enumerate(address):
        if skip:
            skip = False
        elif quoted and char == "\\":
            skip = True
        elif char == '"':
            quoted = not quoted
        elif char == "." and not quoted:
            out.append(address[:at])
    return tuple(out)


# ---- what is done in which order -----------------------------------------------------------------------------------


def order_of(plan: Plan) -> Graph:
    """The operations of a plan; an edge goes from one to another that waits for it."""
    nodes = [
        Node(
            id=one.id,
            kind=one.kind,
            verb=one.action,
            address=one.address,
            cluster=instances(one.address.removesuffix(HANDLE)),
            fields=_said(one),
        )
        for one in plan.operations
    ]
    edges = [Edge(start=need, to=one.id, what=THEN) for one in plan.operations for need in one.needs]
    return Graph(title=f"{plan.deployment} on {plan.target}", view=ORDER, nodes=tuple(nodes), edges=tuple(edges))


def title(node: Node) -> str:
    """What a node is about, in few words; of a step on an executor, only the executor: the action says the rest."""
    address = node.address.removesuffix(HANDLE)
    return address if node.kind in ("power", "wait") else f"{node.kind} {address}" if address else node.kind


def _said(one: Operation) -> dict[str, str]:
    out = {"identity": one.identity} if one.identity else {}
    if one.changes:
        out["changes"] = ", ".join(change.path for change in one.changes)
    return out


def waves(graph: Graph) -> list[list[Node]]:
    """The nodes by the longest chain of others that they wait for. All of one wave can be done at the same time, once
    those before it are done. The edges have no ring, as in every plan."""
    needs: dict[str, list[str]] = {}
    for edge in graph.edges:
        needs.setdefault(edge.to, []).append(edge.start)
    depth: dict[str, int] = {}
    out: list[list[Node]] = []
    for node in graph.nodes:  # in topological order
        at = depth[node.id] = max((depth.get(one, -1) + 1 for one in needs.get(node.id, ())), default=0)
        while len(out) <= at:
            out.append([])
        out[at].append(node)
    return out
