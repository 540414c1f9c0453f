"""Habits of other languages: what somebody writes who comes from Terraform, Bicep or a shell, and what it is here.

Only looked at once a text has a mistake, so a valid text costs nothing. `tidy` rewrites, before the run over the rest,
what can stand nowhere in a valid text and has one meaning here, so that all else in the statement is still read.
`statement` and `inside` say of the token at which a run stopped which habit it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from vchlang.codes import RESERVED_WORD, SYNTAX, UNKNOWN_CHARACTER
from vchlang.diagnostics import Code, Fix
from vchlang.syntax.tables import BAD
from vchlang.text import Span
from vchlang.values import UNIT_TABLE

KINDS = ("pool", "location", "network", "storage", "executor", "template", "task", "segment")
DECLARING = ("param", "let", "output", "fn", "component", "for")
_VERBS = ("create", "adopt", "ensure", "existing")

FIELDS = {
    "count": "write a loop around it: for n in 1..3 { create … name[n] … }",
    "for_each": "write a loop around it: for key in keys { create … name[key] … }",
    "depends_on": "an element needs what it mentions; another order is said before the statement: @after(x)",
    "dependsOn": "an element needs what it mentions; another order is said before the statement: @after(x)",
    "lifecycle": "write `@protect` before the statement to refuse its end, or `@retain` to keep it on destroy",
    "prevent_destroy": "write `@protect` before the statement",
    "create_before_destroy": "the plan orders a replacement by itself",
    "ignore_changes": "fields that are not written are left alone",
    "provisioner": "what runs in an executor is a task: `create task`, and `join` and `bind` in its handle",
    "connection": "what runs in an executor is a task: `create task`, and `join` and `bind` in its handle",
    "provider": "where it is deployed stands in vch.toml",
}
"""Fields that elements of other languages have, and what is written here instead."""

_LET = "a value has a name by `let {0} = …`, an input by `param {0}: Type`"
_FN = "write `fn {0}(x: Int) = …`: its body is one expression"
_SHOW = "`output name = …` shows a value; `vch console` tries one out"
_BRANCH = "a value is chosen by `if … then … else …`, statements by `if … { } else { }`"
_IMPORT = 'write `import { name } from "./file.vch"`'
_NOTHING = "leave it out: what it says is nothing that a script needs; targets and environments stand in vch.toml"
_GONE = "leave its statement out: what is gone from the script is destroyed by the next apply"
_LOOP = "write `for x in list { … }`"

_STATEMENTS = {
    "resource": "`create {kind} {name} …` makes one; `adopt`, `ensure` and `existing` take what is there",
    "data": "what is looked up and never changed is `existing {kind} {name} at …`",
    "variable": "an input is `param {name}: Type = default`, in one line and without braces",
    "input": "an input is `param {0}: Type = default`",
    "locals": "each value is a statement of its own: `let name = …`",
    "local": _LET,
    "module": 'write `import { part } from "./part.vch"`, and `create part {name} { … }` for each use',
    "provider": "the target and how to reach it stand in vch.toml",
    "terraform": _NOTHING,
    "backend": "where state is kept stands in vch.toml",
    "targetScope": _NOTHING,
    "moved": 'write `@was("old")` before the element under its new name',
    "removed": _GONE,
    "delete": _GONE,
    "destroy": _GONE,
    "remove": _GONE,
    "const": _LET,
    "var": _LET,
    "val": _LET,
    "set": _LET,
    "export": _LET,
    "declare": _LET,
    "function": _FN,
    "func": _FN,
    "def": _FN,
    "fun": _FN,
    "print": _SHOW,
    "println": _SHOW,
    "printf": _SHOW,
    "echo": _SHOW,
    "return": "a function is one expression and gives its value: `fn double(x: Int) = x * 2`",
    "foreach": _LOOP,
    "while": _LOOP,
    "switch": _BRANCH,
    "match": _BRANCH,
    "case": _BRANCH,
    "unless": _BRANCH,
    "elif": "`else if` follows the `}` of an `if`",
    "try": "a script catches no mistakes: it is checked before anything changes; see `assert` and `??`",
    "enum": "write `type {0} = .one | .other`",
    "class": "write `type {0} = {{ field: Type }}` for values, `component` for a kind of your own",
    "struct": "write `type {0} = {{ field: Type }}`",
    "interface": "write `type {0} = {{ field: Type }}`",
    "use": _IMPORT,
    "using": _IMPORT,
    "include": _IMPORT,
    "require": _IMPORT,
    "source": _IMPORT,
}
_TYPES_OF = {"list": "[String]", "set": "[String]", "tuple": "[String]", "array": "[String]", "map": "{String: String}"}
_TYPES_OF |= {"object": "{ name: String }", "optional": "String?"}


class Habit(NamedTuple):
    """What is said of the tokens `first` to `last`. `write`: what to write there, if that is sure. `words`: the signs
    of the language that the run takes instead of `taken` tokens from where it stopped."""

    message: str
    hint: str
    first: int
    last: int
    write: str | None = None
    words: tuple[str, ...] = ()
    taken: int = 1
    code: Code = SYNTAX
    expected: str = ""


# ---- what begins a statement ----------------------------------------------------------------------------------------


def statement(run: Any, token: int) -> Habit | None:
    """Of a token that begins no statement."""
    texts: list[str] = run.texts
    text, following = texts[token], texts[token + 1]
    if not text.isidentifier():
        return None
    message = f"`{text}` begins no statement"
    said = _STATEMENTS.get(text)
    if said is not None and following not in (":", "."):
        kind, name = _named(texts, token)
        if "{kind}" in said or "{name}" in said:
            hint = said.replace("{kind}", kind).replace("{name}", name)
        else:
            hint = said.replace("{0}", following if following.isidentifier() else "name").replace("{{", "{")
            hint = hint.replace("}}", "}")
        return Habit(message, hint, token, token)
    if text in KINDS and (following.isidentifier() or following[:1] in "\"'"):
        return Habit(message, f"a verb comes first: `create {text}`, or adopt, ensure or existing", token, token)
    if text == "rules" and following in (":", "="):
        return Habit(message, "rules are statements: `allow tcp(443) from any`", token, token)
    if following == "=" and _touching(run, token + 1, "=") is False:
        hint = f"a value gets its name by `let`: let {text} = …"
        return Habit(message, hint, token, token, f"let {text}")
    if following == "(":
        hint = f"a component is made by `create {text} name {{ … }}`, and a call stands in a value: `let x = {text}(…)`"
        return Habit(message, hint, token, token)
    return None


def begins(run: Any, token: int) -> bool:
    """Whether the token begins a statement of another language."""
    return run.texts[token] in _STATEMENTS and run.texts[token + 1] not in (":", "=", ".", "(", ",")


def _named(texts: Sequence[str], token: int) -> tuple[str, str]:
    """Kind and name of `resource "kind" "name"`, `resource name 'kind'` or `module "name"`, as they go here."""
    words: list[str] = []
    for text in texts[token + 1 : token + 3]:
        if text[:1] not in ("'", '"') and not text.isidentifier():
            break
        words.append(text)
    found = [re.sub(r"\W+", "_", one.strip("\"'")).strip("_") for one in words]
    kind = next((one for one in KINDS if found and one in found[0].split("_")), "KIND")
    name = found[-1] if found and found[-1].isidentifier() else "name"
    if len(words) == 2 and words[0].isidentifier() and not words[1].isidentifier():  # as Bicep writes it
        name = found[0]
    return kind, name


# ---- inside a statement ---------------------------------------------------------------------------------------------


def inside(run: Any, token: int, first: int, fits: Callable[[list[str]], bool]) -> Habit | None:
    """Of a token that cannot stand where it does, in the statement that begins with `first`.

    fits: whether the run could go on with some signs of the language, and after them with the token that follows as
    many tokens as they stand for: the number of those comes last, as text.
    """
    texts: list[str] = run.texts
    text, following, before = texts[token], texts[token + 1], texts[token - 1] if token > first else ""
    keyword = texts[first]
    pair = text + following if _touching(run, token + 1, following) else ""
    if text == "=":
        found = _assigned(run, token, first, before, fits)
        if found is not None:
            return found
    for written, words, taken, said in _INSTEAD:
        if written in (text, pair) and fits([*words, str(taken)] if written.isalpha() else [*words]):
            last = token + taken - 1
            write = " ".join(words)
            if write.isalpha():  # words do not stand as close as signs do
                write = " " * _touching(run, token, text) + write + " " * _touching(run, last + 1, texts[last + 1])
            return Habit(f"`{written}` {_IS}", said, token, last, write, words, taken, _code(run, token))
    if text in ("=>", "->") and before == ")":
        return Habit(_cannot(text), "a function of one parameter is x => …, of several (x, y) => …", token, token)
    if text == "=>" and fits([":", "1"]):
        return Habit("`=>` cannot stand here", "a field is written `name: value`", token, token, ":", (":",))
    if text == "?" and following == ".":
        return Habit(
            "`?.` is no operator", "give what may be null another value first: (a ?? b).name", token, token + 1
        )
    if text in _CHOICES:
        message = "`?` is no operator" if text == "?" else "a backtick begins no text"
        return Habit(message, _CHOICES[text], token, token, code=_code(run, token))
    if text == "not" and following == "in":
        hint = "`not` stands before the whole: not (x in list)"
        return Habit("`not in` is no operator", hint, token, token + 1)
    if text == "*" and before == "*" and _touching(run, token, text):
        return Habit("`**` is no operator", "write pow(base, exponent)", token - 1, token)
    if text == ">" and before == "<" and _touching(run, token, text):
        return Habit("`<>` is no operator", "write `!=`", token - 1, token, "!=")
    if text == "=" and before in ("==", "!=") and _touching(run, token, text):
        return Habit(f"`{before}=` is no operator", f"write `{before}`", token - 1, token, before)
    if text == "+" and before == "+" and _touching(run, token, text):
        return Habit("`++` is no operator", 'texts go together as "${a}${b}", lists as [...a, ...b]', token - 1, token)
    if text == "*" and before == "[" and following == "]":
        target = texts[token - 2] if texts[token - 2].isidentifier() else "list"
        member = f".{texts[token + 3]}" if texts[token + 2] == "." else ".name"
        return Habit("`[*]` is no index", f"write [for x in {target}: x{member}]", token - 1, token + 1)
    if text == "for" and _open(texts, first, token) in ("[", "("):
        return Habit(_cannot(text), "the loop comes first, in brackets: [for x in list: value]", token, token)
    bracket = _open(texts, first, token) if text == "if" else ""
    if (bracket == "[" or (bracket == "{" and keyword in ("let", "output"))) and "for" in texts[first + 1 : token]:
        values = "[for x in list if condition: value]" if bracket == "[" else "{for k, v in map if condition: k: v}"
        hint = f"the condition stands before the colon: {values}"
        return Habit(_cannot(text), hint, token, token)
    if text == "else" and keyword == "if" and first > 0 and not _breaks(run, first):
        return Habit(_cannot(text), _CHOICES["?"], token, token)
    if text in ("in", "at") and before == "}" and keyword in _VERBS:
        return Habit(f"`{text}` stands before the braces", "", token, token)
    if keyword in ("if", "for") and text in ("then", ":", "do") and following == "{" and fits(["{"]):
        return Habit(_cannot(text), "the braces follow at once", token, token, "", (), 1)
    if keyword == "fn" and text == "{":
        return Habit(_cannot(text), "a function is one expression: fn f(x: Int) = x * 2", token, token)
    if keyword == "fn" and text == ":" and before == ")":
        return Habit(_cannot(text), "its type stands behind `->`: fn f(x: Int) -> Int = x", token, token, " ->")
    if keyword in ("fn", "component") and text in (",", ")") and texts[token - 2] in ("(", ","):
        return Habit("a parameter has a type", f"write its type, as {before}: String", token - 1, token - 1)
    if keyword == "component" and text == "{" and token == first + 2:
        return Habit(_cannot(text), f"its parameters stand in parentheses: component {before}() {{ … }}", token, token)
    if text == "," and before.isdigit() and re.fullmatch(r"\d{3}(?!\d).*", following) and _touching(run, token, text):
        return Habit(_cannot(text), f"digits are parted by `_`: {before}_{following}", token, token, "_")
    if text in _VERBS and before == "=":
        return Habit(_cannot(text), f"an element has its name behind its kind: {text} task name {{ … }}", token, token)
    if text == "/" and before == ":":
        return Habit(_cannot(text), 'a path is a text: "/…"', token, token)
    if keyword == "import" and before == "from" and text.isidentifier():
        hint = 'write from "std/loaders" or from "./part.vch"'
        return Habit(_cannot(text), hint, token, token, expected="a text")
    if text == "," and following in ("}", ""):
        return Habit(_cannot(text), "statements need no sign between them", token, token)
    if before == "lambda" or (before == "(" and keyword != "for" and text == "=>"):
        return Habit(_cannot(text), "a function as a value is `x => …`", token - 1, token)
    if _is_part(text) and before == "." and text[:1].isdigit():
        return _dotted(run, token)
    found = _declared(run, token, first, keyword, before, fits)
    if found is not None:
        return found
    if token - first >= 2 and texts[token - 2] == "." and _breaks(run, token - 1):
        return Habit("a name is missing after the dot", "", token - 2, token - 2)
    if text == "in" and keyword in _VERBS and "at" in texts[first:token]:
        return _swapped(run, token, first)
    if text == "{" and before in FIELDS:
        return Habit(f"`{before}` is nothing that an element takes", FIELDS[before], token - 1, token - 1)
    if text[:1] in "\"'" and before == "provisioner":
        return Habit(f"`{before}` is nothing that an element takes", FIELDS[before], token - 1, token - 1)
    if text == "{" and before.isidentifier() and fits([":", "0"]):
        hint = f"a field is written with `:`, as in {before}: {{ … }}"
        return Habit(_cannot(text), hint, token, token, ": {", (":",), 0)
    if text in OPERATORS and following == ":" and before not in DECLARING:
        return Habit(
            f"`{text}` is a word of the language",
            f'as the name of a field it is written in quotes: "{text}"',
            token, token, f'"{text}"', ("NAME",), code=RESERVED_WORD,
        )  # fmt: skip
    return None


_IS = "is no word of the language"
_INSTEAD = (
    ("&&", ("and",), 2, "write `and`"),
    ("||", ("or",), 2, "write `or`"),
    ("!", ("not",), 1, "write `not`"),
    ("->", ("=>",), 1, "a function as a value is written with `=>`"),
    ("elif", ("else", "if"), 1, "write `else if`"),
    ("elseif", ("else", "if"), 1, "write `else if`"),
    ("elsif", ("else", "if"), 1, "write `else if`"),
    ("is", ("==",), 1, "write `==`"),
    ("of", ("in",), 1, "write `in`"),
)
"""What is written, which words mean it here, how many tokens it has, and the hint."""
OPERATORS = ("in", "and", "or")
_CHOICES = {"?": "a choice is written `if … then … else …`", "`": "a text stands in quotes: \"…\", or '…' as it is"}


def _cannot(text: str) -> str:
    return f"`{text}` cannot stand here"


def _code(run: Any, token: int) -> Code:
    return UNKNOWN_CHARACTER if run.kinds[token] == BAD else SYNTAX


def _assigned(run: Any, token: int, first: int, before: str, fits: Callable[[list[str]], bool]) -> Habit | None:
    """An `=` in the place of `:` or `==`, of a statement whose own `=` it is not."""
    texts = run.texts
    keyword = texts[first]
    if keyword == "param" and token == first + 2:
        return untyped(run, first)
    if keyword == "let" and before == ":" and token == first + 3 and _touching(run, token, "="):
        return Habit("`:=` is no sign of the language", "write `=`", token - 1, token, "=")
    if keyword == "let" and before in ("+", "-", "*", "/") and _touching(run, token, "="):
        return Habit("no value is changed", "give the new value a name of its own", token - 1, token)
    if keyword == "for":
        return Habit(_cannot("="), "a loop goes over a list or a range: `for n in 0..2 { … }`", token, token)
    if before.isidentifier() or before[:1] in "\"'":
        if fits([":", "1"]):
            if before in FIELDS:
                return Habit(f"`{before}` is nothing that an element takes", FIELDS[before], token - 1, token - 1)
            name = before if len(before) <= 40 else "name"
            return Habit(_cannot("="), f"a field is written with `:`, as in {name}: …", token, token, ":", (":",))
    if keyword in ("if", "assert", "verify") or "where" in texts[first:token]:
        if fits(["==", "1"]):
            return Habit(_cannot("="), "values are compared by `==`", token, token, "==", ("==",))
    return None


def untyped(run: Any, first: int) -> Habit:
    """`param x` and `param x = 5`."""
    token = first + 2
    value = run.texts[token + 1] if run.texts[token] == "=" else ""
    type_ = (
        "Bool" if value in ("true", "false") else "Int" if value.isdigit() else "Float" if value[:1].isdigit() else ""
    )
    type_ = type_ or "String"
    name = run.texts[first + 1]
    if run.texts[token][:1].isupper() and run.texts[token].isidentifier():  # `param x Int`
        typed = f"{name}: {run.texts[token]}"
        return Habit("a parameter has a type after a `:`", f"write `{typed}`", first + 1, token, typed)
    hint = f"write its type: `{name}: {type_}`"
    write = f"{name}: {type_}" if value and (value[:1] in "\"'" or type_ != "String") else None
    if value[:1].isdigit() and not value.replace(".", "").isdigit():
        return Habit("a parameter has a type", "write its type, such as `: Bytes`", first + 1, first + 1)
    return Habit("a parameter has a type", hint, first + 1, first + 1, write)


def _declared(
    run: Any, token: int, first: int, keyword: str, before: str, fits: Callable[[list[str]], bool]
) -> Habit | None:
    """Names and types as other languages declare them."""
    texts = run.texts
    text, following = texts[token], texts[token + 1]
    if keyword == "import" and token == first + 1:
        if text[:1] in "\"'":
            hint = f"say which names it gives: import {{ name }} from {text}"
            return Habit("an import names what it takes", hint, token, token)
        if text.isidentifier():
            return Habit("an import has braces", f"write import {{ {text} }} from …", token, token, f"{{ {text} }}")
        if text == "*":
            return Habit("an import names what it takes", "write import { one, other } from …", token, token)
    if text[:1] in ('"', "'") and (
        before in DECLARING or before == "as" or before in KINDS or texts[token - 2] in _VERBS
    ):
        name = text[1:-1]
        if before not in ("for", "segment") and re.fullmatch(r"[A-Za-z_]\w*", name) and fits(["NAME", "1"]):
            return Habit("a name stands without quotes", f"write {name}", token, token, name, ("NAME",))
        if re.fullmatch(r"[\w.-]+", name) and fits(["NAME"]):
            plain = re.sub(r"\W", "_", name)
            if following == "{" and before == "output":
                return Habit("a name stands without quotes", f"write output {plain} = …", token, token)
            hint = f"write {plain}" if plain == name else f"write {plain}: names have `_`"
            return Habit("a name stands without quotes", hint, token, token, plain)
        return None
    if keyword == "output" and text == "{" and token == first + 2:
        return Habit(_cannot(text), f"write output {before} = …", token, token)
    if keyword in ("param", "let", "type", "component", "fn") and before.isidentifier():
        if text == "(" and before in _TYPES_OF:
            hint = f"types are written {_TYPES_OF[before]}" if before != "optional" else "an optional type is `String?`"
            return Habit(f"`{before}` is no type", hint, token - 1, token - 1)
        if text == "[" and following == "]" and texts[token - 2] == ":":
            return Habit(_cannot("[]"), f"a list of them is [{before}]", token - 1, token + 1, f"[{before}]")
    if before == "for" and text == "(":
        return Habit(_cannot(text), "a loop has no parentheses: `for x in list { … }`", token, token)
    if text.isidentifier() and token > first + 1 and texts[token - 2] == "@" and before.isidentifier():
        return Habit(_cannot(text), f"write @{before}({text})", token, token)
    return None


def _is_part(text: str) -> bool:
    return bool(text) and text.replace(".", "").isdigit()


def _dotted(run: Any, token: int) -> Habit | None:
    """An address or a version that is no text."""
    start = token
    while start > 0 and (_is_part(run.texts[start - 1]) or run.texts[start - 1] == "."):
        if not _touching(run, start, run.texts[start]):
            break
        start -= 1
    last = token
    while _touching(run, last + 1, run.texts[last + 1]) and run.texts[last + 1][:1] in "./0123456789":
        if not run.texts[last + 1]:
            break
        last += 1
    written = "".join(run.texts[start : last + 1])
    if start == token:
        return None
    return Habit(f"`{written}` is no number", f'write it as a text: "{written}"', start, last, f'"{written}"')


def opened(text: str, start: int) -> int | None:
    """Where `${` stands, in a text that begins at `start` and is never closed, if that is what is never closed."""
    line = text.find("\n", start)
    rest = text[start : line if line >= 0 else len(text)]
    at = rest.find("${")
    if at < 0 or rest[:1] != '"' or "}" in rest[at:] or "\\" in rest:
        return None
    return start + at


def _breaks(run: Any, token: int) -> bool:
    """Whether the token is the first of its line, behind a dot that ends the line before."""
    return "\n" in run.text[run.ends[token - 1] : run.ends[token] - len(run.texts[token])]


def _swapped(run: Any, token: int, first: int) -> Habit:
    """`at … in …`: both clauses in their order, where each has one token."""
    texts = run.texts
    at = max(index for index in range(first, token) if texts[index] == "at")
    write = None
    if token - at == 2 and (texts[token + 1].isidentifier() or texts[token + 1][:1] in "\"'"):
        if texts[token + 2] not in (".", "[", "("):
            write = f"in {texts[token + 1]} at {texts[token - 1]}"
            return Habit("`in` comes before `at`", f"write {write}", at, token + 1, write)
    return Habit("`in` comes before `at`", "first inside what, then where", token, token, write)


def _open(texts: Sequence[str], first: int, token: int) -> str:
    """The innermost bracket that is open at a token."""
    found: list[str] = []
    for index in range(first, token):
        if texts[index] in ("[", "(", "{"):
            found.append(texts[index])
        elif texts[index] in ("]", ")", "}") and found:
            found.pop()
    return found[-1] if found else ""


def _touching(run: Any, token: int, text: str) -> bool:
    """Whether nothing stands between a token and the one before it."""
    return 0 < token < len(run.ends) and bool(run.ends[token] - len(text) == run.ends[token - 1])


# ---- before the run -------------------------------------------------------------------------------------------------

MOST = 20  # of one kind that are taken for what they mean; each costs a move of the tokens after it
_RESCANS = 5  # of those after which the rest is read anew


def tidy(run: Any) -> None:
    """Rewrite, from the statement with the first mistake on, what has one meaning and is nowhere in a valid text."""
    text: str = run.text
    if "<<" in text:
        _heredocs(run)
    if "//" in text or "/*" in text:
        _comments(run)
    if "“" in text or "”" in text or "‘" in text:
        _quotes(run)
    if "${" in text:
        _bare(run)
    _spaced(run)
    if "-" in text:
        _hyphened(run)
    if "bind" in text:
        _commaless(run)
    _parted(run)


def _start(run: Any, token: int) -> int:
    return int(run.ends[token]) - len(run.texts[token])


def _say(run: Any, code: Code, start: int, end: int, message: str, hint: str, write: str | None = None) -> None:
    span = Span(start, end)
    title = "leave it out" if not write else f"write {write}" if len(write) <= 60 else "write it so"
    fix = Fix(title, span, write) if write is not None else None
    run.report.report(code, span, message, hint=hint or None, fix=fix)


def _drop(run: Any, token: int, after: int) -> None:
    del run.kinds[token:after], run.texts[token:after], run.ends[token:after]


def _heredocs(run: Any) -> None:
    """`<<EOF` up to a line with that word alone becomes a text; what follows is read anew."""
    token = run.first
    for _ in range(_RESCANS):
        while token + 2 < len(run.texts) and not (run.texts[token] == "<" == run.texts[token + 1]):
            token += 1
        if token + 2 >= len(run.texts):
            return
        start = _start(run, token)
        opening = re.compile(r"<<[-~]?(['\"]?)(\w+)\1[^\n]*\n").match(run.text, start)
        closing = None
        if opening is not None:
            closing = re.compile(rf"^[ \t]*{opening[2]}[ \t]*$", re.MULTILINE).search(run.text, opening.end())
        if opening is None or closing is None:
            token += 1
            continue
        end = closing.end()
        kinds, texts, ends = run.machine.lexer.scan(run.text[end:])
        raw = run.machine.terminals.index("RAW_TEXT")
        run.kinds[token:] = [raw, *kinds]
        run.texts[token:] = ["'''" + run.text[start + 3 : end - 3] + "'''", *texts]
        run.ends[token:] = [end, *(end + one for one in ends)]
        body = run.text[opening.end() : closing.start()]
        write = f'"""\n{body}"""' if '"""' not in body and "\\" not in body else None
        head = opening.end(2) + len(opening[1])
        hint = "text over several lines is written \"\"\"…\"\"\", or '''…''' as it is"
        run.report.report(
            SYNTAX, Span(start, head), f"`{run.text[start:head]}` begins no text here", hint=hint,
            fix=Fix('write """…"""', Span(start, end), write) if write is not None else None,
        )  # fmt: skip
        token += 1


