"""What the operating system says, as a driver says it."""

from __future__ import annotations

import errno

from vchlang.portlayer.driver import DriverError


def failure(error: OSError, outcome: str = "unknown") -> DriverError:
    """outcome: `none` only where it is certain that nothing changed."""
    reason = "no-space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "step-failed"
    where = error.filename2 or error.filename
    what = (error.strerror or str(error)).lower()
    return DriverError(reason, f"{where}: {what}" if where else what, outcome=outcome)
