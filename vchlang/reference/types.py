"""The page about types and units: what the tables of `values` have, with a sentence and a script for each."""

from __future__ import annotations

from vchlang import values as v
from vchlang.kinds import KINDS
from vchlang.reference.markdown import code, fence, page, table

DOCS: dict[str, tuple[str, str]] = {
    "Bool": ("A truth value; nothing else is a condition.", "true"),
    "Int": ("A whole number of 64 bits. A result outside of them is an error.", "1_000"),
    "Float": ("A number with a fraction. An Int becomes one where one is expected.", "2.5"),
    "String": ("A text.", '"a text"'),
    "Name": ("What something is called on the platform.", '"vch-1"'),
    "Path": ("An absolute path inside of an executor.", '"/var/log"'),
    "File": ("A path beside the script, relative to the file that it stands in.", '"motd.txt"'),
    "StorePath": ("Where data is kept: a directory in a datastore, of an NFS server or of this machine.", '"ds://disks/a"'),
    "InventoryPath": ("Where something is in the platform's inventory.", '"/clusterA/poolB"'),
    "Url": ("An address of something on a network.", '"https://registry.local/v2/"'),
    "Cidr": ("A network or an address in one, with the length of its prefix.", '"172.16.0.1/16"'),
    "Address": ("An address of IPv4 or IPv6.", '"10.0.0.2"'),
    "Bytes": ("A size.", "8GiB"),
    "Frequency": ("A frequency.", "2.4GHz"),
    "Duration": ("A time that something takes.", "5min"),
    "Data": ("What `archive` gives: which bytes, by their digest; apply reads them again.", 'archive("images/boot/")'),
    "Credentials": ("A user and a password, as a record; only ever inside of a Secret.", ""),
}  # fmt: skip
"""By each named type: what it is, and a value of it as a script writes one, if it can."""

FORMS: tuple[tuple[str, str, str], ...] = (
    ("T?", "A value of T or `null`. Using one as a T is an error until it is opened, by `??` or `x != null`.",
     'param owner: String? = null\nlet who = owner ?? "nobody"'),
    ("[T]", "A list.", 'let hosts: [Address] = ["10.0.0.2", "10.0.0.3"]\nlet one = hosts[0]'),
    ("{K: V}", "A map; its key type begins with a capital letter.",
     'let sizes: {String: Bytes} = { small: 4GiB, large: 64GiB }\nlet small = sizes["small"]'),
    ("{ a: T, b: T = … }", "A record. A field with a default may be left out.",
     "type Size = { cpus: Int, memory: Bytes = 1GiB }\nlet size: Size = { cpus: 2 }"),
    (".a | .b(x: T)", "A variant: one of several cases, some of which carry something. `.x` has its type from where "
     "it stands.",
     'type Source = .none | .url(at: Url)\nlet from_there: Source = .url(at: "https://a.b/c")'),
    ('"a" | "b"', "A union of texts, or of other types.", 'type Size = "small" | "large"\nparam size: Size = "small"'),
    ("Secret<T>", "What is never printed, compared, stored, or put into anything that is not secret. A literal never "
     "becomes one.", "param vmomi: Secret<Credentials>"),
    ("type N = T where …", "A name for a type, perhaps narrower; in the constraint the value is `it`.",
     'type Port = Int where it in 1..65535 else "a port is a number from 1 to 65535"\nparam port: Port = 80'),
)  # fmt: skip
"""How types are put together: the form, what it is, and a script."""


def types_page() -> str:
    """The page, as Markdown."""
    out = [
        page(
            "Types and units",
            "`vchlang/values.py` and `vchlang/reference/types.py`",
            "A text becomes a Name, Path, StorePath, InventoryPath, Url, Cidr or Address where one is expected, and is "
            "checked as soon as its value is known; back it becomes a text only by interpolation. Besides, only Int "
            "becomes Float and T becomes T?.",
        ),
        "## Named types",
    ]
    for name in v.NAMED_TYPES:
        doc, example = DOCS[name]
        out += [f"### {name}", doc]
        why = v.text_mistake("a b", v.NAMED_TYPES[name])
        if why:
            out.append(f"A text that is none is told: “{why}”.")
        out.append(fence("vch", f"let example: {name} = {example}" if example else f"param example: Secret<{name}>"))
    out += [
        "## Elements",
        "An element has the type of its kind: "
        + ", ".join(f"`{v.show_type(v.KindOf(kind))}`" for kind in KINDS)
        + ". What a component makes has the component's name with a capital. Two elements are equal when they have one "
        "address.",
        "## Forms",
    ]
    for form, doc, example in FORMS:
        out += [f"### {code(form)}", doc, fence("vch", example)]
    rows = []
    for type_, units in v.UNITS_OF.items():
        smallest = units[0] if type_ != v.DURATION else "ns"
        for unit in units:
            rows.append((f"`{unit}`", v.show_type(type_), f"{v.UNIT_TABLE[unit][1]:,} {smallest}".replace(",", " ")))
    out += [
        "## Units",
        "Case matters, and there is no space between: `8GiB`. Unit ± unit and unit × or ÷ Int give the unit again, "
        "unit ÷ unit is a Float. A number without a unit, or with another one, is an error.",
        table(("unit", "type", "is"), rows),
    ]
    return "\n\n".join(out) + "\n"
