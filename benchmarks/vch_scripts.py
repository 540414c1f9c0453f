"""Writes `.vch` scripts of any length: virtual container hosts written out one after the other, as the seed example is.

No loops and no components over them, since the point is many lines. Every name, place and address is a VCH's own, so
the script is free of errors. It expects the payload of direct boot in `boot/` beside it.

`python -m benchmarks.vch_scripts LINES` prints one.
"""

from __future__ import annotations

import sys

HEAD = """\
## Virtual container hosts, each written out.

import { direct_boot } from "std/loaders"

param memory: Bytes = 8GiB where memory in 1GiB..2TiB else "a VCH needs 1GiB to 2TiB"
param owner: String? = null
param scratch: Bytes = 8GiB
param log_space: Bytes = 4GiB
param vmomi: Secret<Credentials>

"""

# @ is the number of the VCH in four digits, %A and %B its two networks of addresses.
VCH = """\
# ---- vch-@ ----

let vch_@_stores: {String: StorePath} = {
  default: "ds://datastore1/volumes-@"
  scratch: "ds://datastore3/volumes-@"
}

ensure pool vch_@_pool in "/clusterA/poolB" {
  name:       "vch-@"
  limits:     { cpu: 8GHz, memory: memory }
  type:       .vapp
  properties: { "customer.owner": owner ?? "nobody" }
}

ensure location vch_@_images at "ds://datastore2/images-@" { shared: true, access: .create }
ensure location vch_@_infra  at "ds://datastore2/infra-@"  { access: .create }
for label, url in vch_@_stores {
  ensure location vch_@_volumes[label] at url { access: .read_write }
}

existing network vch_@_management at "networkA-@"
existing network vch_@_net        at "vmNet-@"
ensure   network vch_@_bridge     at "dpg-bridgeNet-@" { ranges: ["%B.0/24"] }

create storage vch_@_boot in vch_@_infra { ...direct_boot, data: archive("boot/") }
create storage vch_@_root in vch_@_infra { packaging: .vmdk, free: 2MiB }
create storage vch_@_tmp  in vch_@_infra { packaging: .vmdk, free: scratch }
create storage vch_@_logs in vch_@_infra { packaging: .vmdk, free: log_space }

create executor vch_@_endpoint in vch_@_pool at vch_@_infra

create task vch_@_personality { path: "/sbin/personality", env: { PORT: "2376" } }
create task vch_@_portlayer   { path: "/sbin/portlayer",   args: ["--store", "${vch_@_images.url}"] }
create task vch_@_vicadmin    { path: "/sbin/vicadmin" }

handle vch_@_endpoint {
  bind vch_@_endpoint { cpus: 2, memory: 2GiB }

  join vch_@_boot as loader,         bind
  join vch_@_root as persistent,     bind at "/"
  join vch_@_tmp  as non_persistent, bind at "/tmp/images"  { mode: .read_write }
  join vch_@_logs as persistent,     bind at "/var/log/vic" { mode: .write_only, noexec: true, squash: true }

  join vch_@_management as management, bind { ip: .dhcp }
  join vch_@_bridge     as bridge,     bind { ip: .static("%B.1/24") }
  join vch_@_net as public { names: ["vch-@"], aliases: { registry: "registry.local" } },
    bind { ip: .static("%A.10/24", gateway: "%A.1") }
  join vch_@_net as client, bind
  join vch_@_net as container

  let common = { log: vch_@_logs, workdir: "/", credentials: vmomi }
  join vch_@_personality, bind { ...common, restart: .on_failure(stable: 10s), required: true,
                                 ready: .http(port: 2376, path: "/_ping") }
  join vch_@_portlayer,   bind { ...common, restart: .always, ready: .file("/run/portlayer.ready") }
  join vch_@_vicadmin,    bind { ...common, restart: .never,  ready: .tcp(port: 2378) }
}

start vch_@_endpoint
wait vch_@_endpoint until ready within 5min

output vch_@_docker_host = "tcp://${vch_@_endpoint.address(.client)}:2376"

"""


def script(lines: int) -> str:
    """A script of exactly so many lines: as many whole VCHs as go in, then comments."""
    count = (lines - HEAD.count("\n")) // VCH.count("\n")
    if not 1 <= count <= 9999:
        raise ValueError(f"{lines} lines would be {count} VCHs; 1 to 9,999 can be written")
    text = HEAD + "".join(_vch(number) for number in range(1, count + 1))
    return text + "# nothing more\n" * (lines - text.count("\n"))


