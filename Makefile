# Everything a contributor or a CI machine calls. `make` alone lists the targets.
# Nothing has to be installed by hand first except make itself: each target makes what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The Python the venv is made from: 3.11 or later.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

# Both source roots, for every command below and for whoever runs a module by hand.
export PYTHONPATH := operator:tests
# Tests and tools never prompt for anything.
export PIP_NO_INPUT := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The venv is made anew when the lock changes, and the console scripts when pyproject.toml does; else nothing is done.
LOCK_STAMP := $(VENV)/.lock-$(shell sha256sum requirements/dev.txt | cut -c1-16)
PROJECT_STAMP := $(VENV)/.project-$(shell cat requirements/dev.txt pyproject.toml | sha256sum | cut -c1-16)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(PROJECT_STAMP) ## Make .venv from the locked requirements (does nothing when it is up to date)

$(LOCK_STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make venv: Python 3.11 or later is needed; found $$($(PYTHON) --version 2>&1). Set PYTHON=..." >&2; exit 2; }
	@if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "make venv: installing python3-venv (this Python has no venv module)"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv </dev/null; \
	  else \
	    echo "make venv: this Python cannot make a venv. Install it first: sudo apt-get install python3-venv" >&2; exit 2; \
	  fi; \
	fi
	@echo "make venv: installing the locked requirements into $(VENV) (about a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

$(PROJECT_STAMP): $(LOCK_STAMP)
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.project-*; touch $@

# The site's tools are no part of `make venv`: who changes code does not need them.
DOCS := .venv-docs
DOCS_STAMP := $(DOCS)/.lock-$(shell sha256sum requirements/docs.txt | cut -c1-16)

$(DOCS_STAMP):
	@echo "make docs: installing the locked requirements into $(DOCS)"
	@$(PYTHON) -m venv --clear $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r requirements/docs.txt
	@touch $@

.PHONY: docs
docs: $(DOCS_STAMP) ## Build the site of docs/ into build/site; a broken link or a page outside the nav fails
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs --quiet build

.PHONY: docs-check
docs-check: venv ## Run every command and judge every manifest of the docs (PAGE=text chooses; BREAK=name plants a fault)
	@$(PY) -m support.docscheck --page "$(PAGE)" --break "$(BREAK)"

.PHONY: journey
journey: venv ## The tutorial and the night on call, on two real servers and an empty cluster, typed from the docs (BREAK=no-alert)
	@$(PY) -m support.journey --break "$(BREAK)"

.PHONY: hooks
hooks: venv ## Have each commit held to what lint runs, by git's hooks
	@$(PY) -m pre_commit install

.PHONY: lint
lint: venv ## Style, types and layers
	@$(PY) -m support.tiers lint

# CI is this one target. With CI=true a missing or skipped tier fails; elsewhere what cannot run here is named.
.PHONY: test
test: venv ## All of CI: every tier, each held to its budget (TIERS="unit lint" runs only those)
	@$(PY) -m support.tiers $(TIERS)

.PHONY: test-long
test-long: venv ## What takes longer than CI has
	@$(PY) -m support.tiers --long

.PHONY: demo
demo: venv ## The story on real parts; KEEP=1 leaves it running, BREAK=name plants a fault
	@$(PY) -m support.demo

.PHONY: verify-demo
verify-demo: venv ## Recompute every claim of the demo from its evidence alone
	@$(PY) -m support.judge.verify build/demo/evidence

.PHONY: demo-breaks
demo-breaks: venv ## The demo with each fault planted in turn; each must be caught
	@$(PY) -m support.demo.breaks

.PHONY: chaos
chaos: venv ## A seeded nemesis on real parts, judged: SEED=1 MINUTES=20; BREAK=no-guard plants a fault
	@SEED=$(SEED) MINUTES=$(MINUTES) $(PY) -m support.chaos

.PHONY: api-trouble
api-trouble: venv ## The API server gone, restored, silent; two operators over SEEDS=12; another cluster; BREAK=name plants a fault
	@$(PY) -m support.flaky

.PHONY: kill-matrix
kill-matrix: venv ## The operator killed at every boundary of every episode; ONLY=memory or bed, BREAK=name plants a fault
	@$(PY) -m support.kills

.PHONY: fence-matrix
fence-matrix: venv ## Every rung with every fault, on real agents and controllers: CELLS=a,b; BREAK=believe-the-order plants a fault
	@$(PY) -m support.fencematrix --cells "$(CELLS)" --break "$(BREAK)"

.PHONY: fence-storage
fence-storage: venv ## A disk of a real SCSI-3 target taken from a node that runs on: CELLS=a,b; BREAK=believe-the-order plants a fault
	@$(PY) -m support.fencematrix --of fence-storage --cells "$(CELLS)" --break "$(BREAK)"

.PHONY: return-matrix
return-matrix: venv ## A node that was active comes back in every way, and starts nothing: ROUNDS=a,b; BREAK=name plants a fault
	@$(PY) -m support.returns --rounds "$(ROUNDS)" --break "$(BREAK)"

.PHONY: outages
outages: venv ## What counts as an outage and what does not, three times each: SHAPES=a,b ROUNDS=3 BEDS=1; BREAK=deaf-to-the-peer plants a fault
	@SHAPES=$(SHAPES) ROUNDS=$(ROUNDS) BEDS=$(BEDS) FRESH=$(FRESH) BREAK=$(BREAK) $(PY) -m support.outages

.PHONY: e2e
e2e: venv ## What each move and accident costs with a driver: DRIVER=rsync, drbd or command (CELLS=a,b; BREAK=forget plants a fault)
	@$(PY) -m support.driven --driver "$(or $(DRIVER),rsync)" --cells "$(CELLS)" --break "$(BREAK)"

.PHONY: mirror
mirror: venv ## A DRBD mirror on two real kernels through moves, cuts, deaths and a split (PARTS=a,b; BREAK=force plants a fault)
	@$(PY) -m support.mirror --parts "$(PARTS)" --break "$(BREAK)"

.PHONY: bad-manifests
bad-manifests: venv ## Every manifest of examples/bad refused in its own words; BREAK=name plants a fault
	@$(PY) -m support.badmanifests

.PHONY: mutants
mutants: venv ## Mutants of what decides, of the guard and of the schema, all killed; goes on where it stopped (PARTS= MOST= ONE_IN= QUICK=1; BREAK=deaf)
	@PARTS="$(PARTS)" MOST=$(MOST) ONE_IN=$(ONE_IN) QUICK=$(QUICK) BREAK=$(BREAK) $(PY) -m support.mutants

.PHONY: verify-faults
verify-faults: venv ## Each check against each fault on real parts (BREAK=check blinds one, FAULT=name plants one)
	@$(PY) -m support.verify_faults

.PHONY: model-check
model-check: venv ## The laws over every world within a bound: FAULTS=2 PAIRS= ONE_IN=1 JOBS=1, ONLY=text of a beginning; BREAK=name plants a fault
	@$(PY) -m support.modelcheck

.PHONY: cuts
cuts: venv ## A run of the replication cut at CUTS=100 points in each way copies are kept; BREAK=careless plants a fault
	@CUTS=$(CUTS) BREAK=$(BREAK) $(PY) -m support.cuts

.PHONY: conform
conform: venv ## The twins of guard and schema beside the real ones, on N=200 random lives of the enumeration; PARTS=nodes plays them on real nodes (SEED=1 LIFE=; BREAK=guard|schema|boot)
	@$(PY) -m support.conform

.PHONY: traffic
traffic: venv ## Each driver of traffic moved MOVES=50 times under load (DRIVER=nat,dns chooses; BREAK=lie plants a fault)
	@MOVES=$(MOVES) DRIVER=$(DRIVER) BREAK=$(BREAK) $(PY) -m support.trafficmoves

.PHONY: bench
bench: venv ## What pairs and parts cost, as ratios with their noise, into bench/results.json (SIZES=10,100 ONLY=parts; BREAK=asleep plants a fault)
	@SIZES="$(SIZES)" ONLY="$(ONLY)" BREAK="$(BREAK)" $(PY) -m support.bench

.PHONY: bench-peers
bench-peers: venv ## The same accidents dealt to the operator, its peers and the floor: ROUNDS=7 (SIDES=a,b KINDS=a,b; BREAK=two-writers plants a fault)
	@ROUNDS=$(ROUNDS) SIDES="$(SIDES)" KINDS="$(KINDS)" BREAK="$(BREAK)" $(PY) -m support.peers

.PHONY: bench-full
bench-full: venv ## The same up to 5,000 pairs
	@FULL=1 BREAK="$(BREAK)" $(PY) -m support.bench

.PHONY: wheel
wheel: venv ## The operator's wheel, in build/dist: what image/Dockerfile installs
	@$(PY) -m support.image wheel

.PHONY: image
image: venv ## The operator's image, made, run by crun on real parts and looked into, all without Docker (BREAK=name plants a fault)
	@$(PY) -m support.image --break "$(BREAK)"

.PHONY: doctor
doctor: venv ## Say what this machine lacks for the bed, each with its remedy
	@$(PY) -m support.bed.doctor

.PHONY: install-system
install-system: venv ## Install what the doctor misses (as root)
	@$(PY) -m support.bed.doctor --install

# Resolved without any local wheel folder, whose files may hash differently from everybody else's.
.PHONY: lock
lock: venv ## Resolve requirements/*.in again (UPGRADE=1 takes the newest releases)
	@for name in operator dev docs; do \
	  PIP_FIND_LINKS= CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/pip-compile --quiet $(if $(UPGRADE),--upgrade) \
	    --strip-extras --allow-unsafe --generate-hashes --resolver=backtracking \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --output-file=requirements/$$name.txt requirements/$$name.in; \
	done

.PHONY: clean
clean: ## Remove what was built here (the venv and the user's cache stay)
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage operator/*.egg-info
