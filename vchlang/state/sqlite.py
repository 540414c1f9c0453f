"""The embedded store: one SQLite file that a crash at any moment leaves readable and right.

The idea. A deployment's lock is two things. The *kernel's*: `flock` on a file beside the store, held for the life of
the run, so that a second apply is refused at once and `kill -9` frees it at once. And an *epoch* in the store, raised
by everyone who takes the lock and compared in every statement that writes: whoever lost the lock (the lock's file was
removed, a machine woke up) cannot write, however sure it is of itself.

The store is made whole, under another name, and then given its own; so an empty or short file is damage and never
mistaken for a new store. Rollback journal (`PERSIST`), `synchronous=EXTRA`: a commit is on the disk when it returns.
WAL is not used: it needs shared memory, and some SQLite versions in use corrupt it.

Reading takes no lock and makes nothing. It goes on while another process writes, and after one that was killed.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from vchlang.state.renames import renamed
from vchlang.state.store import PHASES, TERMINAL, Deployment, Fenced, Holder, ObjectRow, OpenOp, StoreError
from vchlang.system import Machine

APPLICATION_ID = 0x76636853
"""`vchS`, in the file's header: what `file` and we recognise it by."""
SCHEMA = 1
KEPT_RUNS = 50
"""How many finished runs a deployment's journal keeps."""

_TABLES = """
CREATE TABLE meta (
    deployment TEXT PRIMARY KEY, lineage TEXT NOT NULL, serial INTEGER NOT NULL, outputs TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE lock (
    deployment TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder TEXT
) WITHOUT ROWID;
CREATE TABLE run (
    deployment TEXT NOT NULL, run TEXT NOT NULL, epoch INTEGER NOT NULL, holder TEXT NOT NULL, status TEXT NOT NULL,
    ended REAL, PRIMARY KEY (deployment, run)
) WITHOUT ROWID;
CREATE TABLE op (
    deployment TEXT NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, phase TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (deployment, run, seq),
    FOREIGN KEY (deployment, run) REFERENCES run ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX op_open ON op (deployment, epoch, seq) WHERE phase NOT IN ('committed', 'noeffect');
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, deployment TEXT NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL,
    phase TEXT NOT NULL, at REAL NOT NULL, detail TEXT NOT NULL,
    FOREIGN KEY (deployment, run, seq) REFERENCES op ON DELETE CASCADE
);
CREATE INDEX journal_op ON journal (deployment, run, seq);
CREATE TABLE object (
    deployment TEXT NOT NULL, address TEXT NOT NULL, generation INTEGER NOT NULL, deposed INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (deployment, address, generation)
) WITHOUT ROWID;
"""

_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs",
    "pvfs2", "smb3", "smbfs", "fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
})  # fmt: skip
"""File systems of other machines: what they say of locks and of durability is not what SQLite needs."""

_BUSY_SECONDS = 20.0


