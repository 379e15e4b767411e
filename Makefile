# `make gates` judges the embedded candidate; `make test` runs the project's tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
DEMO := runs/demo
BUILD_SOURCES := $(shell find builder schemas benchmarks/engine benchmarks/scoring benchmarks/suites \
	baselines/targets \( -name '*.py' -o -name '*.json' -o -name '*.csv' \) 2>/dev/null)
ROOMS := schemas baselines benchmarks gates builder dashboard

.PHONY: gates bench-engine test nightly check install clean
.DELETE_ON_ERROR:

gates: $(INSTALLED) $(DEMO)/incumbent.h5 $(DEMO)/candidate.h5
	$(BIN)/mpgate baseline fetch psl-cps-2024 --from $(DEMO)/incumbent.h5
	@$(BIN)/python -m pytest gates/ --candidate $(DEMO)/candidate.h5 --incumbent psl-cps-2024 \
		-q --tb=no -rN; code=$$?; test $$code -le 1

bench-engine: $(INSTALLED) $(DEMO)/incumbent.h5 $(DEMO)/candidate.h5
	$(BIN)/python -m benchmarks.bench_engine --candidate $(DEMO)/candidate.h5 \
		--incumbent $(DEMO)/incumbent.h5 --out $(DEMO)/bench_engine.json

$(DEMO)/incumbent.h5: $(BUILD_SOURCES) | $(INSTALLED)
	$(BIN)/mpgate build embedded --role incumbent --out $@

$(DEMO)/candidate.h5: $(BUILD_SOURCES) | $(INSTALLED)
	$(BIN)/mpgate build embedded --role candidate --out $@

test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not nightly"

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
