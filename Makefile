# What the README names and what continuous integration runs.
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Where rustup puts cargo when it was installed by `bootstrap` a moment ago.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# The files of `make demo`; both or none.
CANDIDATES ?=
VACANCIES ?=

# Arguments of bench/encode/compare.py, such as --rounds 3, or of bench/index/compare.py,
# such as --count 1000000; see their --help.
BENCH_ARGS ?=
BENCH_ENV := target/bench-env
INDEX_ENV := target/bench-index-env

VIVIER := target/release/vivier
DEMO_FILES := $(if $(CANDIDATES),--candidates '$(CANDIDATES)') $(if $(VACANCIES),--vacancies '$(VACANCIES)')

.PHONY: help
help: ## Lists the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

.PHONY: demo
demo: build model ## Shows shortlists, explained; CANDIDATES=FILE VACANCIES=FILE for your own.
	@$(VIVIER) demo --data-dir target/demo $(DEMO_FILES)

.PHONY: up
up: build model ## Serves a cluster on 127.0.0.1:7400; its data is in vivier-data.
	@$(VIVIER) up

.PHONY: build
build: bootstrap ## Builds target/release/vivier.
	@cargo build --release --locked --package vivier --bin vivier

.PHONY: build-cuda
build-cuda: bootstrap ## Builds target/cuda/release/vivier, for graphics cards; needs none, nor CUDA.
	@deploy/build-cuda.sh

.PHONY: model
model: bootstrap ## Fetches the weights of the encoder into the cache folder.
	@deploy/fetch-model.sh

.PHONY: test
test: bootstrap model ## Runs every test.
	@cargo test --release --workspace --locked --lib --bins --tests
	@cargo test --release --workspace --locked --doc

.PHONY: fuzz
fuzz: bootstrap ## Fuzzes every decoder of the index's files, filters and profiles; FUZZ_SECONDS=60 each.
	@tests/fuzz/run.sh

.PHONY: miri
miri: bootstrap ## Looks for undefined behaviour in the vectors of a segment; needs nightly Rust with Miri.
	@tests/miri.sh

.PHONY: loom
loom: bootstrap ## Tries every order in which threads that build a graph can meet.
	@RUSTFLAGS='--cfg loom' cargo test --release --locked --package vivier-ann --lib --target-dir target/loom loom_tests

.PHONY: check
check: bootstrap model ## Before a commit: formatting, lints, documentation, tests.
	@cargo fmt --all --check
	@cargo clippy --release --workspace --all-targets --locked -- -D warnings
	@RUSTDOCFLAGS='-D warnings' cargo doc --release --workspace --no-deps --locked
	@cargo test --release --workspace --locked

.PHONY: bench-encode
bench-encode: build model $(BENCH_ENV)/.ready ## Times the encoder beside ONNX Runtime and PyTorch; CANDIDATES=FILE for your own CVs.
	@$(BENCH_ENV)/bin/python bench/encode/compare.py $(if $(CANDIDATES),--texts '$(CANDIDATES)') $(BENCH_ARGS)

$(BENCH_ENV)/.ready: bench/encode/requirements.txt | bootstrap
	@echo "making the Python environment $(BENCH_ENV) ..."
	@python3 -m venv --clear --without-pip $(BENCH_ENV)
	@python3 -m pip --python $(BENCH_ENV)/bin/python install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: bench-index
bench-index: build $(INDEX_ENV)/.ready ## Times the graph of vectors beside hnswlib and FAISS, at equal recall.
	@$(INDEX_ENV)/bin/python bench/index/compare.py $(BENCH_ARGS)

$(INDEX_ENV)/.ready: bench/index/requirements.txt | bootstrap
	@echo "making the Python environment $(INDEX_ENV) ..."
	@python3 -m venv --clear --without-pip $(INDEX_ENV)
	@python3 -m pip --python $(INDEX_ENV)/bin/python install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: eval-link
eval-link: build model ## Evaluates the linking of texts to ESCO on public sets; DATA=DIR holds them.
	@python3 bench/link/table.py --data '$(or $(DATA),../shared/data)' $(EVAL_ARGS)

.PHONY: bench-match
bench-match: build model ## Matches adverts with a shard of drawn profiles: CANDIDATES=FILE VACANCIES=FILE, BENCH_ARGS.
	@$(VIVIER) bench match --candidates '$(CANDIDATES)' --vacancies '$(VACANCIES)' $(BENCH_ARGS)

.PHONY: bench-gpu
bench-gpu: bootstrap ## Times the encoder on a graphics card beside sentence-transformers.
	@bench/gpu/run.sh $(if $(CANDIDATES),--texts '$(CANDIDATES)') $(BENCH_ARGS)

.PHONY: bootstrap
bootstrap: ## Installs what this machine lacks: C compiler, Python with pip, Rust.
	@deploy/bootstrap.sh
