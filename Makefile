# Targets for people; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# what looks at the web page for those who do not see it, or use no mouse
AXE := $(VENV)/axe/node_modules/axe-core/axe.min.js
# so that mypy and editors find the types of an editable install
EDITABLE := --config-settings editable_mode=compat

.PHONY: help demo web test test-web screenshots lint docs bench fuzz crash-test soak format generate man dist clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: $(VENV)/.base  ## one charging session against the embedded CSMS, every frame on the screen
	@env -u OCPPSIM_URL $(BIN)/ocppsim -v docs/examples/charging_session.py

web: $(VENV)/.web  ## the web page, with a CSMS and a station inside; open the address that it prints
	@env -u OCPPSIM_URL $(BIN)/ocppsim --demo

test: $(VENV)/.dev  ## all tests
	$(BIN)/python -m pytest

test-web: $(VENV)/.dev $(VENV)/.axe  ## the web page, in Chromium
	AXE=$(AXE) $(BIN)/python -m pytest -m web tests/web

screenshots: $(VENV)/.dev  ## the pictures of the web page, into docs/images
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -m web tests/web/test_screenshots.py

lint: $(VENV)/.dev  ## ruff, and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.dev  ## build the pages into docs/_build/html; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.dev  ## speed and memory, side by side with others
	$(BIN)/python tests/benchmarks/run.py $(BENCH)
	$(BIN)/python tests/benchmarks/api.py $(API)

fuzz: $(VENV)/.dev  ## 100,000 mad messages through one connection
	PYTHONPATH=tests $(BIN)/python -m fuzz.run $(FUZZ)

crash-test: $(VENV)/.dev  ## a charge point killed 200 times, the line and the CSMS with it; nothing is lost
	$(BIN)/python tests/crash/run.py $(CRASH)

soak: $(VENV)/.dev  ## 200 charge points, ten minutes, random faults
	PYTHONPATH=tests $(BIN)/python -m soak.run $(SOAK)

format: $(VENV)/.dev  ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: $(VENV)/.dev  ## write the typed methods anew from the table of actions, and the page of the REST API
	$(BIN)/python -m ocppsim.generate
	$(BIN)/python docs/_ext/rest.py

man: $(VENV)/.dev  ## write the man pages to build/man
	$(BIN)/python setup.py --quiet build_manpages

dist: $(VENV)/.dev  ## build the source distribution and the wheel into dist, the pages in them
	rm -rf dist ocppsim.egg-info
	$(BIN)/python -m build

clean:  ## remove the virtual environment and what was built
	rm -rf $(VENV) build dist docs/_build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.venv:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.base: $(VENV)/.venv setup.cfg pyproject.toml
	$(BIN)/pip install --quiet $(EDITABLE) --editable .
	touch $@

$(VENV)/.web: $(VENV)/.base
	$(BIN)/pip install --quiet $(EDITABLE) --editable '.[server]' $(addprefix --editable ,$(wildcard plugins/*))
	touch $@

$(VENV)/.axe: $(VENV)/.venv
	npm install --silent --no-audit --no-fund --no-package-lock --prefix $(VENV)/axe axe-core@4.10.3
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/pip install --quiet $(EDITABLE) --editable '.[test,lint,docs]' $(addprefix --editable ,$(wildcard plugins/*))
	touch $@