def _comments(run: Any) -> None:
    """`// …` and `/* … */` are passed over."""
    token = run.first
    found = 0
    while token + 1 < len(run.texts) and found < MOST * 5:
        sign = run.texts[token + 1]
        if run.texts[token] == "/" and sign in ("/", "*") and _touching(run, token + 1, sign):
            start = _start(run, token)
            if sign == "/":
                end = run.text.find("\n", start)
                end = len(run.text) if end < 0 else end
                _say(run, SYNTAX, start, start + 2, "`//` begins no comment", "a comment begins with `#`", "#")
            else:
                end = run.text.find("*/", start + 2)
                if end < 0:
                    return
                end += 2
                hint = "each line of a comment begins with `#`"
                _say(run, SYNTAX, start, start + 2, "`/*` begins no comment", hint)
            found += 1
            after = token
            while after < len(run.texts) - 1 and run.ends[after] <= end:
                after += 1
            if after < len(run.texts) - 1 and _start(run, after) < end:  # a text that began in the comment
                kinds, texts, ends = run.machine.lexer.scan(run.text[end:])
                run.kinds[token:], run.texts[token:] = kinds, texts
                run.ends[token:] = [end + one for one in ends]
            else:
                _drop(run, token, after)
        else:
            token += 1


_CURLED = re.compile(r"[“”„]([^“”„\"\n]*)[“”„\"]|[‘’]([^‘’'\n]*)[‘’']")


