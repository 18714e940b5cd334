#!/usr/bin/env bash
# keytrail beside DuckDB and jq on one question and the same archives, and beside decompression
# alone:
#
#     benches/compare.sh [MIB] [RUNS]        256 MiB of JSON and 5 runs unless told otherwise
#
# The question, which all three can answer: how many Decrypt, GenerateDataKey,
# GenerateDataKeyWithoutPlaintext and CreateGrant calls are there per key ARN and principal? For
# DuckDB and jq the key is resources[0].ARN, and the principal the session's role, else the caller's
# ARN, else the service. That is what a careful script does. keytrail does more in the same run: it
# finds the key elsewhere when resources do not name it, classifies, checks the accounting, and
# writes every event to Parquet.
#
# Before anything is timed, the answers are compared: all must count the same calls. Two things make
# that so. Network-activity records and dry runs, which keytrail never counts, are left out by the
# others' filters; and keytrail is told to keep duplicates, which the others cannot know. Groups are
# not compared: keytrail finds keys for calls that the others put under no key.
#
# $KEYTRAIL_PYTHON may name a Python that has DuckDB; else a virtual environment is made.
# $KEYTRAIL_RELEASE may name a folder with keytrail and examples/generate; else they are built.
# Nothing is kept but the table that is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

mib=${1:-256}
runs=${2:-5}
missing=()
need() { command -v "$1" >/dev/null || missing+=("$1: $2"); }
need cargo 'Rust, see README.md'
need python3 'apt-get install python3'
need jq 'apt-get install jq'
need libdeflate-gunzip 'apt-get install libdeflate-tools'
need hyperfine 'apt-get install hyperfine, or pip install astral-dev-toolchain-hyperfine'
if [ ${#missing[@]} -gt 0 ]; then
    printf 'missing: %s\n' "${missing[@]}" >&2
    exit 2
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
python=${KEYTRAIL_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$scratch/python" || { echo 'missing: apt-get install python3-venv' >&2; exit 2; }
    "$scratch/python/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: duckdb
    python=$scratch/python/bin/python
fi
"$python" -c 'import duckdb' || { echo "missing: $python -m pip install duckdb" >&2; exit 2; }

release=${KEYTRAIL_RELEASE:-}
if [ -z "$release" ]; then
    cargo build --release --locked --quiet --bin keytrail --example generate
    release=${CARGO_TARGET_DIR:-target}/release
fi
cp "$release/keytrail" "$scratch/"
"$release/examples/generate" "$scratch/corpus" --mib "$mib" --seed 1 --kms-share 0.3
cd "$scratch"
find corpus/AWSLogs -name '*.json.gz' -print0 | sort -z >archives

cat >floor.sh <<'END'
xargs -0 libdeflate-gunzip -c <archives >/dev/null
END
cat >zcat.sh <<'END'
xargs -0 zcat <archives >/dev/null
END
cat >keytrail.sh <<'END'
./keytrail analyze corpus/AWSLogs --workload any --keep-duplicates -o report --force -q
END
cat >jq.sh <<'END'
xargs -0 zcat <archives | jq -r '
    .Records[]
    | select(.eventSource == "kms.amazonaws.com" and .eventType == "AwsApiCall")
    | select(.eventName | IN("Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "CreateGrant"))
    | select((.errorCode // "") | startswith("DryRun") | not)
    | [.resources[0]?.ARN // "-",
       .userIdentity.sessionContext.sessionIssuer.arn // .userIdentity.arn // .userIdentity.invokedBy // "-"]
    | @tsv' | LC_ALL=C sort | uniq -c >jq.txt
END
cat >duckdb.sh <<END
$python query.py
END
# With the types it finds by itself DuckDB is twice as fast as with the fields named
# (`columns = …`), and many times as fast as with JSON functions. An archive is one JSON object, so
# the largest object is an archive.
cat >query.py <<'END'
import duckdb
duckdb.execute("""
    COPY (
        SELECT r.resources[1].ARN AS key_arn,
               coalesce(r.userIdentity.sessionContext.sessionIssuer.arn, r.userIdentity.arn, r.userIdentity.invokedBy) AS principal,
               count(*) AS events
        FROM (SELECT unnest(Records) AS r
              FROM read_json('corpus/AWSLogs/**/*.json.gz', maximum_object_size = 16777216))
        WHERE r.eventSource = 'kms.amazonaws.com' AND r.eventType = 'AwsApiCall'
          AND r.eventName IN ('Decrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext', 'CreateGrant')
          AND NOT coalesce(starts_with(r.errorCode, 'DryRun'), false)
        GROUP BY ALL
    ) TO 'duckdb.csv'""")
END

echo 'Comparing the answers ...' >&2
for tool in keytrail jq duckdb; do bash "$tool.sh"; done
"$python" - <<'END'
import duckdb
read = {
    "keytrail": "SELECT sum(event_count), count(DISTINCT (key_arn, principal)) FROM 'report/usage.parquet'",
    "DuckDB": "SELECT sum(events), count(*) FROM 'duckdb.csv'",
}
answers = {tool: tuple(map(int, duckdb.execute(query).fetchone())) for tool, query in read.items()}
with open("jq.txt") as lines:
    counts = [int(line.split(None, 1)[0]) for line in lines]
answers["jq"] = sum(counts), len(counts)
for tool, (calls, groups) in answers.items():
    print(f"{tool}: {calls:,} calls, {groups:,} groups")
if len({calls for calls, _ in answers.values()}) != 1:
    raise SystemExit("the tools do not count the same calls: nothing is timed")
END

tools=('libdeflate-gunzip' 'zcat' 'keytrail' 'DuckDB' 'zcat and jq')
hyperfine --style basic --warmup 1 --runs "$runs" --export-json timings.json \
    'bash floor.sh' 'bash zcat.sh' 'bash keytrail.sh' 'bash duckdb.sh' 'bash jq.sh' >hyperfine.log 2>&1 || { cat hyperfine.log >&2; exit 1; }

"$python" - "$mib" "$runs" "${tools[@]}" <<'END'
import json, os, sys
mib, runs, *tools = sys.argv[1:]
results = json.load(open("timings.json"))["results"]


def times(result):
    """Median wall time; median CPU time, or the mean where hyperfine (before 2.0) gives no other."""
    if "summary" in result:
        return [result["summary"][name]["median"] for name in ("time_wall_clock", "time_cpu")]
    return [result["median"], result["user"] + result["system"]]


floor_wall, floor_cpu = times(results[0])
print(f"\n{mib} MiB of JSON, medians of {runs} runs, {os.cpu_count()} cores; the floor is libdeflate-gunzip\n")
print("| tool | wall, s | CPU, s | wall / floor | CPU / floor |\n|---|--:|--:|--:|--:|")
for tool, result in zip(tools, results):
    wall, cpu = times(result)
    print(f"| {tool} | {wall:.2f} | {cpu:.2f} | {wall / floor_wall:.1f} | {cpu / floor_cpu:.1f} |")
END
