# The project's commands. `make` alone lists them.
#
# Everything runs from .venv, which `make setup` prepares; nothing is installed outside the checkout
# but the real components that `make lab` gets: as root from Debian's packages, and built from Go
# modules into a folder of the user's cache.

SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
# Test processes that run at once, and what to hand to pytest: make test ARGS="-k semver"
JOBS ?= 2
ARGS ?=

.PHONY: help setup demo lab test fault-table check format docs bench build clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## prepare .venv; does nothing when it is up to date
	@sh tools/setup.sh

demo: setup ## show one guided update, without a cluster and without the network
	@$(BIN)/argocd-image-updater demo $(ARGS)

lab: setup ## get, build and list the real components that the tests use
	@$(BIN)/python tools/lab.py

test: lab ## run every test
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

fault-table: lab ## rewrite docs/registry-faults.md from what the program is seen to do
	@WRITE_FAULT_TABLE=1 $(BIN)/python -m pytest -q tests/faults/test_registry_matrix.py

check: setup ## format, lint, strict types, import rules, house rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/check_house.py

format: setup ## rewrite the code in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: setup ## build the documentation into site/
	@$(BIN)/uv sync --quiet --frozen --inexact --group dev --group docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

bench: setup ## run every benchmark and print its figures
	@$(BIN)/python tools/bench.py $(ARGS)

build: setup ## build the wheel and the source archive into dist/
	@$(BIN)/uv build --quiet --out-dir dist

clean: ## remove what the other commands made, but not .venv
	@rm -rf dist site .benchmarks .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
