"""Weighted figures go through MicroSeries: a scan of the sources for weight arithmetic."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "gates", "builder", "dashboard")
ALLOWED = {
    "benchmarks/scoring/kernel.py": "the scoring kernel: X.w, tested against MicroSeries to 1e-6",
    "builder/donors/soi.py": "places returns by weighted rank and scales dollars to published sums",
    "builder/embedded/provider.py": "reads the source's weights, stored in hundredths of a unit",
    "builder/embedded/sampling.py": "makes the weights: sampled units times inverse sampling rate",
    "builder/national/spine.py": "makes the weights: chances in proportion to size, and 1 / chance",
}
FUNCTIONS = frozenset({"average", "dot", "einsum", "inner", "matmul", "multiply", "vdot"})
DROPS_WEIGHTS = frozenset({"values", "to_numpy"})
MAKES_WEIGHTED = frozenset({"MicroSeries", "calculate"})


def findings(source: str) -> list[str]:
    """Return one line per weight product, weighted numpy call, or series stripped of weights."""
    tree = ast.parse(source)
    weighted = _weighted_names(tree)
    found = (_product(node) or _call(node) or _stripped(node, weighted) for node in ast.walk(tree))
    return [each for each in found if each]


def _weighted_names(tree: ast.AST) -> set[str]:
    """Return the names that are assigned a MicroSeries or an engine's calculate()."""
    assigned = (node for node in ast.walk(tree) if isinstance(node, ast.Assign))
    pairs = ((target, node.value) for node in assigned for target in node.targets)
    return {t.id for t, value in pairs if isinstance(t, ast.Name) and _makes_weighted(value)}


def _makes_weighted(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called(node) in MAKES_WEIGHTED


def _product(node: ast.AST) -> str | None:
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
    elif isinstance(node, ast.AugAssign):
        sides = (node.target, node.value)
    else:
        return None
    if isinstance(node.op, ast.Mult | ast.MatMult) and any(_is_weight(each) for each in sides):
        return f"{node.lineno}: product with a weight: {ast.unparse(node)}"
    return None


def _call(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call) or _called(node) not in FUNCTIONS:
        return None
    parts = [*node.args, *(each.value for each in node.keywords)]
    if _called(node) == "average" or any(_is_weight(each) for each in parts):
        return f"{node.lineno}: weighted call: {ast.unparse(node)}"
    return None


def _stripped(node: ast.AST, weighted: set[str]) -> str | None:
    if not isinstance(node, ast.Attribute) or node.attr not in DROPS_WEIGHTS:
        return None
    owner = node.value
    if _makes_weighted(owner) or (isinstance(owner, ast.Name) and owner.id in weighted):
        return f"{node.lineno}: drops weights: {ast.unparse(node)}"
    return None


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _is_weight(node: ast.AST) -> bool:
    """Decide whether an operand is a weight: its name, attribute or key says so."""
    if isinstance(node, ast.Subscript):
        key = node.slice.value if isinstance(node.slice, ast.Constant) else ""
        return "weight" in str(key) or _is_weight(node.value)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and _is_weight(node.func.value)
    if isinstance(node, ast.Attribute):
        return "weight" in node.attr.lower() or _is_weight(node.value)
    return isinstance(node, ast.Name) and "weight" in node.id.lower()


def test_rooms_hold_no_manual_weight_math() -> None:
    found = []
    for path in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        name = path.relative_to(ROOT).as_posix()
        if name not in ALLOWED:
            found += [f"{name}:{each}" for each in findings(path.read_text())]
    assert found == []


@pytest.mark.parametrize("name", ALLOWED)
def test_every_permission_is_needed(name: str) -> None:
    assert findings((ROOT / name).read_text())


@pytest.mark.parametrize(
    "planted",
    [
        "total = (income * household_weight).sum()",
        "total = income @ self.weights",
        "total = income * data['household_weight']",
        "total = frame['person_weight'].astype(float) * income",
        "income *= weights[rows]",
        "mean = np.average(income, weights=w)",
        "total = np.dot(income, weights)",
        "plain = sim.calculate('snap').values",
        "income = MicroSeries(a, weights=w)\nplain = income.to_numpy()",
    ],
)
def test_planted_violation_is_caught(planted: str) -> None:
    assert len(findings(planted)) == 1


@pytest.mark.parametrize(
    "harmless",
    [
        "total = MicroSeries(income, weights=weights).sum()",
        "person_weights = weights[rows]",
        "share = ess / len(weights)",
        "order = pd.Series(unit).groupby(unit).cumcount().to_numpy()",
        "for value in record.values(): print(2 * value)",
    ],
)
def test_harmless_code_is_left_alone(harmless: str) -> None:
    assert findings(harmless) == []
