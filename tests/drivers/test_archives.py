"""Archives: equal content gives equal bytes, and nothing that is refused is ever written."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vchlang import archives
from vchlang.archives import BadArchive, Unpacked, WrongChecksum
from vchlang.system import Files


def tar(*members: tarfile.TarInfo | tuple[str, str], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of what is given: a member as it is, or a name and a text."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for member in members:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1].encode())
                archive.addfile(info, io.BytesIO(member[1].encode()))
            else:
                archive.addfile(member, io.BytesIO(b"x" * member.size))
    return out.getvalue()


def entry(name: str, type_: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = type_, target, mode
    return info


def link(name: str, target: str) -> tarfile.TarInfo:
    return entry(name, tarfile.SYMTYPE, target)


def unpack(content: bytes, into: Path, *, root: bool = True, sha256: str = "", size: int | None = None) -> Unpacked:
    return archives.unpack(
        io.BytesIO(content), str(into), root=root, files=Files(), expect_sha256=sha256, expect_size=size
    )


# ---- packing ---------------------------------------------------------------------------------------------------------


def filled(top: Path) -> Path:
    """A directory with one of each thing that an archive may hold."""
    (top / "bin").mkdir(parents=True)
    (top / "bin" / "su").write_bytes(b"x" * 1000)
    (top / "bin" / "su").chmod(0o4755)
    os.link(top / "bin" / "su", top / "bin" / "sudo")
    (top / "bin" / "sh").symlink_to("su")
    (top / "abs").symlink_to("/etc/passwd")
    (top / "empty").mkdir(mode=0o555)
    deep = top / ("d" * 90) / ("e" * 90)
    deep.mkdir(parents=True)
    (deep / "größe").write_text("long and not ASCII")
    (top / "secret").write_text("s")
    (top / "secret").chmod(0o000)
    return top


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    one, other = filled(tmp_path / "one"), filled(tmp_path / "other")
    os.utime(other / "bin" / "su", (1, 1))
    if os.geteuid() == 0:
        os.chown(other / "bin" / "su", 1234, 1234)
        (other / "bin" / "su").chmod(0o4755)
    else:
        for top in (one, other):
            (top / "secret").chmod(0o400)
    packed = b"".join(archives.pack(str(one)))
    assert packed == b"".join(archives.pack(str(other)))
    assert archives.digest(str(one)) == archives.digest(str(other))
    found = archives.digest(str(one))
    assert (found.sha256, found.size) == (hashlib.sha256(packed).hexdigest(), len(packed))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = {one.name: one for one in archive.getmembers()}
    assert len(members) == found.entries
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in members.values()} == {(0, 0, 0, "", "")}
    assert members["bin/sudo"].islnk()
    assert stat.S_IMODE(members["bin/su"].mode) == 0o4755
    assert f"{'d' * 90}/{'e' * 90}/größe" in members


def test_packing_and_unpacking_is_the_identity(tmp_path: Path) -> None:
    source = filled(tmp_path / "source")
    if os.geteuid() != 0:
        (source / "secret").chmod(0o400)
    before = archives.digest(str(source))
    unpacked = unpack(b"".join(archives.pack(str(source))), tmp_path / "out", sha256=before.sha256, size=before.size)
    assert archives.digest(str(tmp_path / "out")) == before
    assert (unpacked.entries, unpacked.sha256) == (before.entries, before.sha256)
    assert (tmp_path / "out" / "bin" / "su").stat().st_nlink == 2
    assert stat.S_IMODE((tmp_path / "out" / "empty").stat().st_mode) == 0o555


def test_what_is_read_in_pieces_is_the_same(tmp_path: Path) -> None:
    source = filled(tmp_path / "source")
    (source / "secret").chmod(0o400)
    with archives.open_packed(str(source)) as stream:
        pieces = b"".join(iter(lambda: stream.read(7), b""))
    assert pieces == b"".join(archives.pack(str(source)))


def test_a_pipe_cannot_be_packed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadArchive, match="pipe: it is a device, a pipe or a socket"):
        archives.digest(str(tmp_path))


def test_a_link_that_leads_out_is_found_while_packing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("../outside")
    with pytest.raises(BadArchive, match="leads out"):
        archives.digest(str(tmp_path))


# ---- reading what others packed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_formats_of_others(tmp_path: Path, format_: int) -> None:
    name = f"{'a' * 60}/{'b' * 60}/c" if format_ == tarfile.USTAR_FORMAT else f"{'a' * 150}/{'b' * 150}"
    content = tar((name, "text"), link("l", "a" * 60), format=format_)
    packed = gzip.compress(content) + gzip.compress(b"") + b"\0" * 100
    for number, one in enumerate((content, packed)):
        unpacked = unpack(one, tmp_path / str(number))
        assert (tmp_path / str(number) / name).read_text() == "text"
        assert unpacked.sha256 == hashlib.sha256(one).hexdigest(), "the digest is that of the bytes as they are"


def test_a_tar_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(tar(("a", "1"), ("b", "2"))))
    found = archives.digest(str(path))
    assert (found.entries, found.size) == (2, path.stat().st_size)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with archives.open_packed(str(path)) as stream:
        assert stream.read(100_000) == path.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners_are_kept_for_a_root_only(tmp_path: Path) -> None:
    info = entry("file", tarfile.REGTYPE, mode=0o4755)
    info.uid = info.gid = 1234
    unpack(tar(info), tmp_path / "root")
    found = (tmp_path / "root" / "file").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 1234, 0o4755)
    unpack(tar(info), tmp_path / "raw", root=False)
    found = (tmp_path / "raw" / "file").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o755)


# ---- what is refused -------------------------------------------------------------------------------------------------

HOSTILE = {
    "dots": (tar(("a/../../b", "x")), "has `..` in it"),
    "absolute": (tar(("a", "x"), ("/etc/passwd", "x")), "is absolute"),
    "device": (tar(entry("null", tarfile.CHRTYPE)), "a device"),
    "block device": (tar(entry("sda", tarfile.BLKTYPE)), "a device"),
    "pipe": (tar(entry("pipe", tarfile.FIFOTYPE)), "a pipe"),
    "through a link": (tar(link("out", "/tmp"), ("out/x", "x")), "goes through the link `out`"),
    "through a link inside": (tar(link("a", "b"), ("a/b/c", "x")), "goes through the link `a`"),
    "a directory that is a link": (tar(link("a", "b"), entry("a", tarfile.DIRTYPE)), "there twice"),
    "a link that is a directory": (tar(entry("a", tarfile.DIRTYPE), link("a", "b")), "there twice"),
    "a file over a link": (tar(link("a", "/etc/passwd"), ("a", "x")), "there twice"),
    "a file twice": (tar(("a", "x"), ("./a", "y")), "there twice"),
    "below a file": (tar(("a", "x"), ("a/b", "y")), "lies below the file"),
    "a link that leads out": (tar(link("a/b", "../../etc")), "leads out"),
    "a hard link that leads out": (tar(entry("a", tarfile.LNKTYPE, "../x")), "has `..`"),
    "a hard link to nothing": (tar(entry("a", tarfile.LNKTYPE, "b")), "no file before it"),
    "a hard link to a link, and through it": (
        tar(link("a", "/etc"), entry("b", tarfile.LNKTYPE, "a"), ("b/x", "x")),
        "goes through the link `b`",
    ),
    "no name": (tar(("", "x")), "no name"),
    "a name too long": (tar(("n" * 300, "x")), "too long"),
    "no tar": (b"text" * 1000, "no tar archive"),
    "nothing": (b"", "empty"),
    "cut off": (tar(("a", "x" * 5000))[:2048], "cut off"),
    "without an end": (tar(("a", "x"))[:1024], "cut off"),
    "damaged later": (tar(("a", "x"), ("b", "y")).replace(b"b\0", b"c\0", 1), "damaged header"),
    "cut off gzip": (gzip.compress(tar(("a", "x")))[:-9], "cut off"),
    "damaged gzip": (b"\x1f\x8b\x08" + b"\xff" * 100, "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_refused_is_never_written(tmp_path: Path, name: str) -> None:
    content, reason = HOSTILE[name]
    with pytest.raises(BadArchive) as caught:
        unpack(content, tmp_path / "out")
    assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(BadArchive):
        archives.digest(str(path))


@pytest.mark.parametrize("member", [link("l", "a"), entry("h", tarfile.LNKTYPE, "a")])
def test_raw_storage_takes_no_links(tmp_path: Path, member: tarfile.TarInfo) -> None:
    content = tar(("a", "x"), member)
    unpack(content, tmp_path / "root")
    with pytest.raises(BadArchive, match="plain files and directories only"):
        unpack(content, tmp_path / "raw", root=False)
    assert [one.name for one in tmp_path.iterdir()] == ["root"]


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    content = gzip.compress(tar(("zeros", "\0" * 3_000_000)))
    assert len(content) < 10_000
    with pytest.raises(BadArchive, match="unpacks to more than 1,000,000 bytes"):
        archives.unpack(io.BytesIO(content), str(tmp_path / "out"), root=True, files=Files(), most_bytes=1_000_000)
    assert list(tmp_path.iterdir()) == []


def test_too_many_members_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    with pytest.raises(BadArchive, match="more than 3 members"):
        unpack(tar(*((str(number), "") for number in range(4))), tmp_path / "out")


@pytest.mark.parametrize(
    "change", [lambda one: one + b"\0" * 512, lambda one: one.replace(b"x", b"y", 1)], ids=["longer", "other"]
)
def test_other_bytes_are_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    content = tar(("a", "xx"))
    other = change(content)
    with pytest.raises(WrongChecksum):
        unpack(other, tmp_path / "out", sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    with pytest.raises(WrongChecksum):
        unpack(other, tmp_path / "out", sha256=hashlib.sha256(content).hexdigest())
    assert list(tmp_path.iterdir()) == []


def test_nothing_takes_the_place_of_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(FileExistsError):
        unpack(tar(("a", "x")), tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == ["mine"]
