"""Widgets that write the address: what they show is read from it, so no view has hidden state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from dashboard import draw, session
from dashboard.escaping import visible
from dashboard.views.state_map import place_name
from dashboard.views.verdicts import STAGES
from schemas.errors import MpgateError

ANY = ""
PAGE = "page"
_LAST_PAGE = 100_000
_FILTER_WIDTH, _SEARCH_WIDTH = 150, 316
LABELS: Mapping[str, str] = {
    "gate": "Judged by gate",
    "level": "Geography",
    "role": "Held out or not",
    "winner": "Closer file",
}
NAMES: Mapping[str, Callable[[str], str]] = {
    "state": place_name,
    "role": lambda role: role.replace("_", " "),
    "level": lambda level: level.replace("_", " "),
}


def scope() -> None:
    """Draw the choice of product, run and stage; nothing of it without an index.

    A run too broken to tell its product is offered for every product.
    """
    try:
        chosen = session.choice()
        standard = _standard(chosen)
    except MpgateError:
        return
    _pick("Product", "product", session.PRODUCTS, chosen.product, forget=("run",))
    products = chosen.runs["product"]
    ours = chosen.runs[(products == chosen.product) | ~products.isin(session.PRODUCTS)]
    labels = {ANY: standard, **session.run_labels(ours)}
    asked = session.param("run")
    _pick("Run", "run", labels, asked if asked in labels else ANY)
    _pick("Stage", "stage", STAGES, chosen.stage)


def _standard(chosen: session.Choice) -> str:
    if session.index().current(chosen.product):
        return "Current candidate"
    lost = session.cannot_show_published(chosen.product)
    why = "the published candidate cannot be shown" if lost else "no candidate is published"
    return f"Newest run ({why})"


def choice(
    label: str, name: str, options: Sequence[str] | Mapping[str, str], everything: str = "All"
) -> str:
    """Draw a choice among `options` (values, or labels by value) and return the chosen value.

    Nothing chosen is the empty string, shown as `everything`. What the address asks for and the
    options don't hold is not followed, and a notice says so.
    """
    _say_unknown({name: label}, {name: options})
    asked = session.param(name)
    given = options if isinstance(options, Mapping) else {each: each for each in options}
    chosen = asked if asked in given else ANY
    _pick(label, name, {ANY: everything, **given}, chosen)
    return chosen


def filters(options: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Draw a choice per filter and a search, side by side where there is room.

    Return what is chosen by the filters' names, the search as `search`.
    """
    labels = {name: LABELS.get(name, name.capitalize()) for name in options}
    _say_unknown(labels, options)
    chosen = {}
    with st.expander("Filters", expanded=True), st.container(horizontal=True):
        for name, values in options.items():
            asked, names = session.param(name), NAMES.get(name, str)
            chosen[name] = asked if asked in values else ANY
            with st.container(width=_FILTER_WIDTH):
                shown = {ANY: "All", **{each: names(each) for each in values}}
                _pick(labels[name], name, shown, chosen[name])
        with st.container(width=_SEARCH_WIDTH):
            chosen["search"] = text("Search in targets", "search")
    return chosen


def _say_unknown(
    labels: Mapping[str, str], options: Mapping[str, Sequence[str] | Mapping[str, str]]
) -> None:
    """Say which parameters ask for what there is not; nothing is chosen in their place."""
    asked = {name: session.param(name) for name in labels}
    unknown = [name for name, value in asked.items() if value and value not in options[name]]
    draw.notices([session.unknown(labels[name].lower(), asked[name], "all") for name in unknown])


def text(label: str, name: str, hint: str = "") -> str:
    """Draw a field for free text and return what the address holds for it."""
    asked, key = session.param(name), f"field_{name}"
    st.session_state[key] = asked
    st.text_input(label, key=key, placeholder=hint, on_change=_write, args=(name, key, (PAGE,)))
    return asked


def page_number() -> int:
    """Return the page of a long table that the address asks for, the first without a sound one."""
    asked = session.param(PAGE)
    number = int(asked) if asked.isascii() and asked.isdigit() else 1
    return min(max(number, 1), _LAST_PAGE)


def _pick(
    label: str,
    name: str,
    options: Sequence[str] | Mapping[str, str],
    chosen: str,
    forget: tuple[str, ...] = (PAGE,),
) -> None:
    """Draw a select box that shows `chosen` and writes the parameter `name` when changed."""
    key = f"field_{name}"
    st.session_state[key] = chosen
    labels = told_apart(
        options if isinstance(options, Mapping) else {each: each for each in options}
    )
    st.selectbox(
        label,
        list(labels),
        format_func=lambda value: labels[value],
        key=key,
        on_change=_write,
        args=(name, key, forget),
    )


def told_apart(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return labels as they can be read, no two the same: by its label Streamlit knows a choice."""
    seen = {value: visible(label) for value, label in labels.items()}
    times = Counter(seen.values())
    return {
        value: f"{label} ({visible(value)})" if value and times[label] > 1 else label
        for value, label in seen.items()
    }


def _write(name: str, key: str, forget: tuple[str, ...]) -> None:
    """Put a widget's value into the address; `forget` are the parameters it makes void."""
    for other in (name, *forget):
        st.query_params.pop(other, None)
    if st.session_state[key]:
        st.query_params[name] = st.session_state[key]
