"""What a command works on: project, environment and deployment, the target's driver, and the store."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from vchlang import values as v
from vchlang.cli.options import Given, Usage
from vchlang.cli.refusal import REFUSED, Refusal, problem
from vchlang.cli.show_diagnostics import Sources
from vchlang.portlayer.driver import Driver
from vchlang.project import Environment, Project, find
from vchlang.state.embedded import EmbeddedStore
from vchlang.state.store import Holder, Store
from vchlang.system import Machine
from vchlang.text import SourceText
from vchlang.workspace import Workspace

if TYPE_CHECKING:
    from vchlang.manifests import Delegation


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Where a command was called: nothing of it has been touched yet.

    under: the manifest that scripts run under, once it was asked for; None without one.
    """

    project: Project
    environment: Environment
    workspace: Workspace
    under: Delegation | None = None

    @property
    def sources(self) -> Sources:
        """The texts that its messages are about."""
        workspace = self.workspace
        sources = Sources(self.project.root, workspace.lookup, workspace.bytes_before, workspace.digest)
        return sources if self.under is None else _with(sources, self.under.source)


class Watching(Protocol):
    """Looks into executors, by their identity."""

    def status(self, identity: str) -> dict[str, Any]:
        """How an executor is: `state`, `reason`, and under `tasks` each task's."""

    def log(self, identity: str, task: str, begin: int = 0) -> tuple[bytes, int]:
        """What a task wrote after its first `begin` bytes, and where the next look begins."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A platform, the store that goes with it, and a way to look into its executors."""

    name: str
    driver: Driver
    store: Store
    watch: Callable[[], Watching]


def setting(path: str, environment: str) -> Setting:
    """The setting of a script or directory. Refusal when vch.toml has mistakes or not this environment."""
    return setting_in(find(path), environment)


def setting_in(project: Project, environment: str) -> Setting:
    """The same, in a project that was found already."""
    bare = Workspace(project)
    sources = Sources(project.root, bare.lookup)
    if project.diagnostics:
        raise Refusal(project.diagnostics, sources)
    found = project.environment(environment or None)
    if not isinstance(found, Environment):
        raise Refusal([found], sources)
    return Setting(project=project, environment=found, workspace=Workspace(project, found.allow_outside))


def under_manifest(setting: Setting, machine: Machine) -> Setting:
    """The setting with the manifest that scripts run under here. Refusal when that must not be run under."""
    named = "VCH_MANIFEST" in os.environ or "VCH_SIGNERS" in os.environ
    if setting.under is not None or (setting.environment.manifest is None and not named):
        return setting
    from vchlang import manifests  # where there is no manifest, nobody waits for cryptography

    environment = setting.environment
    try:
        wanted = manifests.required(environment, os.environ)
        if wanted is None:
            return setting
        inside = setting.project.inside(wanted[0])
        found = manifests.delegation(
            *wanted,
            name=wanted[0] if inside.startswith("../") else inside,
            target=environment.target,
            now=machine.clock.now(),
        )
    except manifests.ManifestError as error:
        sources = setting.sources if error.source is None else _with(setting.sources, error.source)
        raise Refusal(error.diagnostics, sources, REFUSED) from None
    return msgspec.structs.replace(setting, under=found)


def _with(sources: Sources, text: SourceText) -> Sources:
    """The same texts, and one that is no part of the project."""
    return Sources(
        sources.root, lambda name: text if name == text.name else sources.lookup(name), sources.before, sources.digest
    )


def deployment_name(given: Given, script: str | None) -> str:
    """The deployment's name: `-n`, else the script's stem. Usage where neither is one."""
    name = given.one("name")
    if not name and script is not None:
        name = os.path.basename(script).removesuffix(".vch")
    if not name:
        raise Usage("which deployment? Name a script, or give -n NAME")
    why = v.text_mistake(name, v.NAME)
    if why is not None:
        raise Usage(f"a deployment cannot be called `{name}`: {why}", "give it another name with -n NAME")
    return name


def connect(setting: Setting, machine: Machine) -> Target:
    """The driver and the store of an environment. Nothing is made and nothing is asked yet."""
    environment = setting.environment
    if environment.target != "local":
        message = (
            f"the target `{environment.target}` of the environment `{environment.name}` comes with a later version"
        )
        raise Refusal([problem("unsupported", message, 'target = "local" is there')])
    from vchlang.portlayer.drivers.local import Inventory, LocalDriver

    kept = setting.project.kept_in(environment.name)
    inventory = Inventory(
        pools=environment.inventory.pools,
        networks=environment.inventory.networks,
        datastores=environment.inventory.datastores,
    )
    world, root = os.path.join(kept, "world"), setting.project.root

    def watch() -> Watching:
        from vchlang.portlayer.drivers.local.watch import Watch  # it talks to tethers, which a plan has no use for

        return Watch(world, inventory, root)

    return Target(
        name=environment.target,
        driver=LocalDriver(world, inventory, machine, project_root=root),
        store=EmbeddedStore(os.path.join(kept, "state.db"), machine),
        watch=watch,
    )


def holder(verb: str, machine: Machine) -> Holder:
    """Who asks for a lock."""
    return Holder(user=_user(), host=os.uname().nodename, pid=os.getpid(), run=machine.entropy.uuid(), verb=verb)


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
