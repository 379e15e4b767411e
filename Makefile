# `make gates` judges the embedded candidate, `make national` builds, judges and seals it;
# `make test` runs the project's tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
DEMO := runs/demo
INCUMBENT := runs/incumbent/psl-cps-2024.h5
BUILD_SOURCES := $(shell find builder schemas benchmarks/engine benchmarks/scoring benchmarks/suites \
	baselines/targets \( -name '*.py' -o -name '*.json' -o -name '*.csv' \) 2>/dev/null)
ROOMS := schemas baselines benchmarks gates builder dashboard

.PHONY: gates national dashboard bench-engine test nightly check install clean
.DELETE_ON_ERROR:

gates: $(INSTALLED) $(INCUMBENT) $(DEMO)/candidate.h5
	$(BIN)/mpgate baseline fetch psl-cps-2024 --from $(INCUMBENT)
	@$(BIN)/python -m pytest gates/ --candidate $(DEMO)/candidate.h5 --incumbent psl-cps-2024 \
		-q --tb=no -rN; code=$$?; test $$code -le 1

national: $(INSTALLED) $(INCUMBENT)
	$(BIN)/mpgate baseline fetch psl-cps-2024 --from $(INCUMBENT)
	@$(BIN)/mpgate build national --judge psl-cps-2024; code=$$?; test $$code -le 2

dashboard: $(INSTALLED)
	$(BIN)/mpgate dashboard --root runs

bench-engine: $(INSTALLED) $(INCUMBENT) $(DEMO)/candidate.h5
	$(BIN)/python -m benchmarks.bench_engine --candidate $(DEMO)/candidate.h5 \
		--incumbent $(INCUMBENT) --out $(DEMO)/bench_engine.json

$(INCUMBENT): $(BUILD_SOURCES) | $(INSTALLED)
	$(BIN)/mpgate build incumbent --out $@

# the demo is never sealed, so it may be made anew
$(DEMO)/candidate.h5: $(BUILD_SOURCES) | $(INSTALLED)
	rm -rf $(DEMO)
	$(BIN)/mpgate build national --out $(DEMO)

# two at a time what may run beside others; engine, browser and what is timed one after the other
test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not (nightly or engine or browser or alone)"
	$(BIN)/python -m pytest -m "not nightly and (engine or browser or alone)"

nightly: $(INSTALLED)
	$(BIN)/python -m pytest

check: $(INSTALLED)
	$(BIN)/ruff format --check $(ROOMS) tests
	$(BIN)/ruff check $(ROOMS) tests
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--editable '.[builder,dashboard,dev]'
	touch $@

clean:
	rm -rf runs .mpgate
