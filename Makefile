# Nesoi needs Python 3.11 to 3.14 and make; everything else comes from packages.
# Every target makes the virtualenv when it is missing or when requirements.txt changed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo stop status test lint style types fmt bench clean venv

VENV ?= .venv
PY := $(VENV)/bin/python
ONLY ?=
export PORT SIMULATOR_PORT DETACH DEMO_DATA BUILD_SECONDS STATE_DIR ONLY
# Images of Python often set this. Then each of the hundreds of processes here compiles all it imports: seconds instead of one.
export PYTHONDONTWRITEBYTECODE :=

help:
	@echo "make demo   start everything with demo data (PORT=8000; DETACH=1 returns when ready)"
	@echo "make stop   stop it            make status  say whether it runs"
	@echo "make test   every check and test    make lint  the checks alone    make fmt  format"
	@echo "make bench  the benchmarks (ONLY=name,...)    make clean  remove .nesoi and caches"

venv:
	@sh deploy/make-virtualenv $(VENV)

demo: venv
	@exec $(PY) -m controlplane.embedded up

stop:
	@if [ -x $(PY) ]; then exec $(PY) -m controlplane.embedded stop; else echo "Nothing of Nesoi is installed here."; fi

status:
	@if [ -x $(PY) ]; then $(PY) -m controlplane.embedded status || true; else echo "Nothing of Nesoi is installed here."; fi

lint: style types

style: venv
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: venv
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	EMBEDDED=true $(PY) manage.py check

# Types are checked beside the tests and told behind them. Three tests at a time on two cores: whoever tries what dies waits
# most of the time.
test: style
	@told=$$(mktemp); $(MAKE) --no-print-directory types >"$$told" 2>&1 & types=$$!; \
	trap 'kill $$types; rm -f "$$told"; exit 130' INT TERM; \
	$(PY) -m pytest -n 3 --dist loadgroup -q; tests=$$?; \
	wait $$types; types=$$?; cat "$$told"; rm -f "$$told"; \
	[ $$tests = 0 ] && [ $$types = 0 ]

fmt: venv
	$(PY) -m ruff check --fix-only -q .
	$(PY) -m ruff format .

bench: venv
	@exec $(PY) -m tests.bench

clean:
	@if [ -x $(PY) ]; then $(PY) -m controlplane.embedded clean; else rm -rf .nesoi; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
