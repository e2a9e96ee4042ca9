# The commands of this project, for people and for CI (`uv run just --list`).

# Everything that CI checks.
check: test lint types layers

# All tests but the long ones, with the coverage gates: 95 % of all, every branch of the pure core.
test:
    uv run pytest -m 'not long' --cov --cov-report=
    uv run coverage report --fail-under=95
    uv run coverage report --include='cluvault/plan/*,cluvault/model/*' --fail-under=100

# Stories of a minute each, in which servers and workers start, are killed and followed by others.
long:
    uv run pytest -m long

# Prefect on PostgreSQL and Redis, whose parts are killed in the middle; a quarter of an hour.
services:
    uv run pytest -n0 -o faulthandler_timeout=900 -m services

# Format and lint.
lint:
    uv run ruff format --check .
    uv run ruff check .

# Put the code into form.
format:
    uv run ruff format .
    uv run ruff check --fix .

# Strict types over everything.
types:
    uv run pyright

# The layers of the design.
layers:
    uv run lint-imports

# A thousand exports and a thousand imports through an emulator in which a fifth of all calls goes wrong.
faults:
    FAULT_RUNS=1000 uv run pytest -n0 -m faults tests/faults

# Every crash point of every operation of the vault on all four stores, and long strolls through the races.
crashes:
    CRASHES=all RACE_TIMES=50 MODEL_RUNS=2000 uv run pytest -m 'crashes or not crashes' tests/vault/test_crashes.py tests/vault/test_races.py tests/vault/test_model.py tests/ops/test_killed.py

# Promotions over HTTP into each kind of store, killed or failed at every change; hours. all/20 takes each twentieth.
promotions-killed deaths="all":
    CLUVAULT_TEST_DEATHS={{deaths}} uv run pytest -s -o faulthandler_timeout=0 -m "" tests/ops/test_promote_killed.py tests/ops/test_promote_killed_for_real.py

# The benchmarks; each prints a table.
benchmarks:
    uv run python benchmarks/canonical.py
    uv run python benchmarks/backup.py
    uv run python benchmarks/start.py
    uv run python benchmarks/connections.py
    uv run python benchmarks/emulator.py
    uv run python -m benchmarks.intake
    uv run python -m benchmarks.intake --azure
    uv run python benchmarks/retention.py
    uv run python benchmarks/vault_stores.py
    uv run python benchmarks/vault_series.py 30
    uv run python benchmarks/deployed.py
    uv run python benchmarks/scale.py
    uv run python benchmarks/fleet_speed.py
    uv run python benchmarks/side_by_side.py
    uv run python benchmarks/growth.py
    uv run python benchmarks/large_project.py

# What deaths of flow, server and worker cost, on a real Prefect server; takes a quarter of an hour.
recovery:
    uv run python -m benchmarks.recovery

# A fleet on one to four workers with PostgreSQL and Redis, whose parts are killed; a quarter of an hour.
fleet plot="docs/images/fleet.svg":
    uv run python -m benchmarks.fleet 3 {{plot}}

# The hashed requirements for images; no registry's host is in it.
lock:
    uv export --quiet --no-dev --extra emulator --extra otel --no-emit-project --no-annotate --no-header --output-file requirements.lock
    uv export --quiet --no-dev --extra otel --no-emit-project --no-annotate --no-header --output-file deployments/requirements.lock
