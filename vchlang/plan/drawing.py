"""A graph as Mermaid, as DOT and as a document.

Names come from scripts and platforms and may hold anything: quotes, brackets, arrows, HTML, directives of Mermaid. So
nodes are called `n1`, `n2`, … and every label is quoted, with what is not plainly harmless written as a character
reference. An element is drawn inside of what it is `in` where both belong to one instance of a component; memberships
are labelled with their roles.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vchlang.plan.graph import AFTER, AT, IN, JOIN, MADE_OF, THEN, USES, Edge, Graph, Node, title

FORMAT, VERSION = "vch.graph", 1

_MERMAID_SHAPES = {
    "executor": ("[[", "]]"), "template": ("[[", "]]"), "storage": ("[(", ")]"), "location": ("[/", "/]"),
    "network": ("{{", "}}"), "segment": ("{{", "}}"), "task": ("([", "])"), "pool": ("[\\", "\\]"),
}  # fmt: skip
_DOT_SHAPES = {
    "executor": "box3d", "template": "box3d", "storage": "cylinder", "location": "folder", "network": "hexagon",
    "segment": "hexagon", "task": "component", "pool": "house",
}  # fmt: skip
_MERMAID_LINES = {JOIN: "-->", IN: "-.->", AT: "-.->", USES: "-.->", AFTER: "==>", THEN: "-->"}
_DOT_LINES = {JOIN: "solid", IN: "dotted", AT: "dotted", USES: "dashed", AFTER: "bold", THEN: "solid"}


# ---- what all pictures have ----------------------------------------------------------------------------------------


class _Box:
    """A cluster: an instance of a component, or an element with what is in it (`owner`)."""

    def __init__(self, title: str, owner: Node | None = None) -> None:
        self.title = title
        self.owner = owner
        self.inner: list[Node | _Box] = []


class _Line(msgspec.Struct, frozen=True):
    """All edges of one sort between two nodes, as one line with one label."""

    start: str
    to: str
    what: str
    label: str


def _boxes(graph: Graph) -> _Box:
    """The nodes in the boxes that they are drawn in; the outermost has no title."""
    whole = _Box("")
    instances: dict[tuple[str, ...], _Box] = {(): whole}
    for node in graph.nodes:
        for depth in range(1, len(node.cluster) + 1):
            path = node.cluster[:depth]
            if path not in instances:
                instances[path] = _Box(path[-1])
                instances[path[:-1]].inner.append(instances[path])
    inside = _inside(graph)
    holders = dict.fromkeys(inside.values())
    owned = {node.id: _Box(f"in {node.id}", node) for node in graph.nodes if node.id in holders}
    for node in graph.nodes:
        box = owned.get(node.id)
        if box is not None:
            box.inner.append(node)
        around = owned[inside[node.id]] if node.id in inside else instances[node.cluster]
        around.inner.append(box or node)
    return whole


def _inside(graph: Graph) -> dict[str, str]:
    """By a node's id, the id of the one that it is drawn in."""
    if graph.view != MADE_OF:
        return {}
    clusters = {node.id: node.cluster for node in graph.nodes}
    out: dict[str, str] = {}
    for edge in graph.edges:
        if edge.what == IN and clusters[edge.start] == clusters[edge.to] and not _reaches(out, edge.to, edge.start):
            out[edge.start] = edge.to
    return out


def _reaches(inside: dict[str, str], start: str, end: str) -> bool:
    """Whether `start` is in `end` already, so that `end` cannot be in `start`."""
    while start != end:
        if start not in inside:
            return False
        start = inside[start]
    return True


def _lines(graph: Graph) -> list[_Line]:
    drawn = _inside(graph)
    labels: dict[tuple[str, str, str], dict[str, None]] = {}
    for edge in graph.edges:
        if edge.what == IN and drawn.get(edge.start) == edge.to:
            continue  # the box says it
        labels.setdefault((edge.start, edge.to, edge.what), {})[_edge_label(edge)] = None
    return [_Line(start, to, what, ", ".join(filter(None, texts))) for (start, to, what), texts in labels.items()]


def _edge_label(edge: Edge) -> str:
    match edge.what:
        case "join":
            at = edge.fields.get("at", "")
            return " ".join(filter(None, (edge.role, at)))
        case "uses":
            return edge.field
        case "then":
            return ""
        case _:
            return edge.what


def _labels(graph: Graph) -> dict[str, tuple[str, ...]]:
    """The lines of each node's label, by its id. Where it is stands there if no line or box of the picture says it."""
    if graph.view != MADE_OF:
        return {one.id: (f"{one.id} {one.verb}", title(one)) for one in graph.nodes}
    drawn = {(edge.start, edge.what) for edge in graph.edges}
    out: dict[str, tuple[str, ...]] = {}
    for one in graph.nodes:
        places = [f"{what} {text}" for what, text in ((IN, one.inside), (AT, one.at)) if text]
        shown = " ".join(place for place in places if (one.id, place.partition(" ")[0]) not in drawn)
        out[one.id] = (title(one), *([shown] if shown else []))
    return out


def _visible(text: str) -> str:
    """The text in one line, without what would move or turn it."""
    return "".join(one if one.isprintable() and not "\ud800" <= one <= "\udfff" else _escaped(one) for one in text)


