"""Calibration: household weights that move estimates towards targets, national and sparse local.

One code path in torch serves both products; a local file differs by `l0_lambda` above 0.

What the maintained libraries give: `l0-python` the hard-concrete gates, which are used as they are.
Its own calibrator works in single precision, has no bounds on weights and no stopping rule.
`microcalibrate` adds unseeded noise to the initial weights and knows neither bounds nor stopping
by validation, so its result is compared with ours in a test and not used.
"""

from builder.calibration.problem import Problem, problem_of
from builder.calibration.report import calibration_report
from builder.calibration.run import CalibrationResult, calibrate
from builder.calibration.settings import CalibrationSettings, Stopping, load_settings, settings_of

__all__ = [
    "CalibrationResult",
    "CalibrationSettings",
    "Problem",
    "Stopping",
    "calibrate",
    "calibration_report",
    "load_settings",
    "problem_of",
    "settings_of",
]
