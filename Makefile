# One command to try it, one to test it. Everything is installed into .venv, from pyproject.toml, at the versions of
# constraints.txt; nothing else on the machine is touched.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml constraints.txt $(wildcard *.py agent/*.py agent/*/*.py agent/trace/report/* tools/*.py tools/*/*.py policies/*.py testing/*.py)
QUESTION ?= What is the mean amount of the orders in the North?
FILES ?= examples/data/orders.csv
LATENCY ?= 2s

QUICK := not slow and not browser and not viewers and not servers and not postgres

.PHONY: ask test test-slow test-browser test-viewers test-servers test-postgres lint types check dev bench peers clean

ask: .venv/.ask ## answer a question over real files, then show where the time went
	@$(BIN)/shotclock ask "$(QUESTION)" $(FILES) --latency $(LATENCY)
	@echo
	@$(BIN)/shotclock trace show last

# The promises on the clock are tested alone: what else runs at the same time would make them late.
test: .venv/.test ## all tests but the slow ones and those that need more than the package, on the installed package
	$(BIN)/python -m pytest -q -m "$(QUICK) and not alone" -n 3 --dist loadfile -p no:cacheprovider
	$(BIN)/python -m pytest -q -m "$(QUICK) and alone" -p no:cacheprovider tests/contract

test-slow: .venv/.test ## the tests that take longer
	$(BIN)/python -m pytest -q -m slow -p no:cacheprovider

test-browser: .venv/.test ## the trace report in Chromium; needs the packages chromium and chromium-driver
	$(BIN)/python -m pytest -q -m browser -p no:cacheprovider

test-viewers: .venv/.test .venv-phoenix/.ready .venv-mlflow/.ready ## traces in Phoenix and MLflow, run locally
	SHOTCLOCK_PHOENIX=.venv-phoenix/bin SHOTCLOCK_MLFLOW=.venv-mlflow/bin \
		$(BIN)/python -m pytest -q -m viewers -p no:cacheprovider

test-servers: .venv/.test ## MCP servers, OpenAPI documents and a chat model as they are published in npm and PyPI
	$(BIN)/python -m pytest -q -m servers -p no:cacheprovider

test-postgres: .venv/.test ## runs that wait for a person, in the database that SHOTCLOCK_POSTGRES names
	$(BIN)/pip install -q -c constraints.txt "langgraph-checkpoint-postgres>=3,<4" "psycopg[binary]>=3.2,<4"
	$(BIN)/python -m pytest -q -m postgres -p no:cacheprovider tests/contract

lint: .venv/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.test .venv/.check ## of the installed package
	$(BIN)/python -m mypy -p shotclock

check: test lint types

dev: .venv/.python ## an editable install, for work on the project
	$(BIN)/pip install -q -c constraints.txt -e ".[test,check]" -C editable_mode=strict

bench: .venv/.test ## every benchmark in a short form, in under ten minutes; other libraries where `make peers` was run
	$(BIN)/python -m bench.pipeline 50
	$(BIN)/python -m bench.forecast_calibration 30
	$(BIN)/python -m bench.streaming 200 1
	$(BIN)/python -m bench.startup 2
	$(BIN)/python -m bench.plans 8
	$(BIN)/python -m bench.hedging 1 200
	$(BIN)/python -m bench.verification 60
	$(BIN)/python -m bench.overhead --rounds 2 --starts 1 --cells 1x1,4x4,16x16
	$(BIN)/python -m bench.many --rounds 1 --runs 1,100
	$(BIN)/python -m bench.tracing 60
	$(BIN)/python -m bench.store 5000
	$(BIN)/python -m bench.world --queries 20
	@test ! -d .venv-peers || $(BIN)/python -m bench.world --peers --faults all --queries 20

peers: ## an environment for each library that the benchmarks compare with, under .venv-peers
	PYTHON=$(PYTHON) bench/peers/setup

clean:
	rm -rf .venv .venv-peers .venv-phoenix .venv-mlflow build *.egg-info

.venv/.python:
	$(PYTHON) -m venv .venv 2>/dev/null || { $(PYTHON) -m pip install -q virtualenv && $(PYTHON) -m virtualenv -q .venv; }
	@touch $@

# A stale build/ would install modules that are gone.
.venv/.ask: .venv/.python $(SOURCES)
	@rm -rf build
	@echo "Installing into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt ".[all]"
	@touch $@

.venv/.test: .venv/.python $(SOURCES)
	@rm -rf build
	@echo "Installing into .venv ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt ".[test]"
	@touch $@

.venv/.check: .venv/.python constraints.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt "ruff" "mypy"
	@touch $@

# A gigabyte together; whoever runs the other tests needs neither.
.venv-phoenix/.ready:
	$(PYTHON) -m venv .venv-phoenix && .venv-phoenix/bin/pip install -q "arize-phoenix>=20,<21"
	@touch $@

.venv-mlflow/.ready:
	$(PYTHON) -m venv .venv-mlflow && .venv-mlflow/bin/pip install -q "mlflow>=3.17,<4"
	@touch $@
