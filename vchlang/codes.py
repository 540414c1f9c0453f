"""Every diagnostic code of vch: its severity, what it means, and an example that raises exactly it.

Codes are slugs and never change their meaning. The message stays beside the check that reports it; this table is
what `vch explain CODE` prints. An example is a script, or a note in parentheses where a script alone cannot show it.
"""

from __future__ import annotations

from vchlang.diagnostics import Code, Severity

CODES: dict[str, Code] = {}

_EXECUTOR = (
    'ensure pool p in "/a"\nensure location i at "ds://d/i"\n'
    "create storage boot in i { free: 1GiB }\ncreate executor e in p at i\n"
)
"""An executor with what a handle on it needs, for the examples below."""
_OPEN = "handle e { join boot as loader, bind\n  "
_DISK = "create storage s in i { free: 1GiB }\n"
_OTHER = _DISK.replace(" s ", " t ")
_NETWORK = 'existing network n at "vmNet"\n'


def _code(slug: str, doc: str, example: str, severity: Severity = Severity.ERROR) -> Code:
    if slug in CODES:
        raise ValueError(f"two codes are called {slug}. This is a bug in vch.")
    CODES[slug] = Code(slug=slug, severity=severity, doc=doc, example=example)
    return CODES[slug]


# ---- syntax --------------------------------------------------------------------------------------------------------

SYNTAX = _code(
    "syntax",
    "The text is not what the grammar allows here. The rest of the file is still checked: the statement with the "
    "mistake is passed over, and checking resumes at the next word at the start of a line that begins a statement.",
    "let a = = 1",
)
BAD_ESCAPE = _code(
    "bad-escape",
    'In "…" a backslash stands only before n, t, \\, ", $ and u{…}. Write a raw text, \'…\', to keep backslashes.',
    'let a = "C:\\path"',
)
RESERVED_WORD = _code(
    "reserved-word",
    "A word of the language cannot be a name. It can be a field, and the name on the platform.",
    'create task test { path: "/bin/test" }',
)
CHAINED_COMPARISON = _code(
    "chained-comparison",
    "Comparisons are never chained: `a < b < c` does not say what it seems to. Join two with `and`.",
    "let a = 1 < 2 < 3",
)
UNKNOWN_CHARACTER = _code(
    "unknown-character", "A character that begins no word, number, text or sign of the language.", "let a = 1 ; 2"
)
UNCLOSED = _code("unclosed", "A brace, bracket, parenthesis or text is opened and never closed.", "let a = [1, 2")

# ---- names and types -----------------------------------------------------------------------------------------------

