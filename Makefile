# What people who change Berkas type. People who only run it need ./berkas and nothing here.
# The tools come from the environment of `./berkas test`; PY=... takes another one.
ENVIRONMENT ?= $(or $(BERKAS_ENV_DIR),.env-berkas)
PY ?= $(ENVIRONMENT)/bin/python
BIN = $(dir $(PY))
CACHE = $(or $(BERKAS_CACHE_DIR),$(HOME)/.cache/berkas)
UV ?= uv
LOCK = $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --extra oidc pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help lock check fmt messages entries test bench fuzz timing history store-chaos tamper stack minio litewitness launcher-check environment

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The launcher decides whether the environment is current; --version runs no test.
environment:
	@[ "$(PY)" != "$(ENVIRONMENT)/bin/python" ] || ./berkas test --version

check: environment ## everything CI checks: format, lint, types, import rules first, then the whole suite
	$(BIN)ruff format --check .
	$(BIN)ruff check .
	$(BIN)mypy
	$(BIN)lint-imports
	./berkas test

fmt: environment ## format the code and repair what the linter can
	$(BIN)ruff format .
	$(BIN)ruff check --fix .

messages: environment ## gather new sentences of the pages for translation; then translate what is empty in exchange/pages/locale
	$(PY) -m tests.pages.gather

entries: environment ## write deploy/ledger-entries.md from the table of entry types
	$(PY) -m tests.entries

test: ## the whole suite, as ./berkas test runs it
	./berkas test

bench: ## the fetch and ledger benchmarks as JSON
	./berkas bench fetch --json
	./berkas bench ledger --json

fuzz: environment ## a million mutated tokens, and a million proofs and assertions; FUZZ=... for another number
	BERKAS_FUZZ_TOKENS=$(or $(FUZZ),1000000) $(PY) -m pytest -q tests/auth/test_tokens_fuzz.py tests/auth/test_client_tokens_fuzz.py

timing: environment ## a thousand refused sign-ins and token requests of each kind: does their time tell them apart? TIMING=... for another number
	BERKAS_TIMING_SAMPLES=$(or $(TIMING),1000) $(PY) -m pytest -q -s tests/flows/test_refused_alike.py

history: environment ## 20,000 operations on consents at two processes, 200 rounds of each race, every planted bug, 300 walks over the pages; HISTORY=... for another number
	BERKAS_HISTORY_OPERATIONS=$(or $(HISTORY),20000) $(PY) -m pytest -q -s --show-capture=no tests/flows/test_consent_history.py tests/flows/test_consent_states.py tests/flows/test_citizen_attacks.py

store-chaos: environment ## the store's contract and a store of four nodes whose nodes are killed under load; CHAOS=... seconds for each stage (20)
	BERKAS_TEST_MINIO=$(or $(BERKAS_TEST_MINIO),$(wildcard $(CACHE)/bin/minio),$(shell command -v minio)) BERKAS_STORE_CHAOS=$(or $(CHAOS),20) \
		$(PY) -m pytest -q -s --show-capture=no tests/storage/test_store_contract.py tests/flows/test_store_chaos.py

tamper: environment ## ten thousand tamperings with a log, of ten kinds: all found at or below a checkpoint held outside? TAMPER=... for another number, SEED=...
	BERKAS_TAMPERINGS=$(or $(TAMPER),10000) BERKAS_TAMPER_SEED=$(or $(SEED),2026) \
		$(PY) -m pytest -q -s --show-capture=no tests/storage/test_tampering.py tests/storage/test_verify_files.py tests/storage/test_verify_tiles.py

stack: environment ## what deploy/ describes, without containers: nginx, two replicas, worker, PostgreSQL, object store; Ctrl-C stops all
	PATH="$(CACHE)/bin:$$PATH" $(PY) -m tests.deploy.stack

lock: ## make both lock files anew from pyproject.toml (needs uv; add ARGS=--upgrade for new versions)
	$(LOCK) $(ARGS) --output-file requirements.lock
	$(LOCK) $(ARGS) --group dev --constraint requirements.lock --output-file requirements-dev.lock

minio: $(CACHE)/bin/minio ## build MinIO once, outside the repository, as the second store of the tests (needs Go)

# The community edition has open CVEs (SECURITY.md): it serves tests on loopback and nothing else.
$(CACHE)/bin/minio:
	mkdir -p $(CACHE)/bin
	cd $(CACHE) && GOBIN=$(CACHE)/bin CGO_ENABLED=0 nice -n 19 go install github.com/minio/minio@latest

litewitness: $(CACHE)/bin/litewitness ## build a witness of others once, outside the repository, for the cross-check of the sender (needs Go, ssh-agent)

$(CACHE)/bin/litewitness:
	mkdir -p $(CACHE)/bin
	cd $(CACHE) && GOBIN=$(CACHE)/bin CGO_ENABLED=0 nice -n 19 go install filippo.io/torchwood/cmd/litewitness@v0.6.1

launcher-check: ## slow tests of ./berkas: real first runs, two at once, interrupted ones
	BERKAS_SLOW_LAUNCHER=1 ./berkas test tests/cli/test_launcher.py
