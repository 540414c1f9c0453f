"""Tar archives: packing a directory so that equal content gives equal bytes, and unpacking what nobody vouches for.

An archive is checked member by member before it is believed: no `..`, no absolute name, no device, nothing that goes
through a link or takes another member's place, no link that leads out. What is unpacked is written into a directory
beside its destination and appears under its name only when all of it was read and its SHA-256 is right.

The format is ustar with pax records (POSIX.1-2001), and GNU's long names when reading. It is read here and not by
`tarfile`, which takes a broken header in the middle of an archive for its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol

import msgspec

MOST_MEMBERS = 1_000_000
MOST_BYTES = 16 * 2**30
"""What an archive may hold unpacked: an answer to decompression bombs, not a limit of the format."""

_BLOCK = 512
_CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 20
_MOST_AFTER = 64 * 2**20
_GZIP = b"\x1f\x8b"


class BadArchive(Exception):
    """An archive cannot be read, or one of its members is refused. `member` is empty where it is about the whole."""

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(f"{member}: {reason}" if member else reason)
        self.member = member
        self.reason = reason


class WrongChecksum(Exception):
    """The bytes are not those that were asked for: another SHA-256, or another size."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


class Source(Protocol):
    """What packed bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


class Writes(Protocol):
    """The durable writes that unpacking needs of `system.Files`."""

    def mkdir(self, path: str, mode: int = ...) -> None: ...
    def rename_new(self, old: str, new: str) -> None: ...
    def remove_tree(self, path: str) -> None: ...


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member. `kind` is file, directory, symlink or hardlink; `name` is relative, `.` for the root itself."""

    name: str
    kind: str
    size: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    target: str = ""


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """What `archive(…)` says of its bytes: size of the packed form, number of members."""

    sha256: str
    size: int
    entries: int


class Unpacked(msgspec.Struct, frozen=True, kw_only=True):
    """What was unpacked. size: of the packed form; content: bytes in files."""

    sha256: str
    size: int
    entries: int
    content: int


# ---- packing -------------------------------------------------------------------------------------------------------


def pack(directory: str) -> Iterator[bytes]:
    """The bytes of a tar of a directory: sorted, without times and owners, permission bits and links kept.

    BadArchive for what no archive of ours may hold (devices, sockets), OSError for what cannot be read.
    """
    yield from _packed(directory, lambda member: None)


def _packed(directory: str, note: Callable[[Member], None]) -> Iterator[bytes]:
    check = _Check(root=True)
    for member, path in _walk(directory):
        check.member(member)
        note(member)
        yield _header(member)
        if member.kind == "file":
            yield from _content(path, member)
    yield b"\0" * (2 * _BLOCK)


def _walk(directory: str) -> Iterator[tuple[Member, str]]:
    """Each member with the file that it is made from, parents first, by their names as bytes."""
    links: dict[tuple[int, int], str] = {}
    left = [os.path.join(directory, name) for name in sorted(os.listdir(directory), key=os.fsencode, reverse=True)]
    while left:
        path = left.pop()
        name = os.path.relpath(path, directory)
        found = os.lstat(path)
        mode = stat.S_IMODE(found.st_mode)
        if stat.S_ISDIR(found.st_mode):
            yield Member(name=name, kind="directory", mode=mode), path
            inside = sorted(os.listdir(path), key=os.fsencode, reverse=True)
            left += [os.path.join(path, one) for one in inside]
        elif stat.S_ISLNK(found.st_mode):
            yield Member(name=name, kind="symlink", mode=0o777, target=os.readlink(path)), path
        elif stat.S_ISREG(found.st_mode):
            inode = found.st_dev, found.st_ino
            first = links.get(inode) if found.st_nlink > 1 else None
            if first is not None:
                yield Member(name=name, kind="hardlink", mode=mode, target=first), path
            else:
                links[inode] = name
                yield Member(name=name, kind="file", size=found.st_size, mode=mode), path
        else:
            raise BadArchive(name, "it is a device, a pipe or a socket")


def _content(path: str, member: Member) -> Iterator[bytes]:
    left = member.size
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as file:
        while left:
            part = file.read(min(left, _CHUNK))
            if not part:
                break
            left -= len(part)
            yield part
        if left or file.read(1):
            raise BadArchive(member.name, "it changed while it was read")
    yield b"\0" * (-member.size % _BLOCK)


_TYPES = {"file": b"0", "hardlink": b"1", "symlink": b"2", "directory": b"5"}


