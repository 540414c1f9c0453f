"""Functions of dates and times, as RFC 3339 has them: 2026-03-01T12:00:00Z.

There is no function for the time now: a plan must not depend on when it is made. Where one is wanted, it is a
parameter. An instant is a number of nanoseconds since 1970, and the offset in which it was written.
"""

from __future__ import annotations

import re
from typing import Any

from vchlang import values as v
from vchlang.analysis.builtins.table import Mistake, group, shortened, whole

_time = group("times")
_TIME = ("time", v.STRING)
_FORM = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))"
)
_SECOND = 10**9
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORDS = re.compile(r"YYYY|YY|MMMM|MMM|MM|M|DDDD|DDD|DD|D|hh|h|mm|ss|Z|'[^']*'|[A-Za-z]+|[^A-Za-z']+|'")


def _read(text: str) -> tuple[int, int]:
    """Nanoseconds since 1970 in UTC, and the offset in seconds."""
    import datetime

    found = _FORM.fullmatch(text)
    if found is None:
        raise Mistake("bad-text", f"{shortened(text)} is no time as 2026-03-01T12:00:00Z or 2026-03-01T12:00:00+01:00")
    numbers = [int(found[at]) for at in range(1, 7)]
    offset = 0
    if found[9]:
        hours, minutes = int(found[10]), int(found[11])
        if hours > 23 or minutes > 59:
            raise Mistake("bad-text", f"{shortened(text)} has an offset of more than a day")
        offset = (hours * 60 + minutes) * 60 * (-1 if found[9] == "-" else 1)
    try:
        moment = datetime.datetime(*numbers) - datetime.datetime(1970, 1, 1)  # type: ignore[arg-type]
    except ValueError as problem:
        raise Mistake("bad-text", f"{shortened(text)} is no time: {problem}") from None
    seconds = moment.days * 86400 + moment.seconds - offset
    return seconds * _SECOND + int((found[7] or "").ljust(9, "0")), offset


def _fields(nanoseconds: int, offset: int) -> Any:
    import datetime

    seconds = nanoseconds // _SECOND + offset
    try:
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    except OverflowError:
        raise Mistake("out-of-range", "the time is before the year 1 or after the year 9999") from None


def _written(nanoseconds: int, offset: int) -> str:
    fields = _fields(nanoseconds, offset)
    part = nanoseconds % _SECOND
    after = f".{part:09}".rstrip("0") if part else ""
    return f"{fields.year:04}-{fields:%m-%dT%H:%M:%S}{after}{_zone(offset)}"


def _zone(offset: int) -> str:
    if not offset:
        return "Z"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"


@_time(v.STRING, 'date_add("2026-02-28T23:00:00Z", 90min) == "2026-03-01T00:30:00Z"', _TIME, ("duration", v.DURATION))
def date_add(time: str, duration: int) -> str:
    """The time so much later, or earlier for a negative duration, in the same offset; as RFC 3339 writes times."""
    moment, offset = _read(time)
    return _written(moment + int(duration), offset)


@_time(v.DURATION, 'date_diff("2026-03-01T00:00:00Z", "2026-03-01T00:00:00+01:00") == 1h', _TIME, ("earlier", v.STRING))
def date_diff(time: str, earlier: str) -> v.Duration:
    """How much later a time is than another; negative when it is earlier."""
    return v.Duration(whole(_read(time)[0] - _read(earlier)[0]))


@_time(v.BOOL, 'date_before("2026-03-01T00:00:00+01:00", "2026-03-01T00:00:00Z")', _TIME, ("other", v.STRING))
def date_before(time: str, other: str) -> bool:
    """Whether a time is earlier than another."""
    return _read(time)[0] < _read(other)[0]


@_time(
    v.STRING,
    'date_format("2026-03-01T09:05:00Z", "DDDD, D MMMM YYYY, hh:mm") == "Sunday, 1 March 2026, 09:05"',
    _TIME,
    ("form", v.STRING),
)
def date_format(time: str, form: str) -> str:
    """A time in another form, in English and in the time's own offset.

    `YYYY YY` year, `MMMM MMM MM M` month, `DDDD DDD` day of the week, `DD D` day, `hh h mm ss` time of the day, `Z`
    offset; what stands in '…' is copied, and so is all that is no letter.
    """
    moment, offset = _read(time)
    fields = _fields(moment, offset)
    month, day = _MONTHS[fields.month - 1], _DAYS[fields.weekday()]
    known = {
        "YYYY": f"{fields.year:04}", "YY": f"{fields.year % 100:02}",
        "MMMM": month, "MMM": month[:3], "MM": f"{fields.month:02}", "M": str(fields.month),
        "DDDD": day, "DDD": day[:3], "DD": f"{fields.day:02}", "D": str(fields.day),
        "hh": f"{fields.hour:02}", "h": str(fields.hour), "mm": f"{fields.minute:02}", "ss": f"{fields.second:02}",
        "Z": _zone(offset),
    }  # fmt: skip
    out: list[str] = []
    for word in _WORDS.findall(form):
        if word in known:
            out.append(known[word])
        elif word.startswith("'") and len(word) > 1:
            out.append(word[1:-1])
        elif word[0] == "'" or (word[0].isalpha() and word[0].isascii()):
            raise Mistake(
                "bad-text", f"{shortened(word)} means nothing in a form; letters that are copied stand in '…'"
            )
        else:
            out.append(word)
    return "".join(out)


@_time(v.INT, 'unix_time("1970-01-02T00:00:00Z") == 86400', _TIME)
def unix_time(time: str) -> int:
    """The whole seconds from 1970 to a time."""
    return _read(time)[0] // _SECOND


@_time(v.STRING, 'from_unix(86400) == "1970-01-02T00:00:00Z"', ("seconds", v.INT))
def from_unix(seconds: int) -> str:
    """The time so many seconds after 1970, in UTC."""
    return _written(seconds * _SECOND, 0)
