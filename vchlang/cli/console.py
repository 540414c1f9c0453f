"""`vch console`: expressions and declarations tried out, with the names of a script or of none.

Each answer comes from the same check and evaluation as a plan's: what is written is put after the script's own text,
and what is said about it is shown. Nothing is planned and nothing is touched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS
from vchlang.analysis.program import Program
from vchlang.cli.look import Terminal, paint, safe
from vchlang.cli.options import ENVIRONMENT, PARAM, PARAMS, Command, Given, Option
from vchlang.cli.parameters import for_validate
from vchlang.cli.refusal import DONE, MISTAKES
from vchlang.cli.show_diagnostics import Sources, show
from vchlang.cli.target import Setting, setting
from vchlang.diagnostics import Diagnostic, Label, Severity, did_you_mean
from vchlang.syntax.parser import parse
from vchlang.system import Machine
from vchlang.text import SourceText, Span

COMMAND = Command(
    name="console",
    words="[FILE]",
    doc="Try expressions with the names of a script: values, types, mistakes. Nothing is touched.\n"
    "`let`, `fn`, `type`, `import` and `component` hold until the end. :help lists what else there is.\n"
    "Without a terminal it reads standard input line by line; a mistake then ends in exit code 3.",
    options=(Option(("--eval",), "answer this and end", "TEXT", True), ENVIRONMENT, PARAM, PARAMS),
    least=0,
    most=1,
    examples=("vch console examples/seed.vch", """vch console --eval 'cidr_host("10.0.0.0/24", 5)'"""),
)
NAME = "console"
_DECLARES = ("let", "fn", "type", "import", "component", "param")
_RESULT = "console_result_"
_WIDTH = 100
_HELP = """\
an expression       its value and its type
let, fn, type, …    declares a name for the rest of the session
:names              what is declared, with types
:type EXPRESSION    its type alone
:reload             read the script and its modules again
:quit               or end of file"""
_COMMANDS = (":help", ":names", ":type", ":reload", ":quit")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a line gives: text to print, and what is wrong with it, in the text of the line itself."""

    text: str = ""
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def wrong(self) -> bool:
        return any(one.severity is Severity.ERROR for one in self.diagnostics)


