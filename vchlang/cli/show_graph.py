"""A graph as text for a terminal: each executor with what is joined to it, and the elements by where they are.

examples/seed.vch   18 elements

executor endpoint   create in vch at infra
  storage  boot         loader
           root         persistent  /
  network  management   management  .dhcp
  task     personality  .on_failure(stable: 10s)  ready .http(port: 2376, path: "/_ping")
  start; wait until ready within 5min
"""

from __future__ import annotations

from vchlang.cli.look import one_line, pad, paint
from vchlang.kinds.schema import KINDS
from vchlang.plan.graph import AFTER, IN, JOIN, ORDER, Edge, Graph, Node, title, waves

_SHOWN = {
    "storage": ("at", "mode", "adapter"), "network": ("ip", "names", "segment"), "task": ("restart", "deadline"),
}  # fmt: skip
_FLAGS = ("noexec", "squash", "separate", "required")


def graph_text(graph: Graph) -> str:
    """The whole text, safe and with styles."""
    if graph.view == ORDER:
        return _order(graph)
    return _made_of(graph)


# ---- what it is made of --------------------------------------------------------------------------------------------


def _made_of(graph: Graph) -> str:
    count = len(graph.nodes)
    out = [f"{one_line(graph.title)}   {count} {'element' if count == 1 else 'elements'}"]
    groups: dict[tuple[str, ...], list[Node]] = {}
    for node in graph.nodes:
        groups.setdefault(node.cluster, []).append(node)
    joins: dict[str, list[Edge]] = {}
    others: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        (joins if edge.what == JOIN else others).setdefault(edge.start, []).append(edge)
    contents: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.what == IN:
            contents.setdefault(edge.to, []).append(edge.start)
    kinds = {node.id: node.kind for node in graph.nodes}
    for cluster, nodes in groups.items():
        margin = "  " * len(cluster)
        if cluster:
            out += ["", "  " * (len(cluster) - 1) + paint(one_line(cluster[-1]), "bold")]
        for node in (one for one in nodes if one.id in joins or one.power or (one.waits and one.kind != "task")):
            out += ["", *(margin + line for line in _composed(node, joins.get(node.id, []), kinds))]
        rest = [one for one in nodes if not (one.id in joins or one.power or (one.waits and one.kind != "task"))]
        rest.sort(key=lambda one: _rank(one.kind))
        if rest:
            out += [""] if len(rest) < len(nodes) or not cluster else []
            out += [margin + line for line in _listed(rest, contents, others)]
    return "\n".join(out)


def _rank(kind: str) -> int:
    known = list(KINDS)
    return known.index(kind) if kind in known else len(known)


def _composed(node: Node, edges: list[Edge], kinds: dict[str, str]) -> list[str]:
    """An executor with its memberships."""
    out = [f"{paint(f'{node.kind} {one_line(node.address)}', 'bold')}   {_placed(node)}".rstrip()]
    size = ", ".join(f"{name} {one_line(node.fields[name])}" for name in ("cpus", "memory") if name in node.fields)
    if size:
        out.append(f"  {size}")
    word = max((len(kinds[edge.to]) for edge in edges), default=0)
    name = min(40, max((len(one_line(edge.to)) for edge in edges), default=0))
    role = max((len(one_line(edge.role)) for edge in edges), default=0)
    last = ""
    for edge in sorted(edges, key=lambda one: _rank(kinds[one.to])):
        kind = kinds[edge.to]
        said = _said(edge, kind)
        line = f"  {pad(kind if kind != last else '', word)}  {pad(one_line(edge.to), name)}"
        line += f"  {pad(one_line(edge.role), role)}"
        out.append((line.rstrip() if not said else f"{line}  " if edge.role or role else line) + said)
        last = kind
    steps = [*([node.power] if node.power else []), *(f"wait until {one_line(one)}" for one in node.waits)]
    return [*out, "  " + "; ".join(steps)] if steps else out


def _said(edge: Edge, kind: str) -> str:
    """What join and bind say, the flags by their names only."""
    fields = edge.fields
    said = [one_line(fields[name]) for name in _SHOWN.get(kind, ()) if name in fields]
    if "ready" in fields:
        said.append(f"ready {one_line(fields['ready'])}")
    said += [name for name in _FLAGS if fields.get(name) == "true"]
    said += [] if edge.bound else [paint("joined only", "dim")]
    return "  ".join(said)


def _placed(node: Node) -> str:
    places = [f"{word} {one_line(text)}" for word, text in (("in", node.inside), ("at", node.at)) if text]
    return " ".join([node.verb, *places])


def _listed(nodes: list[Node], contents: dict[str, list[str]], others: dict[str, list[Edge]]) -> list[str]:
    kind = max(len(one.kind) for one in nodes)
    name = min(40, max(len(one_line(one.address)) for one in nodes))
    out = []
    for one in nodes:
        said = _placed(one)
        inner = contents.get(one.id, [])
        if inner:
            said += "   holds " + ", ".join(one_line(each) for each in inner)
        uses = dict.fromkeys(edge.to for edge in others.get(one.id, ()) if edge.what == "uses")
        if uses:
            said += "   uses " + ", ".join(one_line(each) for each in uses)
        after = dict.fromkeys(edge.to for edge in others.get(one.id, ()) if edge.what == AFTER)
        if after:
            said += "   after " + ", ".join(one_line(each) for each in after)
        if one.waits:
            said += "   wait until " + ", ".join(one_line(each) for each in one.waits)
        out.append(f"{pad(one.kind, kind)}  {pad(one_line(one.address), name)}  {said}")
    return out


# ---- what is done in which order -----------------------------------------------------------------------------------


def _order(graph: Graph) -> str:
    count = len(graph.nodes)
    out = [f"{one_line(graph.title)}   {count} {'operation' if count == 1 else 'operations'}"]
    needs: dict[str, list[str]] = {}
    for edge in graph.edges:
        needs.setdefault(edge.to, []).append(edge.start)
    names = {node.id: one_line(title(node)) for node in graph.nodes}
    number = max((len(node.id) for node in graph.nodes), default=0)
    verb = max((len(node.verb) for node in graph.nodes), default=0)
    width = min(44, max((len(one) for one in names.values()), default=0))
    for at, wave in enumerate(waves(graph), 1):
        out += ["", paint(f"{at}", "bold") + (f"   {len(wave)} at once" if len(wave) > 1 else "")]
        for node in wave:
            after = " ".join(needs.get(node.id, ()))
            line = f"  {node.id:<{number}}  {node.verb:<{verb}}  {pad(names[node.id], width)}"
            out.append((line + (paint(f"  after {after}", "dim") if after else "")).rstrip())
    return "\n".join(out)
