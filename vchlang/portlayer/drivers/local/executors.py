"""Executors: a directory with the record, the root that a commit puts together, and what the tether leaves in `run`.

A commit is absolute: whatever the executor was put together from, it is now put together from what the commit says.
It is checked whole before anything is touched.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import msgspec

from vchlang import values as v
from vchlang.kinds.compute import Executor
from vchlang.kinds.world import Absent, Commit, NetworkMember, Observation, Present, Query, StorageMember
from vchlang.portlayer.driver import DriverError, Outcome, Step
from vchlang.portlayer.drivers.implements import implements
from vchlang.portlayer.drivers.local import mounts, records
from vchlang.portlayer.drivers.local.compose import Composed, asked_address, compose, refuse_unkept, wants_address
from vchlang.portlayer.drivers.local.leases import Leases, lease_for, nics
from vchlang.portlayer.drivers.local.networks import Networks
from vchlang.portlayer.drivers.local.paths import Paths
from vchlang.portlayer.drivers.local.pools import Pools
from vchlang.portlayer.drivers.local.records import ExecutorRecord, plain
from vchlang.portlayer.drivers.local.shelf import world_held
from vchlang.portlayer.drivers.local.storages import Storages
from vchlang.portlayer.drivers.local.tenants import EXECUTOR, Home, Tenants
from vchlang.system import Files

SPEC = "spec.json"
_PATIENCE_SECONDS = 2.0


class Executors:
    """The verbs of executors and of their handles."""

    def __init__(
        self, paths: Paths, files: Files, pools: Pools, networks: Networks, storages: Storages, leases: Leases
    ) -> None:
        self._paths = paths
        self._files = files
        self._pools = pools
        self._networks = networks
        self._storages = storages
        self._leases = leases
        self.tenants: Tenants[ExecutorRecord] = Tenants(paths, files, EXECUTOR, ExecutorRecord)

    # ---- looking -------------------------------------------------------------------------------------------------

    def observe(self, query: Query) -> Observation:
        return self.tenants.observe(query, self._present)

    def _present(self, home: Home, record: ExecutorRecord) -> Present:
        running = is_running(home)
        facts = {"state": state_of(home) if running else "stopped", "address": record.addresses}
        return Present(
            owner=record.owner,
            fields=record.args,
            facts=facts,
            version=str(record.version),
            state="running" if running else "stopped",
        )

    # ---- making and removing -------------------------------------------------------------------------------------

    def foresee(self, query: Query) -> Observation:
        """The addresses that a composition will answer on, by role, unless somebody takes one until then."""
        commit = query.args
        networks = tuple(one for one in commit.members if isinstance(one, NetworkMember))
        home = self.tenants.home(query.identity)
        record = self.tenants.read(home)
        held = record.leases if record is not None else {}
        address = {
            member.role: held.get(nic) or lease_for(self._paths.world, home.identity, nic)
            for nic, joined in nics(networks).items()
            for member in joined
        }
        return Absent(facts={"address": address})

    @implements("executor", "create")
    def create(self, step: Step) -> Outcome:
        args: Executor = step.args
        home = self.tenants.home(step.identity)
        self.tenants.admit(home, step.tag)
        record = self.tenants.already(home, step.tag)
        if record is None:
            self._check(args)
            record = self.tenants.publish(home, step.tag, lambda stage: self._fill(stage, home, step))
        return self._outcome(home, record)

    def _check(self, args: Executor) -> None:
        if args.isolation not in (None, "tether"):
            raise DriverError("unsupported", f"the local portlayer has no isolation by the {args.isolation}")
        if args.parent is not None:
            raise DriverError("unsupported", "the local portlayer has no template to begin an executor as a copy of")
        if not self._pools.exists(args.inside):
            raise DriverError("not-found", f"there is no pool `{args.inside}`")

    def _fill(self, stage: str, home: Home, step: Step) -> ExecutorRecord:
        for name in ("root", "run"):
            self._files.mkdir(os.path.join(stage, name))
        return ExecutorRecord(identity=home.identity, owner=step.tag, args=plain(step.args))

    @implements("executor", "adopt")
    def adopt(self, step: Step) -> Outcome:
        home = self.tenants.home(step.identity)
        return self._outcome(home, self.tenants.adopt(home, step))

    @implements("executor", "update")
    def update(self, step: Step) -> Outcome:
        home = self.tenants.home(step.identity)
        self.tenants.own(home, step)
        self._check(step.args)
        with self.tenants.held(home):
            record = self.tenants.own(home, step)
            wanted = plain(step.args)
            if wanted != record.args:
                record = self.tenants.replace(
                    home, msgspec.structs.replace(record, args=wanted, version=record.version + 1)
                )
        return self._outcome(home, record)

    @implements("executor", "delete")
    def delete(self, step: Step) -> Outcome:
        home = self.tenants.home(step.identity)

        def before(record: ExecutorRecord) -> None:
            if is_running(home):
                raise DriverError("step-failed", f"`{home.identity}` is running; stop it first")
            end_remains(home)
            for storage in record.hosts:
                mounts.leave(self._files, storage, step.tag.key)
            with world_held(self._paths, self._files):
                self._leases.release(step.tag.key)

        self.tenants.remove(home, step, before)
        return Outcome()

    @implements("executor", "release")
    def release(self, step: Step) -> Outcome:
        self.tenants.release(self.tenants.home(step.identity), step)
        return Outcome()

    # ---- composing -----------------------------------------------------------------------------------------------

    @implements("handle", "commit")
    def commit(self, step: Step) -> Outcome:
        commit: Commit = step.args
        home = self.tenants.home(step.identity)
        self.tenants.own(home, step)
        with self.tenants.held(home):
            record = self.tenants.own(home, step)
            wanted = plain(commit)
            if is_running(home):
                if record.composition != wanted:
                    raise DriverError("step-failed", f"`{home.identity}` is running; stop it before its handle commits")
                return self._outcome(home, record)
            version = record.version + 1 if record.composition != wanted else record.version
            record, _ = self.prepare(home, record, commit, version)
            return self._outcome(home, record, self._notes(commit, record))

    def composition(self, home: Home, record: ExecutorRecord) -> Commit:
        """What was committed last; nothing at all, for an executor that never was."""
        if record.composition is None:
            return Commit(executor=home.identity, name=home.name)
        return msgspec.convert(record.composition, Commit)

    def prepare(
        self, home: Home, record: ExecutorRecord, commit: Commit, version: int
    ) -> tuple[ExecutorRecord, Composed]:
        """Put the executor together as a commit says, and write that down. It is stopped, and its lock held."""
        owner = record.owner
        assert owner is not None
        refuse_unkept(commit)
        volumes = self._volumes(commit, owner.lineage)
        networks = tuple(one for one in commit.members if isinstance(one, NetworkMember))
        aliases = self._aliases(networks)
        hosts = tuple(dict.fromkeys(one.storage for one in volumes if one.persistent and one.ours))
        # Known before anything is put there, so that whoever comes after a crash finds all of it.
        union = tuple(dict.fromkeys((*record.hosts, *hosts)))
        leases = self._lease(home, record, networks)
        if union != record.hosts or leases != record.leases:
            record = self.tenants.replace(home, msgspec.structs.replace(record, hosts=union, leases=leases))
        for storage in union:
            mounts.leave(self._files, storage, owner.key)
        mounted = mounts.Assembly(self._files, home.identity, home.directory, owner.key).assemble(volumes)
        addresses = {one.role: leases[nic] for nic, roles in nics(networks).items() if nic in leases for one in roles}
        composed = compose(
            commit, key=owner.key, version=version, mounted=mounted, addresses=addresses, aliases=aliases
        )
        self._files.replace(os.path.join(home.directory, SPEC), records.written(composed.spec))
        done = msgspec.structs.replace(
            record, version=version, composition=plain(commit), addresses=addresses, hosts=hosts
        )
        if done != record:
            record = self.tenants.replace(home, done)
        with world_held(self._paths, self._files):
            self._leases.release(owner.key, keep=frozenset(leases.values()))
        return record, composed

    def _volumes(self, commit: Commit, lineage: str) -> tuple[mounts.Volume, ...]:
        out: list[mounts.Volume] = []
        for member in commit.members:
            if not isinstance(member, StorageMember):
                continue
            home, record = self._storages.find(member.url)
            if member.bind is None or member.bind.at is None:
                continue
            ours = record.owner is not None and record.owner.lineage == lineage
            persistent = member.role != "non_persistent"
            if persistent and not ours and member.bind.mode != "read_only":
                raise DriverError(
                    "foreign-owner", f"{member.url} is not ours, so it can be bound read-only or non-persistent only"
                )
            out.append(
                mounts.Volume(
                    at=v.normal_path(member.bind.at), storage=home.directory, persistent=persistent, ours=ours
                )
            )
        return tuple(out)

    def _aliases(self, networks: tuple[NetworkMember, ...]) -> dict[str, str]:
        out: dict[str, str] = {}
        for member in networks:
            found = self._networks.read(member.network)
            if found is None:
                raise DriverError("not-found", f"there is no network `{member.network}`")
            out |= found.aliases
        return out

    def _lease(self, home: Home, record: ExecutorRecord, networks: tuple[NetworkMember, ...]) -> dict[str, str]:
        assert record.owner is not None
        out: dict[str, str] = {}
        with world_held(self._paths, self._files):
            for nic, roles in nics(networks).items():
                if wants_address(roles):
                    had = record.leases.get(nic, "")
                    out[nic] = self._leases.take(nic, roles[0].network, home.identity, record.owner, had)
        return out

    # ---- what is told --------------------------------------------------------------------------------------------

    @staticmethod
    def _outcome(home: Home, record: ExecutorRecord, notes: tuple[str, ...] = ()) -> Outcome:
        facts: dict[str, Any] = {
            "state": state_of(home) if is_running(home) else "stopped",
            "address": record.addresses,
        }
        return Outcome(facts=facts, version=str(record.version), notes=notes)

    @staticmethod
    def _notes(commit: Commit, record: ExecutorRecord) -> tuple[str, ...]:
        networks = tuple(one for one in commit.members if isinstance(one, NetworkMember))
        out = [
            f"{', '.join(one.role for one in roles)}: {asked_address(roles)} answers on {record.leases[nic]}"
            for nic, roles in nics(networks).items()
            if nic in record.leases
        ]
        if any(one.join.names or one.join.aliases for one in networks):
            out.append("names and aliases are recorded; on the level of the tether nothing resolves them")
        return tuple(out)


def is_running(home: Home) -> bool:
    """Whether a tether lives. DriverError `unknown-world` when that cannot be found out."""
    from vchlang.tether import client

    try:
        return client.alive(home.directory)
    except client.TetherGone as gone:
        raise DriverError("unknown-world", f"`{home.identity}`: {gone.reason}") from None


def end_remains(home: Home) -> None:
    """End what a tether that was killed left running. Its processes carry the executor's root in their environment."""
    import signal

    from vchlang.tether import remains

    for pid in remains.belonging(os.path.realpath(os.path.join(home.directory, "root"))):
        with contextlib.suppress(OSError):  # it ended by itself
            os.kill(pid, signal.SIGKILL)


def state_of(home: Home) -> str:
    """What a living tether says of its executor; `silent` when it says nothing."""
    from vchlang.tether import client

    try:
        return str(client.status(home.directory, _PATIENCE_SECONDS).get("state", "silent"))
    except client.TetherGone as gone:
        return "stopped" if gone.running is False else "silent"
    except client.TetherRefused:
        return "silent"
