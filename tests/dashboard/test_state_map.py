"""The tile map of the states, and the table behind it that adds up."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
from compared_targets import column, loss_of, run_of, some_targets

from dashboard.blocks import Chart, Table
from dashboard.run_data import GATING_LOSS
from dashboard.units import shown as as_text
from dashboard.views.state_map import state_chart
from dashboard.views.states import STATES, place_name, state_of

TARGETS = some_targets(400)


def shown(loss: dict[str, Any]) -> Chart:
    return state_chart(run_of(loss), GATING_LOSS)


def tiles(chart: Chart) -> dict[str, dict[str, Any]]:
    data = next(iter(chart.chart.to_dict()["datasets"].values()))
    return {each["name"]: each for each in data}


def by_place(table: Table) -> dict[str, Any]:
    places = [cell.text for cell in column(table, "Place")]
    return dict(zip(places, column(table, "Part of the loss difference"), strict=True))


def test_every_state_and_the_district_has_a_tile_of_its_own() -> None:
    assert len(STATES) == 51
    assert len({(state.column, state.row) for state in STATES.values()}) == 51
    assert len({state.code for state in STATES.values()}) == 51
    assert STATES["39"].name == "Ohio"
    assert STATES["11"].name == "District of Columbia"


@pytest.mark.parametrize(
    ("place", "state", "name"),
    [
        ("06", "06", "California"),
        ("CA", "06", "California"),
        ("3903", "39", "Ohio district 03"),
        ("US", "", "United States"),
        ("72", "", "72"),
        ("9901", "", "9901"),
        ("other", "", "other"),
        ("39036", "", "39036"),
        ("٣٩", "", "٣٩"),
        ("39٠١", "", "39٠١"),
        ("", "", ""),
    ],
)
def test_a_place_is_named_and_lies_in_a_state_only_where_its_id_says_so(
    place: str, state: str, name: str
) -> None:
    assert (state_of(place), place_name(place)) == (state, name)


def test_parts_by_place_add_up_to_the_loss_difference() -> None:
    loss = loss_of(TARGETS)
    parts = by_place(shown(loss).table)
    assert {"United States", "All places", *(each.name for each in STATES.values())} == set(parts)
    whole = parts.pop("All places").raw
    assert whole == loss["losses"][GATING_LOSS]["delta"]
    assert abs(math.fsum(cell.raw for cell in parts.values()) - whole) < 1e-9


def test_a_planted_bad_state_comes_first_with_the_strongest_tile() -> None:
    ohio = next(i for i, each in enumerate(TARGETS) if each.geography_id == "39")
    chart = shown(loss_of(TARGETS, spread=0.01, bad={ohio: 30}))
    assert chart.table.rows[0][0].text == "Ohio"
    drawn = tiles(chart)
    assert max(drawn, key=lambda name: drawn[name]["value"]) == "Ohio"
    assert drawn["Ohio"]["code"] == "OH"
    assert drawn["Ohio"]["text"].startswith("+")
    assert drawn["Utah"]["figure"].startswith("−")


def test_a_tile_says_its_part_in_a_unit_that_is_stated() -> None:
    chart = shown(loss_of(TARGETS))
    step = float(re.search(r"in units of (\S+)\. ", chart.description)[1])  # type: ignore[index]
    held = {cell.text: part.raw for cell, part in _places_and_parts(chart.table)}
    figures = {name: each["figure"] for name, each in tiles(chart).items()}
    assert max(abs(held[name]) for name in figures) / step < 10
    for name, figure in figures.items():
        assert float(figure.replace("−", "-")) == pytest.approx(held[name] / step, abs=0.05001)
        assert figure[0] == ("−" if held[name] < 0 else "+")


def test_the_map_says_how_much_of_the_whole_it_shows() -> None:
    loss = loss_of(TARGETS)
    parts = loss["losses"][GATING_LOSS]["by_geography"]
    inside = math.fsum(part["delta"] for key, part in parts.items() if key != "US")
    said = as_text(inside, "loss", signed=True)
    assert f"All tiles together carry {said} of the whole" in shown(loss).description


def test_won_lost_and_tied_of_the_places_add_up_to_all() -> None:
    loss = loss_of(TARGETS)
    table = shown(loss).table
    for label, total in (
        ("Targets", len(TARGETS)),
        ("Won", loss["wins"]),
        ("Lost", loss["losses_count"]),
        ("Tied", loss["ties"]),
    ):
        *places, whole = column(table, label)
        assert sum(cell.raw for cell in places if cell.raw is not None) == whole.raw == total
    row = next(row for row in table.rows if row[0].text == "Ohio")
    ohio = [each for each in loss["targets"] if each["geography_id"] == "39"]
    ohio.sort(key=lambda each: each["contribution"])
    assert ohio[0]["contribution"] < 0 < ohio[-1]["contribution"]
    assert [cell.raw for cell in row[8:]] == [ohio[-1]["target_id"], ohio[0]["target_id"]]


def _places_and_parts(table: Table) -> list[tuple[Any, Any]]:
    return list(
        zip(column(table, "Place"), column(table, "Part of the loss difference"), strict=True)
    )


def test_a_state_without_targets_is_grey_and_says_so() -> None:
    chart = shown(loss_of([each for each in TARGETS if each.geography_id != "56"]))
    wyoming = tiles(chart)["Wyoming"]
    assert (wyoming["value"], wyoming["text"]) == (None, "no target")
    assert (wyoming["code"], wyoming["figure"]) == ("WY", "")
    row = next(row for row in chart.table.rows if row[0].text == "Wyoming")
    assert [cell.text for cell in row] == ["Wyoming", "0", *"––––––––"]
    assert row[0].link is None


def test_the_scale_is_symmetric_and_without_red_and_green() -> None:
    spec = shown(loss_of(TARGETS)).chart.to_dict()
    scale = spec["layer"][0]["encoding"]["color"]["condition"]["scale"]
    assert scale["domain"][0] == -scale["domain"][2]
    assert scale["domain"][1] == 0
    for colour in scale["range"]:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        assert not (red > green + 80 and red > blue + 80 and green < 100)
        assert not (green > red + 40 and green > blue + 40)


def test_districts_are_summed_into_their_state_by_a_rule() -> None:
    ohio = [i for i, each in enumerate(TARGETS) if each.geography_id == "39"]
    moved = list(TARGETS)
    for number, place in enumerate(ohio):
        moved[place] = replace(
            moved[place], geography_level="congressional_district", geography_id=f"390{number + 1}"
        )
    loss = loss_of(moved)
    cell = by_place(shown(loss).table)["Ohio"]
    parts = loss["losses"][GATING_LOSS]["by_geography"]
    expected = math.fsum(parts[key]["delta"] for key in parts if key.startswith("390"))
    assert len(ohio) > 1
    assert cell.raw == pytest.approx(expected, abs=1e-15)
    assert cell.source is None
    assert "Ohio" in cell.rule
    row = next(row for row in shown(loss).table.rows if row[0].text == "Ohio")
    rows = [each for each in loss["targets"] if each["geography_id"].startswith("390")]
    assert row[1].raw == len(rows)
    assert row[2].raw + row[3].raw + row[4].raw == len(rows)
    weighed = [
        part["candidate"] * part["targets"] for key, part in parts.items() if key[:3] == "390"
    ]
    assert row[5].raw == pytest.approx(math.fsum(weighed) / len(rows))


def test_places_outside_the_states_stand_by_themselves() -> None:
    moved = list(TARGETS)
    moved[1] = replace(moved[1], geography_id="72")
    loss = loss_of(moved)
    parts, held = by_place(shown(loss).table), loss["losses"][GATING_LOSS]["by_geography"]
    assert parts["72"].raw == held["72"]["delta"]
    assert parts["United States"].raw == held["US"]["delta"]
