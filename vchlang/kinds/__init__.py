"""The one description of each kind. Importing this package fills the registry that everything else reads."""

from vchlang.kinds import compute, network, segment, storage, task
from vchlang.kinds.schema import KINDS, Kind, Verb, kind_of

__all__ = ["KINDS", "Kind", "Verb", "compute", "kind_of", "network", "segment", "storage", "task"]
