"""Release gates: the list of all, or one with its evidence and its history."""

from dashboard import controls, draw, session
from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.views.gate import gate_page, gates_page
from dashboard.views.gate_past import of_product


def _page(run: RunData, chosen: session.Choice) -> Page:
    judged = run.get("gate_results", "/gates") or ()
    titles = {gate["id"]: f"{gate['title']} ({gate['id']})" for gate in judged}
    gate = controls.choice("Gate", "gate", titles, "All gates")
    if not gate:
        return gates_page(run, stage=chosen.stage)
    past = of_product(session.gates(gate), chosen.runs, run.product)
    return gate_page(run, gate, past, stage=chosen.stage)


draw.run_page("gate", "Release gates", _page)