class Session:
    """What was declared so far, on top of a script. `file`: its path on this machine, empty for none."""

    def __init__(self, here: Setting, given: Given, file: str) -> None:
        self._here = here
        self._given = given
        self._file = file
        self._declared: list[str] = []
        self.source = SourceText(NAME, "")

    def script(self) -> SourceText | None:
        """The script's text; None where it cannot be read."""
        if not self._file:
            return SourceText(NAME + ".vch", "")
        return self._here.workspace.lookup(self._here.project.inside(self._file))

    def program(self) -> Program:
        """The script with what was declared, checked."""
        return self._checked("")[0]

    def answer(self, line: str) -> Answer:
        """The answer to one line, or to several that belong together."""
        text = line.strip()
        if not text or text.startswith("#"):
            return Answer()
        if text.startswith(":"):
            return self._command(text)
        if text.split(maxsplit=1)[0] in _DECLARES:
            return self._declare(text)
        return self._value(text, typed_only=False)

    def unfinished(self, text: str) -> bool:
        """Whether a text only lacks its end: something is open in it, or a value is missing after the last word."""
        words = text.split(maxsplit=1)
        if not words or words[0].startswith(":"):
            return False
        whole = text.rstrip() if words[0] in _DECLARES else f"let console = {text.rstrip()}"
        parsed = parse(SourceText(NAME, whole))
        return any(one.code == codes.UNCLOSED.slug or one.span.end >= len(whole) - 1 for one in parsed.diagnostics)

    def _command(self, text: str) -> Answer:
        word, _, rest = text.partition(" ")
        match word:
            case ":type" if rest.strip():
                return self._value(rest.strip(), typed_only=True)
            case ":names":
                program = self.program()
                lines = [
                    f"{name}: {_type_of(program, name)}"
                    for name, one in program.symbols.items()
                    if one.what != "import" or one.used
                ]
                lines += [f"component {name}" for name in program.components]
                lines += [f"type {name} = {v.show_type(v.plain(one.type))}" for name, one in program.types.items()]
                return Answer(text="\n".join(lines) or "nothing is declared")
            case ":reload":
                changed = self._here.workspace.refresh()
                return Answer(text="changed: " + ", ".join(sorted(changed)) if changed else "nothing changed")
            case ":help" | ":type":
                return Answer(text=_HELP)
            case _:
                near = did_you_mean(word, _COMMANDS)
                return Answer(text=f"there is no `{word}`" + (f": {near}" if near else "") + f"\n{_HELP}")

    def _declare(self, text: str) -> Answer:
        program, found = self._checked(text)
        answer = Answer(diagnostics=found)
        if not answer.wrong:
            source = self.source
            made = self._here.workspace.evaluate(program, for_validate(program, self._here.environment, self._given))
            self.source = source
            answer = Answer(diagnostics=(*found, *self._own(made.diagnostics, 0, len(text))))
        if not answer.wrong:
            self._declared.append(text)
        return answer

    def _value(self, text: str, *, typed_only: bool) -> Answer:
        before = f"output {_RESULT} = ("
        program, found = self._checked(f"{before}{text}\n)", shift=len(before), length=len(text))
        type_ = v.show_type(v.plain(program.results.get(_RESULT, v.ANY)))
        if [one.code for one in found] == [codes.SECRET_SINK.slug] and _RESULT in found[0].message:
            return Answer(text=type_ if typed_only else f"(secret)  {paint(': ' + type_, 'dim')}")
        if Answer(diagnostics=found).wrong:
            return Answer(diagnostics=found)
        if typed_only:
            return Answer(text=type_, diagnostics=found)
        parameters = for_validate(program, self._here.environment, self._given)
        made = self._here.workspace.evaluate(program, parameters)
        self.source = SourceText(NAME, text)
        found += tuple(self._own(made.diagnostics, len(before), len(text)))
        value = next((one.value for one in made.outputs if one.name == _RESULT), None)
        if Answer(diagnostics=found).wrong:
            return Answer(diagnostics=found)
        return Answer(text=f"{pretty(value)}  {paint(': ' + type_, 'dim')}", diagnostics=found)

    def _checked(self, text: str, *, shift: int = 0, length: int = -1) -> tuple[Program, tuple[Diagnostic, ...]]:
        """The script, what was declared, and a text after both; with what is wrong with that text."""
        script = self.script() or SourceText(NAME + ".vch", "")
        head = "\n".join([script.text, *self._declared, ""])
        self._offset = len(head)
        self.source = SourceText(NAME, text[shift : shift + length] if length >= 0 else text)
        loaded = self._here.workspace.check_text(script.name, head + text + "\n")
        assert loaded.program is not None
        return loaded.program, tuple(self._own(loaded.diagnostics, shift, len(text) if length < 0 else length))

    def _own(self, found: Iterable[Diagnostic], shift: int, length: int) -> Iterator[Diagnostic]:
        """What is said about the last text, in places of its own; the rest was said when it was declared."""
        script = self.script()
        name = script.name if script is not None else NAME + ".vch"
        script_text = script.text if script is not None else ""
        first = self._offset + shift
        for one in found:
            if one.source != name or one.span.end < first or one.code == codes.UNUSED.slug:
                continue
            labels = tuple(
                Label(source=NAME, span=_moved(label.span, first, length), text=label.text)
                if label.source == name and label.span.start >= first
                else label
                for label in one.labels
                if label.source != name or label.span.start >= first or label.span.end <= len(script_text)
            )
            yield msgspec.structs.replace(
                one, source=NAME, span=_moved(one.span, first, length), labels=labels, fix=None
            )


