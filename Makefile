# Everything runs in .venv, which the first target that needs it creates. Stamps in .venv make a second run quick.
# Needs: make, a C compiler, Python 3.11 or later with venv (PYTHON=python3.12 chooses one).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARALLEL := -n auto --dist worksteal
NATIVE := pyproject.toml setup.py $(wildcard src/margin/*.pyx src/margin/*.pxi src/margin/_native/*)

.DEFAULT_GOAL := help
.PHONY: help demo test lint types check bench verify clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: $(VENV)/cli.stamp ## write a synthetic exchange to ./demo, margin every account, print the summary
	$(BIN)/margin-engine demo --overwrite

test: lint types check ## lint, types, then the whole test suite

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy
	$(BIN)/stubtest margin._core

check: $(VENV)/dev.stamp
	$(BIN)/pytest -q $(PARALLEL)
	MARGIN_IMPL=python $(BIN)/pytest -q $(PARALLEL) tests/models tests/pools tests/test_vectors_*.py

bench: $(VENV)/bench.stamp ## kernels and the whole run beside their peers; ends in a table of ratios
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/pytest bench --benchmark-only

verify: $(VENV)/dev.stamp ## compare the engine with the venues' published numbers
	$(BIN)/margin-engine verify tests/vectors/*.json

clean: ## remove the environment, builds, caches and ./demo
	rm -rf $(VENV) build dist demo src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -f src/margin/_core.c src/margin/_core*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "margin needs Python 3.11 or later: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/cli.stamp: $(BIN)/pip $(NATIVE)
	$(BIN)/python -m pip install --quiet --editable '.[cli]'
	touch $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

$(VENV)/dev.stamp: $(BIN)/pip $(NATIVE)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/cli.stamp
