"""Runs one `vch` in a process of its own and says what it cost, as JSON: `python measured.py SECONDS MEGABYTES WORD…`.

It stands between the caller and `vch` since what a process is charged for begins with what its parent held: this one
holds nothing. The limits are backstops, well above what is measured against. Standard library only.
"""

import json
import os
import subprocess
import sys
import tempfile

_RUN = """
import resource, sys
seconds, bytes_ = int(sys.argv.pop(1)), int(sys.argv.pop(1)) << 20
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_))
from vchlang.cli import main
sys.exit(main())
"""
_MOST_KEPT = 16_000_000


def measure(words: list[str]) -> dict[str, object]:
    """Exit code (128 and the signal where one ended it), seconds of CPU, MB at the peak, and what was said."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen([sys.executable, "-c", _RUN, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, used = os.wait4(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        err.seek(0)
        return {
            "code": code if code >= 0 else 128 - code,
            "seconds": used.ru_utime + used.ru_stime,
            "megabytes": used.ru_maxrss / 1024,
            "said": err.read(_MOST_KEPT).decode("utf-8", "replace"),
        }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
