"""How answers look: streams, colours, signs, and what keeps a terminal safe from the texts it is shown.

stdout has what was asked for, stderr all else. Meaning never rests on colour alone. Whatever comes from a script, a
file or a platform is printed through here, with control characters escaped: none of it can move a cursor, hide a line
or change a title. A stream that is closed is written to no more, and that stops nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Mapping
from typing import TextIO

_CONTROL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
_STYLES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36",
    "error": "1;31", "warning": "1;33",
}  # fmt: skip
_ASCII = {
    "±": "-/+", "»": ">>", "·": ",", "→": "->", "⟵": "<-", "…": "...", "—": "-", "“": '"', "”": '"', "∞": "inf",
    "✓": "ok", "✗": "FAILED",
}  # fmt: skip
MARKS = {
    "create": "+",
    "update": "~",
    "replace": "±",
    "remove": "-",
    "adopt": "»",
    "read": "?",
    "step": "*",
    "keep": "=",
}
_COLORS = {
    "create": "green", "update": "yellow", "replace": "magenta", "remove": "red", "adopt": "cyan", "read": "dim",
    "step": "cyan", "keep": "dim",
}  # fmt: skip


def safe(text: str) -> str:
    """A text with its control characters escaped; only line ends and tabs stay."""
    return re.sub(_CONTROL, _escaped, text) if not text.isascii() or not text.isprintable() else text


def one_line(text: str) -> str:
    """The same, and in one line whatever the text has."""
    return safe(text).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"


class Terminal:
    """Where a command prints and asks.

    color: `always`, `never`, or `auto` (as the environment says, else on a terminal).
    may_ask: whether there is somebody to answer.
    """

    def __init__(self, color: str = "auto", environment: Mapping[str, str] = os.environ) -> None:
        self._out: TextIO | None = sys.stdout
        self._err: TextIO | None = sys.stderr
        self._color_out = _colored(self._out, color, environment)
        self._color_err = _colored(self._err, color, environment)
        dumb = environment.get("TERM") == "dumb" or bool(environment.get("CI"))
        self.may_ask = not dumb and _is_terminal(sys.stdin) and _is_terminal(self._err)

    @property
    def closed(self) -> bool:
        """Whether nobody reads what is asked for any more."""
        return self._out is None

    def out(self, text: str) -> None:
        """Print what was asked for. `text` is safe already, and may carry styles."""
        self._out = _write(self._out, text + "\n", self._color_out)

    def err(self, text: str) -> None:
        """Print anything else."""
        self._err = _write(self._err, text + "\n", self._color_err)

    def out_bytes(self, data: bytes) -> None:
        """Print a document as it is."""
        if self._out is None:
            return
        try:
            self._out.flush()
            buffer = getattr(self._out, "buffer", None)
            if buffer is not None:
                buffer.write(data)
                buffer.flush()
            else:
                self._out.write(data.decode())
        except (OSError, ValueError):
            _close(self._out)
            self._out = None

    def ask(self, question: str) -> str | None:
        """Ask on stderr; the line that was answered, None when nobody did."""
        self._err = _write(self._err, question, self._color_err)
        with contextlib.suppress(OSError, ValueError):
            line = sys.stdin.readline()
            return line.strip() if line else None
        return None

    def ask_hidden(self, question: str) -> str:
        """Ask for a secret, without showing what is typed."""
        import getpass

        return getpass.getpass(safe(question))


def paint(text: str, style: str) -> str:
    """A text in a style; a stream without colours leaves the style out."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def mark(what: str) -> str:
    """The sign of what happens to a thing, in its colour."""
    return paint(MARKS[what], _COLORS[what])


_PAINT = re.compile(r"\x1b\[[0-9;]*m")


def bare(text: str) -> str:
    """A text without styles."""
    return _PAINT.sub("", text)


def pad(text: str, width: int) -> str:
    """A text filled up with spaces; styles take no room."""
    return text + " " * max(0, width - len(bare(text)))


def seconds(number: float) -> str:
    """A time as a person reads it."""
    if number < 60:
        return f"{number:.1f} s"
    whole = round(number)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _colored(stream: TextIO | None, color: str, environment: Mapping[str, str]) -> bool:
    if color != "auto":
        return color == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR") or environment.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return _is_terminal(stream) and environment.get("TERM") != "dumb"


def _is_terminal(stream: TextIO | None) -> bool:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return stream is not None and stream.isatty()
    return False


def _write(stream: TextIO | None, text: str, color: bool) -> TextIO | None:
    """Write and flush; the stream, or None once it is closed."""
    if stream is None:
        return None
    if not color:
        text = bare(text)
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").replace("_", "")
    if encoding != "utf8" and not text.isascii():
        for sign, plain in _ASCII.items():
            text = text.replace(sign, plain)
        with contextlib.suppress(LookupError):
            text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        _close(stream)
        return None
    return stream


def _close(stream: TextIO) -> None:
    """What is still buffered would be written at exit, and fail again; so it goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
