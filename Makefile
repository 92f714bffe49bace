# `make demo` and `make test` work on a fresh machine with Python 3.11; everything goes into $(VENV),
# whose path has no spaces.
VENV ?= .venv
PYTHON ?= python3.11
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTS ?= tests data_pipelines

.PHONY: demo test lint format bench clean

$(INSTALLED): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --version > /dev/null 2>&1 || $(BIN)/python -m ensurepip # left half-made
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[test]'
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true # on all cores, where pip compiles on one
	touch $@

demo: $(INSTALLED)
	$(BIN)/lfsr demo --output demo --overwrite

test: $(INSTALLED)
	$(BIN)/python -m pytest $(TESTS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)
	$(BIN)/python benchmarks/prepare.py
	$(BIN)/python benchmarks/input_pipeline.py
	$(BIN)/python benchmarks/network.py
	$(BIN)/python benchmarks/models.py
	$(BIN)/python benchmarks/serving.py
	$(BIN)/python benchmarks/serving.py --soak

clean:
	rm -rf build dist *.egg-info demo .mypy_cache .pytest_cache .ruff_cache
