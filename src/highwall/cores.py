"""How many processor cores there are to use."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""Where Linux tells a container what share of the processor it has."""

VARIABLE: Final = "OMP_NUM_THREADS"
"""Environment variable by which people, and most libraries that compute, say how many threads to use."""


def usable_cores(quota: Path = QUOTA) -> int:
    """Count the cores that this process may use.

    They are those it is bound to, what its container's quota is worth, or what `OMP_NUM_THREADS` says, if that is less.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get(VARIABLE, "").partition(",")[0].strip()
    bound = min(bound, int(told)) if told.isdecimal() and int(told) else bound
    try:
        share, period = quota.read_text("ascii").split()
        return max(1, min(bound, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):  # there is no quota, or it says "max"
        return bound