class SqliteStore:
    """A store in the file `path`; it and its directory are made by the first `begin`."""

    def __init__(self, path: str, machine: Machine) -> None:
        self._path = os.path.abspath(path)
        self._machine = machine
        self._runs: list[SqliteRun] = []

    def read(self, deployment: str) -> Deployment:
        with self._reading() as connection:
            return Deployment(name=deployment) if connection is None else _deployment(connection, deployment)

    def names(self) -> tuple[str, ...]:
        with self._reading() as connection:
            if connection is None:
                return ()
            return tuple(name for (name,) in connection.execute("SELECT deployment FROM meta ORDER BY deployment"))

    def begin(
        self, deployment: str, holder: Holder, *, lineage: str, expect: tuple[str, int] | None = None
    ) -> SqliteRun:
        self._make()
        lock = self._lock(deployment)
        try:
            connection = self._open()
            try:
                run = self._take(connection, lock, deployment, holder, lineage, expect)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            os.close(lock)
            raise
        self._runs.append(run)
        return run

    def close(self) -> None:
        for run in self._runs:
            run.abandon()
        self._runs.clear()

    # ---- the file ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection inside one read transaction, or None when there is no store."""
        if not _exists(self._path):
            yield None
            return
        _trust(self._path)
        try:
            connection = self._connect("ro")
            try:
                try:
                    connection.execute("BEGIN")
                    _recognise(connection, self._path)
                except sqlite3.OperationalError as error:
                    if not _needs_rollback(error):
                        raise
                    # A run was killed inside a commit. Undoing that is the right of whoever opens the store next, and
                    # takes a connection that may write; it still cannot change anything else.
                    connection.close()
                    connection = self._connect("rw")
                    connection.execute("PRAGMA query_only=ON")
                    connection.execute("BEGIN")
                    _recognise(connection, self._path)
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise _refusal(error, self._path) from error

    def _make(self) -> None:
        """See to it that there is a store that we may write."""
        files = self._machine.files
        directory = os.path.dirname(self._path)
        try:
            files.ensure_directory(directory)
            kind = filesystem_of(directory)
            if kind in _NETWORK:
                raise StoreError(
                    "store-unwritable",
                    f"{self._path} would lie on a network file system ({kind}), where a lock is no lock",
                    "keep the state on a disk of this machine, or use PostgreSQL",
                )
            prefix = f"{os.path.basename(self._path)}.new-"
            if _exists(self._path):
                _trust(self._path)
                for name in os.listdir(directory):
                    if name.startswith(prefix):  # left by a run that was killed while it made the store
                        files.unlink(os.path.join(directory, name))
                return
            made = os.path.join(directory, prefix + self._machine.entropy.uuid())
            os.close(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            try:
                connection = sqlite3.connect(_uri(made, "rw"), uri=True, isolation_level=None)
                with contextlib.closing(connection):
                    # No rollback journal: it would be a second file, and until the rename nobody has the first.
                    connection.executescript(
                        "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL; BEGIN;"
                        f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA};{_TABLES}COMMIT;"
                    )
                try:
                    files.rename_new(made, self._path)
                except (FileExistsError, FileNotFoundError):
                    if not _exists(self._path):
                        raise
                    # Another process was first, with one that is as good.
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(made)
        except OSError as error:
            raise StoreError(
                "store-unwritable", f"the state cannot be written in {directory}: {error.strerror}", _NOTHING_DONE
            ) from error
        except sqlite3.Error as error:
            raise _refusal(error, self._path) from error

    def _lock(self, deployment: str) -> int:
        """Take the kernel's lock of a deployment; the open file that it lives in."""
        path = f"{self._path}.{_escaped(deployment)}.lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreError("store-unwritable", f"{path} cannot be opened: {error.strerror}", _NOTHING_DONE) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise self._locked(deployment) from None
        except OSError as error:
            os.close(lock)
            raise StoreError("store-unwritable", f"{path} cannot be locked: {error.strerror}", _NOTHING_DONE) from error
        return lock

    def _locked(self, deployment: str) -> StoreError:
        holder = self.read(deployment).holder
        if holder is None:  # it holds the lock and has not written its name yet
            return StoreError("locked", f"`{deployment}` is held by another run, which has just begun", _WAIT)
        since = datetime.datetime.fromtimestamp(holder.since, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return StoreError(
            "locked",
            f"`{deployment}` is held by `{holder.verb}` of {holder.user} on {holder.host} "
            f"(process {holder.pid}) since {since}",
            _WAIT,
        )

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            _uri(self._path, mode), uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
        )

    def _open(self) -> sqlite3.Connection:
        """A connection that may write, to a store that was found whole."""
        try:
            connection = self._connect("rw")
        except sqlite3.Error as error:
            raise _refusal(error, self._path) from error
        try:
            for pragma in ("trusted_schema=OFF", "foreign_keys=ON", "cell_size_check=ON", "synchronous=EXTRA"):
                connection.execute(f"PRAGMA {pragma}")
            _recognise(connection, self._path)
            connection.execute("PRAGMA journal_mode=PERSIST")
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise _broken(self._path, found)
        except sqlite3.Error as error:
            connection.close()
            raise _refusal(error, self._path) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(
        self,
        connection: sqlite3.Connection,
        lock: int,
        deployment: str,
        holder: Holder,
        lineage: str,
        expect: tuple[str, int] | None,
    ) -> SqliteRun:
        held = msgspec.structs.replace(holder, since=self._machine.clock.now())
        with _transaction(connection, self._machine, self._path, f"begin {deployment}"):
            row = connection.execute("SELECT lineage, serial FROM meta WHERE deployment=?", (deployment,)).fetchone()
            known = row or ("", 0)
            if expect is not None and expect != known:
                raise _moved_on(deployment, expect, known)
            connection.execute(
                "INSERT INTO lock VALUES (?, 1, ?) "
                "ON CONFLICT (deployment) DO UPDATE SET epoch=epoch+1, holder=excluded.holder",
                (deployment, _text(held)),
            )
            (epoch,) = connection.execute("SELECT epoch FROM lock WHERE deployment=?", (deployment,)).fetchone()
            if row is None and lineage:
                connection.execute("INSERT INTO meta VALUES (?, ?, 0, '{}')", (deployment, lineage))
            # Who was killed left its run open; nobody is working on it any more.
            connection.execute("UPDATE run SET status='killed' WHERE deployment=? AND status='running'", (deployment,))
            made = connection.execute(
                "INSERT OR IGNORE INTO run VALUES (?, ?, ?, ?, 'running', NULL)",
                (deployment, holder.run, epoch, _text(held)),
            )
            if made.rowcount != 1:
                raise ValueError(f"run {holder.run} began twice. This is a bug in vch.")
        return SqliteRun(connection, lock, self._machine, self._path, deployment, known[0] or lineage, held, epoch)


