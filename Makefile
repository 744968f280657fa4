# Two commands: `make run` serves the product, `make test` checks it. Python 3.11 or newer is all they need.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check format bench clean environment environment-dev

VENV_PYTHON := .venv/bin/python
FIND_PYTHON := python="$$(PYTHON='$(PYTHON)' sh tools/find-python.sh)"

help:
	@echo 'make run      serve http://127.0.0.1:8000 (PORT, HOST, DATABASE_URL, DEMO_SCALE change it)'
	@echo 'make test     install what is needed, then every check and every test'
	@echo 'make check    the same without the browser tests and without installing a browser'
	@echo 'make format   bring the code into the house format'
	@echo 'make bench    measure (SCALE=1)'
	@echo 'make clean    remove what the commands above made, except the data in instance/'

environment:
	@$(FIND_PYTHON) && "$$python" -m tools.environment requirements.txt

environment-dev:
	@$(FIND_PYTHON) && "$$python" -m tools.environment requirements-dev.txt

run: environment
	@exec $(VENV_PYTHON) -m tools.run

test: environment-dev
	@$(VENV_PYTHON) -m tools.browser
	@exec $(VENV_PYTHON) -m tools.check

check: environment-dev
	@exec $(VENV_PYTHON) -m tools.check --without-browser

format: environment-dev
	@$(VENV_PYTHON) -m ruff format .
	@$(VENV_PYTHON) -m ruff check --fix .

bench: environment-dev
	@exec env SCALE='$(or $(SCALE),1)' $(VENV_PYTHON) -m bench

clean:
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find translations -name '*.mo' -delete 2>/dev/null || true
