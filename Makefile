# Every target makes its own .venv from nothing; PYTHON names another interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RESULTS ?= results
# Most tests wait for other processes: four files at a time keep two cores busy, the slow ones early, as they are named.
# A few tests measure, and run alone.
# Real servers that share two cores can be late: what fails is tried once more, and the summary says so.
# Every process reads what the first one compiled, whatever the variable says outside.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(BIN)/python -m pytest --reruns 1
TESTS := $(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder -m "not alone and not long" && $(PYTEST) -m "alone and not long"

.PHONY: demo test test-long check bench bench-peers clean

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(READY)  ## In three minutes: trials, a curve and a plan for three tiers, as one page
	$(BIN)/loadkit demo --results $(RESULTS)

test: $(READY)  ## Every test; those that need an installed program are skipped without it
	$(TESTS)

test-long: $(READY)  ## Further cases, which take long, of what the tests hold
	$(PYTEST) -m long

check: $(READY)  ## Format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(TESTS)

bench: $(READY)  ## The bounds on what loadkit and its sinks cost
	$(BIN)/python -m benchmarks --only generators --only sinks --only tls --only rendering

bench-peers: $(READY)  ## Every installed load generator on the same work, and how loadkit grows with its workers
	$(BIN)/python -m benchmarks --only peers --only scaling

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
