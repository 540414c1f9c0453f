"""TOML, read within limits: what a text may cost is bounded before the library's parser sees it."""

from __future__ import annotations

import re
from typing import Any

LARGEST = 2**20
"""Characters."""
LONGEST_KEY = 100
"""Parts of a dotted key: the parser takes quadratic time and memory for them."""
_KEY_PART = re.compile(r"[\s\w\"'-]*")


class BadToml(ValueError):
    """Why a text was not read. `what`: `size`, `depth` or `number` where it is over a limit, else `text`.

    The message is for the user; of a `text` it ends with the place, as `(at line 2, column 3)`.
    """

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


def read_toml(text: str, most: int = LARGEST) -> dict[str, Any]:
    """What a text of no more than `most` characters says; BadToml where it says nothing or too much."""
    import tomllib  # only where there is something to read: it costs 10 ms at start

    if len(text) > most:
        raise BadToml("size", f"it has more than {most >> 20} MiB")
    parts = 0
    for part in text.split("."):
        parts = parts + 1 if "\n" not in part and _KEY_PART.fullmatch(part) else 0
        if parts > LONGEST_KEY:
            raise BadToml("depth", f"it has a key of more than {LONGEST_KEY} parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        raise BadToml("text", said[:1].lower() + said[1:]) from None
    except RecursionError:
        raise BadToml("depth", "it nests too deep") from None
    except ValueError:
        raise BadToml("number", "it has a number or date that is too large") from None
