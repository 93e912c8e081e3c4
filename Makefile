# Everything that a person or CI runs. `make help` lists it; `make demo` and `make test` are all that a reader needs.
#
# Needs python3 (3.11 or newer), rustup with the toolchain of rust-toolchain.toml, gcc, git. Nothing outside this folder
# is changed but caches, and by `make test` as root: Debian packages of the services that the tests run against.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

STEP := scripts/step
UV := .tools/bin/uv
PYTHON := .venv/bin/python
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := .tools/cargo/deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := .tools/cargo/fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
# The whole workspace, always: a selection changes the features of shared dependencies, and tokio, serde and hyper
# would be built a second time (docs/decisions/0013-one-native-build.md).
CARGO := scripts/cargo-like-maturin
WORKSPACE := --workspace --release --locked
# What a test needs and nobody may ship.
TEST_HOOKS := --features portazgo-server/provoke-panic
# Modules that write generated files, and with --check say which are stale.
GENERATORS := portazgo.cli.docs portazgo.contracts.differences.generate portazgo.control.openapi \
	portazgo.declarative.generate portazgo.faults.generate portazgo.lake.generate portazgo.notifications.generate \
	portazgo.settings_docs
PEERS := bench/peers
# Files run side by side; a file's tests keep their order and share its servers. Two keep the cores busy where tests work;
# where they wait for deployments about half of the time it takes three. These suites are one run, so that nobody waits for the
# last file of each; the longest tests are those of the pages and come first.
PYTEST := pytest --quiet --dist loadfile --no-loadscope-reorder --numprocesses
SUITES_THAT_WORK := tests/unit tests/api
SUITES_THAT_WAIT := $(wildcard tests/docs tests/insignia tests/blackbox tests/browser)

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv
# Images set it to stay small. Here every process would compile what it imports, which is most of what its start costs.
unexport PYTHONDONTWRITEBYTECODE