def _quotes(run: Any) -> None:
    """Texts in typographic quotes."""
    token = run.first
    found = 0
    while token + 1 < len(run.texts) and found < _RESCANS:
        if run.texts[token] in ("“", "”", "„", "‘", "’"):
            start = _start(run, token)
            text = _CURLED.match(run.text, start)
            if text is not None:
                end = text.end()
                quote = '"' if text[1] is not None else "'"
                plain = quote + run.text[start + 1 : end - 1] + quote
                _say(run, UNKNOWN_CHARACTER, start, end, "these are typographic quotes", f"write {plain}", plain)
                kinds, texts, ends = run.machine.lexer.scan(plain + run.text[end:])
                run.kinds[token:], run.texts[token:] = kinds, texts
                run.ends[token:] = [start + one for one in ends]
                found += 1
        token += 1


def _bare(run: Any) -> None:
    """`${x}` outside of a text is taken as (x)."""
    texts = run.texts
    token = run.first
    found = 0
    opens = run.machine.words["("], run.machine.words[")"]
    while token + 1 < len(texts) and found < MOST:
        if texts[token] == "$" and texts[token + 1] == "{" and _touching(run, token + 1, "{"):
            depth = 0
            for index in range(token + 1, len(texts)):
                depth += (texts[index] == "{") - (texts[index] == "}")
                if depth == 0:
                    break
            if depth:
                return
            if index > token + 2:
                start, end = _start(run, token), run.ends[index]
                inner = run.text[start + 2 : end - 1].strip()
                said = f"outside of a text it is written alone: {inner}" if len(inner) <= 60 else "write it alone"
                _say(run, UNKNOWN_CHARACTER, start, start + 2, "`${` stands only in a text", said)
                run.kinds[token + 1], texts[token + 1] = opens[0], "("
                run.kinds[index], texts[index] = opens[1], ")"
                _drop(run, token, token + 1)
                found += 1
        token += 1


