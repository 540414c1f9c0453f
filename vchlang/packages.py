"""Packages of others, kept in the project: `vch.lock` says which there are and what is in each, file by file.

A package is a directory of modules. It was put there by a person (`vch vendor add`), and is used only as it was then:
each file that a script reads of it must have the SHA-256 that the lock says, and one that the lock does not name is not
read at all. So a change in a vendored directory shows before anything runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import Any

import msgspec

from vchlang import codes
from vchlang.diagnostics import Diagnostic, Report
from vchlang.text import Span
from vchlang.toml import BadToml, read_toml

LOCK = "vch.lock"
VENDOR = "vendor"
MOST_FILES = 10_000
MOST_BYTES = 256 * 2**20
_LARGEST = 4 * 2**20
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_HEAD = (
    "# Written by `vch vendor`: the packages of others that scripts import, and the SHA-256 of every file in them.\n"
)


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One package. `path`: its directory from the project's root; `files`: SHA-256 in hexadecimal, by path in it."""

    name: str
    path: str
    files: dict[str, str]


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A `vch.lock`, empty where there is none. `diagnostics`: what is wrong with it; then it has no packages."""

    packages: dict[str, Package] = {}
    diagnostics: tuple[Diagnostic, ...] = ()

    def package_of(self, path: str) -> Package | None:
        """The package that a path from the project's root lies in."""
        for one in self.packages.values():
            if path == one.path or path.startswith(one.path + "/"):
                return one
        return None


class BadPackage(Exception):
    """A directory that cannot be a package; the message is for the user."""


def read(root: str) -> Lock:
    """The lock of the project at `root`. Never raises for what the file says."""
    try:
        with open(os.path.join(root, LOCK), "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        return _wrong(f"{LOCK} cannot be read: {error.strerror or error}")
    try:
        content = read_toml(data.decode(), _LARGEST)
    except (UnicodeDecodeError, BadToml) as error:
        return _wrong(f"{LOCK} is no TOML: {error}", data)
    return _read(content, data)


def _read(content: dict[str, Any], data: bytes) -> Lock:
    if content.get("version") != 1:
        return _wrong(f"{LOCK} is of version {content.get('version')!r}, and this vch reads version 1", data)
    found: dict[str, Package] = {}
    packages = content.get("packages", {})
    for name, one in packages.items() if isinstance(packages, dict) else ():
        path = one.get("path") if isinstance(one, dict) else None
        files = one.get("files") if isinstance(one, dict) else None
        if not NAME.fullmatch(name) or name == "std":
            return _wrong(f"`{name}` is no name of a package", data)
        if not isinstance(path, str) or not path or path.startswith("/") or _climbs(path):
            return _wrong(f"the package `{name}` has no `path` in the project", data)
        if not isinstance(files, dict) or not all(_is_digest(digest) for digest in files.values()):
            return _wrong(f"the package `{name}` has no table of `files` with their SHA-256", data)
        found[name] = Package(name=name, path=path.strip("/"), files=dict(files))
    return Lock(packages=found)


def _wrong(message: str, data: bytes = b"") -> Lock:
    report = Report(LOCK)
    report.report(codes.BAD_LOCK, Span(0, 0), message, hint="`vch vendor lock` writes it anew")
    return Lock(diagnostics=report.freeze())


def _climbs(path: str) -> bool:
    return any(part in ("..", ".", "") for part in path.strip("/").split("/"))


def _is_digest(digest: Any) -> bool:
    return isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest) is not None


def text_of(lock: Lock) -> str:
    """A lock as the file has it, the same for the same packages."""
    out = [_HEAD, "version = 1\n"]
    for name, package in sorted(lock.packages.items()):
        out.append(f"\n[packages.{name}]\npath = {_quoted(package.path)}\n\n[packages.{name}.files]\n")
        out += [f"{_quoted(path)} = {_quoted(digest)}\n" for path, digest in sorted(package.files.items())]
    return "".join(out)


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one >= " " and one != "\x7f" else f"\\u{ord(one):04X}" for one in escaped) + '"'


def hashes(directory: str) -> dict[str, str]:
    """SHA-256 of every file in a directory, by its path there with slashes. BadPackage for what is no plain file."""
    out: dict[str, str] = {}
    total = 0
    for place, directories, names in os.walk(directory):
        directories[:] = sorted(one for one in directories if one != ".git")
        for name in sorted(names) + [one for one in directories if os.path.islink(os.path.join(place, one))]:
            path = os.path.join(place, name)
            inside = os.path.relpath(path, directory).replace(os.sep, "/")
            try:
                mode = os.lstat(path)
                if not stat.S_ISREG(mode.st_mode):
                    raise BadPackage(f"`{inside}` is no plain file: a package has no links and devices")
                total += mode.st_size
                if len(out) >= MOST_FILES or total > MOST_BYTES:
                    raise BadPackage(f"it has more than {MOST_FILES:,} files or {MOST_BYTES >> 20} MiB")
                inside.encode()
                with open(path, "rb") as file:
                    out[inside] = hashlib.file_digest(file, "sha256").hexdigest()
            except UnicodeEncodeError:
                raise BadPackage(f"the name of a file in `{os.path.dirname(inside)}` is not UTF-8") from None
            except OSError as error:
                raise BadPackage(f"`{inside}` cannot be read: {error.strerror or error}") from None
    return out


def differences(package: Package, found: dict[str, str]) -> list[str]:
    """What is not as the lock says, a line for each file, in the user's words."""
    out = [f"{path} is changed" for path in sorted(found) if package.files.get(path, found[path]) != found[path]]
    out += [f"{path} is new" for path in sorted(found) if path not in package.files]
    return out + [f"{path} is gone" for path in sorted(package.files) if path not in found]


def why_not(package: Package, path: str, digest: str) -> str:
    """Why a file of a package is not read, empty where it is as locked. path: from the project's root."""
    inside = path.removeprefix(package.path + "/")
    if inside not in package.files:
        return f"{LOCK} names no `{inside}` in the package `{package.name}`"
    if package.files[inside] != digest:
        return f"`{inside}` in the package `{package.name}` is not what {LOCK} says"
    return ""
