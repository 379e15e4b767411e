"""A reform on a baseline that is already calculated: change values, forget what they reach, go on.

Runs in a forked child, which ends afterwards: nothing is put back. What is left in the simulation
is what a fresh one would hold had it been asked for the unreached values first, so the engine's
own rule that the order of evaluation changes no result carries the proof.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.engine.graph import Pair
from benchmarks.engine.trace import DEFAULT_BRANCH

Reform = Mapping[str, Mapping[str, Any]]
START_INSTANT = "2024-01-01"  # the engine's own default
# Series from which the engine derives others when a system is built.
_DERIVING = "calibration."
# Responses to a reform are formed against a baseline beside it, which only a full run holds.
_COMPARING = "gov.simulation."
# The oldest law that a formula pins its own system to ends before this date.
_PINS_END = "2022-01-01"


def why_full(system: Any, reform: Reform) -> str:
    """Return why a reform needs a system of its own and a full run; empty if it doesn't.

    Changed values alone are safe: the engine applies them after everything it derives from
    parameters, but for the structural reforms (new formulas) they switch on.
    """
    for path, changes in reform.items():
        if path.startswith(_DERIVING):
            return f"{path} feeds series that the engine derives"
        if path.startswith(_COMPARING):
            return f"{path} may compare with a baseline"
        if any(period[:10] < _PINS_END for period in changes):
            return f"{path} changes before {_PINS_END}, where formulas pin older law"
    before, after = _structural(system), _structural(system, reform)
    if before is None or before != after:
        return "the changed parameters switch on a structural reform"
    return ""


def _structural(system: Any, reform: Reform | None = None) -> list[str] | None:
    """Return which structural reforms the engine would apply under `reform` (values are put back).

    Some apply always. None where the engine no longer says it in a way known here.
    """
    from policyengine_us.reforms import create_structural_reforms_from_parameters

    kept = change_values(system.parameters, reform or {})
    try:
        combined = create_structural_reforms_from_parameters(system.parameters, START_INSTANT)
    finally:
        for path, values in kept.items():
            system.parameters.get_child(path).values_list = values
            _clear_caches(system.parameters, path)
    found = inspect.getclosurevars(combined.apply).nonlocals.get("reforms")
    return None if found is None else [f"{each.__module__}.{each.__qualname__}" for each in found]


def change_values(tree: Any, reform: Reform) -> dict[str, list[Any]]:
    """Change parameters in place as Reform.from_dict does; return the values before, by path."""
    from policyengine_core.reforms.reform import _period_key_update_kwargs, _update_start_instant

    kept = {}
    for path, changes in reform.items():
        parameter = tree.get_child(path)
        kept[path] = list(parameter.values_list)
        updates = [_period_key_update_kwargs(key, value) for key, value in changes.items()]
        for update in sorted(updates, key=_update_start_instant):
            parameter.update(**update)
        _clear_caches(tree, path)
    return kept


def _clear_caches(tree: Any, path: str) -> None:
    """Clear what the nodes above a parameter keep per instant (core stops at tax scales)."""
    node = tree
    for name in path.split(".")[:-1]:
        node._at_instant_cache.clear()
        name, _, bracket = name.partition("[")
        node = node.children[name]
        if bracket:
            node = node.brackets[int(bracket[:-1])]
    node._at_instant_cache.clear()


def apply_reform(simulation: Any, reform: Reform) -> None:
    """Change the parameters that the simulation, and the systems its formulas pinned, read."""
    system = simulation.tax_benefit_system
    change_values(system.parameters, reform)
    system._parameters_at_instant_cache.clear()
    pins: Any = sys.modules.get(_PINNING)
    for name, (_, _, pinned) in list(pins._PINNED_TBS_CACHE.items()) if pins else ():
        change_values(pinned.parameters, reform)
        pin = _PINS.get(name)
        if pin is None:
            del pins._PINNED_TBS_CACHE[name]  # built again, at the cost of seconds
        else:
            getattr(pins, pin)(pinned)
            pinned._parameters_at_instant_cache.clear()


# Pinning again after the change gives what pinning the changed system would: each pin writes
# values of its own date over a closed window, and the changes begin after those dates.
_PINNING = "policyengine_us.tools.pinned_tbs"
_PINS = {
    "ny_pre_arpa_eitc": "_pin_pre_arpa_eitc",
    "ny_pre_tcja_ctc": "_pin_pre_tcja_ctc",
    "al_2020_irc": "_pin_2020_irc",
}


def forget(simulation: Any, pairs: Iterable[Pair]) -> int:
    """Delete the calculated values of `pairs`, and all branches; return how many were stored."""
    periods: dict[str, set[str]] = {}
    for name, period in pairs:
        periods.setdefault(name, set()).add(period)
    dropped = 0
    for population in simulation.populations.values():
        for name, holder in population._holders.items():
            if name in periods:
                dropped += _forget_stored(holder, periods[name])
    simulation._fast_cache = {
        key: value
        for key, value in simulation._fast_cache.items()
        if str(key[1]) not in periods.get(key[0], ())
    }
    simulation.branches.clear()
    _forget_history(simulation, periods)
    return dropped


def _forget_stored(holder: Any, periods: set[str]) -> int:
    """Delete what was calculated; an input stays (deleting a year would take its months too)."""
    storage = holder._memory_storage
    prefix = f"{DEFAULT_BRANCH}:"
    gone = [
        key
        for key in storage._arrays
        if key.startswith(prefix)
        and key not in storage._inputs
        and (storage.is_eternal or key.removeprefix(prefix) in periods)
    ]
    for key in gone:
        del storage._arrays[key]
        storage._sequence_numbers.pop(key, None)
    return len(gone)


def _forget_history(simulation: Any, periods: Mapping[str, set[str]]) -> None:
    """Leave in the store history what a simulation holding only the rest would have recorded.

    A branch drops whatever was stored after the first store of the value that it overrides.
    """
    from policyengine_core.data_storage.store_history import StoreHistory

    before, after = simulation._store_history, StoreHistory()
    for name, stored in before._first_stored.items():
        for period, number in stored.items():
            if str(period) not in periods.get(name, ()):
                after.record_store(name, period, number)
    for name, number in before._first_derived.items():
        after.record_derived(name, number)
    if before._unknown_sources_since is not None:
        after.record_unknown_sources(before._unknown_sources_since)
    simulation._store_history = after
