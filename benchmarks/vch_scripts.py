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
create storage vch_@_root in vch_@_infra { packaging: .vmdk, free: 2GiB }
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


def _vch(number: int) -> str:
    high, low = divmod(number, 256)
    return VCH.replace("@", f"{number:04}").replace("%A", f"10.{high}.{low}").replace("%B", f"10.{128 + high}.{low}")


if __name__ == "__main__":
    print(script(int(sys.argv[1])), end="")
