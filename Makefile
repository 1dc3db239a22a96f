# Two commands matter: `make demo` runs the main job, `make test` passes the tests.
PYTHON ?= python3
BIN := .venv/bin
# Compiled at once: a first start would spend ten seconds on it, and never keep it where bytecode is off.
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
# The machine's own certificates: a network that signs for itself puts its authority there.
export UV_SYSTEM_CERTS := 1
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

export GX_ANALYTICS_ENABLED := false

PSQL_FOUND := command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1

.PHONY: help demo run test test-postgres lint security fuzz bench bench-promises bench-model bench-discord bench-footprint image image-check screenshots lock clean range soak cloud-check load

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: .venv/demo ## The whole bot against a simulated marketplace and Discord (ARGS="--help" for options)
	@$(BIN)/axieflip demo $(ARGS)

run: .venv/run ## The bot against the real services, with settings from the environment or .env
	@$(BIN)/axieflip run $(ARGS)

test: .venv/dev ## All tests
	@$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder $(ARGS)

range: .venv/dev ## The bot as a process under faults and attacks: a fixed set of scenarios (ARGS="--list")
	@$(BIN)/python -m tests.range $(ARGS)

soak: MINUTES ?= 60
soak: .venv/dev ## Random ones of these scenarios for MINUTES (ARGS="--seed N")
	@$(BIN)/python -m tests.range --minutes $(MINUTES) $(ARGS)

test-postgres: .venv/dev ## The tests of the database and of delivery on a real PostgreSQL (Debian's, installed where missing)
	@$(PSQL_FOUND) || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postgresql; } >/dev/null
	@$(BIN)/python -m pytest --postgres -n 2 --dist loadscope --no-loadscope-reorder \
		$(or $(ARGS),tests/bot tests/state tests/e2e/test_takeover.py tests/cogs/test_alerts.py tests/cogs/test_following.py)

lint: .venv/dev ## Format, lint, types and the contracts of the architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

security: .venv/dev ## Known-bad patterns, secrets in tracked files, published holes of the locked packages
	@$(BIN)/python -m deploy.security

.PHONY: observability-check bench-fanout bench-growth
observability-check: .venv/dev ## Alarms, their tests, the dashboard's queries and a scrape, by Prometheus's own tool
	@$(BIN)/python -m deploy.observability

load: .venv/dev ## 200 new listings a second for ten minutes with 1,000 watches, then more until it bends
	@$(BIN)/python -m bench.load $(ARGS)

RUNS ?= 1000000
fuzz: .venv/fuzz ## Border, genes, filters and endpoint under atheris, RUNS inputs each (Linux or macOS)
	@$(BIN)/python -m tests.security.fuzz $(RUNS) $(ARGS)

bench: .venv/dev ## Alert latency and scoring time beside their limits; writes bench/results*.json
	@$(BIN)/python -m bench $(ARGS)

bench-promises: .venv/dev ## What signals promise in the simulated market, beside what came of it
	@$(BIN)/python -m bench.promises $(ARGS)

bench-model: .venv/dev ## Accuracy on real sales beside baselines, and what training costs
	@$(BIN)/python -m bench.model $(ARGS)

bench-fanout: .venv/dev ## One listing to many channels under Discord's limits (ARGS="--channels 10000")
	@$(BIN)/python -m bench.fanout $(ARGS)

bench-growth: .venv/dev ## Features and training on 0.2 and 2 million sales (ARGS="--sales 20000000" takes an hour and more)
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.growth $(ARGS)

bench-footprint: .venv/dev ## Memory of the idle bot with a champion, and its seconds to readiness
	@$(BIN)/python -m bench.footprint $(ARGS)

bench-discord: .venv/dev ## Answers in a database of 2 million predictions, beside the plain way (5 GB, minutes)
	@$(BIN)/python -m bench.discord $(ARGS)

image: ## The container image, by Docker (ARGS="--tag ADDRESS --platform linux/amd64,linux/arm64 --push")
	docker buildx build --build-arg REVISION="$$(git rev-parse HEAD)" $(ARGS) .

image-check: .venv/dev ## The Dockerfile carried out without a container engine, and its commands run (Linux, root)
	@$(BIN)/python -m deploy.image.rehearse

.PHONY: cloud-check deploy cloud-run cloud-costs rotate destroy
cloud-check: .venv/dev ## make deploy to destroy on a simulated AWS, the stack's tasks, a lost disk, Dask
	@$(BIN)/python -m pytest -n 2 --dist loadscope -m cloud $(ARGS) tests/deploy tests/e2e/test_replica.py tests/e2e/test_dask.py

deploy: .venv/run ## The stack on AWS made or brought up to date (ARGS="--image ADDRESS"; docs/runbook.md)
	@$(BIN)/python -m deploy.aws deploy $(ARGS)

cloud-run: .venv/run ## A command run once in the stack on AWS (ARGS="collector", ARGS="trainer -- model list")
	@$(BIN)/python -m deploy.aws run $(ARGS)

rotate: .venv/run ## The stack's secrets replaced by those in the environment
	@$(BIN)/python -m deploy.aws rotate $(ARGS)

cloud-costs: .venv/run ## What a month of the stack on AWS costs, by item (ARGS="--arm")
	@$(BIN)/python -m deploy.aws costs $(ARGS)

destroy: .venv/run ## The stack on AWS deleted (ARGS="--bucket keep" or ARGS="--bucket delete")
	@$(BIN)/python -m deploy.aws destroy $(ARGS)

screenshots: .venv/dev ## The pictures in docs/images, of the demo's own page (needs Chromium)
	@$(BIN)/python -m sandbox.screenshots $(ARGS)

lock: .venv/uv ## Resolve the dependencies anew into requirements/*.txt
	$(LOCK) requirements/uv.in -o requirements/uv.txt
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) pyproject.toml --extra dev -o requirements/dev.txt
	$(LOCK) --group pyproject.toml:fuzz -o requirements/fuzz.txt
	$(LOCK) pyproject.toml --extra demo -c requirements/dev.txt -o requirements/demo.txt
	$(LOCK) pyproject.toml --extra postgres --extra replica -c requirements/dev.txt -o requirements/run.txt

# Each stamp is one set of packages in the same environment; every later set contains the earlier one.
.venv/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "axieflip needs Python 3.11 or later; name one with make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/run .venv/demo .venv/dev: .venv/%: requirements/%.txt pyproject.toml .venv/uv
	@echo "Installing the packages of requirements/$*.txt …"
	@$(INSTALL) --require-hashes -r requirements/$*.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

.venv/fuzz: requirements/fuzz.txt .venv/dev
	@$(INSTALL) --require-hashes -r requirements/fuzz.txt
	@touch $@

clean: ## Remove the environment and everything that was built
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache bench/results*.json
