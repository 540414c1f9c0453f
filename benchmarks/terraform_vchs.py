"""Writes Terraform configurations shaped like virtual container hosts: 16 objects each, every block written out.

The objects are `terraform_data` of the provider that is built into Terraform, so no plugin is started and nothing is
fetched: what is measured is the engine alone. One refers to another by `.id`, which is unknown until applied, so the
planner carries unknown values along every edge, as it would with a real provider:

    pool -> 4 storages, bridge          storage infra -> loader         pool, loader, bridge -> 4 nics
    pool, loader, storages, nics -> exec        exec, storage logs -> 3 tasks        exec, tasks -> endpoint

`python -m benchmarks.terraform_vchs vchs N` or `lines N` prints one.
"""

from __future__ import annotations

import sys

STORAGES = ("infra", "images", "volumes", "logs")
NICS = ("management", "client", "public", "bridge")
TASKS = ("personality", "portlayer", "vicadmin")
HEAD = 'terraform {\n  required_version = ">= 1.4"\n}\n\n'


def vchs(count: int) -> str:
    """A configuration of so many VCHs, formatted as `terraform fmt` would."""
    return HEAD + "".join(_vch(number) for number in range(count))


def lines(count: int) -> str:
    """A configuration of exactly so many lines: as many whole VCHs as go in, then comments."""
    whole = (count - HEAD.count("\n")) // _vch(0).count("\n")
    text = vchs(whole)
    return text + "# nothing more\n" * (count - text.count("\n"))


def _vch(number: int) -> str:
    name = f"vch{number:05}"
    cpu, memory, datastore = 1000 + number % 7 * 100, 2048 + number % 5 * 512, f"datastore{number % 9}"

    def ref(what: str) -> str:
        return f"terraform_data.{name}_{what}.id"

    def block(what: str, **fields: object) -> str:
        width = max(map(len, fields))
        body = "".join(f"    {key:<{width}} = {value}\n" for key, value in fields.items())
        return f'resource "terraform_data" "{name}_{what}" {{\n  input = {{\n{body}  }}\n}}\n\n'

    def text(value: str) -> str:
        return f'"{value}"'

    pool = {"pool": ref("pool")}
    parts = [f"# ---- {name} ----\n\n"]
    parts.append(
        block(
            "pool",
            name=text(name),
            cpu_mhz=cpu,
            memory_mb=memory,
            path=text("/clusterA/poolB"),
            extraconfig=f'{{ "guestinfo.vch" = "{name}" }}',
        )
    )
    for what in STORAGES:
        place = {"datastore": text(datastore), "path": text(f"vch/{what}")}
        parts.append(block(f"storage_{what}", **pool, **place, shared="false", mode=text("create"), owner=text(name)))
    parts.append(block("bridge", **pool, name=text("dpg-bridge"), vlan=42))
    parts.append(block("loader", storage=ref("storage_infra"), kind=text("direct-boot"), sha256=text("ab" * 32)))
    for slot, what in enumerate(NICS):
        fabric = ref("bridge") if what == "bridge" else text("vmNet")
        nic = {"fabric": fabric, "loader": ref("loader"), "slot": slot, "name": text(what), "ip": text("dhcp")}
        parts.append(block(f"nic_{what}", **pool, **nic))
    mounts = {f"mount_{what}": ref(f"storage_{what}") for what in STORAGES}
    nics = {f"nic_{what}": ref(f"nic_{what}") for what in NICS}
    parts.append(block("exec", **pool, loader=ref("loader"), cpu=cpu, memory=memory, **mounts, **nics))
    for what in TASKS:
        parts.append(
            block(
                f"task_{what}",
                exec=ref("exec"),
                path=text(f"/bin/{what}"),
                args='["-l", "debug"]',
                env=f'{{ PATH = "/bin", ROLE = "{what}" }}',
                logs=ref("storage_logs"),
                restart=text("10s"),
                required="true",
            )
        )
    tasks = {f"task_{what}": ref(f"task_{what}") for what in TASKS}
    parts.append(block("endpoint", name=text(name), exec=ref("exec"), memory_mb=4096, **tasks))
    return "".join(parts)


if __name__ == "__main__":
    print({"vchs": vchs, "lines": lines}[sys.argv[1]](int(sys.argv[2])).rstrip("\n"))
