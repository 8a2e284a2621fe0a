# make demo: set up and run the main job.   make test: set up and run the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2

.PHONY: demo test check stubs bench clean
.DEFAULT_GOAL := test

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "comfyflow needs Python 3.10 or newer; say which: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[simulator]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/comfyflow run examples/txt2img.py --simulate --out output \
		--prompt "a lighthouse at dusk, oil painting" --seed 7

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

stubs: $(VENV)/.dev
	$(BIN)/python tools/regenerate_stubs.py

bench: $(VENV)/.dev
	$(BIN)/python -m tools.bench

clean:
	rm -rf $(VENV) output .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
