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

from vchlang import archives, codes, packages, resources
from vchlang import values as v
from vchlang.analysis.budget import MAX_STEPS
from vchlang.analysis.check import check, imported
from vchlang.analysis.evaluate import evaluate
from vchlang.analysis.program import Composition, Inputs, Package, Parameters, Program, Read, Unreadable
from vchlang.diagnostics import Code, Diagnostic, Report, nearest
from vchlang.plan.model import Input
from vchlang.project import FILE, Project
from vchlang.syntax.automaton import LARGEST
from vchlang.syntax.parser import parse
from vchlang.text import SourceText, Span

STD = "std/"
DEEPEST = 100
"""How deep modules stand in modules: each is opened while the one above is."""


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
        self._modules: dict[str, Program | Package | Unreadable] = {}
        self._stats: dict[str, tuple[int, ...]] = {}
        self._lock: packages.Lock | None = None
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

    def check_text(self, name: str, text: str) -> Loaded:
        """Check a text as if the script of this name had it; the workspace goes on as if it did not."""
        program = self._checked(name, SourceText(name, text), module=False, above=())
        found = self._found.pop(name)
        return Loaded(name=name, program=program, diagnostics=found)

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

    def refresh(self) -> set[str]:
        """Forget what was read of files that changed since, and what depends on it; the names of those texts.

        What did not change is not read, parsed or checked again: an editor and a console keep one workspace.
        """
        changed = {name for name, seen in self._stats.items() if seen != self._stat(name)}
        if not changed:
            return changed
        stale = set(changed)
        while True:
            more = {
                name
                for name, one in self._modules.items()
                if name not in stale and _programs(one) and any(_uses(program, stale) for program in _programs(one))
            }
            if not more:
                break
            stale |= more
        for name in changed:
            for kept in (self._texts, self._digests, self._stats):
                kept.pop(name, None)
            self._marked.discard(name)
        for name, one in list(self._modules.items()):
            if name in stale or isinstance(one, Unreadable) or any(name == packages.LOCK for name in changed):
                del self._modules[name]
        for name in stale:
            self._found.pop(name, None)
        self._inputs, self._archives, self._lock = {}, {}, None
        return changed

    def _checked(self, name: str, text: SourceText, *, module: bool, above: tuple[str, ...]) -> Program:
        parsed = parse(text)
        modules = {one: self._module(one, name, (*above, name)) for one, _ in imported(parsed)}
        package = self.lock.package_of(name) if self.lock.packages else None
        program = check(parsed, name, modules, module=module, root=package.path if package is not None else "")
        self._found[name] = tuple(dict.fromkeys((*parsed.diagnostics, *program.diagnostics)))
        return program

    def _module(self, written: str, importer: str, above: tuple[str, ...]) -> Program | Package | Unreadable:
        name = self._resolved(written, importer)
        if isinstance(name, Unreadable):
            return name
        if name in above:
            ring = [*above[above.index(name) :], name]
            return Unreadable(code=codes.CYCLE.slug, message="modules import each other: " + " → ".join(ring))
        if name not in self._modules:
            if len(above) > DEEPEST:
                return Unreadable(code=codes.LIMIT_DEPTH.slug, message=f"modules import modules deeper than {DEEPEST}")
            self._modules[name] = self._opened_module(name, above)
        return self._modules[name]

    def _opened_module(self, name: str, above: tuple[str, ...]) -> Program | Package | Unreadable:
        """A file as a module; a directory as the modules in it."""
        if name.endswith("/"):
            files = [name + one + ".vch" for one in _names_in(os.path.join(self._root, name), ".vch")]
            opened = [self._module("./" + one, "", (*above, name)) for one in files]
            wrong = next((one for one in opened if isinstance(one, Unreadable)), None)
            return wrong or Package(programs=tuple(one for one in opened if isinstance(one, Program)))
        text = self._text(name)
        if isinstance(text, Diagnostic):
            hint = text.hints[0] if text.hints else ""
            return Unreadable(code=text.code, message=text.message, hint=hint)
        package = self.lock.package_of(name) if self.lock.packages else None
        if package is not None and (why := packages.why_not(package, name, self._digests.get(name, ""))):
            hint = "look at what changed (`vch vendor check`), then run `vch vendor lock`"
            return Unreadable(code=codes.NOT_AS_LOCKED.slug, message=why, hint=hint)
        return self._checked(name, text, module=True, above=above)

    @property
    def lock(self) -> packages.Lock:
        """The packages of others that the project has."""
        if self._lock is None:
            self._lock = packages.read(self._root)
            self._stats[packages.LOCK] = self._stat(packages.LOCK)
            if self._lock.diagnostics:
                self._found[packages.LOCK] = self._lock.diagnostics
        return self._lock

    def _stat(self, name: str) -> tuple[int, ...]:
        """What tells whether a file is the one that was read."""
        try:
            found = os.stat(self._path(name))
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _resolved(self, written: str, importer: str) -> str | Unreadable:
        """The name of the text that an import means."""
        if written.startswith(STD):
            known = _names_in(resources.stdlib(), ".vch")
            if written.removeprefix(STD) in known:
                return written
            return _no_module(written, [STD + one for one in known])
        if not written.startswith(("./", "../")):
            return self._in_package(written)
        if importer.startswith(STD):
            return Unreadable(code=codes.UNKNOWN_MODULE.slug, message="the standard library imports std/… only")
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(importer), written))
        package = self.lock.package_of(importer) if self.lock.packages else None
        if package is not None and not _within(joined, package.path):
            return Unreadable(
                code=codes.OUTSIDE_PROJECT.slug,
                message=f"`{written}` is outside of the package `{package.name}`",
                hint="a package of others imports what is in it, std/… and other packages",
            )
        if joined.startswith("../") or joined == ".." or self._is_outside(os.path.join(self._root, joined)):
            return Unreadable(
                code=codes.OUTSIDE_PROJECT.slug,
                message=f"`{written}` is outside of the project",
                hint=f"the project is the directory with {FILE}",
            )
        found = self._file_or_directory(joined)
        if found:
            return found
        directory, _, _ = joined.rpartition("/")
        prefix = written[: written.rfind("/") + 1]
        beside = [prefix + one for one in self._modules_in(directory)]
        return _no_module(written, beside)

    def _file_or_directory(self, path: str) -> str:
        """The file that a path means, with or without its ending, or a directory of modules; empty for neither."""
        for candidate in (path, path + ".vch"):
            if os.path.isfile(os.path.join(self._root, candidate)):
                return candidate
        directory = os.path.join(self._root, path)
        return path + "/" if os.path.isdir(directory) and _names_in(directory, ".vch") else ""

    def _modules_in(self, directory: str) -> list[str]:
        """What can be imported of a directory, as an import ends."""
        place = os.path.join(self._root, directory)
        names = [one + ".vch" for one in _names_in(place, ".vch")]
        with contextlib.suppress(OSError):
            names += [one for one in sorted(os.listdir(place)) if _names_in(os.path.join(place, one), ".vch")]
        return names

    def _in_package(self, written: str) -> str | Unreadable:
        """The file or directory of a vendored package: `acme` or `acme/web`."""
        name, _, inside = written.partition("/")
        package = self.lock.packages.get(name)
        if package is None:
            known = [STD + one for one in _names_in(resources.stdlib(), ".vch")] + list(self.lock.packages)
            beside = [f"./{one}" for one in ([written, written + ".vch"] if written else []) if self._is_here(one)]
            near = nearest(written, known)
            hint = f"did you mean `{beside[0] if beside else near}`?" if beside or near else ""
            return Unreadable(
                code=codes.UNKNOWN_MODULE.slug,
                message=f"there is no module `{written}`",
                hint=hint
                or f"modules are std/…, ./… and ../… within the project, and packages of others that {packages.LOCK} "
                f"names: `vch vendor add {name} DIRECTORY`",
            )
        path = posixpath.normpath(posixpath.join(package.path, inside))
        if not _within(path, package.path):
            message = f"`{written}` is outside of the package `{name}`"
            return Unreadable(code=codes.OUTSIDE_PROJECT.slug, message=message)
        found = self._file_or_directory(path)
        return found or _no_module(written, [f"{name}/{one}" for one in self._modules_in(package.path)])

    def _is_here(self, path: str) -> bool:
        return os.path.isfile(os.path.join(self._root, path))

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
        self._stats[name] = self._stat(name)
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
        """Work a program out, reading whatever it asks for until it asks for nothing more.

        What is read may tell what else is to be read, and each time all is worked out anew: the budget is twice that of
        one evaluation.
        """
        for wanted in _reads_of(program):
            self._read_once(wanted)
        left = 2 * MAX_STEPS
        while True:
            made = evaluate(program, parameters, self._inputs, min(MAX_STEPS, left))
            left -= made.steps
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

    @property
    def read_so_far(self) -> Inputs:
        """What programs have asked for and got, for who evaluates by himself what was evaluated here before."""
        return self._inputs

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
        if self.lock.packages and (changed := self._not_as_locked(wanted)) is not None:
            return changed
        if wanted.kind == "file":
            return self._file(wanted.name)
        if wanted.name not in self._archives:
            self._archives[wanted.name] = self._archive(wanted.name)
        return self._archives[wanted.name]

    def _not_as_locked(self, wanted: Read) -> Unreadable | None:
        """Why something in a vendored package is not read: it is another than was locked."""
        package = self.lock.package_of(wanted.name)
        if package is None:
            return None
        path = os.path.join(self._root, wanted.name)
        try:
            if os.path.isdir(path):
                found = packages.hashes(path)
            else:
                with _opened(path) as file:
                    found = {"": hashlib.file_digest(file, "sha256").hexdigest()}  # type: ignore[arg-type]
        except (OSError, packages.BadPackage):
            return None  # the reading says it
        for inside, digest in found.items():
            if why := packages.why_not(package, posixpath.join(wanted.name, inside).rstrip("/"), digest):
                return Unreadable(code=codes.NOT_AS_LOCKED.slug, message=why, hint="run `vch vendor check`")
        return None

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
    out: list[Read] = []
    seen: set[str] = set()
    todo = [program]
    while todo:
        one = todo.pop()
        if one.path not in seen:  # two modules may import one
            seen.add(one.path)
            out += one.reads
            todo += one.modules.values()
    return out


def _programs(one: Program | Package | Unreadable) -> tuple[Program, ...]:
    """The files of what an import brings."""
    return one.programs if isinstance(one, Package) else (one,) if isinstance(one, Program) else ()


def _uses(program: Program, names: set[str]) -> bool:
    """Whether a file is one of these, or imports one of them itself."""
    return program.path in names or any(one in names for one in program.modules)


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
