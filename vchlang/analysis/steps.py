"""Statements about what is there already: handles with their joins and binds, power, waits, rules of a segment."""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.bodies import Bodies
from vchlang.analysis.program import Symbol
from vchlang.diagnostics import Fix, did_you_mean, one_off, with_article
from vchlang.kinds.schema import KINDS, Kind, Verb
from vchlang.syntax import ast
from vchlang.text import Span

STATES = ("launched", "ready", "stable")
TRAFFIC = ("tcp", "udp", "icmp", "any")
PEERS = ("any", "outside")


class Steps(Bodies):
    """Handles and what goes on with executors."""

    text = ""

    def block(self, block: ast.Block, where: str) -> None:
        """Check the statements of a block; the checker of files knows how."""
        raise NotImplementedError

    def handle(self, node: ast.Handle, where: str) -> None:
        found = self.infer(node.executor, None)
        if found in (v.KindOf("executor"), v.KindOf("template")):
            self.ours(node.executor, "no handle opens on what is `existing`: it is looked up and never changed")
        elif found != v.ANY:
            self.wrong(node.executor, "a handle opens on", "an executor or a template", found)
        self.block(node.body, "handle")

    def ours(self, place: Any, said: str) -> None:
        """Report a place that is only looked up."""
        symbol = self.symbol_of(place)
        if symbol is not None and symbol.verb == "existing":
            labels = [(symbol.span, "declared `existing` here")]
            self.out.report(codes.WRONG_VERB, self.at(place), said, labels=labels)

    def symbol_of(self, place: Any) -> Symbol | None:
        while isinstance(place, ast.Index | ast.Group):
            place = place.target if isinstance(place, ast.Index) else place.inner
        return self.find(place.text) if isinstance(place, ast.Name) else None

    def join(self, node: ast.Join, where: str) -> None:
        kind = self.joined(node.what, "join")
        if kind is None:
            for one in (node.body, node.bind.at if node.bind else None, node.bind.body if node.bind else None):
                if one is not None:
                    self.infer(one, v.ANY)  # nobody knows what it takes
            return
        verb = kind.join
        assert verb is not None
        self.role(kind, verb, node.role, self.at(node.what))
        self.body(verb, node.body, self.at(node.what), word=f"join of {with_article(kind.name)}")
        if node.bind is not None:
            # An unknown role has been reported; what it would need at the bind is anybody's guess.
            loader = node.role is None or node.role.text not in ("persistent", "non_persistent")
            self.bound(kind, node.bind.at, node.bind.body, self.at(node.bind.word), loader)

    def bind(self, node: ast.Bind, where: str) -> None:
        kind = self.joined(node.what, "bind")
        if kind is None:
            for one in (node.at, node.body):
                if one is not None:
                    self.infer(one, v.ANY)
            return
        if node.role is not None and kind.join is not None:
            self.role(kind, kind.join, node.role, self.at(node.what))
        # Without a role, only the joins of the handle tell whether this is a loader: `evaluate` knows them.
        loader = node.role is None or node.role.text == "loader"
        self.bound(kind, node.at, node.body, self.at(node.what), loader)

    def joined(self, what: Any, word: str) -> Kind | None:
        found = self.infer(what, None)
        if found == v.ANY:
            return None
        if isinstance(found, v.Optional) and isinstance(found.inner, v.KindOf):
            self.maybe_null(what)
            found = found.inner
        kind = KINDS.get(found.kind) if isinstance(found, v.KindOf) else None
        if kind is None or (kind.join if word == "join" else kind.bind) is None:
            self.wrong(what, f"`{word}` takes", "a storage, a network or a task", found)
            return None
        return kind

    def role(self, kind: Kind, verb: Verb, role: ast.Word | None, span: Span) -> None:
        if role is None:
            if verb.roles:
                roles = ", ".join(f"`{one}`" for one in verb.roles)
                self.out.report(
                    codes.MISSING_FIELD,
                    span,
                    f"{with_article(kind.name)} is joined in a role",
                    hint=f"write `as` and one of {roles}",
                )
        elif not verb.roles:
            self.out.report(codes.UNKNOWN_ROLE, self.at(role), f"{with_article(kind.name)} is joined without a role")
        elif role.text not in verb.roles and not verb.free_roles:
            self.out.report(
                codes.UNKNOWN_ROLE,
                self.at(role),
                f"{with_article(kind.name)} has no role `{role.text}`",
                hint=did_you_mean(role.text, verb.roles) or "its roles are " + ", ".join(verb.roles),
                fix=self.fix(role, verb.roles),
            )
        elif role.text not in verb.roles:
            for known in verb.roles:
                if one_off(role.text, known) and not role.text.startswith(known):
                    hint = f"did you mean `{known}`?"
                    fix = Fix(f"write {known}", self.at(role), known)
                    message = f"`{role.text}` is a role of yours"
                    self.out.report(codes.ODD_ROLE, self.at(role), message, hint=hint, fix=fix)

    def bound(self, kind: Kind, at: Any, body: ast.Record | None, span: Span, loader: bool) -> None:
        verb = kind.bind
        assert verb is not None
        param = verb.clauses.get("at")
        if at is not None:
            if param is None:
                self.out.report(codes.WRONG_CLAUSE, self.at(at), f"{with_article(kind.name)} is bound without `at`")
                self.infer(at, None)
            else:
                self.late = None
                self.given(param, at, "`at`")
                self.static(at, "`at`")
        elif param is not None and not loader:
            self.out.report(
                codes.MISSING_FIELD, span, f"{with_article(kind.name)} is bound at a path", hint='write `bind at "/…"`'
            )
        self.body(verb, body, span, word=f"bind of {with_article(kind.name)}")

    def power(self, node: ast.Power, where: str) -> None:
        found = self.infer(node.what, None)
        if self.frozen(node.what, found):
            return
        self.ours(node.what, f"`{node.switch.text}` changes nothing that is `existing`: it is looked up")
        if found not in (v.KindOf("executor"), v.ANY):
            self.wrong(node.what, f"`{node.switch.text}` takes", "an executor", found)

    def wait(self, node: ast.Wait, where: str) -> None:
        found = self.infer(node.what, None)
        if self.frozen(node.what, found):
            found = v.ANY
        if found not in (v.KindOf("executor"), v.KindOf("task"), v.ANY):
            self.wrong(node.what, "`wait` takes", "an executor or a task", found)
        if node.state.text not in STATES:
            self.out.report(
                codes.UNKNOWN_STATE,
                self.at(node.state),
                f"no state `{node.state.text}`",
                hint=did_you_mean(node.state.text, STATES) or "the states are launched, ready and stable",
                fix=self.fix(node.state, STATES),
            )
        self.late = None
        self.value(node.within, v.DURATION, "`within`")
        self.static(node.within, "`within`")

    def frozen(self, node: Any, found: v.Type) -> bool:
        """Report a step on a template: it is started and frozen by itself, and never serves."""
        if found != v.KindOf("template"):
            return False
        self.out.report(
            codes.WRONG_TYPE,
            self.at(node),
            "a template never serves: it is started and frozen by itself",
            hint="start an executor that has it as its parent",
        )
        return True

    # ---- segments --------------------------------------------------------------------------------------------------

    def verb(self, kind: Kind, verb: ast.Word) -> None:
        """Check the verb of an element; the checker of elements knows how."""
        raise NotImplementedError

    def keys(self, target: ast.Target) -> None:
        """Check the keys of an element's name; the checker of elements knows how."""
        raise NotImplementedError

    def segment(self, node: ast.Segment, where: str) -> None:
        kind = KINDS["segment"]
        self.verb(kind, node.verb)
        self.keys(node.target)
        self.late = None
        self.given(kind.element.clauses["in"], node.inside, "`in`")
        self.static(node.inside, "`in`")
        loops, self.context.loops = self.context.loops, 0
        self.block(node.body, "segment")
        self.context.loops = loops

    def rule(self, node: ast.Rule, where: str) -> None:
        """`allow tcp(80, 443) from any`: words of its own, and places that are segments."""
        self.traffic(node.what)
        if node.peer is not None:
            self.peer(node.peer, f"`{node.direction.text if node.direction else 'from'}` takes")

    def traffic(self, node: Any) -> None:
        """Which connections a rule speaks of: tcp, udp, icmp or any."""
        callee = node.callee if isinstance(node, ast.Call) else node
        word = callee.text if isinstance(callee, ast.Name) else ""
        if word not in TRAFFIC:
            self.out.report(
                codes.WRONG_TYPE,
                self.at(node),
                "a rule allows or denies tcp(…), udp(…), icmp or any",
                hint=did_you_mean(word, TRAFFIC) or "as in: allow tcp(80, 443) from any",
                fix=self.fix(ast.Word(callee.start, callee.end, word), TRAFFIC) if word else None,
            )
            return
        if not isinstance(node, ast.Call):
            return
        if word in ("icmp", "any"):
            self.out.report(codes.WRONG_ARGUMENTS, self.at(node), f"`{word}` has no ports")
        for arg in node.args:
            if arg.name is not None:
                self.out.report(codes.WRONG_ARGUMENTS, self.at(arg.name), f"`{word}` takes ports and ranges of ports")
            self.late = None
            found = self.infer(arg.value, None)
            if found not in (v.INT, v.ANY, v.Simple("Range"), v.ListOf(v.INT), v.ListOf(v.ANY)):
                self.wrong(arg.value, "a port is", "a whole number, a range or a list of such", found)
            self.static(arg.value, "a port")

    def peer(self, node: Any, what: str) -> None:
        """The other end of a rule, or an end of `reachable`: a segment, any, outside."""
        if isinstance(node, ast.Name) and node.text in PEERS and self.find(node.text) is None:
            return
        self.late = None
        found = self.infer(node, None)
        if isinstance(found, v.Optional) and found.inner == v.KindOf("segment"):
            self.maybe_null(node)
        elif found not in (v.KindOf("segment"), v.ANY):
            self.wrong(node, what, "a segment, any or outside", found)
