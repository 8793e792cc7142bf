# `make` lists the verbs. `make demo` and `make test` do all their own set-up.
.DEFAULT_GOAL := help
.PHONY: help packages build lint format test sdk-alone interop fuzz nightly pages-test demo faults serve release bench bench-import bench-aliases bench-smoke

RELEASE := .build-release
OPTIMISED := -c release --static-swift-stdlib --scratch-path $(RELEASE)

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

packages: ## install the Debian packages that are missing
	@.ci/install-packages

build: packages ## build everything, tests included
	swift build --build-tests

lint: ## check the layout of the sources
	swift format lint --strict --recursive --parallel Package.swift Protocol Server Client Conformance Tests Docs/Examples

format: ## lay the sources out
	swift format --in-place --recursive --parallel Package.swift Protocol Server Client Conformance Tests Docs/Examples

test: build ## run all tests
	Tests/run.sh

sdk-alone: packages ## build an app that uses the SDK, and see that it fetches no package of the server
	.ci/sdk-alone

fuzz: packages ## throw made-up input at each parser, a minute each
	Tests/Fuzz/fuzz.sh 60

nightly: build ## what takes too long for every change: a mail server that is down for a minute; fuzzing, ten minutes a parser
	GATEHOUSE_SLOW_TESTS=1 Tests/run.sh --filter downForAMinute
	Tests/Fuzz/fuzz.sh 600

interop: build ## exchange keys, tokens and signed requests with the programs of others
	python3 -m venv .build/interop
	.build/interop/bin/pip install --quiet --disable-pip-version-check --requirement Tests/Interop/requirements.txt
	.build/interop/bin/python -B Tests/Interop/tokens.py .build/debug
	.build/interop/bin/python -B Tests/Interop/rfc9421.py .build/debug
	python3 -m venv .build/interop-cavage
	.build/interop-cavage/bin/pip install --quiet --disable-pip-version-check --requirement Tests/Interop/requirements-cavage.txt
	.build/interop-cavage/bin/python -B Tests/Interop/cavage.py .build/debug

pages-test: build ## use the pages in headless Chromium as a person would, and leave pictures in .build/artefacts/pages
	python3 -m venv .build/pages
	.build/pages/bin/pip install --quiet --disable-pip-version-check --requirement Tests/Pages/requirements.txt
	.build/pages/bin/python -B Tests/Pages/pages.py .build/debug .build/artefacts/pages
	.build/pages/bin/python -B Tests/Pages/timing.py .build/debug

demo: build ## run the conformance suite and the tours against a fresh server
	Conformance/demo.sh

faults: build ## leave out one check of signatures after the other, and see that the suites notice
	Conformance/faults.sh

serve: build ## leave a server running on ./gatehouse.db
	.build/debug/gatehouse serve

release: packages ## build the server to deploy: one program that needs no Swift toolchain
	swift build $(OPTIMISED) --product gatehouse
	@ls -l $(RELEASE)/release/gatehouse

bench: release ## run the benchmarks, some minutes
	swift build $(OPTIMISED) --product gatehouse-benchmarks
	$(RELEASE)/release/gatehouse-benchmarks --seconds 5

bench-import: release ## import 100 000 documents of a C3-PRO IDM service; prints rate and memory
	Tests/Benchmarks/import.sh $(RELEASE)/release/gatehouse

bench-aliases: release ## import 10 million aliases, and look them up beside a thousand
	swift build $(OPTIMISED) --product gatehouse-benchmarks
	$(RELEASE)/release/gatehouse-benchmarks --aliases 10000000

bench-smoke: release ## optimised build: no named faults in it, and the benchmarks briefly
	Tests/Benchmarks/no-faults.sh $(RELEASE)/release/gatehouse
	swift build $(OPTIMISED) --product gatehouse-benchmarks
	$(RELEASE)/release/gatehouse-benchmarks --seconds 0.3