# What the module's digest covers (src/portazgo/native_build.py), and what else decides how it's built.
NATIVE_SOURCES := rust-toolchain.toml native/Cargo.toml native/Cargo.lock $(wildcard native/crates/*/Cargo.toml) \
	$(wildcard native/crates/*/build.rs) $(shell find native/crates/*/src -name '*.rs')

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --------------------------------------------------------------------------------------------- tools, packages, build

.PHONY: setup
setup: .venv/.synced ## Install the tools and the Python packages.

$(UV): tools.txt
	@$(STEP) --quiet "tools: uv" \
		bash -c 'python3 -m venv .tools && .tools/bin/python -m pip install --quiet --requirement tools.txt'
	@touch $@

.venv/.synced: requirements/dev.txt .python-version $(UV)
	@[[ -x $(PYTHON) ]] || $(STEP) --quiet "Python environment" $(UV) venv --quiet --no-python-downloads .venv
	@$(STEP) --quiet "Python packages" $(UV) pip sync --quiet --require-hashes requirements/dev.txt
	@touch $@

.PHONY: native
native: .venv/.installed ## Build the native module, with the profile of the tests.

.venv/.native: .venv/.synced $(NATIVE_SOURCES)
	@$(STEP) "native module" maturin develop --skip-install --release --locked --quiet
	@touch $@

# The package as `pip install --editable` leaves it. The packages it needs are there, pinned: nothing is looked up.
.venv/.installed: .venv/.native pyproject.toml native/Cargo.toml
	@$(STEP) --quiet "portazgo, editable" $(UV) pip install --quiet --offline --no-deps --no-build-isolation \
		--reinstall-package portazgo --editable .
	@touch $@

# The module is built twice: to count what nodes do under load, and laid out for that.
WHEELS := dist
.PHONY: wheel
wheel: setup ## Build the wheel, its module laid out for what nodes do under load (a quarter of an hour).
	@$(STEP) --quiet "the load of the training" scripts/test-services bench
	@$(STEP) --quiet "llvm-profdata" rustup component add llvm-tools
	@# UV_FROZEN: maturin offers the training the development packages too, by way of a lock file that we don't have. It needs none.
	@CARGO_TARGET_DIR=native/target/wheel UV_CONSTRAINT=requirements/dev.txt UV_FROZEN=1 \
		$(STEP) "wheel" maturin build --pgo --quiet --interpreter $(PYTHON) --out $(WHEELS)

.PHONY: lock
lock: $(UV) ## Renew requirements/*.txt as pyproject.toml allows; with UPGRADE=1 to the newest.
	@$(STEP) "lock the Python packages" scripts/lock $(if $(UPGRADE),--upgrade)

.PHONY: gen
gen: setup ## Write the generated files.
	@# The native module is compiled from the table of faults.
	@PYTHONPATH=src $(STEP) --quiet "write: faults" $(PYTHON) -m portazgo.faults.generate
	@$(MAKE) --no-print-directory native
	@for generator in $(filter-out portazgo.faults.generate,$(GENERATORS)); do \
		$(STEP) --quiet "write: $$generator" $(PYTHON) -m "$$generator"; done
	@$(STEP) --quiet "write: docs/refusals.md" $(PYTHON) scripts/refusals.py

.PHONY: clean
clean: ## Delete what is built; keep tools, packages and demo data.
	rm -rf native/target dist src/portazgo/_native*.so .venv/.native .venv/.installed

# ------------------------------------------------------------------------------------------------------------------ run

.PHONY: demo
demo: native ## Run everything with a demo backend, a partner and a key; Ctrl-C ends it.
	@exec .venv/bin/portazgo demo

# ---------------------------------------------------------------------------------------------------------------- check

.PHONY: format
format: setup ## Format Python and Rust.
	@$(STEP) --quiet "ruff format" ruff format
	@$(STEP) --quiet "ruff --fix" ruff check --fix --exit-zero --quiet
	@$(STEP) --quiet "cargo fmt" cargo fmt --manifest-path native/Cargo.toml --all

CHECKS := check-python check-rust check-peers check-generated check-repository
.PHONY: check $(CHECKS)
check: $(CHECKS) ## Everything that can be wrong without running it (`make --keep-going check` shows all of it).

check-python: native
	@$(STEP) --quiet "ruff format" ruff format --check
	@$(STEP) --quiet "ruff" ruff check
	@$(STEP) --quiet "import-linter" lint-imports
	@$(STEP) --quiet "mypy" mypy

check-rust: native $(CARGO_DENY)
	@$(STEP) --quiet "cargo fmt" cargo fmt --manifest-path native/Cargo.toml --all --check
	@$(STEP) --quiet "cargo deny" $(CARGO_DENY) --manifest-path native/Cargo.toml --locked check bans licenses sources
	@$(STEP) --quiet "clippy" $(CARGO) clippy $(WORKSPACE) $(TEST_HOOKS) --all-targets -- -D warnings

# The benchmark's own programs, as far as that costs seconds: h1p would build a C library for its cryptography.
check-peers: setup
	@$(STEP) --quiet "cargo fmt: peers" cargo fmt --manifest-path $(PEERS)/Cargo.toml --all --check
	@$(STEP) --quiet "clippy: peers" cargo clippy --quiet --manifest-path $(PEERS)/Cargo.toml --package gateway-module \
		--target-dir .tools/bench/cargo --locked --all-targets -- -D warnings
	@$(STEP) --quiet "gcc: peers" gcc -std=gnu17 -O2 -Wall -Wextra -Werror -fsyntax-only $(wildcard $(PEERS)/c/*.c)

check-generated: native
	@for generator in $(GENERATORS); do \
		$(STEP) --quiet "fresh: $$generator" $(PYTHON) -m "$$generator" --check; done
	@$(STEP) --quiet "fresh: docs/refusals.md" $(PYTHON) scripts/refusals.py --check

check-repository: setup
	@$(STEP) "repository" $(PYTHON) scripts/lint_repository.py

# Built without optimisation: 45 s instead of 145 s, and a check takes half a second either way.
$(CARGO_DENY):
	@CARGO_PROFILE_DEV_DEBUG=false CARGO_INCREMENTAL=0 $(STEP) --quiet "tools: cargo-deny $(CARGO_DENY_VERSION)" \
		cargo install cargo-deny --quiet --version "=$(CARGO_DENY_VERSION)" --locked --debug --root $(@D)/..

# ----------------------------------------------------------------------------------------------------------------- test

.PHONY: services
services:
	@$(STEP) --quiet "services for the tests" scripts/test-services

.PHONY: test test-rust test-instructions test-beside test-python test-shared test-alone
test: test-rust test-beside fuzz ## Run all tests; each fuzz target for 15 s.

test-rust: native
	@$(STEP) "tests: Rust" $(CARGO) test $(WORKSPACE) $(TEST_HOOKS) --quiet

# Times differ between machines and hours; how many instructions a request costs in the core does not.
test-instructions: native services
	@$(STEP) "instructions a request costs" $(PYTHON) scripts/instructions.py

.PHONY: instructions-baseline
instructions-baseline: native ## Count again what a request costs in the core; commit it with what changed it.
	@$(STEP) "bench/instructions.json" $(PYTHON) scripts/instructions.py --renew
	@$(PYTHON) bench/peers/how_fast.py

# What needs no quiet takes the time that waiting tests leave over; those that are marked `alone` come when it has ended.
test-beside: native services
	@nice -n 19 $(MAKE) test-instructions fuzz-build & building=$$!; \
	trap 'kill $$building 2>/dev/null || true' EXIT; \
	$(MAKE) test-shared; wait $$building; $(MAKE) test-alone

test-python: native ## Run the tests of Python code and of deployments.
	@$(MAKE) test-shared
	@$(MAKE) test-alone

test-shared: native services
	@for suite in $(SUITES_THAT_WORK); do $(STEP) "$$suite" $(PYTEST) 2 -m "not alone" "$$suite"; done
	@$(STEP) "$(SUITES_THAT_WAIT)" $(PYTEST) 3 -m "not alone" $(SUITES_THAT_WAIT)
	@PORTAZGO_TEST_DATABASE=postgresql $(STEP) "tests/api on PostgreSQL" $(PYTEST) 2 -m "not alone" tests/api

test-alone: native services
	@$(STEP) "tests/blackbox, one by one" pytest --quiet -m alone tests/blackbox
	@PORTAZGO_TEST_DATABASE=postgresql $(STEP) "tests/api on PostgreSQL, one by one" pytest --quiet -m alone tests/api

.PHONY: fuzz fuzz-build
fuzz: fuzz-build ## Fuzz what reads foreign bytes: FUZZ_SECONDS (15) for each target.
	@$(STEP) "fuzz" env CARGO_FUZZ=$(abspath $(CARGO_FUZZ)) $(PYTHON) scripts/fuzz.py $(TARGETS)

fuzz-build: setup $(CARGO_FUZZ)
	@$(STEP) --quiet "fuzz targets" env CARGO_FUZZ=$(abspath $(CARGO_FUZZ)) $(PYTHON) scripts/fuzz.py --build

$(CARGO_FUZZ):
	@CARGO_PROFILE_DEV_DEBUG=false CARGO_INCREMENTAL=0 $(STEP) --quiet "tools: cargo-fuzz $(CARGO_FUZZ_VERSION)" \
		cargo install cargo-fuzz --quiet --version "=$(CARGO_FUZZ_VERSION)" --locked --debug --root $(@D)/..

BENCHMARKS := $(filter-out bench/report.py bench/train.py,$(wildcard bench/*.py))
.PHONY: bench
bench: native ## Run the benchmarks; each writes bench/results (a quiet machine, please).
	@$(STEP) --quiet "peers of the benchmarks" scripts/test-services bench
	@missed=0; for benchmark in $(BENCHMARKS); do \
		PYTHONPATH=tests $(STEP) "$$benchmark" $(PYTHON) "$$benchmark" || missed=1; done; exit $$missed

# The same tests as in `make test`, for longer. Latencies at the stated figures are the benchmarks' to judge.
.PHONY: soak
soak: native services ## Run the black-box tests with many more rounds; takes two hours and a half.
	@PORTAZGO_TEST_KILLS=1000 PORTAZGO_TEST_ENDURANCE_SECONDS=600 PORTAZGO_TEST_RESTARTS=10 PORTAZGO_TEST_DATABASE_AWAY_SECONDS=3600 \
		PORTAZGO_TEST_SPILL_KILLS=60 PORTAZGO_TEST_UPGRADES=30 PORTAZGO_TEST_REVOCATIONS=50 PORTAZGO_TEST_RENEWALS=20 PORTAZGO_TEST_SLOW_CLIENTS=4000 PORTAZGO_TEST_MUTATIONS=50000 PORTAZGO_TEST_STREAMS=40000 \
		PORTAZGO_TEST_STALE_POSTS=100000 PORTAZGO_TEST_HTTP2_POSTS=60000 PORTAZGO_TEST_HTTP2_CHANCES=60000 PORTAZGO_TEST_CHANGE_SECONDS=600 \
		PORTAZGO_TEST_UPLOAD_MEGABYTES=200 PORTAZGO_TEST_ORIGINS=all $(STEP) "soak: tests/blackbox" pytest --quiet -o faulthandler_timeout=7200 tests/blackbox
	@$(STEP) "soak: contracts" $(PYTHON) scripts/contract_property.py --cases 1000000 --seed $$(date +%s)000000
	@PORTAZGO_TEST_FOLDING_ROUNDS=3000 PORTAZGO_TEST_WALKS=2000 $(STEP) "soak: folding" \
		pytest --quiet tests/api/test_folding.py tests/api/test_usage_pages.py
	@PORTAZGO_TEST_TIMING_SAMPLES=1000000 $(STEP) "soak: timing" \
		$(CARGO) test $(WORKSPACE) $(TEST_HOOKS) --quiet --test timing

.PHONY: fresh
fresh: ## Prove the README's two commands on a fresh clone with cold caches; print their times.
	@python3 scripts/fresh.py
