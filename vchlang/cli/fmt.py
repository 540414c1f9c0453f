"""`vch fmt`: scripts in their one layout, in place.

It knows files: which there are, how each is encoded, and how to replace one so that nobody sees half of it. What the
layout is says `vchlang.syntax.layout`. A file is written only when that changes it, and a file with a mistake of syntax
is left alone. Nothing of what a script means is looked at, so nothing that would is imported.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from typing import NamedTuple

from vchlang.cli.look import Terminal, one_line, paint, safe
from vchlang.cli.options import Command, Given, Option, Usage
from vchlang.syntax.automaton import LARGEST
from vchlang.syntax.layout import format_script
from vchlang.text import SourceText, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vchlang.diagnostics import Diagnostic
    from vchlang.system import Machine

COMMAND = Command(
    name="fmt",
    words="[FILE…|DIRECTORY…|-]",
    doc="Lay out scripts and modules in the one way there is, in place, and print the names of those that changed.\n"
    "Without a file, all of the project but vendored packages; `-` reads stdin and writes stdout. Line breaks are\n"
    "yours; spaces, indentation, commas and columns are not. A file with a mistake of syntax is not touched (exit\n"
    "code 3).",
    options=(
        Option(("--check",), "write nothing; exit code 10 when a file would change, and the names of those that would"),
        Option(("--diff",), "write nothing; show what would change"),
    ),
    least=0,
    most=1 << 30,
    examples=("vch fmt", "vch fmt --check --diff", "vch fmt - < site.vch"),
)
_DONE, _STOPPED, _MISTAKES, _CHANGES = 0, 1, 3, 10  # exit codes
_MARK = b"\xef\xbb\xbf"


class _File(NamedTuple):
    """A file as it was read: `name` as messages show it, `text` without its byte order mark."""

    name: str
    data: bytes
    text: str

    def encoded(self, text: str) -> bytes:
        """A text as this file has it: with a mark where it has one, and with line ends like its first."""
        first = self.data.find(b"\n")
        if first > 0 and self.data[first - 1 : first] == b"\r":
            text = text.replace("\n", "\r\n")
        return (_MARK if self.data.startswith(_MARK) else b"") + text.encode()


class _Unreadable(Exception):
    """A file that is none, or no text."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Format scripts."""
    if "-" in given.words:
        if len(given.words) > 1:
            raise Usage("`-` stands for the one text that comes from stdin", "name files, or `-`")
        return _stdin(given, terminal)
    code = _DONE
    for path in dict.fromkeys(_files(given.words)):
        code = max(code, _one(path, given, terminal))
    return code


def _one(path: str, given: Given, terminal: Terminal) -> int:
    """Format one file; the exit code that it asks for."""
    name = _shown(path)
    try:
        file = _read(path, name)
        text = _formatted(file, terminal)
        if text is None:
            return _MISTAKES
        data = file.encoded(text)
        if data == file.data:
            return _DONE
        if given.flag("diff"):
            _diff(file, text, terminal)
        elif given.flag("check"):
            terminal.out(one_line(name))
        if given.flag("check") or given.flag("diff"):
            return _CHANGES if given.flag("check") else _DONE
        _replace(path, data)
    except _Unreadable as error:
        _show([_problem(name, error)], SourceText(name, ""), terminal)
        return _MISTAKES
    except OSError as error:
        terminal.err(f"{paint('error', 'error')}: {one_line(name)} cannot be written: {error.strerror or error}")
        return _STOPPED
    terminal.out(one_line(name))
    return _DONE


def _stdin(given: Given, terminal: Terminal) -> int:
    buffer = getattr(sys.stdin, "buffer", None)
    try:
        data = buffer.read() if buffer is not None else sys.stdin.read().encode()
        file = _decoded("stdin", data)
    except _Unreadable as error:
        _show([_problem("stdin", error)], SourceText("stdin", ""), terminal)
        return _MISTAKES
    text = _formatted(file, terminal)
    if text is None:
        return _MISTAKES
    formatted = file.encoded(text)
    if given.flag("diff"):
        if formatted != data:
            _diff(file, text, terminal)
    elif not given.flag("check"):
        terminal.out_bytes(formatted)
    return _CHANGES if given.flag("check") and formatted != data else _DONE