def _header(member: Member) -> bytes:
    """The header of a member; one more before it, with pax records, for what the old fields have no room for."""
    name = os.fsencode(member.name) + (b"/" if member.kind == "directory" else b"")
    target = os.fsencode(member.target)
    records = b""
    if len(name) > 100 or not name.isascii():
        records += _record(b"path", name)
    if len(target) > 100 or not target.isascii():
        records += _record(b"linkpath", target)
    if member.size >= 8**11:
        records += _record(b"size", str(member.size).encode())
    before = b""
    if records:
        padding = b"\0" * (-len(records) % _BLOCK)
        before = _block(b"././@PaxHeader", 0o644, len(records), b"x", b"") + records + padding
    size = member.size if member.size < 8**11 else 0
    return before + _block(name[:100], member.mode, size, _TYPES[member.kind], target[:100])


def _record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    length = size + len(str(size))
    length = size + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _block(name: bytes, mode: int, size: int, type_: bytes, target: bytes) -> bytes:
    head = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(100, b"\0"), mode, 0, 0, size, 0)
    tail = b"%s%sustar\x0000" % (type_, target.ljust(100, b"\0"))
    block = bytearray((head + b" " * 8 + tail).ljust(_BLOCK, b"\0"))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


class _Packing:
    """A directory's packed bytes as something to read from."""

    def __init__(self, directory: str) -> None:
        self._parts = pack(directory)
        self._left = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            out = bytes(self._left) + b"".join(self._parts)
            self._left = memoryview(b"")
            return out
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return b""
            self._left = memoryview(part)
        out, self._left = bytes(self._left[:size]), self._left[size:]
        return out

    def close(self) -> None:
        self._parts = iter(())
        self._left = memoryview(b"")

    def __enter__(self) -> _Packing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_packed(path: str) -> Any:
    """The packed bytes of a directory, or of a tar as it is, to read from; a context manager."""
    return _Packing(path) if os.path.isdir(path) else open_tar(path)


def open_tar(path: str) -> Any:
    """The bytes of a `.tar` or `.tar.gz` as they are. OSError where it cannot be read."""
    return open(path, "rb", buffering=0)


def digest(path: str) -> Digest:
    """SHA-256 and size of the packed form of a directory, or of a tar as it is, and the number of its members.

    BadArchive where it could not be unpacked as the content of a disk; nothing is kept in memory.
    """
    hashed = hashlib.sha256()
    size = entries = 0
    if os.path.isdir(path):

        def note(member: Member) -> None:
            nonlocal entries
            entries += 1

        for part in _packed(path, note):
            hashed.update(part)
            size += len(part)
        return Digest(sha256=hashed.hexdigest(), size=size, entries=entries)
    with open_tar(path) as file:
        source = _Counted(file)
        for _ in members(source):
            entries += 1
        source.drain()
    return Digest(sha256=source.sha256, size=source.size, entries=entries)


def check(path: str, *, root: bool) -> None:
    """BadArchive where a directory or a tar could not be unpacked: as a root's content, or as plain files."""
    if not os.path.isdir(path):
        with open_tar(path) as file:
            for _ in members(file, root=root):
                pass
        return
    checked = _Check(root=root)
    for member, _ in _walk(path):
        checked.member(member)


# ---- reading -------------------------------------------------------------------------------------------------------


def members(stream: Source, *, root: bool = True, most_bytes: int = MOST_BYTES) -> Iterator[Member]:
    """The members of an archive in its order, each one checked. BadArchive at the first that is refused."""
    checked = _Check(root=root, most_bytes=most_bytes)
    for member, _ in _members(_Plain(stream)):
        checked.member(member)
        yield member


