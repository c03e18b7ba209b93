# Everything about this checkout, in one place. `make help` tells what there is.
# Needs make and Python 3.11 or later (PYTHON=python3.12 names another); all else is fetched into build/ and the cache.

PYTHON ?= python3
NAME ?=
CONTEXT ?=
CONFIRM ?=
ARGS ?=
TESTS ?=
# Tests wait more than they work: two rows of them side by side, each with clusters of its own.
WORKERS ?= 2
PART ?=

VENV ?= build/venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
COLLECTIONS := $(CURDIR)/build/collections
OURS := $(COLLECTIONS)/ansible_collections/meshwright/istio
# Who sits at the keyboard may be logged in to a cluster, and have settings: none of it reaches a target.
CLEAN := env -u KUBECONFIG -u ANSIBLE_CONFIG -u ANSIBLE_INVENTORY -u ANSIBLE_ROLES_PATH \
	ANSIBLE_COLLECTIONS_PATH=$(COLLECTIONS) PYTHONPATH=$(COLLECTIONS):$(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help venv collections demo test test-unit test-integration test-long lint sanity molecule bench story dist \
	cluster-up cluster-down cluster-status changelog clean

help: ## tell what there is
	@echo "make demo                            an embedded cluster, a mesh on it, verified; then how to look around"
	@echo "make demo CONTEXT=name CONFIRM=name  the same on that context of your own kubeconfig"
	@echo "make test                            unit and integration tests (test-unit, test-integration; TESTS=path)"
	@echo "make test-long                       the tests that take minutes each, and the long stories"
	@echo "make lint                            ruff, mypy, yamllint, ansible-lint, antsibull"
	@echo "make sanity                          ansible-test sanity"
	@echo "make cluster-up NAME=x               an embedded cluster (cluster-down, cluster-status; default: demo)"
	@echo "make story NAME=x                    one user's story, end to end (without NAME: lists them)"
	@echo "make molecule                        the roles, by Molecule, on an embedded cluster"
	@echo "make bench [PART=x]                  ours and the peers' times, into build/bench/"
	@echo "make dist                            the collection's archive, into build/dist/"
	@echo "make venv | collections | clean      what the others need, made alone; or build/ emptied"
	@echo "PYTHON=python3.12 chooses the Python (3.11 or later); ARGS='-e x=y -v' is passed to ansible-playbook or pytest."

venv: ## everything that any target needs
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run test lint molecule

collections:
	@$(PYTHON) tools/make_venv.py

demo:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run
	@$(RUN) tools/demo.py --name '$(or $(NAME),demo)' --context '$(CONTEXT)' --confirm '$(CONFIRM)' -- $(ARGS)

test:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run test
	@$(CLEAN) $(RUN) -m pytest -n $(WORKERS) --dist loadgroup -m 'not long' $(or $(TESTS),tests/unit tests/integration tests/stories) $(ARGS)

test-unit:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run test
	@$(CLEAN) $(RUN) -m pytest tests/unit $(ARGS)

test-integration:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run test
	@$(CLEAN) $(RUN) -m pytest -n $(WORKERS) --dist loadgroup -m 'not long' tests/integration tests/stories $(ARGS)

test-long: ## what takes minutes each: kills at every stage, whole stories
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run test
	@$(CLEAN) $(RUN) -m pytest -n $(WORKERS) --dist loadgroup -m long tests/integration tests/stories $(ARGS)

lint:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run test lint
	@$(CLEAN) $(RUN) tools/lint.py

sanity:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run
	@$(CLEAN) $(RUN) tools/sanity.py $(ARGS)

molecule:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run molecule
	@$(CLEAN) $(RUN) tools/run_molecule.py $(ARGS)

bench:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run
	@$(PYTHON) tools/make_venv.py --folder build/bench-venv bench
	@$(CLEAN) $(RUN) -m tests.bench.run $(PART) $(ARGS)

story:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run test
	@$(CLEAN) $(RUN) tools/story.py '$(NAME)' -- $(ARGS)

cluster-up:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run
	@$(CLEAN) $(RUN) -m tests.harness up --name '$(or $(NAME),demo)'

cluster-down:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run
	@$(CLEAN) $(RUN) -m tests.harness down --name '$(or $(NAME),demo)'

cluster-status:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run
	@$(CLEAN) $(RUN) -m tests.harness status --name '$(or $(NAME),demo)'

dist:
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run
	@mkdir -p build/dist
	@$(CLEAN) $(BIN)/ansible-galaxy collection build --force --output-path build/dist .

changelog: ## make CHANGELOG.rst and .md from the fragments, at release time
	@$(PYTHON) tools/make_venv.py --folder $(VENV) run lint
	@cd $(OURS) && $(CLEAN) PATH="$(CURDIR)/$(BIN):$$PATH" antsibull-changelog release

clean:
	rm -rf $(VENV) build/bench-venv build/collections build/sanity build/dist build/mypy build/pytest
