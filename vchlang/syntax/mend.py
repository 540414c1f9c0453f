"""What happens at a mistake: one diagnostic, and as much of the rest as can be kept.

From the statement with the first mistake on, the text is run piece by piece. A piece goes to the next word in column 0
that begins a statement; several are joined where their brackets balance only together. Inside a piece, a mistake is
mended in one of these ways, the first that fits:

- a word or sign of another language that has one meaning here is taken for it (`vchlang.syntax.habits`);
- a sign that is no word of the language is passed over; a reserved word that stands for a name is taken as one;
- one missing sign or keyword is put in, where the run can go on from there for some tokens;
- a bracket that is still open where, less indented, the next statement begins is taken as never closed;
- the innermost statement is given up. It becomes `Broken`, and the run resumes at the next line that begins with a word
  of a statement and is not indented further, or at the brace that closes the block.

Indentation decides what belongs to what was given up, since it outlives a lost bracket. A statement that holds others
(a handle, a loop) stays itself when a sign of it was put in; any other becomes `Broken`, so that nothing is concluded
from a guess.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise
from typing import Any

from vchlang.codes import LIMIT_DEPTH, LIMIT_SIZE, RESERVED_WORD, SYNTAX, UNCLOSED, UNKNOWN_CHARACTER
from vchlang.diagnostics import Code, Diagnostic, Fix, Report, did_you_mean
from vchlang.syntax import habits
from vchlang.syntax.ast import Broken, Statement
from vchlang.syntax.automaton import DEEPEST_STACK, Machine
from vchlang.syntax.build import TooDeep
from vchlang.syntax.parser import TOO_DEEP, Run
from vchlang.syntax.tables import BAD, END
from vchlang.text import Span

MOST_MISTAKES = 5_000
"""Of one text; what follows them is not read."""

MOST = 100  # syntax diagnostics of one text
_REQUOTES = 10  # texts that are looked for where they were left open; each costs a scan of the rest
_AHEAD = 3  # tokens that must fit after a sign that was put in

_OPENS = {"LBRACE": "RBRACE", "LPAR": "RPAR", "LSQB": "RSQB"}
_SIGNS = ("{", "}", "(", ")", "]", ",", ":", "=", "as", "at", "in", "until", "within", "then", "else", "from")
# Words that are clauses rather than names: where one stands in the place of a name, the name is missing.
_CLAUSES = frozenset(("in", "at", "as", "to", "from", "until", "within", "where", "with", "for", "if", "then", "else"))
_OPERATORS = frozenset(("and", "or", "not"))
_HOLDERS = frozenset(("handle", "for", "if", "component", "segment", "test"))
_ENDS = frozenset((")", "]", "}", "?", ">", "true", "false", "null"))  # signs and words that a statement can end with


def mend(run: Run) -> None:
    """Run over the rest of a text, from the statement in which `run` has met a mistake."""
    _requote(run)
    habits.tidy(run)
    _Mender(run).pieces(run.first)


def _requote(run: Run) -> None:
    """Find long texts that are never closed.

    Such a text goes on to the quotes that open the next one, and from there on text and statements have changed places.
    So where a text ends behind a line that begins with a statement, and the quotes from that line to the next statement
    are even, it is taken to be open, and the lexer begins anew at the first such line.
    """
    words = "|".join(word for word, kind in run.machine.words.items() if kind in run.machine.starters and word != "@")
    beginnings = re.compile(rf"^(?:@|(?:{words})\b(?!\s*:))", re.MULTILINE)
    number = run.machine.terminals.index
    long = (number("TEXT"), number("RAW_TEXT"))
    token = run.first
    mended = 0
    while token < len(run.kinds) and mended < _REQUOTES:
        if run.kinds[token] in long:
            end = run.ends[token]
            start = end - len(run.texts[token])
            inside = [found.start() for found in beginnings.finditer(run.text, start + 3, end)]
            if inside:
                quotes = run.texts[token][:3]
                following = beginnings.search(run.text, end)
                until = following.start() if following else len(run.text)
                if run.text.count(quotes, inside[-1], until) % 2 == 0:
                    kinds, texts, ends = run.machine.lexer.scan(run.text[inside[0] :])
                    run.kinds[token:] = [BAD, *kinds]
                    run.texts[token:] = [quotes, *texts]
                    run.ends[token:] = [start + 3, *(inside[0] + end for end in ends)]
                    mended += 1
        token += 1


def explain(run: Run) -> None:
    """Report the mistake at which a run over a lone expression has stopped."""
    mender = _Mender(run)
    token = run.at
    habit = habits.inside(run, token, 0, mender.fitting(token)) if token else None
    if habit is not None:
        mender.say(habit)
    elif run.kinds[token] == BAD:
        mender.unfit(token)
    elif run.kinds[token] == END and (openings := mender.openings(0, token)):
        mender.unclosed(openings[-1])
    elif not mender.reserved(token, 0):
        mender.unexpected(token, 0)


def broken(run: Run, start: int, end: int) -> Broken:
    """The node of a statement that was read and is not to be trusted."""
    first = bisect_right(run.ends, run.origin + start)
    return _broken(run, first, bisect_right(run.ends, run.origin + end - 1) + 1, start, end)


def _broken(run: Run, first: int, after: int, start: int, end: int) -> Broken:
    """`keyword` and `names` of the tokens from `first` up to `after`."""
    kinds, texts = run.kinds, run.texts
    name, at, opening = (run.machine.terminals.index(one) for one in ("NAME", "AT", "LPAR"))
    token = first
    while token + 1 < after and kinds[token] == at:  # decorators
        token += 2
        if kinds[token] == opening:
            while token < after and texts[token] != ")":
                token += 1
            token += 1
    keyword = texts[token] if token < after and kinds[token] in run.machine.starters else ""

    def named(index: int) -> tuple[str, ...]:
        return (texts[index],) if index < after and kinds[index] == name else ()

    names: tuple[str, ...] = ()
    if keyword in ("create", "adopt", "ensure", "existing"):
        names = named(token + 2)
    elif keyword in ("param", "let", "output", "type", "fn", "component", "manifest"):
        names = named(token + 1)
    elif keyword == "import":
        for index in range(token + 1, after):
            if texts[index] in ("}", "from"):
                break
            names += named(index)
    elif keyword == "for":
        for index in range(token + 1, min(after, token + 4)):
            names += named(index)
    return Broken(start, end, keyword, names)


class _Mender:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.machine: Machine = run.machine
        self.number = {name: n for n, name in enumerate(run.machine.terminals)}
        self.starters = run.machine.starters
        self.opens = {self.number[one]: self.number[other] for one, other in _OPENS.items()}
        self.closes = frozenset(self.opens.values())
        self.colon = self.number["COLON"]
        self.name = self.number["NAME"]
        self.decorator = self.number["AT"]
        # A token after the end, so that every token has a next one.
        run.kinds.append(BAD)
        run.texts.append("")
        run.ends.append(len(run.text))
        self.stop = len(run.kinds) - 2  # the token that the piece ends before
        self.begin = 0  # the token that the piece begins with
        self.mistakes = 0  # in the piece
        self.reported = 0  # in the text
        self.wrong = 0  # mistakes in the text, reported or not
        self.marked = -1  # the statement, by its first token, whose mistake has been reported
        self.taken: list[tuple[int, int]] = []  # reserved words taken as names: where, and what they are

    # -- pieces

    def pieces(self, first: int) -> None:
        run = self.run
        cuts = self._cuts(first)
        count = len(cuts) - 1
        # How many brackets are open before each piece, and the fewest before any of the pieces from there on.
        level = [0]
        for index in range(count):
            part = run.kinds[cuts[index] : cuts[index + 1]]
            opened = sum(part.count(one) for one in self.opens)
            level.append(level[-1] + opened - sum(part.count(one) for one in self.closes))
        fewest = level[:]
        for index in range(count - 1, -1, -1):
            fewest[index] = min(fewest[index], fewest[index + 1])
        index = apart = 0
        while index < count:
            if self.wrong > MOST_MISTAKES:
                self._give_up(cuts[index])
                return
            after = index + 1
            if index >= apart and level[after] > level[index] and fewest[after] <= level[index]:
                while level[after] > level[index]:
                    after += 1
                apart = after
                self._joined(cuts[index : after + 1])
            else:
                self.piece(cuts[index], cuts[after])
            index = after

    def _give_up(self, token: int) -> None:
        """Leave the rest of a text unread: it is no script, and nobody reads so many messages."""
        run = self.run
        start = run.ends[token] - len(run.texts[token])
        run.base = run.origin = start
        run.note(LIMIT_SIZE, 0, len(run.texts[token]), f"more than {MOST_MISTAKES:,} mistakes: the rest is not read")
        rest = len(run.text) - start
        run.found.append((start, Statement(0, rest, "", (), Broken(0, rest, "", ()))))
        run.base = len(run.text)

    def _joined(self, cuts: list[int]) -> None:
        """Run some pieces as one, unless there are fewer mistakes in them one by one."""
        base, reported = self.run.base, self.reported
        one = self._attempt([cuts[0], cuts[-1]])
        if len(one[1]) > 1:
            end = self.run.base
            for token, kind in self.taken:
                self.run.kinds[token] = kind
            self.run.base = self.run.origin = base
            self.reported = reported
            several = self._attempt(cuts)
            if len(several[1]) <= len(one[1]):
                one = several
            else:
                self.run.base = self.run.origin = end
        self.reported = reported + len(one[1])
        self.run.found += one[0]
        self.run.report.add(one[1])

    def _attempt(self, cuts: list[int]) -> tuple[list[tuple[int, Any]], tuple[Diagnostic, ...]]:
        """What the pieces between the cuts give."""
        run = self.run
        found, report = run.found, run.report
        run.found, run.report = [], Report(report.source)
        self.taken.clear()
        for begin, end in pairwise(cuts):
            self.piece(begin, end)
        result = run.found, run.report.freeze()
        run.found, run.report = found, report
        return result

    def _cuts(self, first: int) -> list[int]:
        """Where pieces begin, `first` included, and the end of the text."""
        kinds = self.run.kinds
        found = [first]
        decorated = kinds[first] == self.decorator
        for token in range(first + 1, self.stop):
            if kinds[token] in self.starters and self.column(token) == 0 and self.begins(token):
                if decorated:
                    decorated = kinds[token] == self.decorator
                elif self._can_end(token - 1):
                    found.append(token)
                    decorated = kinds[token] == self.decorator
        found.append(self.stop)
        return found

    def _can_end(self, token: int) -> bool:
        """Whether a statement can end with the token: not with an operator, a comma or a word such as `else`."""
        text = self.run.texts[token]
        return text in _ENDS or text not in self.machine.words or self.run.texts[token - 1] == "."

    def piece(self, begin: int, end: int) -> None:
        """Run from one token to another as if the text ended there."""
        run = self.run
        run.restart(begin)
        self.begin, self.stop = begin, end
        self.mistakes = 0
        self.marked = -1
        kept = run.kinds[end]
        run.kinds[end] = END
        token = begin
        while True:
            try:
                if run.go(token):
                    break
                token = self.mistake(run.at)
            except TooDeep:
                self.report(LIMIT_DEPTH, run.first, run.first, TOO_DEEP)
                token = self.give_up(0, run.first, end)
        run.kinds[end] = kept

    # -- one mistake

    def mistake(self, token: int) -> int:
        """Report the mistake at `token`, make the stacks good, and say where to go on."""
        self.wrong += 1
        run = self.run
        kind = run.kinds[token]
        if len(run.states) > DEEPEST_STACK:
            raise TooDeep
        context = self._context()
        first = self._first(context, token)
        if kind == END:
            return self._ended(context, first, token)
        habit = habits.inside(run, token, first, self.fitting(token)) if first < token else None
        if habit is not None and habit.words:
            return self._instead(habit, first, token)
        if first == self.marked and first < token:  # one mistake of a statement is enough
            return self.give_up(context, first, self._resume(context, first, token))
        self.marked = first
        if habit is not None:
            self.say(habit)
            return self.give_up(context, first, self._resume(context, first, min(token, habit.last)))
        if kind == BAD:
            self.unfit(token)
            if first < token and run.texts[token] not in _QUOTES and self.fits([*self._ahead(token + 1)]):
                self._spoil(first)
                return token + 1
            return self.give_up(context, first, self._resume(context, first, token))
        if first == token:
            return self._stray(context, token)
        if self.reserved(token, first):
            self.taken.append((token, kind))
            run.kinds[token] = self.name
            return token
        if self.leads(token) and self.column(token) <= self._indent(first) and self._complete(token):
            return token
        if (lost := self._lost(first, token)) is not None:
            opening, resume = lost
            self.unclosed(opening)
            return self.give_up(context, first, resume)
        if (sign := self._missing(context, first, token)) is not None:
            self.unexpected(token, first, f"`{sign}`")
            self._spoil(first)
            self._put(self.machine.words[sign], token)
            return token
        self.unexpected(token, first)
        if self._holds(first) and self.fits(self._ahead(token + 1)):
            return token + 1
        return self.give_up(context, first, self._resume(context, first, token))

    def _ended(self, context: int, first: int, token: int) -> int:
        """The piece ends, and not with a statement."""
        run = self.run
        if first == token:  # between the statements of a block
            if not self.mistakes and (opening := self._forgotten(token)) is not None:
                self.unclosed(opening)
            self._put(self.number["RBRACE"], token)
            return token
        quiet = first == self.marked
        self.marked = first
        if openings := self.openings(first, token):
            if not quiet:
                self.unclosed(openings[-1])
            closers = [self.opens[run.kinds[opening]] for opening in reversed(openings)]
            if len(closers) <= _AHEAD and self.fits([*closers, END if context == 0 else self.number["RBRACE"]]):
                self._spoil(first)
                for closer in closers:
                    self._put(closer, token)
                return token
        elif not quiet:
            self.unexpected(token, first)
        return self.give_up(context, first, token)

    def _stray(self, context: int, token: int) -> int:
        """The token begins no statement. After another mistake in the piece that says nothing new."""
        run = self.run
        text = run.texts[token]
        if not self.mistakes or habits.begins(run, token):
            if run.kinds[token] in self.closes:
                self.report(SYNTAX, token, token, f"`{text}` closes nothing")
            elif (habit := habits.statement(run, token)) is not None:
                self.say(habit)
            else:
                words = [word for word in self.machine.words if self.machine.words[word] in self.starters]
                hint = did_you_mean(text, words) if run.kinds[token] == self.name else None
                self.report(SYNTAX, token, token, f"{self._shown(token)} begins no statement", hint, "a statement")
        if run.kinds[token + 1] in self.starters and self.begins(token + 1):
            return self.give_up(context, token, token + 1)
        return self.give_up(context, token, self._resume(context, token, token + 1))

    def fitting(self, token: int) -> Any:
        """Whether the run could go on with signs of the language instead of some tokens from `token` on."""
        words = self.machine.words

        def fits(signs: list[str]) -> bool:
            after = token + int(signs[-1]) if signs[-1].isdigit() else -1
            kinds = [self.name if one == "NAME" else words[one] for one in signs if not one.isdigit()]
            return after <= self.stop and self.fits([*kinds, *self._ahead(after)[:1]] if after >= 0 else kinds)

        return fits

    def _instead(self, habit: habits.Habit, first: int, token: int) -> int:
        """Run over the signs that a habit stands for, and go on after it."""
        run = self.run
        self.say(habit)
        if habit.words == ("NAME",):
            run.kinds[token] = self.name
            if run.texts[token][:1] in _QUOTES:
                run.texts[token] = run.texts[token][1:-1]
                run.ends[token] -= 1
            return token
        for word in habit.words:
            self._put(self.machine.words[word], token)
        return token + habit.taken

    def give_up(self, context: int, first: int, resume: int) -> int:
        """Make a Broken of the tokens from `first` up to `resume`, in the block at `context` of the stack."""
        run = self.run
        start = self._start(first) - run.origin
        last = max(first, resume - 1)
        end = run.ends[last]
        if run.kinds[last] == BAD and run.texts[last] in _QUOTES:
            line = run.text.find("\n", end)  # an unclosed text goes to the end of its line
            end = line if line >= 0 else len(run.text)
        end -= run.origin
        node = Statement(start, end, "", (), _broken(run, first, resume, start, end))
        del run.states[context + 1 :], run.values[context:], run.places[context:]
        run.spoiled = False
        if context == 0:
            run.found.append((run.base, node))
            run.first = resume
            run.rebase(resume)
        else:
            run.states.append(self.machine.statement[run.states[-1] + run.kinds[resume]])
            run.values.append(node)
            run.places.append(start)
        return resume

    def _missing(self, context: int, first: int, token: int) -> str | None:
        """A sign or keyword with which the run could go on before `token`."""
        words = self.machine.words
        named = self.fits([self.name])  # then a keyword would be read as the name of a field
        for sign in _SIGNS:
            if sign.isalpha() and (named or (sign == "in" and not self._takes_in(first))):
                continue
            if self.fits([words[sign], *self._ahead(token)]):
                if sign not in ("{", "(") or self._surplus(context, first, token) == self.opens[words[sign]]:
                    return sign
        return None

    def _surplus(self, context: int, first: int, token: int) -> int | None:
        """The next bracket that closes nothing, of those that belong to the statement."""
        run = self.run
        indent = self._indent(first)
        block = self._block(context)
        depth = 0
        for index in range(token, self.stop):
            kind = run.kinds[index]
            if kind in self.opens:
                depth += 1
            elif kind in self.closes:
                if depth == 0:
                    ours = block is None or run.texts[index] != "}" or not self._closes(index, block, indent)
                    return kind if ours else None
                depth -= 1
        return None

    def _spoil(self, first: int) -> None:
        if not self._holds(first):
            self.run.spoiled = True

    def _complete(self, token: int) -> bool:
        """Whether the statement before `token` could end there; then it has."""
        run = self.run
        word = self.machine.words["let"]  # begins a statement and continues none
        if not self.fits([word]):
            return False
        self._put(word, token)
        del run.states[-1], run.values[-1], run.places[-1]
        return self._context() == len(run.states) - 1  # not after decorators, which `let` does continue

    def _put(self, kind: int, token: int) -> None:
        """Run over a terminal that does not stand in the text, before `token`."""
        run = self.run
        kept = run.kinds[token : token + 2]
        run.kinds[token : token + 2] = [kind, BAD]
        try:
            run.go(token)
        finally:
            run.kinds[token : token + 2] = kept
        run.places[-1] = run.ends[token - 1] - run.origin
        run.values[-1] = next((word for word, number in self.machine.words.items() if number == kind), "")

    def fits(self, kinds: list[int]) -> bool:
        """Whether the run could go on with these terminals."""
        actions, rules = self.machine.actions, self.machine.rules
        states = self.run.states[:]
        for kind in kinds:
            while (action := actions[states[-1] + kind]) < 0:
                _, drop, _, goto = rules[action]
                if not goto.after:  # of the start symbol: the text is complete
                    return kind == END
                del states[drop - 1 :]
                states.append(goto.after[states[-1]])
            if action == 0:
                return False
            states.append(action)
        return True

    def _ahead(self, token: int) -> list[int]:
        """The next terminals from `token` on, with the end of the piece where it is among them."""
        after = min(token + _AHEAD, self.stop)
        found = self.run.kinds[token:after]
        return [*found, END] if after == self.stop else found

    # -- where things are

    def _context(self) -> int:
        """The index in the stack of states below the innermost statement: after the start, or after `{` of a block."""
        states, after = self.run.states, self.machine.statement.after
        return next(index for index in range(len(states) - 1, -1, -1) if states[index] in after)

    def _first(self, context: int, token: int) -> int:
        """The token that the innermost statement begins with; `token` where none has begun."""
        if len(self.run.states) - 1 == context:
            return token
        return bisect_right(self.run.ends, self.run.places[context] + self.run.origin, 0, token)

    def _resume(self, context: int, first: int, token: int) -> int:
        """Where to go on after the statement that begins with `first`, at `token` or later."""
        run = self.run
        indent = self._indent(first)
        depth = 0
        block = self._block(context)
        for index in range(first, self.stop):
            kind = run.kinds[index]
            if index >= token and index > first:
                if kind in self.starters and self.leads(index) and self.begins(index):
                    if self.column(index) <= indent:
                        return index
                if kind == self.name and index > token and habits.begins(run, index) and self.leads(index):
                    if self.column(index) <= indent:
                        return index
                if block is not None and run.texts[index] == "}" and self._closes(index, block, indent):
                    if depth == 0 or self.column(index) < indent:
                        return index
            if kind in self.opens:
                depth += 1
            elif kind in self.closes and depth:
                depth -= 1
        return self.stop

    def _closes(self, token: int, block: int, indent: int) -> bool:
        """Whether a `}` is the end of the block that begins at the token `block`, as the lines stand."""
        if "\n" not in self.run.text[self._start(block) : self._start(token)]:
            return True
        column = self.column(token)
        return self.leads(token) and (column < indent or column <= self._indent(block))

    def _block(self, context: int) -> int | None:
        """The `{` of the block that the statement stands in. Below its statements, which may be a list, lies the
        brace; the text of it is the value."""
        run = self.run
        if not context:
            return None
        brace = context - 1 if isinstance(run.values[context - 1], str) else context - 2
        return bisect_right(run.ends, run.places[brace] + run.origin)

    def _lost(self, first: int, token: int) -> tuple[int, int] | None:
        """A bracket of the statement that is open where the next one begins, and that beginning."""
        run = self.run
        openings: list[int] = []
        indent = self._indent(first)
        for index in range(first, token + 1):
            kind = run.kinds[index]
            if openings and kind in self.starters and self.leads(index) and self.begins(index):
                if self.column(index) <= indent:
                    return openings[-1], index
            if openings and run.texts[index] == "}" and self.leads(index) and self.column(index) < indent:
                return openings[-1], index
            if kind in self.opens:
                openings.append(index)
            elif kind in self.closes and openings:
                openings.pop()
        return None

    def openings(self, first: int, token: int) -> list[int]:
        """The brackets that are open at `token`, of those after `first`."""
        kinds = self.run.kinds
        found: list[int] = []
        for index in range(first, token):
            if kinds[index] in self.opens:
                found.append(index)
            elif kinds[index] in self.closes and found:
                found.pop()
        return found

    def _forgotten(self, token: int) -> int | None:
        """Which bracket of the piece was forgotten: the first one that is closed by a bracket further left, else the
        innermost that is left."""
        run = self.run
        openings: list[int] = []
        for index in range(self.begin, token):
            kind = run.kinds[index]
            if kind in self.opens:
                openings.append(index)
            elif kind in self.closes and openings:
                opening = openings.pop()
                if self.leads(index) and self.column(index) < self._indent(opening):
                    return opening
        return openings[-1] if openings else None

    def _keyword(self, first: int) -> tuple[str, str]:
        """The word that a statement begins with, after its decorators, and the next token."""
        run = self.run
        token = first
        while run.kinds[token] == self.decorator and token + 2 < self.stop:
            token += 2
            while token < self.stop and run.kinds[token] not in self.starters:
                token += 1
        return run.texts[token], run.texts[token + 1]

    def _holds(self, first: int) -> bool:
        """Whether the statement holds others."""
        keyword, following = self._keyword(first)
        return keyword in _HOLDERS or following == "segment"

    def _takes_in(self, first: int) -> bool:
        return self._keyword(first)[0] in ("create", "adopt", "ensure", "existing", "for", "component")

    def _start(self, token: int) -> int:
        return self.run.ends[token] - len(self.run.texts[token])

    def column(self, token: int) -> int:
        start = self._start(token)
        return start - self.run.text.rfind("\n", 0, start) - 1

    def leads(self, token: int) -> bool:
        """Whether the token is the first of its line."""
        before = self.run.ends[token - 1] if token else 0
        return token == 0 or "\n" in self.run.text[before : self._start(token)]

    def begins(self, token: int) -> bool:
        """Whether a word that begins statements does so here, rather than name a field or go on with a `join`."""
        run = self.run
        return run.kinds[token + 1] != self.colon and not (run.texts[token] == "bind" and run.texts[token - 1] == ",")

    def _indent(self, token: int) -> int:
        """How far the line is indented that the token stands on."""
        text = self.run.text
        start = text.rfind("\n", 0, self._start(token)) + 1
        end = start
        while text[end : end + 1] in (" ", "\t"):
            end += 1
        return end - start

    # -- messages

    def report(
        self,
        code: Code,
        first: int,
        last: int,
        message: str,
        hint: str | None = None,
        expected: str = "",
        fix: Fix | None = None,
    ) -> None:
        """One mistake, at the tokens `first` to `last`."""
        run = self.run
        self.mistakes += 1
        if self.reported >= MOST:
            return
        self.reported += 1
        moved = run.base - run.origin
        span = Span(self._start(first) + moved, run.ends[last] + moved)
        run.report.report(code, span, message, hint=hint, expected=expected, fix=fix)

    def say(self, habit: habits.Habit) -> None:
        """Report what another language would have here."""
        run = self.run
        moved = run.base - run.origin
        fix = None
        if habit.write is not None:
            span = Span(self._start(habit.first) + moved, run.ends[habit.last] + moved)
            fix = Fix(f"write {habit.write.strip()}" if habit.write else "leave it out", span, habit.write)
        self.report(habit.code, habit.first, habit.last, habit.message, habit.hint or None, habit.expected, fix)

    def unclosed(self, opening: int) -> None:
        self.report(UNCLOSED, opening, opening, f"`{self.run.texts[opening]}` is never closed")

    def unfit(self, token: int) -> None:
        """Report a token that is no word of the language."""
        text = self.run.texts[token]
        if text in _QUOTES:
            at = habits.opened(self.run.text, self._start(token))
            if at is None:
                self.report(UNCLOSED, token, token, "this text is never closed")
            elif self.reported < MOST:
                self.mistakes += 1
                self.reported += 1
                hint = "a value goes into a text as ${…}, and `$` alone as \\$"
                span = Span(at, at + 2)
                self.run.report.report(UNCLOSED, span, "`${` is never closed", hint=hint)
        else:
            shown = text if text.isprintable() else f"U+{ord(text):04X}"
            said = "statements and lines need no sign between them" if text == ";" else None
            if text == "$":
                said = 'names stand without `$`; the environment is read by env("NAME")'
            self.report(UNKNOWN_CHARACTER, token, token, f"`{shown}` is no sign of the language", said)

    def reserved(self, token: int, first: int) -> bool:
        """Report a reserved word in the place of a name, if it is one."""
        run = self.run
        text = run.texts[token]
        if not text.isalpha() or text not in self.machine.words:
            return False
        if text in _CLAUSES | _OPERATORS and not (
            text in habits.OPERATORS and run.texts[token - 1] in habits.DECLARING
        ):
            return False
        if run.kinds[token] in self.starters and self.leads(token) and self.column(token) <= self._indent(first):
            return False
        if not self.fits([self.name, *self._ahead(token + 1)[:1]]):
            return False
        kind = run.texts[token - 1] if token - first >= 2 else ""
        if kind.isidentifier() and run.texts[token - 2] in ("create", "adopt", "ensure", "existing"):
            hint = f'call it `{text}_{kind}` and write `name: "{text}"`'
        else:
            hint = f"call it something else, such as `my_{text}`"
            if run.texts[token - 1] == ":" and run.texts[first] not in habits.DECLARING:
                hint = f"a case of a variant is written `.{text}`"
            if text == "join" and run.texts[token + 1] == "(":
                hint = "texts are put together by `joined(list, separator)`"
        self.report(RESERVED_WORD, token, token, f"`{text}` is a word of the language", hint)
        return True

    def unexpected(self, token: int, first: int, expected: str = "") -> None:
        """Report a token that the grammar does not allow where it stands."""
        run = self.run
        if token == first + 2 and run.texts[first] == "param" and run.kinds[first + 1] == self.name:
            self.say(habits.untyped(run, first))
            return
        if self.reported < MOST:
            expected = expected or self._expected()
        early = run.kinds[token] == END or (run.kinds[token] in self.starters and self.leads(token))
        if not early:
            self.report(SYNTAX, token, token, f"{self._shown(token)} cannot stand here", None, expected)
        elif token > first:
            what = "expression" if run.levels else "statement"
            self.report(SYNTAX, token - 1, token - 1, f"the {what} ends too early", None, expected)
        else:
            self.report(SYNTAX, token, token, "an expression is missing", None, expected)

    def _shown(self, token: int) -> str:
        text = self.run.texts[token]
        if text[:1] in ("'", '"'):
            return "a text"
        return f"`{text}`" if len(text) <= 40 else f"`{text[:40]}…`"

    def _expected(self) -> str:
        """What could stand where the run has stopped, in groups of words."""
        fits = {name for number, name in enumerate(self.machine.terminals) if self.fits([number])}
        found: list[str] = []
        if "NUMBER" in fits:
            found.append("an expression")
            fits -= {"NAME", "STRING", "RAW", "TEXT", "RAW_TEXT", "LPAR", "LSQB", "LBRACE", "DOT", "MINUS", "NOT", "IF"}
            fits -= {"TRUE", "FALSE", "NULL", "FOR"}
            fits = {name for name in fits if name in ("RPAR", "RSQB", "RBRACE", "COMMA")}
        elif "NAME" in fits and "IMPORT" in fits and "STOP" in fits:
            found.append("a name")
            fits &= {"RPAR", "RSQB", "RBRACE"}
        elif "NAME" in fits:
            if "STRING" in fits and "LSQB" in fits:
                found.append("a type")
                fits -= {"LSQB", "LBRACE", "DOT"}
            else:
                found.append("a name")
            fits -= {"STRING", "RAW", "TEXT", "RAW_TEXT", "LPAR"}
        elif "STRING" in fits:
            found.append("a text")
        if "PLUS" in fits:  # an operation could go on
            fits -= {"LPAR", "LSQB", "IN"}
        found += [f"`{sign}`" for sign in _SIGNS if self.machine.terminals[self.machine.words[sign]] in fits]
        if "LET" in fits and "STOP" in fits and "NUMBER" not in fits:
            found.append("the next statement")
        found = found[:5]
        return " or ".join(filter(None, (", ".join(found[:-1]), found[-1]))) if found else ""


_QUOTES = ('"', "'", '"""', "'''")