class SqliteRun:
    """A run that holds a deployment's lock. Its methods may be called from several threads."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        lock: int,
        machine: Machine,
        path: str,
        deployment: str,
        lineage: str,
        holder: Holder,
        epoch: int,
    ) -> None:
        self.lineage = lineage
        self.run = holder.run
        self.epoch = epoch
        self._connection = connection
        self._lock = lock
        self._machine = machine
        self._path = path
        self._deployment = deployment
        self._verb = holder.verb
        self._seq = 0
        self._over = False
        self._mutex = threading.RLock()

    def deployment(self) -> Deployment:
        with self._mutex:
            self._alive()
            try:
                self._connection.execute("BEGIN")
                try:
                    return _deployment(self._connection, self._deployment)
                finally:
                    self._connection.execute("COMMIT")
            except (sqlite3.Error, msgspec.MsgspecError) as error:
                raise _refusal(error, self._path) from error

    def intent(self, op: OpenOp) -> int:
        with self._writing(f"intent {op.action} {op.address}"):
            seq = self._seq + 1
            body = _text(msgspec.structs.replace(op, run=self.run, seq=seq, phase="intent"))
            self._write_one(
                f"INSERT INTO op SELECT :deployment, :run, :seq, :epoch, 'intent', :body WHERE {_FENCE}",
                run=self.run, seq=seq, body=body,
            )  # fmt: skip
            self._note(self.run, seq, "intent", "")
            self._seq = seq
        return seq

    def phase(self, run: str, seq: int, phase: str, detail: str = "") -> None:
        if phase not in PHASES:
            raise ValueError(f"{phase!r} is no phase. This is a bug in vch.")
        with self._writing(f"{phase} {seq}"):
            self._advance(run, seq, phase, detail)

    def commit(
        self,
        run: str,
        seq: int,
        *,
        put: ObjectRow | None = None,
        drop: Sequence[tuple[str, int]] = (),
        depose: Sequence[tuple[str, int]] = (),
        moves: Mapping[str, str] | None = None,
        settled: Sequence[str] = (),
    ) -> None:
        with self._writing(f"committed {seq}"):
            self._advance(run, seq, "committed", "")
            if moves or settled:
                self._rename(moves or {}, settled)
            for address, generation in depose:
                self._write(f"UPDATE object SET deposed=1 WHERE {_ROW} AND {_FENCE}", address=address, gen=generation)
            for address, generation in drop:
                self._write(f"DELETE FROM object WHERE {_ROW} AND {_FENCE}", address=address, gen=generation)
            if put is not None:
                self._put(put)
            if put is not None or drop or depose or moves or settled:
                self._write_one(f"UPDATE meta SET serial=serial+1 WHERE deployment=:deployment AND {_FENCE}")

    def _put(self, row: ObjectRow) -> None:
        self._write_one(
            f"INSERT OR REPLACE INTO object SELECT :deployment, :address, :gen, :deposed, :body WHERE {_FENCE}",
            address=row.address, gen=row.generation, deposed=int(row.deposed), body=_text(row),
        )  # fmt: skip

    def _rename(self, moves: Mapping[str, str], settled: Sequence[str]) -> None:
        """Rename rows, inside a transaction of the caller's; none of them may take the place of one that stays."""
        before = _deployment(self._connection, self._deployment).objects
        after = renamed(before, moves, settled)
        if len({(row.address, row.generation) for row in after}) != len(before):
            raise ValueError(f"two objects would have one address after {dict(moves)}. This is a bug in vch.")
        kept = {id(row) for row in before} & {id(row) for row in after}
        for row in before:
            if id(row) not in kept:
                statement = f"DELETE FROM object WHERE {_ROW} AND {_FENCE}"
                self._write_one(statement, address=row.address, gen=row.generation)
        for row in after:
            if id(row) not in kept:
                self._put(row)

    def outputs(self, outputs: dict[str, Any]) -> None:
        with self._writing("outputs"):
            self._write_one(
                f"UPDATE meta SET outputs=:outputs WHERE deployment=:deployment AND {_FENCE}", outputs=_text(outputs)
            )

    def finish(self, status: str) -> None:
        try:
            self._finish(status)
        finally:
            self.abandon()

    def _finish(self, status: str) -> None:
        with self._writing(f"finish {status}"):
            self._write_one(
                f"UPDATE run SET status=:status, ended=:now WHERE deployment=:deployment AND run=:run AND {_FENCE}",
                status=status, now=self._machine.clock.now(), run=self.run,
            )  # fmt: skip
            if status == "done" and self._verb == "destroy" and self._left_nothing():
                for table in ("meta", "run"):
                    self._write(f"DELETE FROM {table} WHERE deployment=:deployment AND {_FENCE}")
            else:
                self._write(f"DELETE FROM run WHERE deployment=:deployment AND {_OLD_RUN} AND {_FENCE}", kept=KEPT_RUNS)
            self._write_one(f"UPDATE lock SET holder=NULL WHERE deployment=:deployment AND {_FENCE}")

    def abandon(self) -> None:
        with self._mutex:
            if not self._over:
                self._over = True
                self._connection.close()
                os.close(self._lock)

    # ---- writing -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self, label: str) -> Iterator[None]:
        with self._mutex:
            self._alive()
            with _transaction(self._connection, self._machine, self._path, label):
                yield

    def _alive(self) -> None:
        if self._over:
            raise Fenced("locked", "this run is over and does not hold the lock any more")

    def _write(self, statement: str, **values: Any) -> int:
        """Carry out one statement that has the fence in it; how many rows it changed."""
        values |= {"deployment": self._deployment, "epoch": self.epoch}
        return self._connection.execute(statement, values).rowcount

    def _write_one(self, statement: str, **values: Any) -> None:
        if self._write(statement, **values) != 1:
            row = self._connection.execute("SELECT epoch FROM lock WHERE deployment=?", (self._deployment,)).fetchone()
            if row is None or row[0] != self.epoch:
                raise Fenced("locked", f"another run took `{self._deployment}` over, so this one stopped")
            raise ValueError(f"nothing to change for {statement!r}. This is a bug in vch.")

    def _advance(self, run: str, seq: int, phase: str, detail: str) -> None:
        """Bring an operation that is not at its end yet into another phase."""
        self._write_one(
            "UPDATE op SET phase=:phase "
            f"WHERE deployment=:deployment AND run=:run AND seq=:seq AND {_IS_OPEN} AND {_FENCE}",
            run=run, seq=seq, phase=phase,
        )  # fmt: skip
        self._note(run, seq, phase, detail)

    def _note(self, run: str, seq: int, phase: str, detail: str) -> None:
        self._write_one(
            "INSERT INTO journal (deployment, run, seq, epoch, phase, at, detail) "
            f"SELECT :deployment, :run, :seq, :epoch, :phase, :at, :detail WHERE {_FENCE}",
            run=run, seq=seq, phase=phase, at=self._machine.clock.now(), detail=detail,
        )  # fmt: skip

    def _left_nothing(self) -> bool:
        (left,) = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM object WHERE deployment=:deployment) OR "
            f"EXISTS (SELECT 1 FROM op WHERE deployment=:deployment AND {_IS_OPEN})",
            {"deployment": self._deployment},
        ).fetchone()
        return not left


