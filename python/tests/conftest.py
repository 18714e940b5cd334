"""What the tests share: the sample logs, and the report that the command line makes of them."""

import os
import pathlib
import subprocess
import sys

import pytest

import keytrail

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample-logs"

#: Nothing may be skipped.
REQUIRES_ALL = "KEYTRAIL_REQUIRE_ALL" in os.environ

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
