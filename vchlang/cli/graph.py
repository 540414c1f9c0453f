"""`vch graph`: a deployment as a graph, for a terminal, a document or another program. It changes nothing."""

from __future__ import annotations

from vchlang.analysis.program import Parameters, Program
from vchlang.cli.look import Terminal, one_line
from vchlang.cli.options import ENVIRONMENT, NAME, PARAM, PARAMS, Command, Given, Option, formats
from vchlang.cli.parameters import for_validate
from vchlang.cli.planning import in_order
from vchlang.cli.refusal import DONE, Refusal
from vchlang.cli.secrets import secret_params
from vchlang.cli.show_graph import graph_text
from vchlang.cli.target import connect, deployment_name, setting
from vchlang.diagnostics import has_errors
from vchlang.plan.drawing import as_json, dot, mermaid
from vchlang.plan.graph import Graph, made_of, order_of
from vchlang.syntax import ast
from vchlang.system import Machine

COMMAND = Command(
    name="graph",
    words="FILE",
    doc="What a script brings together: elements, where they are, and what is joined in which role.\n"
    "It asks no target, and what depends on a parameter without a value is not in it. With --order it is the\n"
    "operations of the plan, and which wait for which: that reads the state and the target, as `vch plan` does.",
    options=(
        Option(("--order",), "the operations of the plan and their order"),
        formats("text", "mermaid", "dot", "json"),
        NAME,
        ENVIRONMENT,
        PARAM,
        PARAMS,
    ),
    least=1,
    most=1,
    examples=(
        "vch graph examples/seed.vch",
        "vch graph examples/seed.vch --format dot | dot -Tsvg -o seed.svg",
        "vch graph examples/seed.vch --order --format mermaid",
    ),
)


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Draw a script."""
    graph = _ordered(given, terminal, machine) if given.flag("order") else _made(given, terminal)
    match given.one("format", "text"):
        case "json":
            terminal.out_bytes(as_json(graph))
        case "mermaid":
            terminal.out_bytes(mermaid(graph).encode())
        case "dot":
            terminal.out_bytes(dot(graph).encode())
        case _:
            terminal.out(graph_text(graph))
    return DONE


def _ordered(given: Given, terminal: Terminal, machine: Machine) -> Graph:
    from vchlang.cli.planning import prepare

    script = given.words[0]
    deployment = deployment_name(given, script)
    here = setting(script, given.one("env"))
    return order_of(prepare(here, connect(here, machine), given, script, deployment, terminal, machine).plan)


def _made(given: Given, terminal: Terminal) -> Graph:
    script = given.words[0]
    here = setting(script, given.one("env"))
    loaded = here.workspace.load(script)
    if loaded.program is None:
        raise Refusal(loaded.diagnostics, here.sources)
    parameters = for_validate(loaded.program, here.environment, given)
    composition = here.workspace.evaluate(loaded.program, parameters)
    found = in_order([*loaded.diagnostics, *composition.diagnostics])
    if has_errors(found):
        raise Refusal(found, here.sources)
    open_ = _without_value(loaded.program, parameters)
    if open_:
        names = ", ".join(f"`{one_line(one)}`" for one in open_)
        verb = "has" if len(open_) == 1 else "have"
        terminal.err(f"{names} {verb} no value: what depends on that is not in the picture; -p {open_[0]}=… gives one")
    return made_of(composition, loaded.name)


def _without_value(program: Program, parameters: Parameters) -> list[str]:
    """The parameters that no loop and no condition can go by. Secrets never decide what there is."""
    secret = secret_params(program)
    return [
        name
        for name, symbol in program.symbols.items()
        if isinstance(symbol.node, ast.Param)
        and symbol.node.declaration.default is None
        and name not in parameters.given
        and name not in secret
    ]
