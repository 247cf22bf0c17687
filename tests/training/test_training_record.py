"""What a training leaves for judging new ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import highwall
from highwall.evaluation.calibration import temper
