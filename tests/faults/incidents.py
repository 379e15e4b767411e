"""The production incidents, and for those that no contract check of a file can see, who does."""

from __future__ import annotations

TITLES = {
    1: "poverty 14 % to 39 %: a sparse build without wages overwrote the production file",
    2: "wages and self-employment income zero: dropped variables left empty groups",
    3: "the production file came from a test build",
    4: "a successor was promoted after its baseline was scored on the wrong surface",
    5: "AGI of $24.9 trillion: the top tail weighed too much",
    6: "a certified successor lacked key fiscal targets",
    7: "a file of 2023 was used as 2024",
    8: "bad enum values became the first member in silence",
    9: "NaN inputs spread in silence",
    10: "counties shifted by enum index; New York City's income tax was $0",
    11: "Connecticut's planning regions and integer counties broke county logic",
    12: "a state file crashed a program's calculation",
    13: "seven at-large districts were empty",
    14: "family ids repeated across districts; wrong entity weights",
    15: "take-up differed 3.4 times between matrix and file",
    16: "a file was built with another geography than its weights",
    17: "whole states' weights were crushed to about zero",
    18: "EITC $49 bn instead of $67 bn, paid to non-filers",
    19: "DC lost its SNAP target; state labels mixed integers and text",
    20: "rent truncated, hours deflated, tips wrong: types and uprating",
    21: "AGI capped at about $6.26 million",
    22: "hourly wage at the wrong entity; empty or '0.0' enum text",
    23: "validators passed for nothing: wrong names, wrong key layout",
    24: "one immigration status for everybody",
    25: "a partial or mixed set of files was published",
    26: "a data file was truncated by a run or a download",
    27: "the dataset argument was ignored, another file was loaded",
    28: "NaN deciles and huge negative incomes",
    29: "poverty 6.8 %, SSI $400 bn, alimony $80 bn: bad inputs or weights",
    30: "reforms scored $0: input layers were not populated",
    31: "fractional ids: averaged when mapped across entities",
    32: "smoke tests on the production file were put in quarantine",
}

BEYOND_THE_CHECKS = {
    3: "the build's size and settings stand in the candidate manifest, not in the H5",
    4: "gates `baseline.evidence` and `loss.broad` bind every score to file, engine and suite",
    6: "a missing target is `unmeasured` and blocks",
    18: "program rules show in target losses, not in the inputs",
    25: "publication is the release gates' task",
    26: "the preflight refuses a truncated file; `contract.loader` compares its sha256 after use",
    27: "gate `contract.loader` records the sha256 of the file that was loaded",
    32: "gates `baseline.*` pin the sha256; no gate can be skipped",
}