# ---- statements and their parts ------------------------------------------------------------------------------------

_FENCE = "(SELECT epoch FROM lock WHERE deployment=:deployment)=:epoch"
_ROW = "deployment=:deployment AND address=:address AND generation=:gen"
_IS_OPEN = f"phase NOT IN ({', '.join(repr(one) for one in TERMINAL)})"
_OLD_RUN = (
    "run NOT IN (SELECT run FROM run WHERE deployment=:deployment ORDER BY epoch DESC LIMIT :kept) "
    f"AND run NOT IN (SELECT run FROM op WHERE deployment=:deployment AND {_IS_OPEN})"
)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, machine: Machine, path: str, label: str) -> Iterator[None]:
    """Everything inside is durable at the end, or did not happen."""
    machine.point(f"before store {label}")
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise _refusal(error, path) from error
    machine.point(f"after store {label}")


def _deployment(connection: sqlite3.Connection, name: str) -> Deployment:
    """All that is known of a deployment, inside one transaction of the caller's."""
    named = {"deployment": name}
    meta = connection.execute(
        "SELECT lineage, serial, outputs FROM meta WHERE deployment=:deployment", named
    ).fetchone()
    lock = connection.execute("SELECT holder FROM lock WHERE deployment=:deployment", named).fetchone()
    lineage, serial, outputs = meta or ("", 0, "{}")
    objects = connection.execute(
        "SELECT deposed, body FROM object WHERE deployment=:deployment ORDER BY address, generation", named
    )
    pending = connection.execute(
        f"SELECT phase, body FROM op WHERE deployment=:deployment AND {_IS_OPEN} ORDER BY epoch, seq", named
    )
    return Deployment(
        name=name,
        lineage=lineage,
        serial=serial,
        objects=tuple(
            msgspec.structs.replace(msgspec.json.decode(body, type=ObjectRow), deposed=bool(deposed))
            for deposed, body in objects
        ),
        pending=tuple(
            msgspec.structs.replace(msgspec.json.decode(body, type=OpenOp), phase=phase) for phase, body in pending
        ),
        holder=msgspec.json.decode(lock[0], type=Holder) if lock and lock[0] else None,
        outputs=msgspec.json.decode(outputs, type=dict[str, Any]),
    )


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# ---- refusing ------------------------------------------------------------------------------------------------------

