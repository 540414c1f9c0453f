"""Options of a command: a table that its help and its errors are made from, and the loop that reads a command line.

It is no `argparse`: that costs a fifth of what `vch plan` may take, and says less about a mistake.
"""

from __future__ import annotations

from typing import NamedTuple

from vchlang.diagnostics import nearest


class Usage(Exception):
    """A command line that cannot be meant; exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Option(NamedTuple):
    """One option. `value` is what its help calls the value, empty for a switch; `choices` are all that it may be."""

    names: tuple[str, ...]
    doc: str
    value: str = ""
    many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The long name, without its dashes."""
        return self.names[-1].lstrip("-")


class Command(NamedTuple):
    """What a command takes: `least` to `most` words beside its options."""

    name: str
    words: str
    doc: str
    options: tuple[Option, ...]
    least: int
    most: int
    examples: tuple[str, ...] = ()


class Given(NamedTuple):
    """A command line that was read; `written` is what it was read from."""

    words: list[str]
    values: dict[str, list[str]]
    written: tuple[str, ...] = ()

    def flag(self, name: str) -> bool:
        return name in self.values

    def one(self, name: str, default: str = "") -> str:
        return self.values.get(name, [default])[-1]

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])


HELP = Option(("-h", "--help"), "this text")
COLOR = Option(
    ("--color",), "colours: always, never, or auto (on a terminal)", "WHEN", choices=("auto", "always", "never")
)
ENVIRONMENT = Option(("-e", "--env"), "an environment of vch.toml", "NAME")
NAME = Option(("-n", "--name"), "the deployment; else it is called as the script is", "NAME")
PARAM = Option(
    ("-p", "--param"), "a parameter; of a secret one only name=env:VARIABLE or name=file:PATH", "NAME=VALUE", True
)
PARAMS = Option(("--params",), "parameters from a TOML or JSON file", "FILE")
VERBOSE = Option(("-v", "--verbose"), "also what does not change")
YES = Option(("--yes",), "do not ask")


def formats(*choices: str) -> Option:
    """The option `--format` with these choices, the first being the default."""
    return Option(("--format",), "how to print it: " + ", ".join(choices), "FORMAT", choices=choices)


def parse(command: Command, argv: list[str]) -> Given:
    """Read a command line; Usage where it cannot be meant. `--` ends the options."""
    known = {name: option for option in (*command.options, COLOR, HELP) for name in option.names}
    words: list[str] = []
    values: dict[str, list[str]] = {}
    at = 0
    while at < len(argv):
        word = argv[at]
        at += 1
        if word == "--":
            words += argv[at:]
            break
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, equals, value = word.partition("=")
        if not word.startswith("--") and len(word) > 2 and word[:2] in known:
            # `-nNAME`; of a switch, `-vx` would be two, which nobody needs here
            name, equals, value = word[:2], "=", word[2:].removeprefix("=")
        option = known.get(name)
        if option is None:
            near = nearest(name, known)
            raise Usage(f"`vch {command.name}` has no option `{name}`", f"did you mean `{near}`?" if near else "")
        if not option.value:
            if equals:
                raise Usage(f"`{name}` takes no value")
            value = ""
        elif not equals:
            if at == len(argv):
                raise Usage(f"`{name}` needs a value: {name} {option.value}")
            value = argv[at]
            at += 1
        if option.choices and value not in option.choices:
            near = nearest(value, option.choices)
            hint = f"did you mean `{near}`?" if near else "it is one of " + ", ".join(option.choices)
            raise Usage(f"`{name}` cannot be `{value}`", hint)
        if option.name in values and not option.many and option.value:
            raise Usage(f"`{name}` is given twice")
        values.setdefault(option.name, []).append(value)
    if "help" in values:
        return Given(words, values, tuple(argv))
    if len(words) < command.least:
        raise Usage(f"`vch {command.name}` needs {command.words}")
    if len(words) > command.most:
        raise Usage(f"`vch {command.name}` takes no `{words[command.most]}`")
    return Given(words, values, tuple(argv))


def help_of(command: Command) -> str:
    """The text of `vch COMMAND --help`."""
    options = (*command.options, COLOR, HELP)
    left = [", ".join(one.names) + (f" {one.value}" if one.value else "") for one in options]
    width = max(len(one) for one in left)
    out = [f"usage: vch {command.name} {command.words} [options]".replace("  ", " "), "", command.doc, ""]
    out += [f"  {name:<{width}}  {one.doc}" for name, one in zip(left, options, strict=True)]
    if command.examples:
        out += ["", *(f"  {one}" for one in command.examples)]
    return "\n".join(out) + "\n"
