"""What a manifest can say: the one description of its fields, for the reader, the enforcement and the reference.

A field is a grant or a bound. A grant that is absent grants nothing: a manifest lists all that scripts may touch. A
bound that is absent does not bind: that is every field of `limits`, and `images`, `targets` and `expires`.
"""

from typing import Literal, TypeAlias

from vchlang import values as v
from vchlang.kinds.compute import Resources
from vchlang.kinds.schema import Bytes, Cidr, Frequency, InventoryPath, language_type, param, record

Word: TypeAlias = Literal["create", "adopt", "ensure", "existing"]
WORDS: tuple[Word, ...] = ("create", "ensure", "existing")
"""The verbs that scripts may use where the manifest does not say."""


@record
class Limits:
    """Bounds on what one deployment asks for; one that is not written does not bind."""

    cpu: Frequency | None = param(
        "Processor of everything together, by the limits of the pools that the script makes.", default=None
    )
    memory: Bytes | None = param(
        "Memory of everything together: the limits of its pools, and of its executors in other pools.", default=None
    )
    storage: Bytes | None = param("Size of all storage together: content and `free`.", default=None)
    executors: int | None = param("Number of executors.", default=None)
    pools: int | None = param("Number of pools.", default=None)
    cpus_per_executor: int | None = param("Processors of one executor.", default=None)
    memory_per_executor: Bytes | None = param("Memory of one executor.", default=None)
    shares: int | None = param("Weight of one pool when compute is short.", default=None)


@record
class Manifest:
    """What an administrator lets scripts do."""

    pools: list[InventoryPath] = param(
        "Pools that scripts make pools and executors in, and everything below them. The pool itself stays as it is.",
        default=[],
    )
    locations: list[str] = param(
        "Directories, or whole datastores as `ds://datastore`, that scripts keep things in, and everything below.",
        default=[],
    )
    readable: list[str] = param(
        "Directories that scripts may read storage from, and change nothing in: templates, for instance.", default=[]
    )
    networks: list[str] = param(
        "Networks that scripts look up, make under exactly this name, and join executors to.", default=[]
    )
    switches: list[InventoryPath] = param("Switches that scripts create networks on.", default=[])
    vlans: list[int] = param("VLANs that scripts give to networks.", default=[])
    addresses: dict[str, list[Cidr]] = param(
        "For each network, the ranges that fixed addresses are taken from. A network that the script creates needs "
        "none.",
        default={},
    )
    verbs: list[Word] | None = param(
        "How elements may come into a script; without it `.create`, `.ensure` and `.existing`.", default=None
    )
    reservation: Resources | None = param(
        "What pools may have kept for them, all together; without it nothing.", default=None
    )
    limits: Limits | None = param("Bounds on one deployment.", default=None)
    images: list[str] | None = param(
        "Content that storage may be made with, as sha256: and 64 hexadecimal digits; without it any.", default=None
    )
    targets: list[str] | None = param(
        "Targets that the manifest is for, as vch.toml names them; without it any.", default=None
    )
    expires: str | None = param("The last day on which it holds, in UTC: 2027-06-30.", default=None)


FIELDS: v.Type = language_type(Manifest)
"""The fields as the language sees them, with their docs."""
