# Everything runs in .venv, which the first target makes. Needs make and Python 3.11 or later.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint benchmark

demo: .venv/installed  ## Evolve XOR and draw the run
	$(BIN)/python -m experiments xor

test: .venv/installed-dev  ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/installed-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: .venv/installed-dev  ## Measure speed
	$(BIN)/python -m benchmarks

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + \
		"; name another with make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/installed
