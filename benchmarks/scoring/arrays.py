"""What scoring needs of one simulation, whoever produced it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class SimulatedArrays(Protocol):
    """Entity-length arrays of one simulation, rows in the order of the measured file.

    `arrays` is keyed by output request ("snap", "snap@2024-12"), `entity` gives its level,
    `person_to` the person-length row index into each group entity, `sizes` the rows per entity.
    """

    @property
    def arrays(self) -> Mapping[str, np.ndarray]: ...

    @property
    def entity(self) -> Mapping[str, str]: ...

    @property
    def person_to(self) -> Mapping[str, np.ndarray]: ...

    @property
    def sizes(self) -> Mapping[str, int]: ...

    @property
    def meta(self) -> Mapping[str, Any]: ...
