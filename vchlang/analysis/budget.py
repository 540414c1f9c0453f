"""What an evaluation may cost: steps, room, and how large one value grows.

Lets share their values, so a value can have far more parts than memory holds: each of sixty lets with the one before it
twice. Whoever looks at all of such a value (a comparison, a message, a plan) would never come to an end. So every value
is weighed when an expression gives it, its parts as often as they stand: one for each, and one more for each 64
characters of a text. What is not small is remembered with its weight, so that weighing a value costs no more than its
own entries.

Remembered values live as long as the evaluation: what they take is counted as room, whether a script still has them
or not.
"""

from __future__ import annotations

import sys
from typing import Any

from vchlang import codes
from vchlang import values as v

MAX_STEPS = 800_000
MAX_DEPTH = 120
MAX_ROOM = 96 * 2**20
"""Bytes of all texts, lists and maps that are not small."""
MAX_WEIGHT = 1_000_000
MAX_PLANNED = 400_000
"""Weight of all that goes into a plan: it is shown, stored and compared, part by part."""
MAX_MISTAKES = 5_000
"""Mistakes of one file that are enough: with more, values are not looked at any further."""
MAX_LEVELS = 100
"""How deep values stand in values: what walks one recurses."""
_SMALL = 32
_PER_ITEM = 40

_PLAIN = frozenset({int, float, bool, type(None), v.Bytes, v.Frequency, v.Duration})
_OPEN = frozenset({v.Unknown, v.Secret, v.Template})
WEIGHED = frozenset({str, list, dict, v.VariantValue, v.Template})
"""Classes of values that can be large."""


class Budget:
    """Counts down. What is used up is reported where it was, through `limit`."""

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.room = MAX_ROOM
        self.planned = MAX_PLANNED
        self._large: dict[int, tuple[Any, int, int, bool]] = {}

    def limit(self, code: Any, node: Any, message: str) -> None:
        """Report what ran out, and end the evaluation."""
        raise NotImplementedError

    def spend(self, steps: int, node: Any) -> None:
        """Take steps off the budget, for what is done at a node."""
        self.steps -= steps
        if self.steps < 0:
            self.limit(codes.LIMIT_STEPS, node, f"working this out takes more than {MAX_STEPS:,} steps")

    def weigh(self, value: Any, node: Any) -> None:
        """Take what a value costs off the budget, once; it is one of the classes of `WEIGHED`."""
        if type(value) is str and len(value) <= 64:
            return
        weight, levels, _ = self._weighed(value)
        if weight > MAX_WEIGHT:
            self.limit(codes.LIMIT_SIZE, node, f"a value has more than {MAX_WEIGHT:,} parts")
        if levels > MAX_LEVELS:
            self.limit(codes.LIMIT_DEPTH, node, f"a value nests deeper than {MAX_LEVELS}")
        if self.room < 0:
            self.limit(codes.LIMIT_SIZE, node, f"the values of this script take more than {MAX_ROOM >> 20} MiB")

    def weight(self, value: Any) -> int:
        """How much there is to look at in a value, for who looks at all of it."""
        cls = type(value)
        if cls is str and len(value) <= 64:
            return 1
        return self._weighed(value)[0] if cls in WEIGHED else 1

    def is_open(self, value: Any) -> bool:
        """Whether something in a value is not known, or not to be known."""
        cls = type(value)
        return cls in _OPEN or (cls in WEIGHED and self._weighed(value)[2])

    def enters(self, value: Any, node: Any) -> None:
        """Take a value that a plan will have off the budget of plans."""
        cls = type(value)
        self.planned -= 1 if cls not in WEIGHED or (cls is str and len(value) <= 64) else self._weighed(value)[0]
        if self.planned < 0:
            self.limit(codes.LIMIT_SIZE, node, f"what is to be planned has more than {MAX_PLANNED:,} parts")

    def _weighed(self, value: Any) -> tuple[int, int, bool]:
        """Weight of a value, how deep it nests, and whether something in it is open."""
        known = self._large.get(id(value))
        if known is not None:
            return known[1:]
        cls = type(value)
        if cls is str:
            weight, levels, open_ = 1 + (len(value) >> 6), 0, False
            items: Any = ()
        else:
            weight, levels, open_ = 1, 1, cls is v.Template
            fields = value.fields if cls is v.VariantValue else value.parts if cls is v.Template else value
            items = fields.values() if type(fields) is dict else fields
        for one in items:
            kind = type(one)
            if kind in _PLAIN:
                weight += 1
            elif kind is str:
                weight += 1 + (len(one) >> 6)
            elif kind in WEIGHED:
                inner, deep, is_open = self._weighed(one)
                weight += inner
                levels = max(levels, deep + 1)
                open_ |= is_open
            else:
                weight += 1
                open_ |= kind in _OPEN
        if weight > _SMALL or (cls is str and len(value) > 64):
            # A dictionary of elements may still grow: then this is less than it is, by as many as there are elements.
            self._large[id(value)] = value, weight, levels, open_
            count = len(items)
            self.steps -= count >> 4
            self.room -= sys.getsizeof(value) + count * _PER_ITEM + 100
        return weight, levels, open_
