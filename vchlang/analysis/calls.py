"""Types of calls: functions of the language and of the script, cases of a variant, facts with a role, lambdas."""

from __future__ import annotations

from typing import Any

from vchlang import codes
from vchlang import values as v
from vchlang.analysis.builtins import BUILTINS, Builtin
from vchlang.analysis.builtins.table import Function
from vchlang.analysis.fit import a_type, divided, fits, item, literal, option_for, read_of, unsecret
from vchlang.analysis.operators import Operators
from vchlang.analysis.program import Signature, Symbol
from vchlang.diagnostics import Fix, did_you_mean, nearest, with_article
from vchlang.kinds.schema import KINDS
from vchlang.syntax import ast
from vchlang.text import Span


class Calls(Operators):
    """Everything that is called, and the cases of variants."""

    def e_variant(self, node: ast.Variant, wanted: v.Type | None) -> v.Type:
        return self.variant(node, None, wanted)

    def variant(self, node: ast.Variant, args: tuple[ast.Arg, ...] | None, wanted: v.Type | None) -> v.Type:
        inner = option_for(wanted, node)
        if not isinstance(inner, v.VariantOf):
            for arg in args or ():
                self.infer(arg.value, None)
            if inner is None:
                self.out.report(
                    codes.NO_VARIANT_TYPE,
                    self.at(node),
                    f"nothing here says which type `.{node.name}` is of",
                    hint="say the type: let x: Type = ." + node.name,
                )
                return v.ANY
            return v.ANY if inner == v.ANY else v.VariantOf(f".{node.name}", (v.Case(node.name, ()),))
        case = inner.case(node.name)
        if case is None:
            names = [one.name for one in inner.cases]
            near = nearest(node.name, names)
            self.out.report(
                codes.UNKNOWN_VARIANT,
                self.at(node),
                f"no `.{node.name}` here",
                hint=f"did you mean `.{near}`?" if near else "it is one of " + ", ".join(f".{one}" for one in names),
                fix=Fix(f"write .{near}", self.at(node), f".{near}") if near else None,
            )
            for arg in args or ():
                self.infer(arg.value, None)
            return v.ANY
        self.case_fields(node, case, args or ())
        return inner

    def case_fields(self, node: ast.Variant, case: v.Case, args: tuple[ast.Arg, ...]) -> None:
        self.arguments(node, case.fields, args, f"`.{case.name}`")

    def arguments(self, node: Any, params: tuple[v.FieldOf, ...], args: tuple[ast.Arg, ...], what: str) -> None:
        """Check arguments, by position and by name, against what a case or a function takes."""
        fields = {one.name: one for one in params}
        given = {arg.name.text for arg in args if arg.name is not None}
        needed = [one.name for one in params[sum(arg.name is None for arg in args) :] if one.required]
        missing = [name for name in needed if name not in given]
        seen: dict[str, Span] = {}
        for position, arg in enumerate(args):
            if arg.name is not None:
                field = fields.get(arg.name.text)
                if field is None:
                    meant = missing.pop(0) if missing else ""  # a wrong name and a missing one are one mistake
                    near = nearest(arg.name.text, fields)
                    hint = f"it needs `{meant}`" if meant and near is None else None
                    message = f"{what} takes no `{arg.name.text}`"
                    self.unknown_field(arg.name, fields, message, hint)
            else:
                field = params[position] if position < len(params) else None
                if field is None:
                    self.out.report(
                        codes.WRONG_ARGUMENTS, self.at(arg.value), f"{what} takes no more than {len(fields)}"
                    )
            if field is None:
                self.infer(arg.value, v.ANY)
                continue
            if field.name in seen:
                first = [(seen[field.name], "first here")]
                self.out.report(codes.DUPLICATE_FIELD, self.at(arg), f"`{field.name}` is given twice", labels=first)
            seen.setdefault(field.name, self.at(arg))
            found = self.infer(arg.value, field.type)
            if found != v.NULL or field.default is None:  # `null` is as if it were not given
                self.fit(found, field.type, arg.value, f"`{field.name}`")
        for field in params:
            if field.name in missing and field.name not in seen:
                self.out.report(
                    codes.MISSING_FIELD, self.at(node), f"{what} needs `{field.name}`", hint=field.doc or None
                )

    def e_call(self, node: ast.Call, wanted: v.Type | None) -> v.Type:
        callee = node.callee
        if isinstance(callee, ast.Variant):
            return self.variant(callee, node.args, wanted)
        if isinstance(callee, ast.Name) and callee.text == "reachable" and self.find("reachable") is None:
            return self.reachable(node)
        if isinstance(callee, ast.Name) and self.find(callee.text) is None and callee.text in BUILTINS:
            return self.builtin(node, BUILTINS[callee.text])
        symbol = self.find(callee.text) if isinstance(callee, ast.Name) else None
        if symbol is not None and (symbol.what == "fn" or isinstance(symbol.type, v.FunctionOf)):
            return self.function_call(node, symbol)
        if isinstance(callee, ast.Member):
            target = self.infer(callee.target, None)
            if isinstance(target, v.KindOf):
                return self.called_fact(node, callee, target.kind)
            if target != v.ANY:
                from vchlang.analysis.habits import method_hint

                text, base = self.text, self.base
                args = text[base + node.args[0].start : base + node.args[-1].end] if node.args else ""
                hint = method_hint(callee.name.text, text[base + node.start : base + callee.target.end], args)
                message = f"{a_type(target)} has no `{callee.name.text}` to call"
                self.out.report(codes.UNKNOWN_FIELD, self.at(callee.name), message, hint=hint)
        elif not isinstance(callee, ast.Name) or callee.text not in self.broken:
            found = self.infer(callee, None)
            if isinstance(callee, ast.Group) and isinstance(callee.inner, ast.Lambda):
                for arg in node.args:
                    self.infer(arg.value, None)
                return v.ANY
            if found != v.ANY:
                self.wrong(callee, "a call takes", "a function", found)
        for arg in node.args:
            self.infer(arg.value, None)
        return v.ANY

    def traffic(self, node: Any) -> None:
        """Check which connections are meant; the checker of segments knows how."""
        raise NotImplementedError

    def reachable(self, node: ast.Call) -> v.Type:
        """`reachable(a, b)`: a question to the rules of all segments, answered before anything is planned."""
        if len(node.args) not in (2, 3) or any(arg.name is not None for arg in node.args):
            self.out.report(
                codes.WRONG_ARGUMENTS,
                self.at(node),
                "`reachable` takes two: from where, and to where; and perhaps which traffic",
                hint="as in: assert not reachable(outside, db), or reachable(web, db, tcp(5432))",
            )
        for arg in node.args[2:]:
            self.traffic(arg.value)
        for arg in node.args[:2]:
            if isinstance(arg.value, ast.Name) and arg.value.text in ("any", "outside"):
                if self.find(arg.value.text) is None:
                    continue
            found = self.infer(arg.value, None)
            if found not in (v.KindOf("segment"), v.KindOf("executor"), v.ANY):
                self.wrong(arg.value, "`reachable` takes", "a segment, an executor, any or outside", found)
        return v.BOOL

    def function_call(self, node: ast.Call, symbol: Symbol) -> v.Type:
        """A call of a function of the script or of a module."""
        self.infer(node.callee, None)
        signature = symbol.signature
        late = self.late
        if signature is None:  # it is part of a ring, or wrong in itself
            for arg in node.args:
                self.infer(arg.value, v.ANY)
            return v.ANY
        self.arguments(node, signature.params, node.args, f"`{symbol.name}`")
        if signature.late or late is not None:
            self.late = self.at(node)
        return signature.result

    def called_fact(self, node: ast.Call, callee: ast.Member, kind: str) -> v.Type:
        fact = KINDS[kind].facts.get(callee.name.text)
        found = self.fact(callee, kind)
        if fact is None:
            return found
        if not fact.roles:
            self.out.report(codes.WRONG_ARGUMENTS, self.at(callee.name), f"`{fact.name}` is read without parentheses")
            return found
        for arg in node.args:
            if not isinstance(arg.value, ast.Variant):
                self.wrong(arg.value, f"`{fact.name}` takes", "a role, as .client", self.infer(arg.value, None))
        if len(node.args) != 1:
            self.out.report(codes.WRONG_ARGUMENTS, self.at(node), f"`{fact.name}` takes one role")
        self.late = self.at(node)
        return found

    def builtin(self, node: ast.Call, builtin: Builtin) -> v.Type:
        if builtin.name in ("floor", "ceil") and (quotient := divided(node)) is not None:
            left, right = self.infer(quotient.left, None), self.infer(quotient.right, None)
            if left in v.UNITS and right == v.INT:
                return left
        params = builtin.params
        least = len(params) - builtin.optional
        most = 10**6 if builtin.variadic else len(params)
        if not least <= len(node.args) <= most:
            takes = ", ".join(name for name, _ in params)
            many = f"at least {least}" if builtin.variadic else f"{least} to {most}" if builtin.optional else str(most)
            self.out.report(
                codes.WRONG_ARGUMENTS,
                self.at(node),
                f"`{builtin.name}` takes {many} ({takes}), and {len(node.args)} stand here",
            )
            for arg in node.args:
                if not isinstance(arg.value, ast.Lambda):
                    self.infer(arg.value, None)
            return v.ANY
        types: list[v.Type] = []
        if builtin.name == "joined" and literal(node.args[0].value) is not None:
            self.out.report(codes.WRONG_ARGUMENTS, self.at(node), "the list comes first: joined(list, separator)")
            return v.STRING
        for position, arg in enumerate(node.args):
            if arg.name is not None:
                self.out.report(
                    codes.WRONG_ARGUMENTS, self.at(arg.name), f"`{builtin.name}` takes its arguments by position"
                )
            name, wanted = params[min(position, len(params) - 1)]
            if isinstance(wanted, v.FunctionOf):
                found = self.lambda_of(arg.value, builtin.item(types) if builtin.item else (v.ANY,))
                declared = builtin.declared[min(position, len(params) - 1)][1]
                if (
                    isinstance(declared, Function)
                    and declared.result == v.BOOL
                    and unsecret(found) not in (v.BOOL, v.ANY)
                ):
                    body = arg.value.body if isinstance(arg.value, ast.Lambda) else arg.value
                    self.wrong(body, f"the function of `{builtin.name}` gives", "true or false", found)
                types.append(found)
                continue
            found = self.infer(arg.value, None if wanted == v.ANY else wanted)
            if wanted == v.ANY and isinstance(found, v.FunctionOf):
                self.wrong(arg.value, f"`{builtin.name}` takes", "a value", found)
                found = v.ANY
            if isinstance(found, v.SecretOf):
                # A condition on it would tell of it, and apply could not work it out: plans have texts, not calls.
                if builtin.name != "len" or not self.measuring:
                    hint = "the `where` of a secret may ask for its length" if builtin.name == "len" else None
                    message = f"`{builtin.name}` takes no secret"
                    self.out.report(codes.SECRET_SINK, self.at(arg.value), message, hint=hint)
                    return v.ANY
                found = found.inner
            if not self.listlike(found, wanted):
                self.fit(found, wanted, arg.value, f"`{name}`")
            types.append(found)
        if builtin.probe and not self.probing:
            message = f"`{builtin.name}` asks the world, which only a `verify` may"
            self.out.report(
                codes.MISPLACED, self.at(node.callee), message, hint=f"verify {builtin.name}(…), once it is applied"
            )
        elif builtin.reads and not builtin.probe:
            self.read(node, builtin)
        return builtin.result if not callable(builtin.result) else builtin.result(types)

    def listlike(self, found: v.Type, wanted: v.Type) -> bool:
        return (
            isinstance(wanted, v.ListOf | v.MapOf)
            and isinstance(found, v.ListOf | v.MapOf | v.RecordOf)
            and (isinstance(wanted, v.ListOf) == isinstance(found, v.ListOf))
            and item(wanted) == v.ANY
        )

    def lambda_of(self, node: Any, params: tuple[v.Type, ...]) -> v.Type:
        """The type of what a lambda gives, for these types of its parameters."""
        symbol = self.find(node.text) if isinstance(node, ast.Name) else None
        if symbol is not None and symbol.what in ("fn", "import"):
            self.infer(node, None)
            if symbol.signature is not None:
                return self.given_function(node, symbol.signature, params)
        if not isinstance(node, ast.Lambda):
            found = self.infer(node, None)
            if not isinstance(found, v.FunctionOf) and found != v.ANY:
                self.wrong(node, "a function stands here, as x => …:", "a function", found)
            return v.ANY
        scope: dict[str, Symbol] = {}
        self.scopes.append(scope)
        for position, name in enumerate(node.params):
            self.declare(scope, name, "loop", params[position] if position < len(params) else v.ANY, node)
        if len(node.params) != len(params):
            self.out.report(codes.WRONG_ARGUMENTS, self.at(node), f"the function takes {len(params)} here")
        found = self.infer(node.body, None)
        self.scopes.pop()
        return found

    def given_function(self, node: ast.Name, signature: Signature, params: tuple[v.Type, ...]) -> v.Type:
        """The type of what a function gives that stands where a lambda does."""
        least = sum(one.required for one in signature.params)
        if not least <= len(params) <= len(signature.params):
            self.out.report(
                codes.WRONG_ARGUMENTS, self.at(node), f"the function takes {len(params)} here, and `{node.text}` others"
            )
            return signature.result
        for type_, field in zip(params, signature.params, strict=False):
            if not fits(type_, field.type):
                self.wrong(node, f"`{field.name}` of `{node.text}` takes", v.show_type(field.type), type_)
        return signature.result

    def read(self, node: ast.Call, builtin: Builtin) -> None:
        text = literal(node.args[0].value) if node.args else None
        if text is not None:
            self.reads[read_of(builtin.name, text, self.path)] = None

    def e_lambda(self, node: ast.Lambda, wanted: v.Type | None) -> v.Type:
        self.lambda_of(node, tuple(v.ANY for _ in node.params))
        return v.FunctionOf(len(node.params))

    def fact(self, node: ast.Member, kind: str) -> v.Type:
        facts = KINDS[kind].facts
        fact = facts.get(node.name.text)
        if fact is None:
            self.out.report(
                codes.UNKNOWN_FACT,
                self.at(node.name),
                f"{with_article(kind)} has no `{node.name.text}` to read",
                hint=did_you_mean(node.name.text, facts) or "it has " + ", ".join(facts),
                fix=self.fix(node.name, facts),
            )
            return v.ANY
        self.late = self.at(node)
        return fact.type
