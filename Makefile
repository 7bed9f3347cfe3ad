# Everything runs in .venv, which the first target makes. Needs make and Python 3.11 or later.
# With another Python beside it: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
VERSION := 'import sys; print("%d.%d" % sys.version_info[:2])'

.PHONY: demo test cluster smoke long lint docs benchmark fuzz kills cluster-kills gpu python
MINUTES ?= 15
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --editable

# Each of the many processes that the tests start would compile all modules to bytecode otherwise.
unexport PYTHONDONTWRITEBYTECODE

demo: $(VENV)/installed  ## Evolve XOR and draw the run
	$(BIN)/python -m experiments xor

test: $(VENV)/installed-dev  ## Run the tests
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

cluster: $(VENV)/installed-dev  ## Run the tests of workers on a Ray cluster of this machine, some of which are killed
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -m cluster

smoke: $(VENV)/installed-dev  ## Run one test of each part that depends on the versions of Python, NumPy and numba
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m smoke

long: $(VENV)/installed-dev  ## Run the tests that `make test` leaves out: kernels of a GPU, compiled and simulated, thousands of exports, notebooks
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m long

lint: $(VENV)/installed-dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed-docs  ## Build the site, and check that its links work and that it loads nothing from the network
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	$(BIN)/python docs/check_site.py build/docs

benchmark: $(VENV)/installed-dev  ## Measure speed
	$(BIN)/python -m benchmarks

fuzz: $(VENV)/installed-dev  ## Give the library damaged and absurd input for MINUTES; a later call goes on
	$(BIN)/python -m tests.campaigns.fuzz --minutes $(MINUTES)

kills: $(VENV)/installed-dev  ## Kill runs, studies and comparisons 200 times at random moments
	$(BIN)/python -m tests.campaigns.kills

cluster-kills: $(VENV)/installed-dev  ## Kill workers of a Ray cluster and remove its nodes, 30 times at random moments
	$(BIN)/python -m tests.campaigns.cluster_kills

gpu: $(VENV)/installed-gpu  ## On a machine with an NVIDIA GPU: the tests that need one, and what it makes of a population
	$(BIN)/python -m pytest -m gpu -n 4 --dist loadgroup
	$(BIN)/python -m benchmarks gpu

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + \
		"; name another with make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: | $(BIN)/python  # which takes a tenth of pip's time
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

python: | $(BIN)/python
ifneq ($(origin PYTHON),file)
	@test "$$($(PYTHON) -c $(VERSION))" = "$$($(BIN)/python -c $(VERSION))" || { \
		echo "$(VENV) has Python $$($(BIN)/python -c $(VERSION)), not $(PYTHON); name another folder with VENV=…"; \
		exit 1; }
endif

$(VENV)/installed: pyproject.toml | python $(BIN)/uv
	$(INSTALL) .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | python $(BIN)/uv
	$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml | python $(BIN)/uv
	$(INSTALL) '.[dev,docs]'
	@touch $@ $(VENV)/installed-dev $(VENV)/installed

$(VENV)/installed-gpu: pyproject.toml | python $(BIN)/uv
	$(INSTALL) '.[dev,cuda]'
	@touch $@ $(VENV)/installed-dev $(VENV)/installed
