# The commands for users and contributors. Everything else is in cargo, in deploy/ and in tests/.
# Nothing is written outside this folder, except for packages that deploy/need.sh installs and reports,
# and for the MinIO server of `make minio`.

CARGO = cargo
# Passed on to `pulp-drill run`, for example: make run ARGS='--filter missing --keep'
ARGS =
# Passed on to `cargo test`, for example: make test TESTS='--test static layering'
TESTS =
# What `make run` and `make doctor` compile. FEATURES= adds containers and pictures of PDF pages.
FEATURES = --no-default-features

# Builds the program as `make test` does, so that after it nothing is compiled again: a plain `cargo build`
# leaves out what only tests ask of shared crates.
BUILT = $(CARGO) test --locked --workspace --no-run --quiet --test static

.PHONY: apps help run test bench doctor generate sample lint conformance minio minio-image

help:
	@echo 'make run          every scenario on private stores: table, verdict, report (ARGS=… for options)'
	@echo 'make test         the full test suite'
	@echo 'make bench        measures a release build and its peers (ARGS=… for options)'
	@echo 'make doctor       what is installed and what a run would use'
	@echo 'make minio        builds a MinIO server with Go, for drills with --objects minio'
	@echo 'make minio-image  builds its image with Docker, for drills with --substrate containers'
	@echo 'make apps         drills real applications that it installs from the package registries'
	@echo 'make conformance  tests engine, reports and evidence with third-party programs'
	@echo 'make lint         formatting, clippy, scripts and workflows'
	@echo 'make generate     writes the generated documents again'
	@echo 'make sample       runs the sample in reports/sample again (as root)'

# The dev profile compiles fastest, and Cargo.toml optimises the hashing in it.
run:
	@deploy/need.sh compiler postgresql
	@$(CARGO) run --locked $(FEATURES) -- run $(ARGS)

# The caller's settings for other servers must not reach the tests; the program itself ignores them.
# A proxy stays, because cargo may need it for downloads, but loopback is reached without it.
FOREIGN = $(foreach name,$(filter PG% AWS_%,$(.VARIABLES)),-u $(name))
LOOPBACK = $${NO_PROXY:+$$NO_PROXY,}127.0.0.1,localhost,::1
test:
	@deploy/need.sh compiler postgresql
	@deploy/need.sh --skipped xmllint qpdf pdftotext python3 ssh-keygen openssl jq
	env $(FOREIGN) NO_PROXY="$(LOOPBACK)" no_proxy="$(LOOPBACK)" $(CARGO) test --locked --workspace --no-fail-fast $(TESTS)

# Figures: docs/performance.md.
bench:
	@deploy/need.sh compiler postgresql python3
	$(CARGO) build --locked --release
	python3 benches/bench.py $(ARGS)

doctor:
	@deploy/need.sh compiler
	@$(CARGO) run --locked --quiet $(FEATURES) -- doctor

generate:
	$(BUILT)
	target/debug/pulp-drill schema > target/scenario.schema.json
	mv target/scenario.schema.json docs/scenario.schema.json
	target/debug/pulp-drill schema profile > target/profile.schema.json
	mv target/profile.schema.json docs/profile.schema.json
	PULP_DRILL_BLESS=1 $(CARGO) test --locked --workspace --quiet --test static generated
	PULP_DRILL_BLESS=1 $(CARGO) test --locked --workspace --quiet --test static the_design_document
	PULP_DRILL_BLESS=1 $(CARGO) test --locked --workspace --quiet --test window -- the_document the_scenarios

# Its reports must equal what the present code writes: tests/report/sample.rs.
sample:
	@deploy/need.sh compiler postgresql
	$(CARGO) build --locked
	deploy/sample.sh target/debug/pulp-drill

# Written to ~/.cache/pulp-drill (XDG_CACHE_HOME), where drills look for it.
minio:
	@deploy/minio.sh

minio-image:
	docker build -t pulp-drill/minio -f deploy/minio.Dockerfile deploy

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@deploy/lint.sh

conformance:
	@deploy/need.sh compiler postgresql python3-venv
	$(BUILT)
	python3 tests/conformance/run.py
	python3 tests/conformance/evidence.py
	python3 tests/conformance/manifests.py

# Real applications from the package registries, in environments of their own below target/apps.
apps:
	@deploy/need.sh compiler postgresql python3
	$(CARGO) build --locked
	deploy/apps.sh target/debug/pulp-drill $(ARGS)
