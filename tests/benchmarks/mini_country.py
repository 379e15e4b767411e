"""A small tax-benefit system on policyengine-core: every way in which a formula can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from policyengine_core.entities import build_entity
from policyengine_core.enums import Enum
from policyengine_core.model_api import ETERNITY, MONTH, YEAR
from policyengine_core.parameters import ParameterNode
from policyengine_core.simulations import Simulation, SimulationBuilder
from policyengine_core.taxbenefitsystems import TaxBenefitSystem
from policyengine_core.variables import Variable

from tests.benchmarks.mini_parameters import PARAMETERS

Arrays = dict[str, np.ndarray]
Formula = Callable[[Any, Any, Any], Any]
PEOPLE, HOMES = 12, 7
HOME = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 5, 6])

Person = build_entity("person", "people", "A person", is_person=True)
Household = build_entity(
    "household", "households", "A household", roles=[{"key": "member", "plural": "members"}]
)


class Region(Enum):
    NORTH = "North"
    SOUTH = "South"
    ISLES = "Isles"


def variable(name: str, kind: Any, entity: Any, **more: Any) -> type[Variable]:
    """Return the class of a yearly variable (of another period if `more` says so)."""
    settings = {"definition_period": YEAR, "label": name, **more}
    return type(name, (Variable,), {"value_type": kind, "entity": entity, **settings})


INPUTS = [
    variable("age", int, Person),
    variable("earnings", float, Person),
    variable("profit", float, Person),
    variable("gifts", float, Person),
    variable("pension", float, Person, uprating="gov.index"),
    variable("is_student", bool, Person),
    variable("household_weight", float, Household),
    variable("region", Enum, Household, possible_values=Region, default_value=Region.NORTH),
]
FORMULAS = [
    # a parameter that lists variables
    variable("gross_income", float, Person, adds="gov.lists.income"),
    variable("aid_of_year", float, Household, adds=["aid"]),
    variable(
        "net_income",
        float,
        Household,
        adds=["gross_income", "grant", "aid_of_year", "closed_grant", "gov.lump_sum"],
        subtracts=["tax", "levies", "voluntary"],
    ),
]


def formula(entity: Any = Person, kind: Any = float, **more: Any) -> Callable[[Formula], Formula]:
    """Make a function the formula of a variable of its name."""

    def register(function: Formula) -> Formula:
        FORMULAS.append(variable(function.__name__, kind, entity, formula=function, **more))
        return function

    return register


@formula()
def allowance(person: Any, period: Any, parameters: Any) -> Any:
    p = parameters(period).gov.allowance
    return np.where(person("age", period) >= p.old_age, p.old, p.basic)


@formula(kind=bool)
def itemizes(person: Any, period: Any, parameters: Any) -> Any:
    return person("tax_itemizing", period) < person("tax_standard", period)


def _tax_if(person: Any, period: Any, answer: bool) -> Any:
    branch = person.simulation.get_branch(f"itemizes_{answer}")
    branch.set_input("itemizes", period, np.full(person.count, answer))
    return branch.calculate("tax", period)


@formula()
def tax_itemizing(person: Any, period: Any, parameters: Any) -> Any:
    return _tax_if(person, period, True)


@formula()
def tax_standard(person: Any, period: Any, parameters: Any) -> Any:
    return _tax_if(person, period, False)


@formula()
def deductions(person: Any, period: Any, parameters: Any) -> Any:
    itemized = person("gifts", period) * parameters(period).gov.gifts["share"]
    return np.where(person("itemizes", period), itemized, person("allowance", period))


@formula()
def tax(person: Any, period: Any, parameters: Any) -> Any:
    base = np.maximum(person("gross_income", period) - person("deductions", period), 0)
    return parameters(period).gov.tax.scale.calc(base)


@formula()
def old_law_tax(person: Any, period: Any, parameters: Any) -> Any:
    """A branch inside which another branch is opened."""
    branch = person.simulation.get_branch("old_law")
    branch.set_input("allowance", period, np.full(person.count, 500.0))
    return branch.calculate("tax_itemizing", period) + branch.calculate("levies", period)


def _in_shared_branch(person: Any, period: Any) -> Any:
    """Calculate in a branch that is opened by whoever needs it first."""
    branch = person.simulation.get_branch("shared")
    branch.set_input("gifts", period, np.full(person.count, 100.0))
    return branch.calculate("solo", period)


@formula()
def shared_first(person: Any, period: Any, parameters: Any) -> Any:
    return _in_shared_branch(person, period)


@formula()
def shared_second(person: Any, period: Any, parameters: Any) -> Any:
    return 2 * _in_shared_branch(person, period)


@formula()
def solo(person: Any, period: Any, parameters: Any) -> Any:
    return person("gifts", period) * parameters(period).gov.solo_rate


@formula()
def thrown_away(person: Any, period: Any, parameters: Any) -> Any:
    """Opens two branches and drops each: the second may get the address of the first."""
    simulation, total = person.simulation, 0
    for gifts in (50.0, None):
        branch = simulation.get_branch("thrown")
        if gifts is not None:
            branch.set_input("gifts", period, np.full(person.count, gifts))
        total = total + branch.calculate("solo", period)
        del simulation.branches["thrown"], branch
    return total


@formula()
def levies(person: Any, period: Any, parameters: Any) -> Any:
    """Reads the raw tree, a copy of a part of it, and past its argument."""
    raw = parameters.gov.raw
    copied = raw.copied.clone()
    listed = sum(each.value for each in raw.listed.values_list)
    grown = raw.grown.relative_change("2023-01-01", "2025-01-01")
    tree = person.simulation.tax_benefit_system.parameters
    bracket = raw.steps.brackets[1].rate("2024-01-01")
    past = tree.gov.raw.past(period.start) + copied(period).inner
    profit = person("profit", period)
    return profit * (past + listed + grown + bracket) + raw.steps(period.start).calc(profit)


@formula()
def voluntary(person: Any, period: Any, parameters: Any) -> Any:
    """Asks whether a parameter is in force."""
    p = parameters(period).gov.optional
    rate = p.rate if hasattr(p, "rate") else 0.01
    return person("earnings", period) * rate


@formula()
def listed_nodes(person: Any, period: Any, parameters: Any) -> Any:
    """Goes through all there is in a node."""
    p = parameters(period).gov.many
    return person("earnings", period) * sum(p._children.values())


@formula()
def stored_pension(person: Any, period: Any, parameters: Any) -> Any:
    """Looks at what is stored instead of calculating."""
    holder = person.simulation.get_holder("pension")
    known = [each for each in holder.get_known_periods() if str(each) == "2024"]
    stored = person.simulation.get_array("pension", period)
    return 0 if stored is None else stored * len(known)


@formula()
def stored_profit(person: Any, period: Any, parameters: Any) -> Any:
    """Takes what is stored, whatever periods are known."""
    return person.simulation.get_array("profit", period) / 2


@formula()
def pension_next_year(person: Any, period: Any, parameters: Any) -> Any:
    return person("pension", period.offset(1, "year"))


@formula(kind=int, definition_period=ETERNITY)
def full_age(person: Any, period: Any, parameters: Any) -> Any:
    """The same for every period, and asked for in several."""
    return parameters("2024-01-01").gov.full_age + person("is_student", "2024")


@formula(definition_period=MONTH)
def full_age_in_may(person: Any, period: Any, parameters: Any) -> Any:
    return person("full_age", period) * 1.0


@formula(Household, kind=bool)
def has_student(household: Any, period: Any, parameters: Any) -> Any:
    return household.sum(household.members("is_student", period)) > 0


@formula(Household, kind=bool)
def has_nobody(household: Any, period: Any, parameters: Any) -> Any:
    return household("has_student", period) & parameters(period).gov.grant.closed


@formula(Household, defined_for="has_student")
def grant(household: Any, period: Any, parameters: Any) -> Any:
    rate = parameters(period).gov.grant.by_region[household("region", period)]
    income = household.sum(household.members("gross_income", period))
    return np.maximum(rate.most - rate.taper * income, 0)


@formula(Household, defined_for="has_nobody")  # all false
def closed_grant(household: Any, period: Any, parameters: Any) -> Any:
    return parameters(period).gov.grant.closed_amount


@formula(Household, definition_period=MONTH)
def aid(household: Any, period: Any, parameters: Any) -> Any:
    """By month, and its parameter changes within the year."""
    income = household.sum(household.members("gross_income", period.this_year)) / 12
    p = parameters(period).gov.aid
    return np.where(income < p.limit, p.amount, 0)


YEAR_OF_FILE = "2024"
REQUESTS = [
    *(
        (each.__name__, YEAR_OF_FILE)
        for each in FORMULAS
        if vars(each)["definition_period"] == YEAR
    ),
    *(("aid", f"2024-{month:02d}") for month in (1, 7)),
    *(("full_age", "2024"), ("full_age_in_may", "2024-05")),
    *(("gross_income", "2025"), ("pension", "2025"), ("tax", "2025")),
]


class MiniSystem(TaxBenefitSystem):
    """The system, with further variables if wanted."""

    entities = [Person, Household]  # noqa: RUF012  as core declares it
    auto_carry_over_input_variables = True

    def __init__(self, *more: type[Variable]) -> None:
        super().__init__()
        self.parameters = ParameterNode("", data=PARAMETERS)
        self.add_variables(*INPUTS, *FORMULAS, *more)
        self.add_abolition_parameters()


def inputs() -> Arrays:
    """Return the input arrays of the file, by variable."""
    rng = np.random.default_rng(0)
    return {
        "age": np.array([68, 40, 35, 70, 22, 80, 19, 66, 55, 90, 31, 66]),
        "earnings": rng.uniform(0, 99_000, PEOPLE).round(2),
        "profit": rng.uniform(0, 9_000, PEOPLE).round(2),
        "gifts": rng.uniform(0, 30_000, PEOPLE).round(2),
        "pension": rng.uniform(0, 8_000, PEOPLE).round(2),
        "is_student": np.arange(PEOPLE) % 3 == 0,
        "household_weight": rng.uniform(1, 9, HOMES).round(2),
        "region": np.array(["NORTH", "SOUTH", "ISLES", "SOUTH", "NORTH", "ISLES", "SOUTH"]),
    }


def build(simulation_class: type[Simulation], system: TaxBenefitSystem) -> Simulation:
    """Return a simulation over the people of the file, with their inputs stored."""
    builder = SimulationBuilder()
    builder.create_entities(system)
    builder.declare_person_entity("person", np.arange(PEOPLE))
    builder.declare_entity("household", np.arange(HOMES))
    builder.join_with_persons(builder.populations["household"], HOME, ["member"] * PEOPLE)
    simulation = simulation_class(tax_benefit_system=system, populations=builder.populations)
    for name, values in inputs().items():
        simulation.set_input(name, YEAR_OF_FILE, values)
    return simulation