def looped(count: int) -> str:
    """As many VCHs as instances of one component in a loop; the elements are those that `script` writes out."""
    body = VCH[VCH.index("let ") :].replace("vch_@_", "").replace('"vch-@"', "name").replace("-@", "-${key}")
    body = body.replace("%A", "${outer}").replace("%B", "${inner}").rstrip()
    indented = "".join(f"  {line}\n" if line else "\n" for line in body.split("\n"))
    return (
        HEAD
        + "component host(\n"
        + "  name: Name, key: String, outer: String, inner: String, memory: Bytes, owner: String?, scratch: Bytes,\n"
        + "  log_space: Bytes, vmomi: Secret<Credentials>\n) {\n"
        + f"{indented}}}\n\nfor n in 1..{count} {{\n  create host vch[n] {{\n"
        + '    name: "vch-${n}", key: "${n}", memory: memory, owner: owner, scratch: scratch, log_space: log_space\n'
        + '    outer: "10.${n / 256}.${n % 256}", inner: "10.${128 + n / 256}.${n % 256}", vmomi: vmomi\n  }\n}\n'
    )


def written(count: int) -> str:
    """The same number of VCHs, each written out."""
    return script(HEAD.count("\n") + count * VCH.count("\n"))


def project(count: int) -> str:
    """A `vch.toml` in which the networks of so many VCHs exist."""
    names = [name for n in range(1, count + 1) for name in (f"{n}", f"{n:04}")]
    networks = ", ".join(f'"{one}-{name}" = []' for name in dict.fromkeys(names) for one in ("networkA", "vmNet"))
    return f"""\
language = 1
[project]
name = "bench"
[env.local]
params = {{ scratch = "1MiB", log_space = "1MiB" }}
secrets = {{ vmomi = {{ file = ".vch/vmomi.json", create = "credentials" }} }}
[env.local.inventory]
pools = ["/clusterA/poolB"]
networks = {{ {networks} }}
datastores = {{ datastore1 = "", datastore2 = "", datastore3 = "" }}
"""


def module(number: int, before: int | None) -> str:
    """A module of a hundred lines: a type, functions, a component and a test; it may import another."""
    n = number
    out = [f"## Module {n}.", ""]
    if before is not None:
        out.append(f'import {{ base{before} }} from "./m{before}"')
    out.append(f'type Port{n} = Int where it in 1..65535 else "a port is a number from 1 to 65535"')
    out += [f"let base{n} = " + ("1" if before is None else f"base{before} + 1"), ""]
    while len(out) < 72:
        i = len(out)
        out += [
            f"## Function {i}.",
            f'fn f{n}_{i}(name: String, port: Port{n} = 80) -> String = "http://${{name}}:${{port + base{n}}}/{i}"',
            "",
        ]
    first = next(i for i in range(3, 9) if any(f"fn f{n}_{i}(" in line for line in out))
    out += f"""\
## A site of module {n}.
component site{n}(name: Name, net: Network, port: Port{n} = 80) in pool: Pool at store: Location {{
  create storage iso  in store {{ free: 1GiB }}
  create storage data in store {{ packaging: .vmdk, free: 4GiB }}
  create executor web in pool at store {{ name: name }}
  create task httpd {{ path: "/bin/httpd", args: ["-p", "${{port}}"] }}
  handle web {{
    join iso  as loader, bind
    join data as persistent, bind at "/data" {{ mode: .read_write }}
    join net  as public, bind {{ ip: .dhcp }}
    join httpd, bind {{ restart: .always, ready: .http(port: 80) }}
  }}
  start web
  output url = f{n}_{first}("${{name}}", port)
}}

test "the address of module {n} has a port" {{
  assert contains(f{n}_{first}("x", 1), ":")
}}""".split("\n")
    out += ["# nothing more"] * (100 - len(out))
    return "\n".join(out) + "\n"


def importing(count: int) -> str:
    """A script that makes one instance of a component of each module."""
    return (
        "".join(f'import {{ site{n} }} from "./m{n}"\n' for n in range(count))
        + 'existing pool p at "/clusterA/poolB"\nexisting network n at "vmNet"\nensure location l at "ds://d/l"\n'
        + "".join(f'create site{n} s{n} in p at l {{ name: "s{n}", net: n }}\n' for n in range(count))
        + "output urls = ["
        + ", ".join(f"s{n}.url" for n in range(count))
        + "]\n"
    )


def _vch(number: int) -> str:
    high, low = divmod(number, 256)
    return VCH.replace("@", f"{number:04}").replace("%A", f"10.{high}.{low}").replace("%B", f"10.{128 + high}.{low}")


if __name__ == "__main__":
    print(script(int(sys.argv[1])), end="")
