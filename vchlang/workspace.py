"""The only reader of scripts: files and imports become checked programs, and what programs read becomes inputs.

A file is read once and remembered, whatever asks for it. Texts are called by their path from the project's root, with
slashes; modules of the standard library by their import, `std/loaders`. What cannot be read is a diagnostic, or an
`Unreadable` for whoever asked, and never an exception.

No script reads what vch keeps in `.vch/`: there are secrets in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import stat
from typing import Any, BinaryIO

import msgspec

from vchlang import archives, codes, resources
from vchlang import values as v
from vchlang.analysis.check import check, imported
from vchlang.analysis.evaluate import evaluate
from vchlang.analysis.program import Composition, Inputs, Parameters, Program, Read, Unreadable
from vchlang.diagnostics import Code, Diagnostic, Report, nearest
from vchlang.plan.model import Input
from vchlang.project import FILE, Project
from vchlang.syntax.parser import LARGEST, parse
from vchlang.text import SourceText, Span

STD = "std/"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A script with all its modules. `program` is None where there is no text; `diagnostics` are of every file."""

    name: str
    program: Program | None
    diagnostics: tuple[Diagnostic, ...]


class Workspace:
    """The scripts of one project. `outside`: directories outside of it that scripts may read."""

    def __init__(self, project: Project, outside: tuple[str, ...] = ()) -> None:
        self._project = project
        self._outside = tuple(os.path.realpath(one) for one in outside)
        self._root = os.path.realpath(project.root)
        self._texts: dict[str, SourceText | Diagnostic] = {}
        self._marked: set[str] = set()
        self._digests: dict[str, str] = {}
        self._modules: dict[str, Program | Unreadable] = {}
        self._found: dict[str, tuple[Diagnostic, ...]] = {}
        self._inputs: Inputs = {}
        self._archives: dict[str, v.DataRef | Unreadable] = {}
        if project.source is not None:
            self._texts[FILE] = project.source

    # ---- scripts ---------------------------------------------------------------------------------------------------

    def load(self, path: str) -> Loaded:
        """Parse and check a script, given by its path on this machine, with everything that it imports."""
        name = self._project.inside(path)
        text = self._text(name)
        if isinstance(text, Diagnostic):
            return Loaded(name=name, program=None, diagnostics=(text,))
        before = set(self._found)
        program = self._checked(name, text, module=False, above=())
        used = {name} | _modules_of(program)
        found = [one for key, all_ in self._found.items() if key in used or key not in before for one in all_]
        return Loaded(name=name, program=program, diagnostics=tuple(dict.fromkeys(found)))

    def lookup(self, name: str) -> SourceText | None:
        """A text by its name, to show lines of it; None where there is none."""
        text = self._text(name) if name else None
        return text if isinstance(text, SourceText) else None

    def position(self, name: str, offset: int) -> tuple[int, int]:
        """Line and column of an offset in a text."""
        text = self.lookup(name)
        return text.position(offset) if text is not None else (1, 1)

    def bytes_before(self, name: str) -> int:
        """How many bytes of the file stand before its text: those of a byte order mark."""
        return 3 if name in self._marked else 0

    def digest(self, name: str) -> str:
        """SHA-256 of a file as it was read; empty where it was not."""
        self._text(name)
        return self._digests.get(name, "")

    def modules(self, path: str) -> set[str]:
        """The names of the modules that a file imports, directly or not; for who looks for scripts among files."""
        loaded = self.load(path)
        return _modules_of(loaded.program) if loaded.program is not None else set()

    def _checked(self, name: str, text: SourceText, *, module: bool, above: tuple[str, ...]) -> Program:
        parsed = parse(text)
        modules = {one: self._module(one, name, (*above, name)) for one, _ in imported(parsed)}
        program = check(parsed, name, modules, module=module)
        self._found[name] = tuple(dict.fromkeys((*parsed.diagnostics, *program.diagnostics)))
        return program

    def _module(self, written: str, importer: str, above: tuple[str, ...]) -> Program | Unreadable:
        name = self._resolved(written, importer)
        if isinstance(name, Unreadable):
            return name
        if name in above:
            ring = [*above[above.index(name) :], name]
            return Unreadable(code=codes.CYCLE.slug, message="modules import each other: " + " → ".join(ring))
        if name not in self._modules:
            text = self._text(name)
            if isinstance(text, Diagnostic):
                hint = text.hints[0] if text.hints else ""
                self._modules[name] = Unreadable(code=text.code, message=text.message, hint=hint)
            else:
                self._modules[name] = self._checked(name, text, module=True, above=above)
        return self._modules[name]

    def _resolved(self, written: str, importer: str) -> str | Unreadable:
        """The name of the text that an import means."""
        if written.startswith(STD):
            known = _names_in(resources.stdlib(), ".vch")
            if written.removeprefix(STD) in known:
                return written
            return _no_module(written, [STD + one for one in known])
        if not written.startswith(("./", "../")):
            near = nearest(written, [STD + one for one in _names_in(resources.stdlib(), ".vch")])
            return Unreadable(
                code=codes.UNKNOWN_MODULE.slug,
                message=f"there is no module `{written}`",
                hint=f"did you mean `{near}`?" if near else "modules are std/…, and ./… and ../… within the project",
            )
        if importer.startswith(STD):
            return Unreadable(code=codes.UNKNOWN_MODULE.slug, message="the standard library imports std/… only")
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(importer), written))
        if joined.startswith("../") or self._is_outside(os.path.join(self._root, joined)):
            return Unreadable(
                code=codes.OUTSIDE_PROJECT.slug,
                message=f"`{written}` is outside of the project",
                hint=f"the project is the directory with {FILE}",
            )
        for candidate in (joined, joined + ".vch"):
            if os.path.isfile(os.path.join(self._root, candidate)):
                return candidate
        directory, _, _ = joined.rpartition("/")
        prefix = written[: written.rfind("/") + 1]
        beside = [prefix + one + ".vch" for one in _names_in(os.path.join(self._root, directory), ".vch")]
        return _no_module(written, beside)

    # ---- texts -----------------------------------------------------------------------------------------------------

    def _text(self, name: str) -> SourceText | Diagnostic:
        if name not in self._texts:
            self._texts[name] = self._read_text(name)
        return self._texts[name]

    def _path(self, name: str) -> str:
        if name.startswith(STD) and not name.endswith(".vch"):
            return os.path.join(resources.stdlib(), name.removeprefix(STD) + ".vch")
        return os.path.join(self._project.root, name)

    def _read_text(self, name: str) -> SourceText | Diagnostic:
        path = self._path(name)
        try:
            with _opened(path) as file:
                if os.fstat(file.fileno()).st_size > LARGEST:
                    return _unread(codes.LIMIT_SIZE, name, f"the file has more than {LARGEST >> 20} MiB")
                data = file.read(LARGEST + 1)
        except FileNotFoundError:
            near = nearest(os.path.basename(path), _names_in(os.path.dirname(path), ""))
            hint = f"did you mean `{posixpath.join(posixpath.dirname(name), near)}`?" if near else ""
            return _unread(codes.IO_ERROR, name, "there is no such file", hint)
        except OSError as error:
            return _unread(codes.IO_ERROR, name, f"the file cannot be read: {error.strerror or error}")
        self._digests[name] = hashlib.sha256(data).hexdigest()
        if data.startswith(b"\xef\xbb\xbf"):
            self._marked.add(name)
        try:
            return SourceText(name, data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            message = f"the file is not UTF-8: byte 0x{data[error.start]:02x} in line {line}"
            return _unread(codes.IO_ERROR, name, message, "save it as UTF-8")

    # ---- what scripts read -----------------------------------------------------------------------------------------

    def evaluate(self, program: Program, parameters: Parameters) -> Composition:
        """Work a program out, reading whatever it asks for until it asks for nothing more."""
        for wanted in _reads_of(program):
            self._read_once(wanted)
        while True:
            made = evaluate(program, parameters, self._inputs)
            asked = [one for one in made.missing if one not in self._inputs]
            if not asked:
                return made
            for wanted in asked:
                self._read_once(wanted)

    def inputs(self, loaded: Loaded) -> tuple[Input, ...]:
        """Everything that a plan of this script was made from, with digests."""
        texts = [("script", loaded.name)]
        if loaded.program is not None:
            texts += [("module", name) for name in sorted(_modules_of(loaded.program))]
        out = [Input(kind=kind, name=name, sha256=self.digest(name)) for kind, name in texts]
        for read in sorted(self._inputs, key=lambda one: (one.kind, one.name)):
            match self._inputs[read]:
                case v.DataRef(sha256=sha256):
                    out.append(Input(kind=read.kind, name=read.name, sha256=sha256))
                case str() as text:
                    digest = hashlib.sha256(text.encode()).hexdigest()
                    out.append(Input(kind=read.kind, name=read.name, sha256=digest))
                case None:
                    out.append(Input(kind=read.kind, name=read.name, sha256=""))
                case _:
                    pass  # what could not be read went into no plan
        return tuple(out)

    def _read_once(self, wanted: Read) -> None:
        if wanted not in self._inputs:
            self._inputs[wanted] = self.read(wanted)

    def read(self, wanted: Read) -> v.DataRef | str | Unreadable | None:
        """What a call of `archive`, `file` or `env` gives."""
        if wanted.kind == "env":
            value = os.environ.get(wanted.name)
            try:
                (value or "").encode()
            except UnicodeEncodeError:
                return Unreadable(code=codes.IO_ERROR.slug, message=f"the variable `{wanted.name}` is not UTF-8")
            return value
        refused = self._refused(wanted.name)
        if refused is not None:
            return refused
        if wanted.kind == "file":
            return self._file(wanted.name)
        if wanted.name not in self._archives:
            self._archives[wanted.name] = self._archive(wanted.name)
        return self._archives[wanted.name]

    def open_data(self, data: Any) -> Any:
        """The packed bytes of a `DataRef`, or of one in a plan's form, to read from; OSError where they cannot be.

        They are packed anew, so whoever reads them compares their SHA-256 with the reference's.
        """
        ref = data if isinstance(data, v.DataRef) else msgspec.convert(data, v.DataRef)
        if (refused := self._refused(ref.source)) is not None:
            raise OSError(refused.message)
        return archives.open_packed(os.path.join(self._root, ref.source))

    def _archive(self, name: str) -> v.DataRef | Unreadable:
        path = os.path.join(self._root, name)
        try:
            mode = os.stat(path).st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise archives.BadArchive("", "it is no directory and no file")
            found = archives.digest(path)
        except FileNotFoundError:
            return self._missing(name)
        except archives.BadArchive as error:
            return Unreadable(code=codes.BAD_ARCHIVE.slug, message=f"`{name}` is refused: {error}")
        except OSError as error:
            return Unreadable(code=codes.IO_ERROR.slug, message=f"`{name}` cannot be read: {error.strerror or error}")
        return v.DataRef(source=name, sha256=found.sha256, size=found.size, entries=found.entries)

    def _refused(self, name: str) -> Unreadable | None:
        path = os.path.realpath(os.path.join(self._root, name))
        kept = os.path.realpath(self._project.state)
        if _within(path, kept) or _within(kept, path):
            return Unreadable(
                code=codes.OUTSIDE_PROJECT.slug,
                message="what vch keeps in .vch is not for scripts: there are state and secrets in it",
                hint="read a directory beside it",
            )
        if self._is_outside(path):
            return Unreadable(
                code=codes.OUTSIDE_PROJECT.slug,
                message=f"`{name}` is outside of the project",
                hint=f'write allow_outside = ["…"] under [env.NAME] in {FILE} to allow it',
            )
        return None

    def _is_outside(self, path: str) -> bool:
        real = os.path.realpath(path)
        return not any(_within(real, one) for one in (self._root, *self._outside))

    def _missing(self, name: str) -> Unreadable:
        path = os.path.join(self._root, name)
        near = nearest(os.path.basename(path), _names_in(os.path.dirname(path), ""))
        return Unreadable(
            code=codes.MISSING_FILE.slug,
            message=f"there is no `{name}`",
            hint=f"did you mean `{near}`?" if near else "a path is relative to the file that it is written in",
        )

    def _file(self, name: str) -> str | Unreadable:
        try:
            with _opened(os.path.join(self._root, name)) as file:
                data = file.read(LARGEST + 1)
        except FileNotFoundError:
            return self._missing(name)
        except OSError as error:
            return Unreadable(code=codes.IO_ERROR.slug, message=f"`{name}` cannot be read: {error.strerror or error}")
        if len(data) > LARGEST:
            return Unreadable(code=codes.LIMIT_SIZE.slug, message=f"`{name}` has more than {LARGEST >> 20} MiB")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            hint = "`archive` takes any content"
            return Unreadable(code=codes.IO_ERROR.slug, message=f"`{name}` is not UTF-8", hint=hint)


def _modules_of(program: Program) -> set[str]:
    out: set[str] = set()
    todo = list(program.modules.values())
    while todo:
        one = todo.pop()
        if one.path not in out:
            out.add(one.path)
            todo += one.modules.values()
    return out


def _reads_of(program: Program) -> list[Read]:
    out = list(program.reads)
    todo = list(program.modules.values())
    while todo:
        one = todo.pop()
        out += one.reads
        todo += one.modules.values()
    return out


def _no_module(written: str, known: list[str]) -> Unreadable:
    near = nearest(written, known)
    return Unreadable(
        code=codes.UNKNOWN_MODULE.slug,
        message=f"there is no module `{written}`",
        hint=f"did you mean `{near}`?" if near else "",
    )


def _names_in(directory: str, ending: str) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(one.removesuffix(ending) for one in os.listdir(directory or ".") if one.endswith(ending))
    return []


def _within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _opened(path: str) -> BinaryIO:
    """A plain file, opened; OSError for anything else: a pipe would be waited for, and a device never ends."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is no plain file")
        return open(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _unread(code: Code, name: str, message: str, hint: str = "") -> Diagnostic:
    report = Report(name)
    report.report(code, Span(0, 0), message, hint=hint or None)
    return report.freeze()[0]
