# The commands that people and CI run. Each installs what it needs into .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help setup check fix test demo serve clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## install everything into .venv

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[service,worker,demo,dev]'
	@touch $(STAMP)

check: setup ## lint, types, deployment files; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: setup ## what check can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup ## every test; real servers where they can be had
	$(BIN)/pytest -n 2 --dist loadgroup

demo: setup ## repair a backdoored model through the real service
	$(BIN)/python -m demo

serve: setup ## the embedded service on 127.0.0.1:8000, data in ./data
	$(BIN)/python -m service serve

clean: ## remove what setup and the embedded service made
	rm -rf $(VENV) data build dist *.egg-info