def _moved(span: Span, first: int, length: int) -> Span:
    start = min(max(span.start - first, 0), length)
    return Span(start, min(max(span.end - first, start), length))


def _type_of(program: Program, name: str) -> str:
    symbol = program.symbols[name]
    type_ = symbol.declared or symbol.type
    if symbol.signature is not None:
        params = ", ".join(f"{one.name}: {v.show_type(one.type)}" for one in symbol.signature.params)
        return f"({params}) -> {v.show_type(symbol.signature.result)}"
    for _ in range(symbol.depth):
        type_ = v.MapOf(v.STRING, type_)
    return v.show_type(v.Optional(type_) if symbol.optional and not symbol.depth else type_)


def pretty(value: Any, indent: str = "") -> str:
    """A value as the language writes it, over several lines where it is long."""
    if callable(value):
        return "(a function)"
    line = v.show(value)
    if len(indent) + len(line) <= _WIDTH or not isinstance(value, list | dict) or not value:
        return safe(line)
    inner = indent + "  "
    if isinstance(value, list):
        rows = [f"{inner}{pretty(one, inner)}," for one in value]
        return "[\n" + "\n".join(rows) + f"\n{indent}]"
    rows = [f"{inner}{safe(_key(key))}: {pretty(one, inner)}" for key, one in value.items()]
    return "{\n" + "\n".join(rows) + f"\n{indent}}}"


def _key(key: str) -> str:
    return key if key.isidentifier() else v.quoted(key)


# ---- the command ---------------------------------------------------------------------------------------------------


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Answer until there is nothing more to read."""
    file = os.path.abspath(given.words[0]) if given.words else ""
    here = setting(file or os.getcwd(), given.one("env"))
    session = Session(here, given, file)
    if file and session.script() is None:
        loaded = here.workspace.load(file)
        show(loaded.diagnostics, here.sources, terminal)
        return MISTAKES
    if given.all("eval"):
        return MISTAKES if sum(_tell(session, one, here, terminal) for one in given.all("eval")) else DONE
    if not sys.stdin.isatty():
        return MISTAKES if sum(_tell(session, one, here, terminal) for one in sys.stdin) else DONE
    return _converse(session, here, terminal)


def _tell(session: Session, line: str, here: Setting, terminal: Terminal) -> bool:
    """Print the answer to a line; whether something was wrong with it."""
    answer = session.answer(line)

    def lookup(name: str) -> SourceText | None:
        return session.source if name == NAME else here.workspace.lookup(name)

    show(answer.diagnostics, Sources(here.project.root, lookup), terminal)
    if answer.text:
        terminal.out(answer.text)
    return answer.wrong


def _converse(session: Session, here: Setting, terminal: Terminal) -> int:
    """Talk to a person: a prompt, lines that belong together, completion by the names there are."""
    _complete(session)
    terminal.out("an expression, a declaration, or :help")
    while not terminal.closed:
        try:
            text = input("vch> ")
            while text.strip() and session.unfinished(text):
                more = input("...  ")
                if not more.strip():
                    break
                text += "\n" + more
        except EOFError:
            terminal.out("")
            return DONE
        except KeyboardInterrupt:
            terminal.out("")
            continue
        if text.strip() in (":quit", ":q", ":exit"):
            return DONE
        _tell(session, text, here, terminal)
    return DONE


def _complete(session: Session) -> None:
    try:
        import readline
    except ImportError:  # a Python without it still converses
        return

    def candidates(text: str, state: int) -> str | None:
        program = session.program()
        words = [*_COMMANDS, *_DECLARES, *BUILTINS, *program.symbols, *program.components, *program.types]
        found = [one for one in dict.fromkeys(words) if one.startswith(text)]
        return found[state] if state < len(found) else None

    readline.set_completer(candidates)
    readline.set_completer_delims(" \t\n()[]{},+-*/%=<>!?\"'")
    readline.parse_and_bind("tab: complete")
