"""`vch vendor`: packages of others, brought into the project and locked by what is in them."""

from __future__ import annotations

import os
import shutil
import tempfile

from vchlang import packages
from vchlang.cli.look import Terminal, paint, safe
from vchlang.cli.options import Command, Given, Option, Usage
from vchlang.cli.refusal import DONE, MISTAKES
from vchlang.diagnostics import nearest
from vchlang.project import find
from vchlang.system import Machine

COMMAND = Command(
    name="vendor",
    words="add NAME SOURCE | remove NAME | lock [NAME…] | check | list",
    doc="Packages of others, kept in vendor/ and locked in vch.lock with the SHA-256 of every file.\n"
    '`add` copies a directory or a tar and locks it; scripts then import it as "NAME/module" or "NAME".\n'
    "`remove` takes one away, its directory too. `check` shows what is not as locked (exit 3);\n"
    "`lock` takes what is there for good, after you looked at it.",
    options=(Option(("--replace",), "with add: in the place of what is there"),),
    least=1,
    most=1 << 16,
    examples=("vch vendor add acme ../acme-vch", "vch vendor check"),
)
_ACTIONS = ("add", "remove", "lock", "check", "list")


def run(given: Given, terminal: Terminal, machine: Machine) -> int:
    """Add, lock, check or list packages."""
    action, words = given.words[0], given.words[1:]
    root = find(os.getcwd()).root
    lock = packages.read(root)
    if action not in _ACTIONS:
        near = nearest(action, _ACTIONS)
        raise Usage(f"`vch vendor` has no `{action}`", f"did you mean `{near}`?" if near else "")
    if lock.diagnostics and action != "lock":
        raise Usage(lock.diagnostics[0].message, lock.diagnostics[0].hints[0])
    match action:
        case "add":
            return _add(root, lock, words, given.flag("replace"), terminal)
        case "remove":
            return _remove(root, lock, words, terminal)
        case "lock":
            return _lock(root, lock, words, terminal)
        case "check":
            return _check(root, lock, terminal)
        case _:
            for name, package in sorted(lock.packages.items()):
                terminal.out(f"{name}  {safe(package.path)}  {_files(len(package.files))}")
            return DONE


def _add(root: str, lock: packages.Lock, words: list[str], replace: bool, terminal: Terminal) -> int:
    if len(words) != 2:
        raise Usage("`vch vendor add` needs NAME and SOURCE")
    name, source = words
    if not packages.NAME.fullmatch(name) or name == "std":
        raise Usage(f"`{name}` is no name of a package", "lower case, digits, `-` and `_`, beginning with a letter")
    known = lock.packages.get(name)
    path = known.path if known is not None else f"{packages.VENDOR}/{name}"
    target = os.path.join(root, path)
    if os.path.lexists(target) and not replace:
        raise Usage(f"`{path}` is there already", "--replace puts the new one in its place")
    if not os.path.exists(source):
        raise Usage(f"there is no `{source}`")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # It is put together beside its place and moved there whole, so that no half of a package is ever used.
    with tempfile.TemporaryDirectory(prefix=".vch-", dir=os.path.dirname(target)) as place:
        made = os.path.join(place, "package")
        files = _copied(source, made)
        if os.path.lexists(target):
            os.rename(target, os.path.join(place, "old"))
        os.rename(made, target)
    _write(root, {**lock.packages, name: packages.Package(name=name, path=path, files=files)})
    terminal.out(f"{name}: {_files(len(files))} in {safe(path)}, locked in {packages.LOCK}")
    return DONE


def _remove(root: str, lock: packages.Lock, words: list[str], terminal: Terminal) -> int:
    if len(words) != 1:
        raise Usage("`vch vendor remove` needs NAME")
    package = lock.packages.get(words[0])
    if package is None:
        near = nearest(words[0], lock.packages)
        raise Usage(f"{packages.LOCK} has no package `{words[0]}`", f"did you mean `{near}`?" if near else "")
    directory = os.path.join(root, package.path)
    if os.path.isdir(directory):
        found = packages.differences(package, packages.hashes(directory))
        if found:
            hint = "lock it or take it away yourself"
            raise Usage(f"`{package.path}` is not as {packages.LOCK} says: {found[0]}", hint)
        shutil.rmtree(directory)
    _write(root, {name: one for name, one in lock.packages.items() if name != package.name})
    terminal.out(f"{package.name} is gone from {safe(package.path)} and {packages.LOCK}")
    return DONE