UNKNOWN_KIND = _code("unknown-kind", "A statement names a kind of element that does not exist.", "create storge logs")
UNKNOWN_NAME = _code("unknown-name", "No parameter, let, element or function has this name here.", "let a = memroy")
UNKNOWN_TYPE = _code("unknown-type", "No type has this name.", "param a: Byts = 1GiB")
UNKNOWN_FIELD = _code(
    "unknown-field",
    "The kind, or the record, has no field of this name.",
    'create task a { path: "/bin/a", pth: "/bin/b" }',
)
UNKNOWN_FACT = _code(
    "unknown-fact", "The element has no fact of this name to read.", 'existing pool p at "/a"\noutput u = p.url'
)
UNKNOWN_ROLE = _code(
    "unknown-role",
    "Storage is joined as `loader`, `persistent` or `non_persistent`; a task is joined without a role.",
    _EXECUTOR + "handle e { join boot as lodaer, bind }",
)
ODD_ROLE = _code(
    "odd-role",
    "A role of a network is spelt almost like one that has a meaning of its own. Any other word is a role of yours.",
    _EXECUTOR
    + 'existing network n at "n"\nhandle e { join boot as loader, bind\njoin n as cleint, bind { ip: .dhcp } }',
    Severity.WARNING,
)
UNKNOWN_VARIANT = _code(
    "unknown-variant",
    "The type expected here has no case of this name.",
    'ensure location a at "ds://d/a" { access: .write }',
)
UNKNOWN_DECORATOR = _code(
    "unknown-decorator",
    "Statements are decorated with `@protect`, `@retain`, `@was`, `@after` or, before a test, `@fault`.",
    "@protected\nlet a = 1",
)
UNKNOWN_STATE = _code(
    "unknown-state",
    "One waits until `launched`, `ready` or `stable`.",
    _EXECUTOR + "handle e { join boot as loader, bind }\nstart e\nwait e until up within 1min",
)
DUPLICATE_NAME = _code(
    "duplicate-name",
    "Within one set of names nothing shadows: a second declaration in the same or an inner scope is an error.",
    "let a = 1\nlet a = 2",
)
BAD_NAME = _code("bad-name", "Names of values begin in lower case, names of types with a capital.", "let Memory = 8GiB")
DUPLICATE_FIELD = _code("duplicate-field", "A field is written twice.", "let a = { b: 1, b: 2 }")
DUPLICATE_ADDRESS = _code(
    "duplicate-address",
    "Two elements have one address. In a loop, a name carries one key for each loop around it.",
    'for x in ["a", "b"] { ensure location l at "ds://d/${x}" }',
)
POSITION_KEY = _code(
    "position-key",
    "An element's key is a position in a list. When a neighbour goes, it becomes another's.",
    'for i, x in ["a", "b"] { create task t[i] { path: "/bin/${x}" } }',
    Severity.WARNING,
)
LOST_FIELD = _code(
    "lost-field",
    "A field before `...r` that `r` has too would be lost. Write it after the spread to override.",
    'let r = { path: "/bin/a" }\ncreate task a { path: "/bin/b", ...r }',
)
MISSING_FIELD = _code("missing-field", "A field, or a clause, that the kind needs is not there.", "create task a")
MISSING_PARAMETER = _code(
    "missing-parameter",
    "A parameter without a default was given no value. Give it with `-p name=value`, `--params FILE`, the environment "
    "variable VCH_PARAM_name, or under `[env.NAME.params]` in vch.toml.",
    "(a plan of `param size: Bytes` without -p size=…)",
)
UNKNOWN_PARAMETER = _code(
    "unknown-parameter", "A value is given for a parameter that the script does not have.", "(vch plan -p memroy=8GiB)"
)
BAD_PARAMETER = _code(
    "bad-parameter", "The value given for a parameter cannot be read by its type.", "(vch plan -p memory=lots)"
)
WRONG_TYPE = _code("wrong-type", "A value of one type stands where another is wanted.", "param a: Bytes = true")
WRONG_UNIT = _code(
    "wrong-unit",
    "A number has no unit where one is needed, or one that does not exist. Units: B kB MB GB TB PB, KiB MiB GiB TiB "
    "PiB; Hz kHz MHz GHz; ns us ms s min h d. Case matters, and no space stands between.",
    "param memory: Bytes = 8gb",
)
BAD_TEXT = _code(
    "bad-text",
    "A text does not have the form that is wanted: an address, a path, a store path.",
    'ensure location a at "datastore1/volumes"',
)
NO_VARIANT_TYPE = _code(
    "no-variant-type", "`.x` gets its type from where it stands, and here none is expected.", "let a = .read_only"
)
NOT_OPTIONAL = _code(
    "maybe-null",
    "A value that may be null is used as if it were not. `??` gives it another value, `x != null` narrows it.",
    'param a: String? = null\nlet b = "x${a}"',
)
WRONG_ARGUMENTS = _code("wrong-arguments", "A call has arguments that the function does not take.", "let a = len()")
WHERE_FAILED = _code(
    "where-failed",
    "A value does not satisfy the `where` of its parameter or type.",
    "param memory: Bytes = 1MiB where memory >= 1GiB",
)
ASSERT_FAILED = _code("assert-failed", "An `assert` does not hold.", 'assert 1 == 2, "one is not two"')
VERIFY_FAILED = _code(
    "verify-failed",
    "A `verify` does not hold. It is asked after everything was applied, and what it asks may have no answer; where "
    "the script alone decides it, it is reported before anything happens.",
    'verify 1 == 2, "one is not two"',
)
TEST_FAILED = _code(
    "test-failed",
    "A test could not be brought to its end: it takes too long, its apply ended early, or what it made could not be "
    "destroyed.",
    "(a test that waits longer than `--within` allows)",
)
NO_SUCH_STEP = _code(
    "no-such-step",
    "`@fault` names a step that the first apply of the test does not have. The steps are those of `plan.steps`.",
    '(a test after `@fault(after: "create storage lgos")`)',
)
NOT_STATIC = _code(
    "not-static",
    "A condition, a loop, a key, a name, `in` and `at` must be known before anything is planned; this value is known "
    "only after apply. It may flow into attributes, environment and outputs; a condition on it is a `verify`.",
    'ensure location a at "ds://d/a"\nassert a.url == "x", "no"',
)
CYCLE = _code(
    "cycle", "Values or elements need each other in a ring; the path is printed in order.", "let a = b\nlet b = a"
)
UNUSED = _code("unused", "A name is declared and never used.", "let a = 1", Severity.WARNING)
SECRET_SINK = _code(
    "secret-sink",
    "A secret reaches a place that is not secret: a name, a key, an output, a condition, an argument of a task. "
    "`env` and `credentials` take secrets.",
    "param s: Secret<String>\noutput a = s",
)
SECRET_LITERAL = _code(
    "secret-literal",
    "A literal never becomes a secret, not even as a default: it would stand in the script. Say in vch.toml where the "
    "secret comes from.",
    'param s: Secret<String> = "swordfish"',
)
DECIMAL_UNIT = _code(
    "decimal-unit",
    "vCenter's “GB” is a GiB. A decimal unit for memory or disks is probably meant to be the binary one.",
    'ensure pool p in "/a" { limits: { memory: 8GB } }',
    Severity.WARNING,
)
DIVISION_BY_ZERO = _code("division-by-zero", "A division by zero.", "let a = 1 / 0")
BAD_INDEX = _code("bad-index", "An index outside of the list, or a key that the map does not have.", "let a = [1][3]")
OVERFLOW = _code("limit-int", "Whole numbers and units have 64 bits.", "let a = 9223372036854775807 + 1")
INEXACT = _code("inexact", "A unit divided by a number must come out whole; use `floor`.", "let a = 1B / 2")

