"""The loss record: every figure of candidate against incumbent on common kept targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.scoring.families import aggregate_figure, family_figure
from benchmarks.scoring.held_out import held_out_groups
from benchmarks.scoring.loss_figures import TOP, LossFigure, loss_figures
from benchmarks.scoring.losses import gating_loss, require_scorable
from benchmarks.scoring.noise import Figure, noise_record, standard_errors
from benchmarks.scoring.pair import Pair
from benchmarks.scoring.scheme import Scheme
from schemas.canonical import sha256_json
from schemas.errors import MeasureError

NEAR = 0.10


def loss_record(
    pair: Pair,
    scheme: Scheme,
    *,
    candidate: Mapping[str, Any],
    incumbent: Mapping[str, Any],
    source: Mapping[str, Any],
    suite: Mapping[str, Any] | None = None,
    target_db: Mapping[str, Any] | None = None,
    dropped: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Return the whole record: who was compared, on what, and `score` of the pair."""
    ids = [row.target_id for row in pair.rows]
    return {
        "schema": "loss_record",
        "schema_version": 2,
        "candidate": dict(candidate),
        "incumbent": dict(incumbent),
        "source": dict(source),
        "suite": suite if suite is None else dict(suite),
        "target_db": target_db if target_db is None else dict(target_db),
        "kept": {"count": len(ids), "sha256": sha256_json(sorted(ids)), "target_ids": ids},
        "dropped": [dict(each) for each in dropped],
        **score(pair, scheme),
        "run": {},
    }


def score(pair: Pair, scheme: Scheme) -> dict[str, Any]:
    """Return every figure of a loss record that depends on rows and estimates alone.

    Raises MeasureError for targets of zero, estimates that are not finite, rows a loss cannot take
    and groups held out in part.
    """
    for estimates in (pair.candidate, pair.incumbent):
        require_scorable(pair.rows, estimates)
    losses = loss_figures(pair)
    gating = _gating(losses)
    figures = _figures(pair, scheme, losses)
    errors = standard_errors(pair.draws, figures)
    noted = {
        key: each.noted(errors[key].value if key in errors else None)
        for key, each in figures.items()
    }
    name = gating_loss().name
    return {
        "losses": {
            each: {
                **noted["loss", each],
                "train": figure.train(),
                "held_out": noted.get(("held_out", each)),
            }
            for each, figure in losses.items()
        },
        **_beside_headline(pair, gating, noted["loss", name]),
        "held_out": held_out_groups(pair.rows, gating.spread_errors(), scheme),
        "families": {each.name: noted["family", each.name] for each in scheme.families},
        "aggregates": {each.name: noted["aggregate", each.name] for each in scheme.aggregates},
        "noise": noise_record(
            None if pair.draws else pair.no_draws,
            {".".join(key): drawn.agreement for key, drawn in errors.items()},
        ),
    }


def _figures(
    pair: Pair, scheme: Scheme, losses: Mapping[str, LossFigure]
) -> dict[tuple[str, str], Figure]:
    """Return every difference that has a standard error, by kind and name."""
    found = {("loss", name): each.whole() for name, each in losses.items()}
    for name, loss in losses.items():
        held = loss.held_out()
        if held is not None:
            found["held_out", name] = held
    for family in scheme.families:
        found["family", family.name] = family_figure(pair, family, gating_loss())
    for aggregate in scheme.aggregates:
        found["aggregate", aggregate.name] = aggregate_figure(pair, aggregate)
    return found


def _gating(losses: Mapping[str, LossFigure]) -> LossFigure:
    found = losses.get(gating_loss().name)
    if found is None:
        raise MeasureError(
            f"{gating_loss().name} keeps no target, so there is nothing to compare",
            reason="score.no_targets",
            remedy="compare on targets that are not zero",
        )
    return found


def _beside_headline(pair: Pair, gating: LossFigure, headline: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures that stand beside the headline, from uncapped relative errors."""
    errors = _relative(pair)
    table = _target_table(pair, errors, gating.spread(gating.differences))
    winners = [each["winner"] for each in table]
    wins, losses = winners.count("candidate"), winners.count("incumbent")
    ordered = headline["contributors"]
    return {
        "wins": wins,
        "losses_count": losses,
        "ties": winners.count("tie"),
        "headline_agrees": (losses - wins) * headline["delta"] >= 0,
        "median_error": _sides(errors, lambda each: float(np.median(each))),
        "p90_error": _sides(errors, lambda each: float(np.quantile(each, 0.9))),
        "share_within_10pct": _sides(errors, lambda each: float(np.mean(each <= NEAR))),
        "top_10_share": gating.top_10_share(),
        "targets": table,
        "top_wins": [each for each in ordered if each["value"] < 0][:TOP],
        "top_losses": [each for each in ordered if each["value"] > 0][:TOP],
    }


def _relative(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return the absolute relative errors (row length) of candidate and incumbent, uncapped."""
    t = np.array([row.value for row in pair.rows])
    return np.abs(pair.candidate - t) / np.abs(t), np.abs(pair.incumbent - t) / np.abs(t)


def _sides(
    sides: tuple[np.ndarray, np.ndarray], statistic: Callable[[np.ndarray], float]
) -> dict[str, float]:
    return {"candidate": statistic(sides[0]), "incumbent": statistic(sides[1])}


def _target_table(
    pair: Pair, errors: tuple[np.ndarray, np.ndarray], contributions: np.ndarray
) -> list[dict[str, Any]]:
    columns = (pair.candidate, pair.incumbent, *errors, contributions)
    figures = zip(*(each.tolist() for each in columns), strict=True)
    names = ("candidate", "incumbent", "candidate_error", "incumbent_error", "contribution")
    return [
        {
            "target_id": row.target_id,
            "family": row.family,
            "source": row.source,
            "scope": row.scope,
            "entity": row.entity,
            "unit": row.unit,
            "geography_level": row.geography_level,
            "geography_id": row.geography_id,
            "holdout_group": row.holdout_group,
            "role": row.role,
            "target": row.value,
            **dict(zip(names, values, strict=True)),
            "winner": _winner(values[2], values[3]),
        }
        for row, values in zip(pair.rows, figures, strict=True)
    ]


def _winner(candidate: float, incumbent: float) -> str:
    if candidate == incumbent:
        return "tie"
    return "candidate" if candidate < incumbent else "incumbent"
