"""Faults that only the engine sees; the file checks let them pass."""

from __future__ import annotations

from tests.faults.model import Fault, at

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
)
