"""Bodies and clauses of elements, joins, binds and instances, checked against the description of their kind."""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.fit import fits, opened
from vchlang.analysis.infer import Inference
from vchlang.diagnostics import did_you_mean, with_article
from vchlang.kinds.schema import KINDS, Kind, Param, Verb
from vchlang.syntax import ast
from vchlang.text import Span


class Bodies(Inference):
    """What stands in braces and clauses."""

    def clause(self, kind: Kind, node: ast.Element, clause: str, written: Any) -> None:
        param = kind.element.clauses.get(clause)
        verb = node.verb.text
        if written is None:
            if param is not None and param.required:
                self.out.report(
                    codes.MISSING_FIELD,
                    self.at(node.target),
                    f"`{verb} {kind.name}` needs `{clause}`",
                    hint=f"{param.doc}",
                )
            elif kind.name == "pool" and clause == "in" and node.at is None:
                self.out.report(
                    codes.MISSING_FIELD, self.at(node.target), "a pool needs `in`, or `at` for a pool that is there"
                )
            return
        if param is None or (clause == "at" and verb == "create" and kind.name == "pool"):
            self.out.report(
                codes.WRONG_CLAUSE,
                self.at(written),
                f"`{verb} {kind.name}` takes no `{clause}`",
                hint="`in` says inside what, `at` says where or which",
            )
            self.infer(written, None)
            return
        self.late = None
        self.given(param, written, f"`{clause}`")
        self.static(written, f"`{clause}`")

    def body(
        self,
        verb: Verb,
        body: ast.Record | None,
        head: Span,
        *,
        word: str,
        existing: bool = False,
        static: dict[str, str] | None = None,
    ) -> None:
        """A body is a record checked against what the verb takes.

        static: of an instance, the parameters that must be known before anything is planned, and what for.
        """
        params = verb.fields
        seen: dict[str, Span] = {}
        brought: set[str] = set()
        open_ended = False
        for entry in body.entries if body is not None else ():
            if isinstance(entry, ast.Spread):
                fresh: set[str] = set()
                open_ended |= self.spread(entry, params, seen, fresh, word)
                brought |= fresh
                self.only_finds(entry.value, [params[one] for one in sorted(fresh & params.keys())], existing, word)
                continue
            name = entry.name.text
            span = self.at(entry.name)
            if name in seen:
                self.out.report(
                    codes.DUPLICATE_FIELD, span, f"`{name}` is written twice", labels=[(seen[name], "first here")]
                )
            seen.setdefault(name, span)
            param = params.get(name)
            if param is None:
                self.unknown_field(entry.name, params, f"`{word}` takes no `{name}`")
                self.late = None
                self.infer(entry.value, v.ANY)
            else:
                self.late = None
                self.only_finds(entry.name, [param], existing, word)
                self.given(param, entry.value, f"`{name}`")
                if name == "name" and static is None:
                    self.static(entry.value, "a name")
                elif static:
                    self.deciding(name, entry.value, static, word)
        if not open_ended and not existing:
            for name, param in params.items():
                if param.required and name not in seen and name not in brought:
                    self.out.report(codes.MISSING_FIELD, head, f"`{word}` needs `{name}`", hint=param.doc or None)

    def only_finds(self, node: Any, params: list[Param], existing: bool, word: str) -> None:
        """Report what an `existing` says of something beside which one it is: nothing would come of it."""
        if existing and (useless := next((one for one in params if not one.finds), None)) is not None:
            kind = KINDS[word.partition(" ")[2]]
            if "ensure" in kind.words or "adopt" in kind.words:
                taking = "ensure" if "ensure" in kind.words else "adopt"
                hint = f"leave it out, or write `{taking} {kind.name}`, which makes it what stands here"
            else:
                hint = "leave it out"
            message = f"`{useless.name}` does not help to find it, and what is `existing` is never changed"
            self.out.report(codes.WRONG_VERB, self.at(node), message, hint=hint)

    def deciding(self, name: str, node: Any, static: dict[str, str], word: str) -> None:
        """Report a parameter that decides what there is, and is known only after apply; or a member of it."""
        late = self.late
        for path, what in static.items():
            head, _, rest = path.partition(".")
            if head != name:
                continue
            part = node
            for member in rest.split(".") if rest else ():
                fields = [one for one in part.entries if isinstance(one, ast.Field)] if type(part) is ast.Record else []
                if type(part) is not ast.Record or len(fields) < len(part.entries):
                    break  # nobody sees here what is in it
                part = next((one.value for one in fields if one.name.text == member), None)
            if part is None:
                continue  # it is not given, and a default is known
            if part is node:
                self.late = late
            else:
                self.late = None
                self.infer(part, v.ANY)
            reason = what if " in `" in what else f"{what} in `{word}`"
            self.static(part, f"`{path}` decides {reason}, and")

    def spread(
        self, entry: ast.Spread, params: dict[str, Param], seen: dict[str, Span], brought: set[str], word: str
    ) -> bool:
        """Check `...r`; whether it may bring fields that are not known here."""
        found = self.infer(entry.value, None)
        match found:
            case v.RecordOf(fields):
                for one in fields:
                    param = params.get(one.name)
                    if param is None:
                        self.out.report(
                            codes.UNKNOWN_FIELD,
                            self.at(entry.value),
                            f"`{word}` takes no `{one.name}`, which this brings",
                            hint=did_you_mean(one.name, params),
                        )
                    elif not self.takes(param, one.type):
                        self.wrong(entry.value, f"`{one.name}` takes", v.show_type(param.type), one.type)
                    if one.name in seen:
                        self.out.report(
                            codes.LOST_FIELD,
                            seen[one.name],
                            f"`{one.name}` is lost: the spread after it has `{one.name}` too",
                            labels=[(self.at(entry), "overrides it here")],
                            hint="write it after the spread",
                        )
                    brought.add(one.name)
                return False
            case v.MapOf() | v.Simple("anything"):
                return True
            case _:
                self.wrong(entry.value, "a spread takes", "a record", found)
                return True

    def given(self, param: Param, node: Any, what: str) -> None:
        """Check the value of a described field, where an element may stand for its identity."""
        wanted = param.type
        found = self.infer(node, wanted)
        if isinstance(node, ast.Number):
            self.decimal(node, wanted)
        if param.kinds:
            inner = opened(found)
            if isinstance(inner, v.KindOf):
                if inner.kind not in param.kinds:
                    self.wrong(node, f"{what} takes", " or ".join(map(with_article, param.kinds)), found)
                elif isinstance(found, v.Optional) and param.required:  # else null is as if it were not written
                    self.maybe_null(node)
                return
            if isinstance(found, v.UnionOf):  # `InventoryPath | Pool`: what is no such element is to be its identity
                elements = [one for one in found.options if isinstance(one, v.KindOf) and one.kind in param.kinds]
                found = v.UnionOf(tuple(one for one in found.options if one not in elements))
            if opened(wanted) == v.STRING and found not in (v.ANY, v.NULL):
                self.wrong(node, f"{what} takes", " or ".join(map(with_article, param.kinds)), found)
                return
        if not param.required and not isinstance(wanted, v.Optional):
            wanted = v.Optional(wanted)  # `null` is as if it were not written
        self.fit(found, wanted, node, what)

    def takes(self, param: Param, found: v.Type) -> bool:
        inner = opened(found)
        if param.kinds and isinstance(inner, v.KindOf):
            return inner.kind in param.kinds
        return fits(found, param.type if param.required else v.Optional(param.type))