# ---- statements and handles ----------------------------------------------------------------------------------------

MISPLACED = _code(
    "misplaced", "A statement stands in a block where it has no meaning.", 'ensure pool p in "/a"\njoin p as loader'
)
WRONG_VERB = _code(
    "wrong-verb",
    "The kind does not have this verb, or not with this clause or field: what is `existing` is only looked up.",
    'adopt task a { path: "/bin/a" }',
)
WRONG_CLAUSE = _code("wrong-clause", "The kind does not take this clause.", 'create task a at "/x" { path: "/bin/a" }')
BIND_BEFORE_JOIN = _code(
    "bind-before-join",
    "`bind X` needs a `join X` before it in the same handle: join adds the capability, bind activates it.",
    _EXECUTOR + _DISK + _OPEN + 'bind s at "/data"\n  join s as persistent }',
)
JOINED_TWICE = _code(
    "joined-twice",
    "A membership is the pair of element and role, and occurs once; a network role and `loader` once in a handle.",
    _EXECUTOR + _NETWORK + _OPEN + "join n as client, bind { ip: .dhcp }\n  join n as client, bind }",
)
BOUND_TWICE = _code(
    "bound-twice",
    "A membership is bound once.",
    _EXECUTOR + _DISK + _OPEN + 'join s as persistent, bind at "/a"\n  bind s at "/b" }',
)
NOTHING_TO_BIND = _code(
    "nothing-to-bind",
    "A network joined as `container` is offered to containers. The executor itself gets no NIC there, so there is "
    "nothing to bring up.",
    _EXECUTOR + _NETWORK + _OPEN + "join n as container, bind { ip: .dhcp } }",
)
NEVER_BOUND = _code(
    "never-bound",
    "A membership is joined and never bound: a capability that is never used. Only the network role "
    "`container` has nothing to bind.",
    _EXECUTOR + _NETWORK + _OPEN + "join n as client }",
    Severity.WARNING,
)
AMBIGUOUS_ROLE = _code(
    "ambiguous-role",
    "The element is joined in several roles, and the bind does not say which.",
    _EXECUTOR + _NETWORK + _OPEN + "join n as client\n  join n as public\n  bind n { ip: .dhcp } }",
)
TWO_LOADERS = _code(
    "two-loaders", "An executor has exactly one loader.", _EXECUTOR + _DISK + _OPEN + "join s as loader, bind }"
)
NO_LOADER = _code(
    "no-loader",
    "An executor with a handle needs exactly one loader, its own or its parent's.",
    _EXECUTOR + "handle e { bind e { cpus: 1 } }",
)
MOUNTED_TWICE = _code(
    "mounted-twice",
    "Two storages are bound at one path.",
    _EXECUTOR + _DISK + _OTHER + _OPEN + 'join s as persistent, bind at "/x"\n  join t as persistent, bind at "/x" }',
)
MOUNT_UNDER_READ_ONLY = _code(
    "mount-under-read-only",
    "A path lies under a storage that is bound read-only: the place to mount it at cannot be made there.",
    _EXECUTOR
    + _DISK
    + _OTHER
    + _OPEN
    + 'join s as persistent, bind at "/x" { mode: .read_only }\n  join t as persistent, bind at "/x/y" }',
)
BRANCHES_DIFFER = _code(
    "branches-differ",
    "After an `if` a membership must be in the same state from both branches.",
    "param big: Bool = true\n" + _EXECUTOR + _DISK + _OPEN + 'if big { join s as persistent }\n  bind s at "/x" }',
)
UNMET_REQUIREMENT = _code(
    "unmet-requirement",
    "What a loader or a storage requires is provided by nothing that is joined and not by the driver.",
    _EXECUTOR
    + 'create storage s in i { free: 1GiB, requires: { nic: "e1000" } }\n'
    + _OPEN
    + 'join s as persistent, bind at "/s" }',
)
ROLE_CONFLICT = _code(
    "role-conflict",
    "A network joined as `bridge` holds no other role.",
    _EXECUTOR + _NETWORK + _OPEN + "join n as bridge, bind { ip: .dhcp }\n  join n as client, bind }",
)
TWO_ADDRESSES = _code(
    "two-addresses",
    "A network joined twice is one NIC with two roles and one address: one bind gives `ip`, the others none. "
    "Two addresses need `separate: true` at a join.",
    _EXECUTOR + _NETWORK + _OPEN + "join n as public, bind { ip: .dhcp }\n  join n as client, bind { ip: .dhcp } }",
)
NO_ADDRESS = _code(
    "no-address",
    "A network is bound, and no bind of it gives `ip`.",
    _EXECUTOR + _NETWORK + _OPEN + "join n as public, bind }",
)
LOG_NOT_MOUNTED = _code(
    "log-not-mounted",
    "A task logs into a storage that is not bound at a path in the executor it runs in.",
    _EXECUTOR
    + _DISK
    + 'create task t { path: "/bin/t" }\n'
    + _OPEN
    + "join t, bind { log: s, ready: .tcp(port: 80) } }",
)
ROLE_NOT_JOINED = _code(
    "role-not-joined",
    "`address(.role)` asks for a role that no handle of the executor joins.",
    _EXECUTOR + "output a = e.address(.client)",
)
NO_START = _code("no-start", "`wait X` needs a `start X` in the script.", _EXECUTOR + "wait e until ready within 1min")
AMBIGUOUS_WAIT = _code(
    "ambiguous-wait",
    "A task that several executors run is several programs, and a `wait` is for one.",
    _EXECUTOR
    + "create executor f in p at i\n"
    + 'create task t { path: "/bin/t" }\n'
    + _OPEN
    + "join t, bind { ready: .tcp(port: 80) } }\n"
    + "handle f { join boot as loader, bind\n  join t, bind { ready: .tcp(port: 80) } }\n"
    + "start e\nstart f\nwait t until ready within 1min",
)
NO_PROBE = _code(
    "no-probe",
    "A task without a probe is ready when it is launched, which says little.",
    _EXECUTOR + 'create task t { path: "/bin/t" }\n' + _OPEN + "join t, bind }",
    Severity.WARNING,
)
NESTED_LOCATION = _code(
    "nested-location",
    "One location lies in another, or two are the same place: each would be inside what the other owns.",
    'ensure location a at "ds://d/x"\nensure location b at "ds://d/x/y"',
)
OUT_OF_RANGE = _code(
    "out-of-range",
    "A number is outside of what makes sense: a port, a count of processors, a share, a limit.",
    'ensure pool p in "/a" { shares: 0 }',
)
OVERLAP = _code(
    "address-overlap",
    "Two networks have overlapping address ranges, or two executors one address. A bridge is a world of its own: its "
    "ranges are compared with those of the networks that its executors are on beside it.",
    'ensure network n at "a" { ranges: ["172.16.0.0/12"] }\nensure network m at "b" { ranges: ["172.16.1.0/24"] }',
)
WRONG_ADDRESS = _code(
    "wrong-address",
    "An address cannot be one of a host where it stands: it is outside of the ranges of its network, it is the "
    "network's own or its broadcast address, or a gateway is not in the network of the address.",
    _EXECUTOR + _NETWORK + _OPEN + 'join n as public, bind { ip: .static("10.0.0.0/24") } }',
)
TWO_GATEWAYS = _code(
    "two-gateways",
    "Two NICs of an executor name a gateway. The default route is one, and which of them it becomes nobody says.",
    _EXECUTOR
    + _NETWORK
    + 'existing network m at "other"\n'
    + _OPEN
    + 'join n as public, bind { ip: .static("10.0.0.2/24", gateway: "10.0.0.1") }\n  '
    + 'join m as client, bind { ip: .static("10.0.1.2/24", gateway: "10.0.1.1") } }',
    Severity.WARNING,
)
RULE_NEVER_FITS = _code(
    "rule-never-fits",
    "The rules before it decide everything that it speaks of, so it is never asked: rules are tried in order, and the "
    "first that fits decides.",
    _NETWORK + "ensure segment s in n { deny any from outside\n allow tcp(80) from outside }",
    Severity.WARNING,
)
SEGMENT_ELSEWHERE = _code(
    "segment-elsewhere",
    "An executor enters a segment where it joins the network that the segment is a part of; this is another network.",
    _EXECUTOR
    + _NETWORK
    + 'existing network m at "other"\nensure segment s in m { allow tcp(80) from any }\n'
    + _OPEN
    + "join n as client { segment: s }, bind { ip: .dhcp } }",
)
TWO_SEGMENTS = _code(
    "two-segments",
    "A network that is joined twice is one NIC with two roles, and a NIC is in one segment.",
    _EXECUTOR
    + _NETWORK
    + "ensure segment s in n { allow any }\nensure segment t in n { allow any }\n"
    + _OPEN
    + "join n as client { segment: s }, bind { ip: .dhcp }\n join n as public { segment: t }, bind }",
)
PROPERTIES_NEED_VAPP = _code(
    "properties-need-vapp",
    "A resource pool has no field for properties; a vApp has. Write `type: .vapp`.",
    'ensure pool p in "/a" { properties: { "customer.owner": "me" } }',
)