_UNITS = {"seconds": "s", "second": "s", "sec": "s", "secs": "s", "minutes": "min", "minute": "min", "mins": "min"}
_UNITS |= {"hours": "h", "hour": "h", "days": "d", "day": "d", "hrs": "h", "milliseconds": "ms"}
"""Units in words, which stand behind their number and nowhere else."""


def _spaced(run: Any) -> None:
    """`1 MiB`: the unit goes to its number, unless it is the name of a field."""
    texts = run.texts
    number = run.machine.terminals.index("NUMBER")
    found = 0
    token = run.first
    while token + 2 < len(texts) and found < MOST:
        written = texts[token + 1]
        unit = _UNITS.get(written.lower(), written)
        if run.kinds[token] == number and unit in UNIT_TABLE and texts[token + 2] not in (":", "=", "("):
            between = run.text[run.ends[token] : run.ends[token + 1] - len(written)]
            if texts[token][-1].isdigit() and between and not between.strip(" \t"):
                start, end = _start(run, token), run.ends[token + 1]
                write = texts[token] + unit
                message = "no space stands between a number and its unit"
                _say(run, SYNTAX, start, end, message, f"write {write}", write)
                # Digits may be parted by `_`, so the token keeps the length that it has in the text.
                texts[token] = texts[token].ljust(end - start - len(unit), "_") + unit
                run.ends[token] = end
                _drop(run, token + 1, token + 2)
                found += 1
        token += 1


