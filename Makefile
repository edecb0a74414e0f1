# The commands that people and CI run. Each installs what it needs into .venv first, once; nothing is
# fetched again until pyproject.toml or constraints.txt changes.
#
# make PYTHON=/path/to/python chooses the interpreter. pip's own settings (pip.conf, PIP_* variables)
# choose where packages come from.
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP    = $(BIN)/python -m pip --disable-pip-version-check --quiet
# ONNX Runtime would otherwise report its use to its makers.
export ORT_DISABLE_TELEMETRY := 1
# What pip would do on one core, and for the packages' own tests; what is no Python stays as it is.
COMPILE = $(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
# The first interpreter that is new enough and can make a virtual environment with pip.
PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13,$(shell \
	$(name) -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $(name))))

.PHONY: help setup check check-types check-style check-deploy check-site fix manifests test fuzz sbom faults docs demo example serve bench-defense bench-serve bench-scale clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## install everything into .venv

# An environment whose interpreter is gone, or whose making was interrupted, is made anew.
$(STAMP): pyproject.toml constraints.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		test -n "$(PYTHON)" || { \
			echo "make: no Python 3.11 or newer with venv and ensurepip was found." >&2; \
			echo "Install one (Debian: apt-get install python3-venv), or name one:" >&2; \
			echo "  make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3" >&2; \
			exit 1; }; \
		echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "installing into $(VENV); the first time takes minutes"
	@$(PIP) install 'pip>=25' || echo "going on with this pip, which takes three times as long" >&2
	@$(PIP) install --no-compile -c constraints.txt \
		-e '.[service,worker,telemetry,demo,bench,docs,dev]'
	@$(COMPILE)
	@touch $@

# Two at a time, for each of them keeps one core busy; what each says stays together where make can.
check: setup ## lint, types, deployment files, documentation; changes no file of the source
	@$(MAKE) --no-print-directory --keep-going --jobs=2 \
		$(if $(filter output-sync,$(.FEATURES)),--output-sync=target) \
		check-types check-style check-deploy check-site

check-types:
	$(BIN)/mypy

check-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-deploy:
	PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/check
	PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/audit

check-site:
	$(SITE)

# Run as a module, so that its hooks find the packages that the reference is made of; without the
# theme's advertisement of its successor.
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

docs: setup ## the documentation as a site in build/site
	$(SITE)

sbom: setup ## what is installed, as CycloneDX, in build/sbom.json; the image has its own
	@mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file build/sbom.json $(BIN)/python

fix: setup ## what check can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

manifests: setup ## deploy/kubernetes: base and overlays anew from the chart
	$(BIN)/python -m deploy.kubernetes.render

# One thread for each of the two: two that share two cores wait for each other most of the time.
test: setup ## every test; real servers where they can be had
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

fuzz: setup ## 100,000 files and 20,000 requests that nobody should send
	$(BIN)/python -m tests.fuzz --out benchmarks/results/fuzz.json

faults: setup ## kill, stop and cut off every part under load, and prove that nothing is lost; 20 min
	$(BIN)/python -m tests.faults --out benchmarks/results/faults.json

demo: setup ## repair a backdoored model through the real service
	$(BIN)/python -m demo

example: setup ## a suspect model and images to follow the tutorial with, in ./example
	$(BIN)/python -m demo.files example

serve: setup ## the embedded service on 127.0.0.1:8000, data in ./data
	$(BIN)/python -m service serve

# DATA holds the shared images and the badnets model; BACKDOORBENCH=PATH adds BackdoorBench's own NPD.
DATA          ?= ../shared/data
BACKDOORBENCH ?=
BENCH_SMALL   := digits-small_cnn-badnets digits-small_cnn-blended digits-small_cnn-wanet \
                 digits-small_cnn-clean
BENCH         := $(BIN)/python -m benchmarks.defense --out benchmarks/results/defense-small.json \
                 --data $(DATA) --threads 2 $(if $(BACKDOORBENCH),--backdoorbench $(BACKDOORBENCH))

bench-defense: setup ## the small table of repairs beside rivals; two cores, under 30 minutes
	$(BIN)/python -m benchmarks.attacks --suite small --data $(DATA) --only $(BENCH_SMALL)
	$(BENCH) --only $(BENCH_SMALL) --skip a2a --images 300 50 --seeds 0 1 2 --rivals ft ft_sam
	$(BENCH) --only $(BENCH_SMALL) --skip a2a --images 300 --seeds 0 1 2 --rivals i_bau --resume
	$(BENCH) --models $(DATA)/badnets --images 2500 --seeds 0 1 2 --rival-share 0.01 --time-rivals --resume
	$(BENCH) --models $(DATA)/badnets --images 500 --rivals ft ft_sam --rival-share 0.1 --resume
	$(BENCH) --models $(DATA)/badnets --images 500 --seeds 1 2 --rivals --resume
	$(BIN)/python -m benchmarks.defense.page

# SERVE_ARGS="--conditions '…'" says in the results what else ran; --quick takes under 3 minutes.
SERVE_ARGS ?=

bench-serve: setup ## the service's inference beside LitServe and BentoML; two cores, 12 minutes
	$(BIN)/python -m benchmarks.serving.environments
	$(BIN)/python -m benchmarks.serving $(SERVE_ARGS)
	$(BIN)/python -m benchmarks.serving.page

# SCALE_ARGS="--only rows --conditions '…'" measures a part, and says what else ran.
SCALE_ARGS ?=

bench-scale: setup ## throughput, overhead, fairness, a million rows; needs Redis and PostgreSQL; 45 min
	$(BIN)/python -m benchmarks.scale $(SCALE_ARGS)
	$(BIN)/python -m benchmarks.scale.page

clean: ## remove what setup and the embedded service made
	rm -rf $(VENV) data example build dist *.egg-info
