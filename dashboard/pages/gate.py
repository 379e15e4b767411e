"""Release gates: the list of all, or one with its evidence and its history."""

from dashboard import controls, draw, session
from dashboard.blocks import Page
from dashboard.run_data import RunData
from dashboard.views.gate import gate_page, gates_page


def _page(run: RunData, chosen: session.Choice) -> Page:
    judged = run.get("gate_results", "/gates") or ()
    titles = {gate["id"]: f"{gate['title']} ({gate['id']})" for gate in judged}
    gate = controls.choice("Gate", "gate", titles, "All gates")
    if not gate:
        return gates_page(run, stage=chosen.stage)
    past = session.gates(gate)
    ours = chosen.runs.loc[chosen.runs["product"] == run.product, "key"]
    return gate_page(run, gate, past[past["run"].isin(ours)], stage=chosen.stage)


draw.run_page("gate", "Release gates", _page)
