# `just` lists the recipes. Arguments go to the command behind it: `just test select::`.

python := env("KEYTRAIL_PYTHON", "python3")

# List the recipes.
default:
    @just --list

# The library's unit tests, and the rules and formats: two minutes.
quick *ARGS:
    cargo test --lib --test rules --test formats {{ ARGS }}

# All tests; checks that this machine cannot do are skipped, and say so with `-- --nocapture`.
test *ARGS:
    cargo test {{ ARGS }}

# All tests, where a skipped check is a failure: as `.ci/run` runs them.
test-all *ARGS:
    KEYTRAIL_REQUIRE_ALL=1 cargo test {{ ARGS }}

# The tests of S3 against moto: `pip install 'moto[s3]' flask flask-cors`.
moto *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    port=$({{ python }} -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    {{ python }} -m moto.server -H 127.0.0.1 -p "$port" >/dev/null 2>&1 &
    trap 'kill $!' EXIT
    for _ in $(seq 150); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
        kill -0 $! || { echo 'moto does not start' >&2; exit 1; }
        sleep 0.2
    done
    KEYTRAIL_S3_ENDPOINT=http://127.0.0.1:$port cargo test --test s3 {{ ARGS }}

# Format, lint and document, with every warning an error.
lint:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

# The Python package into the Python of KEYTRAIL_PYTHON, and its tests; `.ci/run` names what they need.
python *ARGS:
    {{ python }} -m maturin build --profile dev -m python/Cargo.toml -o target/wheels
    {{ python }} -m pip install --quiet --force-reinstall --no-deps target/wheels/*.whl
    cd python/tests && {{ python }} -m pytest -q {{ ARGS }}

# What each stage costs.
bench *ARGS:
    cargo bench {{ ARGS }}

# Whole runs against gunzip: `just measure --help` says what can be measured.
measure *ARGS:
    {{ python }} benches/measure.py {{ ARGS }}

# Each fuzz target for so many seconds: `just fuzz 60 parse`.
fuzz SECONDS *TARGETS:
    fuzz/run.sh {{ SECONDS }} {{ TARGETS }}

# Rewrite the generated parts of the documents, then read the difference.
docs:
    UPDATE_DOCS=1 cargo test --test repo docs
    git diff --stat -- README.md docs

# Rewrite the generated sample, the damaged inputs and those of every shape.
corpus:
    cargo run --release --example generate -- --sample sample-logs --truth tests/data/sample-truth.json
    cargo run --release --example generate -- --damaged tests/data/damaged
    cargo run --release --example generate -- --shapes tests/data/shapes

# Everything that must hold before a change is taken, cold in half an hour.
ci:
    .ci/run
