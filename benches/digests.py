#!/usr/bin/env python3
"""What it costs to hash what digests list: CPU with digests, of `--hash` and of `verify`, as ratios.

    cargo build --release
    cargo run --release --example generate -- --mib 256 --kms-share 0.05 --everyday /tmp/corpus
    benches/digests.py /tmp/corpus target/release/keytrail --pairs 5

One digest for each account, Region and day is made in a copy of the corpus; it lists all log files
of that day and has no signature, so that only reading and hashing differ.
"""

import argparse
import gzip
import hashlib
import json
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile


def digest(account, region, day, folder, logs):
    """The place and the content of a digest."""
    year, month, date = day
    name = f"{account}_CloudTrail-Digest_{region}_trail_{region}_{year}{month}{date}T230000Z.json.gz"
    place = f"{folder}/CloudTrail-Digest/{region}/{year}/{month}/{date}/{name}"
    listed = [
        {"s3Bucket": "b", "s3Object": log, "hashValue": sha256, "hashAlgorithm": "SHA-256"}
        for log, sha256 in logs
    ]
    start = f"{year}-{month}-{date}T"
    previous = ["S3Bucket", "S3Object", "HashValue", "HashAlgorithm", "Signature"]
    members = {
        "awsAccountId": account,
        "digestStartTime": start + "00:00:00Z",
        "digestEndTime": start + "23:00:00Z",
        "digestS3Bucket": "b",
        "digestS3Object": place,
        "digestPublicKeyFingerprint": "none",
        "digestSignatureAlgorithm": "SHA256withRSA",
        **{f"previousDigest{name}": None for name in previous},
        "logFiles": listed,
    }
    return place, json.dumps(members).encode()


def add_digests(corpus):
    days = {}
    for path in sorted(corpus.glob("AWSLogs/**/*.json.gz")):
        place = path.relative_to(corpus)
        # …/account/CloudTrail/region/year/month/day/file
        account, _, region, *day = place.parts[-7:-1]
        folder = "/".join(place.parts[: place.parts.index("CloudTrail")])
        sha256 = hashlib.sha256(gzip.open(path).read()).hexdigest()
        days.setdefault((account, region, tuple(day), folder), []).append((str(place), sha256))
    for (account, region, day, folder), logs in days.items():
        place, content = digest(account, region, day, folder, logs)
        path = corpus / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content))


def cpu(command):
    """User and system time of a command, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert status in (0, 1), command
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("corpus", type=pathlib.Path)
    options.add_argument("keytrail")
    options.add_argument("--pairs", type=int, default=5)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        plain, listed = pathlib.Path(scratch, "plain"), pathlib.Path(scratch, "listed")
        for copy in plain, listed:
            shutil.copytree(options.corpus / "AWSLogs", copy / "AWSLogs")
        add_digests(listed)
        analyze = [options.keytrail, "analyze", "-q", "--threads", "1", "--force", "-o", f"{scratch}/report"]
        runs = {
            "with digests": [*analyze, listed],
            "--hash": [*analyze, "--hash", plain],
            "verify": [options.keytrail, "verify", "-q", "--threads", "1", listed],
        }
        ratios = {name: [] for name in runs}
        for _ in range(options.pairs):
            floor = cpu([*analyze, plain])
            for name, command in runs.items():
                ratios[name].append(cpu(command) / floor)
        for name, found in ratios.items():
            print(f"{name}: {statistics.median(found):.2f} x the CPU of a run without")


main()
