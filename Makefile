# Everything runs in .venv, which the first target makes. Needs make and Python 3.11 or later.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint benchmark gpu

demo: .venv/installed  ## Evolve XOR and draw the run
	$(BIN)/python -m experiments xor

test: .venv/installed-dev  ## Run the tests
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/installed-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: .venv/installed-dev  ## Measure speed
	$(BIN)/python -m benchmarks

gpu: .venv/installed-gpu  ## On a machine with an NVIDIA GPU: the tests that need one, and what it makes of a population
	$(BIN)/python -m pytest -m gpu -n 4 --dist loadgroup
	$(BIN)/python -m benchmarks gpu

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

.venv/installed-gpu: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,cuda]'
	@touch $@ .venv/installed-dev .venv/installed