# ---- files and limits ----------------------------------------------------------------------------------------------

MISSING_FILE = _code(
    "missing-file", "A file or directory that the script reads is not there.", 'let a = archive("no/")'
)
OUTSIDE_PROJECT = _code(
    "outside-project", "A path leaves the project, and vch.toml does not allow it.", 'let a = archive("../../etc/")'
)
BAD_ARCHIVE = _code(
    "bad-archive",
    "An archive cannot be read, or has a member that could leave its directory: `..`, an absolute name, a device, a "
    "member that goes through a link. It is rejected before anything is written.",
    '(archive("bad.tar") with a member `../x`)',
)
WRONG_CHECKSUM = _code(
    "wrong-checksum", "The content does not have the SHA-256 that `checksum:` says.", "(storage with another checksum)"
)
UNKNOWN_MODULE = _code(
    "unknown-module", "No module is found under this path.", 'import { direct_boot } from "std/laoders"'
)
NOT_EXPORTED = _code("not-exported", "The module has nothing of this name.", 'import { direct_bot } from "std/loaders"')
BAD_LOCK = _code("bad-lock", "vch.lock cannot be read, or says what cannot be.", "(vch.lock)")
NOT_AS_LOCKED = _code(
    "not-as-locked",
    "A file of a vendored package is not the one that vch.lock names. Look at what changed, then lock it again.",
    '(import { site } from "acme/web")',
)
LIMIT_STEPS = _code("limit-steps", "Evaluation took more steps than its budget.", "(a loop over millions of values)")
LIMIT_DEPTH = _code("limit-depth", "The text or the evaluation nests deeper than its budget.", "(200 open braces)")
LIMIT_SIZE = _code("limit-size", "A text or value is larger than its budget.", "(a text doubled forty times)")
BAD_PROJECT = _code("bad-project", "vch.toml cannot be read, or has a key that does not exist.", "(vch.toml)")

