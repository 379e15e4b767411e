"""Faults that only the engine sees; the file checks let them pass."""

from __future__ import annotations

import numpy as np

from tests.faults.model import Fault, at, put
from tests.small import PERSONS

PENSIONS = np.zeros(PERSONS, dtype=np.float32)
PENSIONS[:3] = 3e38, 3e38, 1000

FAULTS = (
    Fault(
        "loader-two-heads",
        "contract.loader",
        "a tax unit with two heads",
        edit=at("tax_unit_role_input", 1, "HEAD"),
        incidents=(12,),
        trap="the engine stops when a tax is computed",
        layouts=("period_arrays",),
    ),
    Fault(
        "loader-overflow",
        "contract.loader",
        "two pensions whose sum is no finite number",
        edit=put("taxable_public_pension_income", PENSIONS),
        incidents=(28,),
        trap="infinities arise in formulas and are accepted",
        layouts=("period_arrays",),
    ),
)
