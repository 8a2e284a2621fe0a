# `make help` lists what there is.
PYTHON ?= python3
VENV ?= .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
# Half of the time the tests wait for a server: four of them keep two cores busy.
PYTEST_ARGS ?= -n 4 --dist worksteal
# The tests start hundreds of interpreters: none is to compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

LOWEST ?= .venv-lowest
# What the lowest versions are tested by: each library through what uses most of it.
LOWEST_TESTS := tests/test_bounds.py tests/test_cli.py tests/test_cli_run.py tests/test_client_files.py \
	tests/test_client_run.py tests/test_client_secure.py tests/test_codegen.py tests/test_container.py \
	tests/test_diff.py tests/test_examples.py tests/test_parameters.py tests/test_read_workflow.py tests/test_serve.py \
	tests/test_simulator.py tests/test_simulator_media.py tests/test_testing_outputs.py \
	tests/test_testing_plugin.py

# The branch coverage is measured with all tests but these. They need many processes or recordings, or they take
# five seconds and more, of which each adds fewer than eight lines or branches to what the other tests cover.
# Few examples of each law run the same lines as many.
UNCOVERED := batch batch_faults bounds cli cli_mcp cli_reproduce cli_run client_async client_backend \
	client_closing client_events client_faults client_interruption client_members client_seed_faults \
	client_server client_sockets client_typing codegen_hostile codegen_large diff_laws documents \
	examples fuzz fuzz_answers graph_prompt importer_texts names node_history python_source_goldens \
	recipes release schema_in_force serve_jobs simulator_faults simulator_listening strategies% \
	testing_project validate_beyond validate_cycles validate_laws words
COVERED_TESTS := $(filter-out $(UNCOVERED:%=tests/test_%.py),$(wildcard tests/test_*.py))

# Laws, which find more the longer they are tried.
LAWS := $(wildcard tests/test_*_laws.py tests/test_*_properties.py tests/test_strategies*.py tests/property/test_*.py)
WHEEL ?= .venv-wheel
NEWEST ?= .venv-newest

.PHONY: help demo docs test test-lowest test-slow test-deep test-newest check stale stubs bench wheel release clean
.DEFAULT_GOAL := test

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "comfyflow needs Python 3.10 or newer; say which: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[simulator]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## run the main job on the simulator
	$(BIN)/comfyflow run examples/txt2img.py --simulate --out output \
		--prompt "a lighthouse at dusk, oil painting" --seed 7

test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

$(VENV)/.docs: pyproject.toml | $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	@touch $@

docs: $(VENV)/.docs ## build the site into site/ and check its links; nothing is fetched
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

$(LOWEST)/.test: pyproject.toml tools/lowest_versions.py | $(VENV)/.dev
	$(PYTHON) -m venv --clear $(LOWEST)
	$(BIN)/python -m tools.lowest_versions > $(LOWEST)/constraints.txt
	$(LOWEST)/$(SCRIPTS)/python -m pip install --quiet --constraint $(LOWEST)/constraints.txt --editable '.[cloud,media,serve,test]'
	@touch $@

test-lowest: $(LOWEST)/.test ## run tests with the lowest versions of all dependencies
	$(LOWEST)/$(SCRIPTS)/python -m pytest -q $(LOWEST_TESTS)

$(VENV)/.slow: pyproject.toml tools/editors.py | $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[dev,slow]'
	$(BIN)/python -m tools.editors
	@touch $@

test-slow: $(VENV)/.slow ## run what takes longer: a browser, the pages, killed commands, hostile input, mutations, coverage
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)
	for kind in schemas workflows media; do $(BIN)/python -m tools.fuzz $$kind --count 200 --seed 1 || exit 1; done
	$(BIN)/python -m tools.fuzz answers --count 40 --seed 1
	$(BIN)/python -m tools.mutation comfyflow/workflows/compile.py comfyflow/graph/prompt.py --sample 8 --seed 1 \
		--jobs 2 --tests tests/test_workflow.py tests/test_graph_prompt.py
	HYPOTHESIS_PROFILE=few $(BIN)/python -m pytest -q $(PYTEST_ARGS) $(COVERED_TESTS) --cov --cov-report=term:skip-covered

test-deep: $(VENV)/.dev ## look for new examples against every law; takes hours
	HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest $(PYTEST_ARGS) $(LAWS)

test-newest: ## run tests with the newest versions of all dependencies, pre-releases too, and the newest editor
	$(PYTHON) -m venv --clear $(NEWEST)
	$(NEWEST)/$(SCRIPTS)/python -m pip install --quiet --pre --upgrade --editable '.[cloud,media,serve,test]' comfyui-frontend-package playwright
	$(NEWEST)/$(SCRIPTS)/python -m pytest -q $(LOWEST_TESTS) tests/test_simulator_frontend.py
	$(NEWEST)/$(SCRIPTS)/python -m pytest -q -m slow tests/test_ground_truth_editor.py -k installed

check: $(VENV)/.dev ## run ruff, mypy, pyright and the import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	PATH="$(abspath $(BIN)):$$PATH" pyright --verifytypes comfyflow --ignoreexternal >$(VENV)/types.txt || \
		{ sed '/^Public modules/,/^Symbols used/d' $(VENV)/types.txt; exit 1; }
	$(BIN)/lint-imports
	$(BIN)/python -m tools.blocking_twin --check

stale: $(VENV)/.dev ## say which generated files are stale: stubs, blocking client, tables of the docs
	$(BIN)/python tools/regenerate_stubs.py stubs/comfynodes/schema.json --check
	$(BIN)/python -m tools.blocking_twin --check
	$(BIN)/python -m pytest -q tests/test_versions_page.py tests/test_editor_rules_page.py

wheel: $(VENV)/.dev ## build wheel and sdist, check them, install the wheel and try it
	$(BIN)/python -m pip install --quiet build twine
	$(BIN)/python -m tools.release build
	$(PYTHON) -m venv --clear $(WHEEL)
	$(WHEEL)/$(SCRIPTS)/python -m pip install --quiet "$$(ls dist/*.whl)[test]"
	$(WHEEL)/$(SCRIPTS)/python -m tools.release try

release: $(VENV)/.dev ## cut a release: make release VERSION=0.3.0, with DRY_RUN=1 to change nothing
	@test -n "$(VERSION)" || { echo "say which: make release VERSION=0.3.0"; exit 1; }
	$(BIN)/python -m tools.release $(VERSION) $(if $(DRY_RUN),--dry-run)

stubs: $(VENV)/.dev ## generate the reference package anew
	$(BIN)/python tools/regenerate_stubs.py

bench: $(VENV)/.dev ## print the benchmarks
	$(BIN)/python -m tools.bench

clean: ## remove what make has made
	rm -rf $(VENV) $(LOWEST) $(NEWEST) $(WHEEL) dist output site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