class _Counted:
    """A stream of packed bytes that remembers how many there were and what they hash to."""

    def __init__(self, stream: Source, on_read: Callable[[int], None] = lambda size: None) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._on_read = on_read
        self.size = 0

    def read(self, size: int, /) -> bytes:
        part = self._stream.read(size)
        self._hash.update(part)
        self.size += len(part)
        self._on_read(self.size)
        return part

    def drain(self) -> None:
        while self.read(_CHUNK):
            pass

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class _Plain:
    """The archive's own bytes, whether it is compressed or not, read in exact amounts."""

    def __init__(self, stream: Source) -> None:
        self._stream = stream
        self._buffer = b""
        self._packed = b""
        self._unzip: Any = None
        self._started = False
        self._ended = False

    def exactly(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        parts: list[bytes] = []
        left = size
        while left and (part := self.some(left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def some(self, most: int) -> bytes:
        """At least one byte and at most so many; none at the end."""
        while not self._buffer and not self._ended:
            self._buffer = self._more()
        part, self._buffer = self._buffer[:most], self._buffer[most:]
        return part

    def finish(self) -> None:
        """Read what follows the end of the archive: padding, and the checksum of what is compressed."""
        left = _MOST_AFTER
        while part := self.some(_CHUNK):
            left -= len(part)
            if left < 0:
                raise BadArchive("", "too much follows its end")

    def _more(self) -> bytes:
        part = self._packed or self._stream.read(_CHUNK)
        if not self._started:
            while part and len(part) < len(_GZIP) and (more := self._stream.read(1)):
                part += more
            self._started = True
            self._unzip = zlib.decompressobj(wbits=31) if part.startswith(_GZIP) else None
        if self._unzip is None:
            self._ended = not part
            return part
        try:
            return self._unzipped(part)
        except zlib.error:
            raise BadArchive("", "its compressed data is damaged") from None

    def _unzipped(self, part: bytes) -> bytes:
        if not part:
            out: bytes = self._unzip.flush()
            if not self._unzip.eof:
                raise BadArchive("", "it is cut off: its compressed data has no end")
            self._ended = True
            return out
        if self._unzip.eof:  # gzip files may follow each other, and zeros may follow the last
            part = part.lstrip(b"\0")
            if part:
                self._unzip = zlib.decompressobj(wbits=31)
        # Never more than a chunk at once, however much is packed into these few bytes.
        out = self._unzip.decompress(part, _CHUNK) if part else b""
        self._packed = self._unzip.unconsumed_tail or self._unzip.unused_data if part else b""
        return out


def _members(plain: _Plain) -> Iterator[tuple[Member, Callable[[], Iterator[bytes]]]]:
    """Each member, and its content, which can be read until the next member is asked for."""
    extra: dict[str, bytes] = {}
    first = True
    while True:
        block = plain.exactly(_BLOCK)
        if not block.strip(b"\0"):
            if not block:
                raise BadArchive("", "it is empty, and no tar archive" if first else "it is cut off: it has no end")
            plain.finish()
            return
        if len(block) < _BLOCK:
            raise BadArchive("", "it is no tar archive" if first else "it is cut off")
        if not _sum_fits(block):
            raise BadArchive("", "it is no tar archive" if first else "it has a damaged header")
        first = False
        type_ = block[156:157]
        size = _number(block[124:136], "size")
        if type_ in b"xgLK":
            if size > _LONGEST_HEADER:
                raise BadArchive("", "it has a header that is too long")
            body = plain.exactly(size)
            plain.exactly(-size % _BLOCK)
            if len(body) < size:
                raise BadArchive("", "it is cut off")
            if type_ == b"L":
                extra["path"] = body.rstrip(b"\0")
            elif type_ == b"K":
                extra["linkpath"] = body.rstrip(b"\0")
            else:
                found = _records(body)
                if type_ == b"x":
                    extra |= found
                elif {"path", "linkpath", "size"} & set(found):
                    raise BadArchive("", "its global header gives all members one name or size")
            continue
        member = _member(block, type_, size, extra)
        extra = {}
        left = member.size

        def content(member: Member = member) -> Iterator[bytes]:
            nonlocal left
            while left:
                part = plain.some(min(left, _CHUNK))
                if not part:
                    raise BadArchive(member.name, "it is cut off")
                left -= len(part)
                yield part

        yield member, content
        for _ in content():
            pass
        if len(plain.exactly(-member.size % _BLOCK)) < -member.size % _BLOCK:
            raise BadArchive(member.name, "it is cut off")


_KINDS = {b"0": "file", b"\0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink", b"5": "directory"}
_REFUSED = {b"3": "a device", b"4": "a device", b"6": "a pipe", b"S": "a sparse file", b"M": "part of another volume"}


def _member(block: bytes, type_: bytes, size: int, extra: dict[str, bytes]) -> Member:
    name = extra.get("path") or _text(block[0:100])
    if "path" not in extra and block[257:262] == b"ustar" and block[257:265] != b"ustar  \0":
        prefix = _text(block[345:500])
        name = prefix + b"/" + name if prefix else name
    shown = os.fsdecode(name)
    if type_ in _REFUSED or any(key.startswith("GNU.sparse") for key in extra):
        raise BadArchive(shown, f"it is {_REFUSED.get(type_, 'a sparse file')}")
    kind = _KINDS.get(type_)
    if kind is None:
        raise BadArchive(shown, "it is of a kind that is not known")
    if kind == "file" and name.endswith(b"/"):
        kind = "directory"  # as old archives write them
    if "size" in extra:
        size = _decimal(extra["size"], shown)
    if kind != "file":
        size = 0  # some write one for links and directories, and no content after it
    target = extra.get("linkpath") or _text(block[157:257])
    return Member(
        name=shown,
        kind=kind,
        size=size,
        mode=_number(block[100:108], shown) & 0o7777,
        uid=_decimal(extra["uid"], shown) if "uid" in extra else _number(block[108:116], shown),
        gid=_decimal(extra["gid"], shown) if "gid" in extra else _number(block[116:124], shown),
        target=os.fsdecode(target) if kind in ("symlink", "hardlink") else "",
    )


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _sum_fits(block: bytes) -> bool:
    try:
        wanted = _number(block[148:156], "")
    except BadArchive:
        return False
    blanked = block[:148] + b" " * 8 + block[156:]
    return wanted in (sum(blanked), sum(byte - 256 if byte > 127 else byte for byte in blanked))


def _number(field: bytes, shown: str) -> int:
    """Octal text, or where it begins with the high bit, a number as it is (GNU)."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40 or value >= 1 << 63:
            raise BadArchive(shown, "it has a number that is none")
        return value
    text = field.strip(b" \0")
    try:
        value = int(text or b"0", 8)
    except ValueError:
        raise BadArchive(shown, "it has a number that is none") from None
    if value < 0:
        raise BadArchive(shown, "it has a number that is none")
    return value


def _decimal(text: bytes, shown: str) -> int:
    if not text.isdigit() or len(text) > 18:
        raise BadArchive(shown, "it has a number that is none")
    return int(text)


def _records(body: bytes) -> dict[str, bytes]:
    out: dict[str, bytes] = {}
    left = body.rstrip(b"\0")
    while left:
        length, space, _ = left.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 8 else 0
        record, left = left[len(length) + 1 : size], left[size:]
        key, equals, value = record.partition(b"=")
        if not space or not equals or not value.endswith(b"\n"):
            raise BadArchive("", "it has a damaged header")
        out[key.decode("utf-8", "replace")] = value[:-1]
    return out


# ---- what is allowed -----------------------------------------------------------------------------------------------


class _Check:
    """Judges members one after another by what came before them.

    It knows every name that the archive has made, so no question goes to a file system that somebody else changes.
    """

    def __init__(self, *, root: bool, most_bytes: int = MOST_BYTES) -> None:
        self._root = root
        self._most_bytes = most_bytes
        self._seen: dict[str, str] = {}
        self._members = 0
        self._bytes = 0

    def member(self, member: Member) -> str:
        """The member's name in its normal form (`.` for the root); BadArchive where it is refused."""
        name = member.name
        parts = self._parts(member)
        self._members += 1
        self._bytes += member.size
        if self._members > MOST_MEMBERS:
            raise BadArchive("", f"it has more than {MOST_MEMBERS:,} members")
        if self._bytes > self._most_bytes:
            raise BadArchive("", f"it unpacks to more than {self._most_bytes:,} bytes")
        if not parts:
            if member.kind != "directory":
                _refuse(name, "it has no name")
            return "."
        if not self._root and member.kind in ("symlink", "hardlink"):
            _refuse(name, "it is a link, and raw storage takes plain files and directories only")
        self._place(name, parts)
        key = "/".join(parts)
        before = self._seen.get(key)
        if before is not None and (before, member.kind) not in (("directory", "directory"), ("implied", "directory")):
            _refuse(name, "it is there twice")
        self._link(member, parts)
        self._seen[key] = self._seen[self._target(member)] if member.kind == "hardlink" else member.kind
        return key

    def _parts(self, member: Member) -> list[str]:
        name = member.name
        if "\0" in name or "\0" in member.target:
            _refuse(name.replace("\0", "\\0"), "its name has a zero byte")
        if name.startswith("/"):
            _refuse(name, "its name is absolute")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            _refuse(name, "its name has `..` in it")
        if any(len(os.fsencode(part)) > 255 for part in parts) or len(os.fsencode(name)) > 3072:
            _refuse(name[:60] + "…", "its name is too long")
        return parts

    def _place(self, name: str, parts: list[str]) -> None:
        for length in range(1, len(parts)):
            above = "/".join(parts[:length])
            kind = self._seen.setdefault(above, "implied")
            if kind == "symlink":
                _refuse(name, f"it goes through the link `{above}`")
            if kind == "file":
                _refuse(name, f"it lies below the file `{above}`")

    def _link(self, member: Member, parts: list[str]) -> None:
        if member.kind == "symlink":
            if not member.target:
                _refuse(member.name, "it is a link to nothing")
            # An absolute one is read relative to the root by whoever runs in it; here nobody follows it.
            if not member.target.startswith("/"):
                depth = len(parts) - 1
                for part in member.target.split("/"):
                    depth += -1 if part == ".." else 0 if part in ("", ".") else 1
                    if depth < 0:
                        _refuse(member.name, f"it is a link that leads out, to `{member.target}`")
        elif member.kind == "hardlink":
            target = self._target(member)
            if self._seen.get(target) not in ("file", "symlink"):
                _refuse(member.name, f"it is a hard link to `{member.target}`, which is no file before it")

    def _target(self, member: Member) -> str:
        parts = self._parts(Member(name=member.target, kind="file"))
        return "/".join(parts)


def _refuse(name: str, reason: str) -> NoReturn:
    raise BadArchive(name, reason)


# ---- unpacking -----------------------------------------------------------------------------------------------------


def unpack(
    stream: Source,
    directory: str,
    *,
    root: bool,
    files: Writes,
    expect_sha256: str = "",
    expect_size: int | None = None,
    most_bytes: int = MOST_BYTES,
    on_read: Callable[[int], None] = lambda size: None,
) -> Unpacked:
    """Unpack into a directory that must not exist; it appears whole and durable, or not at all.

    root: links, all permission bits and, for who may, owners are kept; else only plain files and directories are taken.
    on_read: called with the number of packed bytes read so far; what it raises ends the unpacking.

    BadArchive, WrongChecksum, or OSError of the file system; then nothing is left. A run that is killed leaves a
    directory whose name begins with `.vch-tmp-`.
    """
    source = _Counted(stream, on_read)
    staging = os.path.join(os.path.dirname(directory), f".vch-tmp-{uuid.uuid4().hex}")
    files.mkdir(staging, 0o700)
    try:
        entries, content = _write(_Plain(source), staging, root, most_bytes)
        source.drain()
        if expect_size is not None and source.size != expect_size:
            raise WrongChecksum(f"{expect_size} bytes", f"{source.size} bytes")
        if expect_sha256 and source.sha256 != expect_sha256.removeprefix("sha256:").lower():
            raise WrongChecksum(expect_sha256.removeprefix("sha256:").lower(), source.sha256)
        files.rename_new(staging, directory)
    except BaseException:
        with contextlib.suppress(OSError):
            files.remove_tree(staging)
        raise
    return Unpacked(sha256=source.sha256, size=source.size, entries=entries, content=content)


def _write(plain: _Plain, top: str, root: bool, most_bytes: int) -> tuple[int, int]:
    """Write the members below `top`, which is ours alone; (members, bytes in files)."""
    checked = _Check(root=root, most_bytes=most_bytes)
    owners = root and os.geteuid() == 0
    bits = 0o7777 if root else 0o777
    directories: dict[str, Member | None] = {".": None}
    implied = Member(name="", kind="directory", mode=0o755)
    entries = size = 0
    for member, content in _members(plain):
        name = checked.member(member)
        entries += 1
        size += member.size
        path = os.path.join(top, name)
        above = os.path.dirname(name)
        if above and above not in directories:
            os.makedirs(os.path.join(top, above), 0o755, exist_ok=True)
            parts = above.split("/")
            for length in range(1, len(parts) + 1):
                directories.setdefault("/".join(parts[:length]), implied)
        match member.kind:
            case "directory":
                if name not in directories:
                    os.mkdir(path, 0o700)
                directories[name] = member
            case "symlink":
                os.symlink(member.target, path)
                if owners:
                    os.chown(path, member.uid, member.gid, follow_symlinks=False)
            case "hardlink":
                target = "/".join(part for part in member.target.split("/") if part not in ("", "."))
                os.link(os.path.join(top, target), path, follow_symlinks=False)
            case _:
                _write_file(path, member, content(), bits, owners)
    # From the inside out, and only now: a directory that may not be written could not have been filled.
    for name in sorted(directories, key=lambda one: one.count("/") + (one != "."), reverse=True):
        _finish_directory(os.path.join(top, name), directories[name] if root or name != "." else None, bits, owners)
    return entries, size


def _write_file(path: str, member: Member, content: Iterator[bytes], bits: int, owners: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for part in content:
            view = memoryview(part)
            while view:
                view = view[os.write(handle, view) :]
        if owners:
            os.fchown(handle, member.uid, member.gid)
        os.fchmod(handle, member.mode & bits)
        os.fsync(handle)
    finally:
        os.close(handle)


def _finish_directory(path: str, member: Member | None, bits: int, owners: bool) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if member is not None:
            if owners:
                os.fchown(handle, member.uid, member.gid)
            os.fchmod(handle, member.mode & bits)
        os.fsync(handle)
    finally:
        os.close(handle)