_NOTHING_DONE = "nothing was begun"
_WAIT = "wait until it is over, or stop that process; what it has done is kept"


def _refusal(error: Exception, path: str) -> StoreError:
    """What an error of SQLite means to the user."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_PERM")):
        return StoreError("store-unwritable", f"the state in {path} cannot be used: {error}")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError("store-unwritable", f"the state in {path} is in use by another program: {error}")
    return _broken(path, str(error))


def _broken(path: str, why: str) -> StoreError:
    return StoreError(
        "store-broken",
        f"the state in {path} cannot be read: {why}",
        "put a copy of the file back; what was made carries its owner, so nobody else can take it meanwhile",
    )


def _moved_on(deployment: str, expect: tuple[str, int], known: tuple[str, int]) -> StoreError:
    if expect[0] == known[0]:
        why = f"the plan was made on state {expect[1]}, and that is at {known[1]} now"
    elif not expect[0]:
        why = "the plan is for a first apply, and there has been one since"
    else:
        why = "the plan was made on another life of it, which has ended"
    return StoreError("stale-plan", f"`{deployment}` has moved on: {why}", "plan again")


def _needs_rollback(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "") in ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY")


def _recognise(connection: sqlite3.Connection, path: str) -> None:
    """See that it is a store, and of a version that we know."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise _broken(path, "it is no state of vch")
    if version > SCHEMA:
        raise StoreError(
            "store-broken", f"the state in {path} is of a later version of vch (format {version})", "use that version"
        )


def _trust(path: str) -> None:
    """Refuse a file that somebody else may have put there."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        why = "it is a symbolic link"
    elif not stat.S_ISREG(found.st_mode):
        why = "it is no plain file"
    elif found.st_uid != os.geteuid():
        why = "it belongs to another user"
    elif found.st_mode & 0o022:
        why = "others may write it"
    else:
        return
    raise StoreError(
        "store-broken", f"the state in {path} is not trusted: {why}", "keep it 0600, in a directory of yours"
    )


def _uri(path: str, mode: str) -> str:
    return f"file:{_escaped(path, '/')}?mode={mode}"


def _escaped(text: str, also: str = "") -> str:
    """A text in letters, digits, `-`, `_`, `.` and those of `also`; anything else as %XX."""
    kept = {*b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.", *also.encode()}
    return "".join(chr(one) if one in kept else f"%{one:02X}" for one in os.fsencode(text))


def _exists(path: str) -> bool:
    """Whether there is something. What may not be looked at is not taken for absent: that would draw a new lineage."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        where = os.path.dirname(path)
        message = f"{where} is no directory, so no state can be kept in it"
        raise StoreError("store-unwritable", message, "move it away; nothing was begun") from None
    except OSError as error:
        raise StoreError("store-broken", f"the state in {path} cannot be read: {error.strerror}") from error
    return True


# ---- file systems --------------------------------------------------------------------------------------------------


def filesystem_of(path: str) -> str:
    """The type of the file system that a path lies on, as the kernel calls it; empty where it does not say."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            return filesystem_in(mounts.read(), os.path.realpath(path))
    except OSError:
        return ""


def filesystem_in(mounts: str, path: str) -> str:
    """The same, from the text of a mountinfo; the last of equal mount points is the one on top."""
    best, found = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = _unescaped(fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, found = len(point), after.split(" ", 1)[0]
    return found


def _unescaped(text: str) -> str:
    for written, meant in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(written, meant)
    return text
