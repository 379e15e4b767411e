"""Small ACS files in the published format: households of chosen members, or many in all states."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.sources.acquire import SourceSet, acquire_all, provider_of
from builder.sources.catalog import Entry, UserSources, load_catalog
from builder.sources.protocol import Acquired, SourceData, SourceFile
from builder.sources.states import STATE_FIPS
from tests.builder.sources.source_publisher import (
    ACS_HOUSEHOLD,
    ACS_PERSON,
    make_zip,
    served,
    sha256,
    table,
)

ACS = "acs-pums-2024"
FIPS = tuple(sorted(STATE_FIPS.values()))
_HOME = {
    **{"RT": "H", "STATE": 6, "PUMA": "03701", "ADJHSG": 1000000, "ADJINC": 1000000},
    **{"WGTP": 100, "TYPEHUGQ": 1, "TEN": 3, "BDSP": 2, "VEH": 1, "FS": 2},
}
_PERSON = {
    **{"RT": "P", "PWGTP": 100, "ADJINC": 1000000, "AGEP": 40, "SEX": 1, "RELSHIPP": 20, "MAR": 5},
    **{"DIS": 2, "DEYE": 2, "HINS4": 2, "SCH": 1},
}
_DOLLARS = ("WAGP", "SEMP", "INTP", "RETP", "SSP", "SSIP", "PAP", "OIP")


@dataclasses.dataclass(frozen=True)
class Home:
    """A housing unit: its members' columns as published, and its own where not as usual."""

    members: Sequence[dict[str, Any]]
    own: dict[str, Any] = dataclasses.field(default_factory=dict)


def person(age: int, tie: int = 20, **columns: Any) -> dict[str, Any]:
    """Return a member by age and RELSHIPP."""
    return {"AGEP": age, "RELSHIPP": tie, **columns}


def acs_zips(homes: Sequence[Home]) -> dict[str, bytes]:
    """Return csv_hus.zip and csv_pus.zip; SERIALNO counts from 1. One lives in group quarters."""
    house, people = [], []
    for number, home in enumerate(homes, start=1):
        serial = {"SERIALNO": f"2024HU{number:07d}"}
        house.append(_row(ACS_HOUSEHOLD, _HOME | serial | {"NP": len(home.members)} | home.own))
        for line, member in enumerate(home.members, start=1):
            dollars = dict.fromkeys(_DOLLARS, 0 if member["AGEP"] >= 15 else "_")
            row = _PERSON | dollars | serial | {"SPORDER": line} | member
            people.append(_row(ACS_PERSON, row))
    resident = {"SERIALNO": "2024GQ0000001", **person(20, 38, SPORDER=1, STATE=6)}
    quarters = {**_HOME, **resident, "WGTP": 0, "NP": 1, "TYPEHUGQ": 2}
    housing = {
        "psam_husa.csv": house,
        "psam_husb.csv": [_row(ACS_HOUSEHOLD, quarters)],
    }
    persons = {"psam_pusa.csv": people, "psam_pusb.csv": [_row(ACS_PERSON, _PERSON | resident)]}
    return {
        "csv_hus.zip": make_zip({n: table(ACS_HOUSEHOLD, *r) for n, r in housing.items()}),
        "csv_pus.zip": make_zip({n: table(ACS_PERSON, *r) for n, r in persons.items()}),
    }


def _row(header: str, columns: dict[str, Any]) -> str:
    return " ".join(str(columns.get(name, "_")) for name in header.split())


def entry_and_files(homes: Sequence[Home], folder: Path) -> tuple[Entry, Acquired]:
    """Return the catalog entry pinned to these homes' files, and the files in a folder."""
    files = acs_zips(homes)
    placed = []
    for name, body in files.items():
        (folder / name).write_bytes(body)
        placed.append(SourceFile(name, None, sha256(body), len(body), folder / name))
    return served(ACS, files, None), Acquired(ACS, tuple(placed))


def read_acs(homes: Sequence[Home], folder: Path) -> SourceData:
    """Return the homes as the source's reader understands them."""
    entry, acquired = entry_and_files(homes, folder)
    return provider_of(entry, UserSources()).read(acquired)


def catalog_with(homes: Sequence[Home], folder: Path) -> tuple[tuple[Entry, ...], UserSources]:
    """Return the catalog with the ACS pinned to these homes, and the user's copies of the files."""
    pinned, acquired = entry_and_files(homes, folder)
    paths = {each.name: folder / each.name for each in acquired.files}
    catalog = tuple(pinned if each.id == ACS else each for each in load_catalog())
    return catalog, UserSources(paths={ACS: paths})


def sources_with(homes: Sequence[Home] | None, folder: Path) -> SourceSet:
    """Return the set of one source: the ACS with these homes, or absent."""
    catalog, user = catalog_with(homes or [Home([person(40)])], folder)
    chosen = tuple(each for each in catalog if each.id == ACS)
    return acquire_all(
        chosen, folder / "cache", offline=True, user=user if homes else UserSources()
    )


def homes_of_all_states(rounds: int) -> list[Home]:
    """Return `rounds` homes of each state, of six kinds in turn, weights from 50 to 149."""
    homes = []
    for number in range(rounds * len(FIPS)):
        members, own = _kinds(number)[number // len(FIPS) % 6]
        place = {"STATE": FIPS[number % len(FIPS)], "WGTP": 50 + number * 37 % 100}
        homes.append(Home(members, own | place))
    return homes


def _kinds(number: int) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    wage = 20000 + number * 7919 % 90000
    couple = [person(45, WAGP=wage, MAR=1), person(43, 21, WAGP=30000, MAR=1, INTP=900)]
    children = [person(20, 25, SCH=2), person(9, 25, SCH=2, HINS4=1)]
    aged = [person(78, SSP=21000, RETP=9000, MAR=1), person(75, 21, SSP=11000, MAR=1)]
    lone = [person(29, WAGP=wage // 2, PAP=2000), person(4, 25, SCH="_", HINS4=1)]
    return [
        ([*couple, *children], {"TEN": 1, "TAXAMT": 4000}),
        (aged, {"TEN": 2, "TAXAMT": 2500}),
        (lone, {"RNTP": 900, "FS": 1}),
        ([person(24, WAGP=wage), person(23, 34, SCH=3)], {"RNTP": 2000}),
        (
            [person(35, WAGP=wage), person(33, 22, INTP=-500), person(3, 36, SCH="_")],
            {"RNTP": 1500},
        ),
        ([person(58, SSIP=9000, DIS=1)], {"TEN": 4}),
    ]