_PARTS = 12  # tokens of a name with hyphens


def _hyphened(run: Any) -> None:
    """`let my-var`: one name, there and wherever it is written so."""
    texts = run.texts
    name = run.machine.terminals.index("NAME")
    names: dict[str, str] = {}

    def parts(token: int) -> int:
        """How many tokens from here on are a name with hyphens in it."""
        after = token + 1
        while (
            after + 1 < len(texts) and after < token + _PARTS
            and texts[after] == "-" and texts[after + 1].isidentifier()
            and _touching(run, after, "-") and _touching(run, after + 1, texts[after + 1])
        ):  # fmt: skip
            after += 2
        return after - token

    for token in range(max(run.first, 1), len(texts) - 2):
        declares = texts[token - 1] in DECLARING or texts[token - 2] in _VERBS
        if declares and run.kinds[token] == name and texts[token + 1] == "-" and len(names) < MOST:
            count = parts(token)
            if count > 1 and texts[token + count] not in (".",):
                written = "".join(texts[token : token + count])
                if written not in names:
                    names[written] = written.replace("-", "_")
                    start, end = _start(run, token), run.ends[token + count - 1]
                    message = f"`{written}` is a subtraction, and no name"
                    _say(run, SYNTAX, start, end, message, f"names have `_`: {names[written]}", names[written])
    if not names:
        return
    left: list[int] = []  # the tokens that stay
    token = run.first
    while token < len(texts):
        left.append(token)
        count = parts(token) if run.kinds[token] == name else 1
        written = "".join(texts[token : token + count]) if count > 1 else ""
        if written in names:
            run.ends[token] = run.ends[token + count - 1]
            texts[token] = names[written]
            token += count
        else:
            token += 1
    for one in (run.kinds, texts, run.ends):
        one[run.first :] = [one[index] for index in left]