def _formatted(file: _File, terminal: Terminal) -> str | None:
    """The text in its layout; None where it has mistakes, after showing them."""
    source = SourceText(file.name, file.text)
    text, mistakes = format_script(source)
    if mistakes:
        _show(mistakes, source, terminal)
        return None
    return text


# ---- files ---------------------------------------------------------------------------------------------------------


def _files(words: list[str]) -> Iterator[str]:
    """The files that are meant, in order; of directories all scripts and modules below them."""
    if not words:
        from vchlang.project import find

        words = [find(os.getcwd()).root]
    for word in words:
        if os.path.isdir(word):
            yield from _below(word)
        else:
            yield word


def _below(directory: str) -> Iterator[str]:
    """Every `*.vch` below a directory, but for hidden directories and those of others: `vch.lock` has the digests of
    vendored files, so a change of one would be taken for somebody's."""
    vendored = _vendored(directory)
    for place, directories, names in os.walk(directory):
        directories[:] = sorted(
            one
            for one in directories
            if not one.startswith(".")
            and one != "node_modules"
            and os.path.realpath(os.path.join(place, one)) not in vendored
        )
        for name in sorted(names):
            if name.endswith(".vch"):
                yield os.path.join(place, name)


def _vendored(directory: str) -> set[str]:
    """The directories of vendored packages, in the project that a directory belongs to."""
    from vchlang.project import find

    root = os.path.realpath(find(directory).root)
    if not os.path.lexists(os.path.join(root, "vch.lock")):
        return set()
    from vchlang.packages import read

    return {os.path.join(root, one.path) for one in read(root).packages.values()}


def _shown(path: str) -> str:
    """A path as messages show it: the way from here, where that is not far."""
    near = os.path.relpath(path)
    return near if not near.startswith("../../..") else path


def _read(path: str, name: str) -> _File:
    try:
        # Not blocking: a pipe without a writer would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _Unreadable("io-error", "this is no file")
            data = opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise _Unreadable("io-error", "there is no such file") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise _Unreadable("io-error", f"the file cannot be read: {why}") from None
    return _decoded(name, data)


def _decoded(name: str, data: bytes) -> _File:
    if len(data) > LARGEST:
        raise _Unreadable("limit-size", f"the file has more than {LARGEST >> 20} MiB")
    try:
        return _File(name, data, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Unreadable(
            "io-error", f"the file is not UTF-8: byte 0x{data[error.start]:02x} in line {line}", "save it as UTF-8"
        ) from None


def _replace(path: str, data: bytes) -> None:
    """Put other content into a file, all at once: a reader sees the old or the new. It keeps its mode, and a link goes
    on leading to it."""
    target = os.path.realpath(path)
    mode = stat.S_IMODE(os.stat(target).st_mode)
    temporary = os.path.join(os.path.dirname(target), f".fmt-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


# ---- what is shown -------------------------------------------------------------------------------------------------


def _diff(file: _File, text: str, terminal: Terminal) -> None:
    import difflib

    before, after = (one.replace("\r\n", "\n").removesuffix("\n").split("\n") for one in (file.text, text))
    name = one_line(file.name)
    if before == after:
        terminal.out(f"{name}: only the ends of its lines")
        return
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in difflib.unified_diff(before, after, f"{name} (as it is)", f"{name} (formatted)", lineterm=""):
        shown = safe(line)
        head = line.startswith(("+++ ", "--- "))
        style = "bold" if head else styles.get(line[:1])
        terminal.out(paint(shown, style) if style else shown)


def _problem(name: str, error: _Unreadable) -> Diagnostic:
    from vchlang.codes import CODES
    from vchlang.diagnostics import Diagnostic

    hints = (error.hint,) if error.hint else ()
    severity = CODES[error.code].severity
    return Diagnostic(
        code=error.code, severity=severity, message=error.message, span=Span(0, 0), source=name, hints=hints
    )


def _show(mistakes: list[Diagnostic] | tuple[Diagnostic, ...], source: SourceText, terminal: Terminal) -> None:
    from vchlang.cli.show_diagnostics import Sources, show

    show(mistakes, Sources(os.getcwd(), lambda name: source if name == source.name else None), terminal)