def _copied(source: str, target: str) -> dict[str, str]:
    """Copy a package; the digests of what was copied."""
    import tarfile

    try:
        if os.path.isdir(source):
            packages.hashes(source)  # refuses links and devices before anything is copied
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(".git", "__pycache__"))
        else:
            with tarfile.open(source) as tar:
                members = [one for one in tar.getmembers() if one.isfile() or one.isdir()]
                if len(members) != len(tar.getmembers()):
                    raise packages.BadPackage("it has links or devices in it")
                if len(members) > packages.MOST_FILES or sum(one.size for one in members) > packages.MOST_BYTES:
                    raise packages.BadPackage("it is larger than a package may be")
                tar.extractall(target, members, filter="data")
                inner = os.listdir(target)
            if len(inner) == 1 and os.path.isdir(os.path.join(target, inner[0])):  # as archives of a project are
                os.rename(os.path.join(target, inner[0]), target + "-inner")
                os.rmdir(target)
                os.rename(target + "-inner", target)
        return packages.hashes(target)
    except packages.BadPackage as error:
        raise Usage(f"`{source}` cannot be a package: {error}") from None
    except (OSError, tarfile.TarError, shutil.Error) as error:
        raise Usage(f"`{source}` cannot be copied: {str(error)[:200]}") from None


def _lock(root: str, lock: packages.Lock, names: list[str], terminal: Terminal) -> int:
    known = dict(lock.packages)
    place = os.path.join(root, packages.VENDOR)
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
        if packages.NAME.fullmatch(name) and name != "std" and os.path.isdir(os.path.join(place, name)):
            known.setdefault(name, packages.Package(name=name, path=f"{packages.VENDOR}/{name}", files={}))
    for name in names:
        if name not in known:
            near = nearest(name, known)
            raise Usage(f"there is no package `{name}`", f"did you mean `{near}`?" if near else "")
    made: dict[str, packages.Package] = {}
    for name, package in known.items():
        if names and name not in names:
            made[name] = package
            continue
        directory = os.path.join(root, package.path)
        if not os.path.isdir(directory):
            terminal.out(f"{name}: {safe(package.path)} is gone, so it is locked no more")
            continue
        try:
            files = packages.hashes(directory)
        except packages.BadPackage as error:
            raise Usage(f"`{package.path}` cannot be a package: {error}") from None
        made[name] = packages.Package(name=name, path=package.path, files=files)
        for line in packages.differences(package, files):
            terminal.out(f"{name}: {safe(line)}")
    _write(root, made)
    terminal.out(f"{_count(len(made))} locked in {packages.LOCK}")
    return DONE


def _check(root: str, lock: packages.Lock, terminal: Terminal) -> int:
    wrong = 0
    for name, package in sorted(lock.packages.items()):
        try:
            found = packages.hashes(os.path.join(root, package.path))
        except packages.BadPackage as error:
            terminal.out(f"{paint(name, 'error')}: {safe(str(error))}")
            wrong += 1
            continue
        for line in packages.differences(package, found):
            terminal.out(f"{paint(name, 'error')}: {safe(line)}")
            wrong += 1
    if not wrong:
        terminal.out(f"{_count(len(lock.packages))} as {packages.LOCK} says.")
    return MISTAKES if wrong else DONE


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _count(number: int) -> str:
    return "1 package is" if number == 1 else f"{number} packages are"


def _write(root: str, found: dict[str, packages.Package]) -> None:
    path = os.path.join(root, packages.LOCK)
    text = packages.text_of(packages.Lock(packages=found))
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=root, prefix=".vch-", delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
