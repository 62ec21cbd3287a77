# The commands of the README: setup demo test lint bench; fuzz is CONTRIBUTING.md's.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench floods evaluate fuzz

CAPTURE ?= pcaps/webhook.pcap
BENCH ?= pcaps/webhook.pcap
CPU ?= 600
PARTS ?=

help:
	@echo 'make setup   install what is missing (Debian, Ubuntu)'
	@echo 'make demo    replay a recorded morning and show the alerts'
	@echo 'make test    run the tests'
	@echo 'make lint    formatting, clippy, licences'
	@echo 'make bench   packets a second on BENCH=capture'
	@echo 'make floods  memory and CPU under hostile traffic'
	@echo 'make evaluate  how well the analytics tell what they should (minutes), to fixtures/evaluation'
	@echo 'make fuzz    every parser fed with junk, CPU=600 seconds for each'

setup:
	@bash .ci/setup

demo: setup
	cargo build --release --locked
	target/release/tapir replay $(CAPTURE) --log-dir target/demo --config fixtures/webhook/tapir.toml
	@echo; echo "alerts and logs: target/demo"; ls target/demo

test: setup
	cargo test --locked

lint: setup
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check licenses bans sources; \
	else echo 'cargo-deny is not installed, licences not checked (cargo install cargo-deny)'; fi

bench: setup
	BENCH=$(abspath $(BENCH)) cargo bench --locked --bench stages

floods: setup
	cargo bench --locked --bench floods

evaluate: setup
	cargo bench --locked --bench evaluate -- $(PARTS)

fuzz: setup
	CPU=$(CPU) tests/fuzz/run