def _parted(run: Any) -> None:
    """A comma at the end of a line, where the next statement begins."""
    texts = run.texts
    comma = run.machine.words[","]
    found = 0
    for token in range(len(texts) - 3, run.first, -1):
        following = texts[token + 1]
        if run.kinds[token] == comma and found < MOST and texts[token + 2] != ":" and _breaks(run, token + 1):
            if run.kinds[token + 1] in run.machine.starters and following not in ("if", "for", "bind", "@"):
                end = run.ends[token]
                _say(run, SYNTAX, end - 1, end, "`,` cannot stand here", "statements need no sign between them", "")
                _drop(run, token, token + 1)
                found += 1


def _commaless(run: Any) -> None:
    """`join x as role bind at "/a"`: a `bind` that names nothing goes with the `join` before it."""
    texts = run.texts
    comma, word = run.machine.words[","], run.machine.words["bind"]
    joins = run.machine.words["join"]
    token = run.first + 1
    found = 0
    while token + 1 < len(texts) and found < MOST:
        if run.kinds[token] == word and texts[token - 1] not in (",", "{", ".", "@", ":", "join"):
            lone = texts[token + 1] in ("at", "{", "}") or run.kinds[token + 1] == joins
            line = run.text.rfind("\n", 0, _start(run, token)) + 1
            if lone and re.match(r"[ \t]*join\b", run.text[line : _start(run, token)]):
                at = run.ends[token - 1]
                span = Span(_start(run, token), run.ends[token])
                run.report.report(
                    SYNTAX, span, "a comma stands before `bind`", hint="write `join …, bind …`",
                    fix=Fix("write a comma", Span(at, at), ","),
                )  # fmt: skip
                run.kinds.insert(token, comma)
                texts.insert(token, ",")
                run.ends.insert(token, at)
                found += 1
                token += 1
        token += 1
