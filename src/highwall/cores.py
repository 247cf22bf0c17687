"""How many processor cores there are to use."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""Where Linux tells a container what share of the processor it has."""


def usable_cores(quota: Path = QUOTA) -> int:
    """Count the cores that this process may use: those it is bound to, or what its container's quota is worth."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text("ascii").split()
        return max(1, min(bound, math.ceil(int(share) / int(period))))
    except (OSError, ValueError):  # there is no quota, or it says "max"
        return bound