def _escaped(one: str) -> str:
    return {"\n": "\\n", "\t": "\\t"}.get(one) or f"\\u{{{ord(one):x}}}"


# ---- Mermaid -------------------------------------------------------------------------------------------------------


def mermaid(graph: Graph) -> str:
    """A flowchart as Markdown renderers draw it, ending in a newline."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes, 1)}
    labels = _labels(graph)
    out = ["flowchart LR"]

    def node(one: Node) -> str:
        left, right = _MERMAID_SHAPES.get(one.kind, ("[", "]"))
        label = "<br>".join(_mermaid(line) for line in labels[one.id])
        return f'{names[one.id]}{left}"{label}"{right}'

    out += _nested(_boxes(graph), node, lambda number, title: f'subgraph c{number} ["{_mermaid(title)}"]', "end")
    for line in _lines(graph):
        label = f'|"{_mermaid(line.label)}"|' if line.label else ""
        out.append(f"  {names[line.start]} {_MERMAID_LINES[line.what]}{label} {names[line.to]}")
    return "\n".join(out) + "\n"


def _nested(box: _Box, node: Callable[[Node], str], begin: Callable[[int, str], str], end: str) -> list[str]:
    """The lines of boxes in boxes, without recursion: components may nest as deep as they like."""
    out: list[str] = []
    number = 0
    stack: list[Iterator[Node | _Box]] = [iter(box.inner)]
    while stack:
        margin = "  " * len(stack)
        one = next(stack[-1], None)
        if one is None:
            stack.pop()
            if stack:
                out.append(margin[2:] + end)
        elif isinstance(one, Node):
            out.append(margin + node(one))
        else:
            number += 1
            out.append(margin + begin(number, one.title))
            stack.append(iter(one.inner))
    return out


_HARMLESS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/_@=+*()-")


def _mermaid(text: str) -> str:
    """A text as it may stand between quotes: whatever could end them, begin HTML, a comment or a directive is a
    character reference. Letters of other scripts stay."""
    safe = (one if one in _HARMLESS or (one > "\x7f" and one.isalnum()) else f"#{ord(one)};" for one in _visible(text))
    # Mermaid takes `style…:…#…;` anywhere in a line for a statement of its own and cuts off the last `;`.
    return "".join(safe).replace("style", "st#121;le").replace("classDef", "class#68;ef")


# ---- DOT -----------------------------------------------------------------------------------------------------------


def dot(graph: Graph) -> str:
    """A digraph for Graphviz, ending in a newline."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes, 1)}
    labels = _labels(graph)
    out = ["digraph vch {", f'  label={_dot(graph.title)}; rankdir=LR; fontname="sans-serif";']
    out.append('  node [fontname="sans-serif"]; edge [fontname="sans-serif", fontsize=10];')

    def node(one: Node) -> str:
        shape = _DOT_SHAPES.get(one.kind, "box")
        return f"{names[one.id]} [shape={shape}, label={_dot(*labels[one.id])}];"

    out += _nested(_boxes(graph), node, lambda number, title: f"subgraph cluster_{number} {{ label={_dot(title)};", "}")
    for line in _lines(graph):
        label = f", label={_dot(line.label)}" if line.label else ""
        out.append(f"  {names[line.start]} -> {names[line.to]} [style={_DOT_LINES[line.what]}{label}];")
    return "\n".join([*out, "}"]) + "\n"


def _dot(*lines: str) -> str:
    """Lines as a quoted text of DOT. Graphviz reads character references of HTML in it, so `&` is one too."""
    escaped = (_visible(one).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for one in lines)
    return '"' + "\\n".join(escaped) + '"'


# ---- a document ----------------------------------------------------------------------------------------------------


def document(graph: Graph) -> dict[str, Any]:
    """The graph as JSON has it. Every node and edge has `id` and `kind`, or `from`, `to` and `what`; what else there
    is to say of one is left out where there is nothing."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "title": graph.title,
        "view": graph.view,
        "nodes": [_whole(_node_document(node, graph.view)) for node in graph.nodes],
        "edges": [_whole(_edge_document(edge)) for edge in graph.edges],
    }


def as_json(graph: Graph) -> bytes:
    """The document as text, ending in a newline."""
    text = json.dumps(document(graph), ensure_ascii=False, indent=2)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _node_document(node: Node, view: str) -> dict[str, Any]:
    word = "verb" if view == MADE_OF else "action"
    address = node.address if node.address != node.id else ""
    return {
        "id": node.id,
        "kind": node.kind,
        word: node.verb,
        "address": address,
        "cluster": list(node.cluster),
        "in": node.inside,
        "at": node.at,
        "power": node.power,
        "waits": list(node.waits),
        "fields": node.fields,
    }


def _edge_document(edge: Edge) -> dict[str, Any]:
    out: dict[str, Any] = {"from": edge.start, "to": edge.to, "what": edge.what, "field": edge.field}
    if edge.what == JOIN:
        out |= {"role": edge.role, "bound": edge.bound or None, "path": edge.fields.get("at", "")}
        out["fields"] = {name: text for name, text in edge.fields.items() if name != "at"}
    return out


def _whole(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if value not in ("", None, [], {})}
