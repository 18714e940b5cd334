"""What the tests share: the sample logs, and the report that the command line makes of them."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import keytrail

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample-logs"

#: Whether a check that cannot be made is a failure, as in .ci/run.
REQUIRE_ALL = os.environ.get("KEYTRAIL_REQUIRE_ALL") == "1"

for name in [name for name in os.environ if name.startswith(("KEYTRAIL_", "AWS_"))]:
    del os.environ[name]


def cli(*arguments, **options):
    """Runs the command line that came with the package."""
    command = [sys.executable, "-m", "keytrail", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The report of the command line."""
    output = tmp_path_factory.mktemp("cli") / "report"
    ran = cli("analyze", "-q", SAMPLE, "-o", output)
    assert ran.returncode == 0, ran.stderr
    return output


@pytest.fixture(scope="session")
def report():
    """The report of the library."""
    return keytrail.analyze(SAMPLE)


@pytest.fixture
def s3(monkeypatch, tmp_path):
    """The sample logs in a bucket of a real server: its address. `cargo test` has built the server."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    server = target / "debug" / "examples" / "s3_bed"
    if not server.exists():
        assert not REQUIRE_ALL, f"{server} is missing: cargo build --example s3_bed"
        pytest.skip(f"{server} is missing: cargo build --example s3_bed")
    command = [server, SAMPLE, "--latency-ms", "0", "--writable"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        told = json.loads(process.stdout.readline())
        for name, value in told["environment"].items():
            monkeypatch.setenv(name, value)
        yield told["uri"]
        process.stdin.close()