# ---- the script on this target ------------------------------------------------------------------------------------

UNSUPPORTED = _code(
    "unsupported",
    "The driver of this target cannot do it, and says so before anything happens instead of leaving it out.",
    "(nfs:// on the local portlayer)",
)
NOT_FOUND = _code("not-found", "What the script looks up does not exist on the target.", "(existing network on local)")
ALREADY_EXISTS = _code(
    "already-exists", "`create` says that it must not exist yet, and it does. `ensure` takes either.", "(create, twice)"
)
FOREIGN_OWNER = _code(
    "foreign-owner",
    "Somebody else owns it: the ownership record on the platform names them. Nothing was touched.",
    "(two VCHs)",
)
CORRUPT_RECORD = _code(
    "corrupt-record",
    "The ownership record cannot be read. It is not taken for absent: somebody's claim may be in it.",
    "(a broken policy file)",
)
NOT_EMPTY = _code(
    "not-empty", "A directory that is to become a location has content that nobody claims.", "(ensure location)"
)
UNKNOWN_WORLD = _code(
    "unknown-world",
    "The target did not tell whether it exists. Unknown is never taken for absent, so nothing is planned on it.",
    "(a directory that may not be read)",
)
SAME_NAME = _code(
    "same-name",
    "Two elements have one name on the platform. Names come from `name:`, else from the deployment and the address.",
    'ensure pool a in "/x" { name: "p" }\nensure pool b in "/x" { name: "p" }',
)
BAD_RENAME = _code(
    "bad-rename",
    "`@was` names no address, or one that the script still has, that another element claims too, or whose object "
    "cannot become this element: something is known under both addresses, or it is of another kind. Or nothing is "
    "known under it, while the element is made anew and an object of its kind goes: that may be what was meant. In a "
    "component an old address is relative to the instance.",
    'ensure location a at "ds://d/a"\n@was("a") ensure location b at "ds://d/b"',
)
FIXED_FIELD = _code(
    "fixed-field", "The field is fixed when the element is made, and is never changed after.", "(read-only metadata)"
)
PROTECTED = _code("protected", "`@protect` refuses to destroy or replace the element.", "(destroy of a protected pool)")
REPLACE_LOSES_DATA = _code(
    "replace-loses-data",
    "A change would replace a storage that holds data, and nothing in the script says that the data may go.",
    "(a persistent storage moved to another location)",
)
STALE_PLAN = _code("stale-plan", "The world or the state moved on since the plan was made. Plan again.", "(apply FILE)")
STALE_HANDLE = _code(
    "stale-handle",
    "Somebody changed the executor since the handle was opened on it; nothing was touched.",
    "(apply FILE)",
)
LOCKED = _code("locked", "Another run holds the deployment.", "(two applies at once)")
NOT_CONFIRMED = _code(
    "not-confirmed", "Nobody confirmed the change: answer the question, or say --yes.", "(apply in CI)"
)
STORE_UNWRITABLE = _code("store-unwritable", "The state cannot be written, so nothing was begun.", "(a read-only disk)")
STORE_BROKEN = _code("store-broken", "The state cannot be read, or is of a later version.", "(a damaged file)")
STEP_FAILED = _code("step-failed", "A step of the plan failed; what was done is saved, and apply resumes.", "(apply)")
NO_SPACE = _code("no-space", "There is less free space than the storage asks for.", "(create storage { free: 1PiB })")
NO_SECRET = _code(
    "no-secret", "A secret is needed, and its source does not give it.", "(param s: Secret<String>, no [secrets] entry)"
)
UNKNOWN_ENVIRONMENT = _code("unknown-environment", "vch.toml has no environment of this name.", "(vch plan -e prd)")
IO_ERROR = _code("io-error", "The operating system refused to read or write a file.", "(a script that may not be read)")

