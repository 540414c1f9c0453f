"""`vch graph`: what a script is made of and in which order it is done, in four forms that no name can break."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.harness import SMALL, Project, vch
from tests.front import Front
from vchlang import values as v
from vchlang.analysis.program import Composition, ElementDecl, Where
from vchlang.cli.look import bare
from vchlang.cli.show_graph import graph_text
from vchlang.plan.drawing import as_json, document, dot, mermaid
from vchlang.plan.graph import (
    AFTER,
    AT,
    IN,
    JOIN,
    MADE_OF,
    ORDER,
    THEN,
    USES,
    Edge,
    Graph,
    Node,
    instances,
    made_of,
    order_of,
    waves,
)
from vchlang.text import Span

WHOLE = """\
param token: Secret<String>
ensure pool vch in "/clusterA/poolB"
ensure location infra at "ds://disks/infra"
existing network lan at "lan"
create storage boot in infra { free: 1MiB }
create storage logs in infra { free: 1MiB }
create executor endpoint in vch at infra
create task agent { path: "/sbin/agent", env: { TOKEN: token }, args: ["${logs.url}"] }
handle endpoint {
  bind endpoint { cpus: 2, memory: 64MiB }
  join boot as loader, bind
  join logs as persistent, bind at "/var/log" { mode: .write_only, noexec: true }
  join lan as client, bind { ip: .dhcp }
  join lan as container
  join agent, bind { log: logs, restart: .always, ready: .tcp(port: 80), required: true }
}
start endpoint
wait endpoint until ready within 1min
@after(endpoint) create storage late in infra { free: 1MiB }
"""


def graph_of(text: str) -> Graph:
    front = Front(text, unknown=True)
    assert front.codes() == [], front.said()
    return made_of(front.composition, "script.vch")


# ---- what is in it -------------------------------------------------------------------------------------------------


def test_elements_and_memberships() -> None:
    graph = graph_of(WHOLE)
    assert [(one.id, one.kind, one.verb) for one in graph.nodes][:4] == [
        ("vch", "pool", "ensure"),
        ("infra", "location", "ensure"),
        ("lan", "network", "existing"),
        ("boot", "storage", "create"),
    ]
    joins = {(one.to, one.role): one for one in graph.edges if one.what == JOIN}
    assert set(joins) == {
        ("boot", "loader"), ("logs", "persistent"), ("lan", "client"), ("lan", "container"), ("agent", ""),
    }  # fmt: skip
    assert all(one.start == "endpoint" for one in joins.values())
    assert joins["logs", "persistent"].fields == {"at": "/var/log", "mode": ".write_only", "noexec": "true"}
    assert joins["lan", "client"].bound and not joins["lan", "container"].bound
    others = {(one.start, one.to, one.what, one.field) for one in graph.edges if one.what != JOIN}
    assert others == {
        ("boot", "infra", IN, ""), ("logs", "infra", IN, ""), ("late", "infra", IN, ""), ("endpoint", "vch", IN, ""),
        ("endpoint", "infra", AT, ""), ("agent", "logs", USES, "args"), ("agent", "logs", USES, "log"),
        ("late", "endpoint", AFTER, ""),
    }  # fmt: skip
    endpoint = next(one for one in graph.nodes if one.id == "endpoint")
    assert (endpoint.power, endpoint.waits) == ("start", ("ready within 1min",))
    assert endpoint.fields == {"cpus": "2", "memory": "64MiB"}


def test_equal_scripts_give_equal_pictures() -> None:
    for draw in (mermaid, dot, as_json, graph_text):
        assert draw(graph_of(WHOLE)) == draw(graph_of(WHOLE))


def test_a_bind_by_itself_belongs_to_the_join_before_it() -> None:
    both = 'join logs as persistent, bind at "/var/log"'
    graph = graph_of(WHOLE.replace(both, 'join logs as persistent\n  bind logs at "/var/log"'))
    (one,) = [edge for edge in graph.edges if edge.to == "logs" and edge.what == JOIN]
    assert (one.role, one.bound, one.fields["at"]) == ("persistent", True, "/var/log")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("web", ()),
        ('volumes["a.b"]', ()),
        ("production.endpoint", ("production",)),
        ('front["a.\\"b"].inner.web', ('front["a.\\"b"]', 'front["a.\\"b"].inner')),
    ],
)
def test_instances_of_an_address(address: str, expected: tuple[str, ...]) -> None:
    assert instances(address) == expected


def element(address: str, kind: str = "storage", order: int = 0, **body: object) -> ElementDecl:
    nowhere = Where("script.vch", Span(0, 0))
    return ElementDecl(
        address=address, kind=kind, verb="create", label=address, body=dict(body), spans={}, where=nowhere,
        head=nowhere, order=order,
    )  # fmt: skip


def composed(*elements: ElementDecl) -> Graph:
    made = Composition(
        elements={one.address: one for one in elements}, handles=[], powers=[], waits=[], outputs=[], missing=(),
        diagnostics=(),
    )  # fmt: skip
    return made_of(made, "script.vch")


def test_instances_of_components_are_boxes() -> None:
    graph = composed(
        element("infra", "location", 0),
        element('front["docs"].disk', order=1, inside=v.ElementRef("location", "infra")),
        element('front["docs"].home', "location", 2),
        element('front["docs"].data', order=3, inside=v.ElementRef("location", 'front["docs"].home')),
        element('front["docs"].inner.data', order=4),
    )
    assert labels(mermaid(graph), "subgraph") == ['front["docs"]', 'front["docs"].inner', 'in front["docs"].home']
    # `disk` is in the box of its instance, so a line shows what it is in; `data` is in the box of its location.
    assert "n2 -.->" in mermaid(graph) and "n4 -.->" not in mermaid(graph)
    text = bare(graph_text(graph))
    assert '\nfront["docs"]\n  location' in text and '\n  front["docs"].inner\n' in text


def test_a_component_used_twice() -> None:
    graph = graph_of("""\