# ---- delegation ----------------------------------------------------------------------------------------------------

BAD_MANIFEST = _code(
    "bad-manifest",
    "A manifest is made of literals, so that what is signed can be read and need not be worked out; and what it says "
    "fits together.",
    "manifest team { limits: { executors: 2 * 5 } }",
)
NOT_GRANTED = _code(
    "not-granted",
    "The script asks for something that the manifest it runs under does not grant. A manifest lists all that scripts "
    "may touch; its administrator adds to it and signs it again.",
    "(a pool in /clusterB under a manifest that grants /clusterA)",
)
OVER_LIMIT = _code(
    "over-limit",
    "The script asks for more than the manifest it runs under allows. A sum is reported at the statement that crosses "
    "the limit, in the order of the script.",
    "(eleven executors under a manifest that allows ten)",
)
MANIFEST_SIGNATURE = _code(
    "manifest-signature",
    "The manifest is not signed by somebody who may: there is no signature, it does not fit the file, it is for "
    "another purpose, or its key is not among the signers. Nothing was evaluated.",
    "(a manifest with a changed byte)",
)
MANIFEST_EXPIRED = _code(
    "manifest-expired", "The last day on which the manifest holds is over.", "(a manifest of last year)"
)
MANIFEST_REQUIRED = _code(
    "manifest-required",
    "A manifest is required here, and there is none, or the saved plan was made under another one.",
    "(VCH_SIGNERS is set, and vch.toml names no manifest)",
)