component website(net: Network) in pool: Pool at store: Location {
  create storage boot in store { free: 1MiB }
  create executor web in pool at store
  handle web {
    join boot as loader, bind
    join net as public, bind { ip: .dhcp }
  }
}
existing network lan at "lan"
existing pool farm at "/clusterA/poolB"
ensure location infra at "ds://disks/infra"
for s in ["docs", "blog"] { create website front[s] in farm at infra { net: lan } }
""")
    assert labels(mermaid(graph), "subgraph") == ['front["docs"]', 'front["blog"]']
    joins = {(one.start, one.to, one.role) for one in graph.edges if one.what == JOIN}
    assert joins == {
        ('front["docs"].web', 'front["docs"].boot', "loader"), ('front["docs"].web', "lan", "public"),
        ('front["blog"].web', 'front["blog"].boot', "loader"), ('front["blog"].web', "lan", "public"),
    }  # fmt: skip


def test_elements_in_a_ring_are_drawn() -> None:
    graph = composed(
        element("a", "pool", 0, inside=v.ElementRef("pool", "b")),
        element("b", "pool", 1, inside=v.ElementRef("pool", "a")),
    )
    assert strict_mermaid(mermaid(graph)) and strict_dot(dot(graph)) and "pool  a" in graph_text(graph)


def test_operations_in_waves() -> None:
    front = Front(SMALL.replace('"ds://disks/infra"', '"ds://datastore2/infra"'))
    planned = front.plan(world={})
    graph = order_of(planned.plan)
    assert graph.view == ORDER and all(one.what == THEN for one in graph.edges)
    assert {(one.start, one.to) for one in graph.edges} == {
        (need, one.id) for one in planned.plan.operations for need in one.needs
    }
    found = waves(graph)
    at = {node.id: number for number, wave in enumerate(found) for node in wave}
    assert sum(map(len, found)) == len(planned.plan.operations)
    assert all(at[one.start] < at[one.to] for one in graph.edges)


# ---- the command ---------------------------------------------------------------------------------------------------


def test_the_seed_in_every_form() -> None:
    text = vch("graph", "examples/seed.vch")
    assert (text.code, text.err) == (0, "")
    assert "executor endpoint   create in vch at infra" in text.out
    assert re.search(r"storage +boot +loader\n +root +persistent +/\n", text.out)
    assert "start; wait until ready within 5min" in text.out
    assert strict_mermaid(vch("graph", "examples/seed.vch", "--format", "mermaid").out)
    assert strict_dot(vch("graph", "examples/seed.vch", "--format", "dot").out)
    found = vch("graph", "examples/seed.vch", "--format", "json").json()
    assert (found["format"], found["version"], found["view"]) == ("vch.graph", 1, MADE_OF)
    assert {"from": "endpoint", "to": "boot", "what": "join", "role": "loader", "bound": True} in found["edges"]
    assert {"id": "management", "kind": "network", "verb": "existing", "at": "networkA"} in found["nodes"]


def test_it_touches_nothing_and_needs_no_value(project: Project) -> None:
    script = project.write("x.vch", "param sites: [String]\n" + SMALL + "for s in sites { output a = s }\n".replace(
        "output a = s", 'ensure location l[s] at "ds://disks/${s}"'))  # fmt: skip
    before = project.tree()
    answer = vch("graph", script)
    assert answer.code == 0 and "location  infra" in answer.out
    assert "`sites` has no value" in answer.err
    given = vch("graph", script, "-p", 'sites=["a", "b"]')
    assert (given.err, 'l["a"]' in given.out) == ("", True)
    assert project.tree() == before


def test_mistakes_are_shown_and_nothing_is_drawn(project: Project) -> None:
    answer = vch("graph", project.write("x.vch", "create storge a {}\n"), "--format", "dot")
    assert (answer.code, answer.out) == (3, "") and "unknown-kind" in answer.err
    assert vch("graph", "nowhere.vch").code == 3


@pytest.mark.parametrize("form", ["text", "mermaid", "dot", "json"])
def test_the_order_of_a_plan(project: Project, form: str) -> None:
    answer = vch("graph", project.write("x.vch", SMALL), "--order", "--format", form)
    assert (answer.code, answer.err) == (0, "")
    match form:
        case "json":
            found = answer.json()
            assert found["view"] == ORDER
            ids = {one["id"]: one for one in found["nodes"]}
            made = next(one["id"] for one in found["nodes"] if one.get("address") == "data")
            assert ids[made]["action"] == "create"
            before = {ids[one["from"]].get("address") for one in found["edges"] if one["to"] == made}
            assert "infra" in before
        case "mermaid":
            assert strict_mermaid(answer.out)
        case "dot":
            assert strict_dot(answer.out)
        case _:
            assert re.search(r"create +storage data +after", bare(answer.out))


@pytest.mark.parametrize("form", ["text", "mermaid", "dot", "json"])
@pytest.mark.parametrize("order", [[], ["--order"]])
def test_no_secret_is_drawn(project: Project, form: str, order: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCH_PARAM_token", "swordfish")
    # Everywhere that a secret may go: in the environment, in a text there, and as credentials.
    text = WHOLE.replace("TOKEN: token", 'TOKEN: token, MORE: "a ${token} b"')
    text = text.replace("restart:", "credentials: vmomi, restart:") + "param vmomi: Secret<Credentials>\n"
    monkeypatch.setenv("VCH_PARAM_vmomi", '{"user": "ops", "password": "swordfish"}')
    answer = vch("graph", project.write("x.vch", text), "--format", form, *order)
    assert answer.code == 0, answer.err
    assert "swordfish" not in answer.out + answer.err
    if form == "json" and not order:
        assert "(secret)" in answer.out


# ---- names that mean harm ------------------------------------------------------------------------------------------

HARM = [
    '"', "\n", "\r\n", "]", "}", ")", "|", "-->", "%%", "%%{init: {}}%%", "<b>", "<script>alert(1)</script>", "end",
    "subgraph", "style a:#b;", "classDef x:#y;", "#quot;", "#", ";", "\\", "\\\\", '\\"', "&amp;", "&", "`", "*/", "//",
    "\0", "\x1b[31m", "\u202e", "\ud800", "ü", "名", "🙂", "click n1 x", ":::", "\t", "---", "'", "$", "{{", "@{",
]  # fmt: skip
hostile = st.lists(st.one_of(st.sampled_from(HARM), st.text(max_size=6)), min_size=1, max_size=5).map("".join)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = draw(st.lists(hostile.filter(bool), min_size=1, max_size=6, unique=True))
    kinds = st.sampled_from(["executor", "storage", "network", "task", "pool", "location", "other"])
    nodes = tuple(
        Node(
            id=name,
            kind=draw(kinds),
            verb="create",
            address=name,
            cluster=draw(st.sampled_from([(), (names[0],), (names[0], names[-1])])),
            inside=draw(hostile),
            at=draw(hostile),
            waits=(draw(hostile),),
            fields={"memory": draw(hostile)},
        )
        for name in names
    )
    ends = st.sampled_from(names)
    edges = tuple(
        Edge(
            start=draw(ends),
            to=draw(ends),
            what=draw(st.sampled_from([IN, AT, JOIN, USES, AFTER])),
            role=draw(hostile),
            field=draw(hostile),
            fields={"at": draw(hostile), "ip": draw(hostile), "ready": draw(hostile)},
        )
        for _ in range(draw(st.integers(0, 6)))
    )
    return Graph(title=draw(hostile), view=MADE_OF, nodes=nodes, edges=tuple(e for e in edges if e.start != e.to))


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_no_name_breaks_a_form(graph: Graph) -> None:
    drawn = mermaid(graph)
    assert strict_mermaid(drawn)
    wanted = sorted(f"{one.kind} {visible(one.id)}" for one in graph.nodes)
    assert sorted(one.split("\n")[0] for one in labels(drawn, "n")) == wanted
    drawn = dot(graph)
    assert strict_dot(drawn)
    found = [
        plain_dot(one).split("\n")[0] for one in re.findall(rf"^ *n\d+ \[shape=\w+, label=({TEXT})\];$", drawn, re.M)
    ]
    assert sorted(found) == wanted
    assert json.loads(as_json(graph)) == json.loads(json.dumps(document(graph)))
    text = bare(graph_text(graph))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", text)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_it() -> None:
    nodes = tuple(Node(id=one, kind="storage", verb="create", address=one, cluster=(one,)) for one in HARM)
    edges = tuple(Edge(start=HARM[0], to=one, what=JOIN, role=one) for one in HARM[1:])
    graph = Graph(title="".join(HARM), view=MADE_OF, nodes=nodes, edges=edges)
    answer = subprocess.run(["dot", "-Tjson"], input=dot(graph).encode(), capture_output=True)
    assert (answer.returncode, answer.stderr) == (0, b"")
    found = [one for one in json.loads(answer.stdout)["objects"] if one["name"].startswith("n")]
    assert len(found) == len(HARM)
    assert plain_dot('"' + next(one for one in found if one["name"] == "n1")["label"] + '"') == 'storage "'


# ---- what a strict reader takes ------------------------------------------------------------------------------------

# What stands between quotes in Mermaid: letters, harmless signs, character references and our own line ends.
LABEL = r"(?:[\w .,:/@=+*()-]|\#\d+;|<br>)*"
MERMAID = re.compile(
    rf"""
      \ +n\d+(?:\[\[|\[\(|\[/|\[\\|\{{\{{|\(\[|\[)"{LABEL}"(?:\]\]|\)\]|/\]|\\\]|\}}\}}|\]\)|\])
    | \ +subgraph\ c\d+\ \["{LABEL}"\]
    | \ +end
    | \ +n\d+\ (?:-->|-\.->|==>)(?:\|"{LABEL}"\|)?\ n\d+
    """,
    re.X,
)


def strict_mermaid(text: str) -> bool:
    head, *lines = text.removesuffix("\n").split("\n")
    assert head == "flowchart LR"
    depth = 0
    known: set[str] = set()
    for line in lines:
        assert MERMAID.fullmatch(line), line
        assert not re.search(r"(?:style|classDef).*:\S*#.*;", line), line  # what Mermaid itself would mangle
        depth += line.lstrip().startswith("subgraph") - (line.strip() == "end")
        assert depth >= 0
        ends = re.findall(r"\bn\d+\b", re.sub(r'"[^"]*"', "", line))
        if len(ends) == 2:
            assert set(ends) <= known, line
        known.update(ends)
    return depth == 0


def labels(text: str, word: str) -> list[str]:
    """The labels of nodes (`n`) or boxes (`subgraph`), as a reader sees them."""
    start = r"n\d+[\[({\\/]+" if word == "n" else r"subgraph c\d+ \["
    found = re.findall(rf'^ +{start}"([^"]*)"', text, re.M)
    return [re.sub(r"#(\d+);", lambda one: chr(int(one[1])), one.replace("<br>", "\n")) for one in found]


TEXT = r'"(?:[^"\\\n]|\\["\\n])*"'
NODE = rf"n\d+ \[shape=\w+, label={TEXT}\];"
DOT = re.compile(
    rf" *(?:{NODE}|n\d+ -> n\d+ \[style=\w+(?:, label={TEXT})?\];|subgraph cluster_\d+ \{{ label={TEXT};|\}})"
)


def strict_dot(text: str) -> bool:
    head, first, second, *lines, last = text.removesuffix("\n").split("\n")
    assert (head, last) == ("digraph vch {", "}")
    assert re.fullmatch(rf'  label={TEXT}; rankdir=LR; fontname="sans-serif";', first), first
    assert second.startswith("  node [")
    depth = 0
    for line in lines:
        assert DOT.fullmatch(line), line
        depth += line.lstrip().startswith("subgraph") - (line.strip() == "}")
        assert depth >= 0
    return depth == 0


def plain_dot(text: str) -> str:
    """A quoted text of DOT as a reader sees it."""
    plain = re.sub(r"\\(.)", lambda one: "\n" if one[1] == "n" else one[1], text[1:-1])
    return plain.replace("&quot;", '"').replace("&amp;", "&")


def visible(text: str) -> str:
    """A name as pictures show it: in one line, what cannot be seen written out."""
    signs = {"\n": "\\n", "\t": "\\t"}
    return "".join(
        signs.get(one, one) if one in signs or (one.isprintable() and not "\ud800" <= one <= "\udfff")
        else f"\\u{{{ord(one):x}}}"
        for one in text
    )  # fmt: skip
