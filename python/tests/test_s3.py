"""Archives and reports on S3: a real server on this machine, which checks signatures."""

import os

import pyarrow
import pytest
from conftest import cli

import keytrail

#: Variables that leave no access, and words of the sentence that says so.
WITHOUT_ACCESS = [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch|signature"),
    ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "credentials"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    ({"AWS_PROFILE": "typo"}, 'there is no profile "typo"'),
]

#: Ways to ask for something on S3, each with the arguments of the command line.
CALLS = {
    "analyze": lambda uri: keytrail.analyze(uri),
    "events": lambda uri: list(keytrail.events(uri)),
    "open": lambda uri: keytrail.Report.open(uri),
}


def test_reports_and_events_are_those_of_files(s3, report):
    there = keytrail.analyze(s3, output=s3 + "report", threads=2)
    assert there.path == s3 + "report"
    opened = keytrail.Report.open(s3 + "report")
    assert opened.run == there.run and opened.counts == report.counts
    for name in ("usage", "usage_daily", "grants"):
        found = pyarrow.table(getattr(opened, name))
        assert found.equals(pyarrow.table(getattr(there, name)))
        assert found.equals(pyarrow.table(getattr(report, name)))
    # Only the names of archives differ, which say where these are.
    events = pyarrow.table(opened.events)
    local = pyarrow.table(report.events)
    assert events.drop_columns("archive").equals(local.drop_columns("archive"))
    assert all(uri.startswith(s3) for uri in events["archive"].to_pylist())
    assert sum(map(len, keytrail.events(s3 + "AWSLogs/"))) == 74
    assert sum(map(len, keytrail.events(s3 + "report"))) == 74
    assert "</html>" in opened.html()
    with pytest.raises(keytrail.OutputError, match="force"):
        keytrail.analyze(s3 + "AWSLogs/", output=s3 + "report")
    kept = keytrail.analyze(s3 + "AWSLogs/111122223333/", since="2023-03-20")
    assert kept.path is None and kept.counts["selected"] > 10


def test_incremental_runs_on_s3(s3, report):
    for _ in range(2):
        found = keytrail.analyze(s3 + "AWSLogs/", output=s3 + "nightly", incremental=True)
        assert found.counts["selected"] == report.counts["selected"]
    assert found.run["incremental"]["archives_known"] > 10


def test_options_stand_for_variables(s3, monkeypatch, report):
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_REGION")
    options = {"endpoint_url": endpoint, "aws_region": "us-east-1", "path_style": True}
    assert keytrail.analyze(s3, output=s3 + "report", **options).counts == report.counts
    assert keytrail.Report.open(s3 + "report", **options).counts == report.counts


@pytest.mark.parametrize(
    ("kind", "variables", "words"),
    [
        (kind, variables, words)
        for variables, words in WITHOUT_ACCESS
        for kind in CALLS
        # The others look for a report first, and ask a server that is not there for up to two minutes.
        if kind == "analyze" or words != "127.0.0.1:9"
    ],
)
def test_no_access_is_an_exception_with_the_sentence_of_the_command_line(s3, monkeypatch, kind, variables, words):
    for name, value in variables.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    if "AWS_PROFILE" in variables:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(keytrail.KeytrailError, match=words) as raised:
        CALLS[kind](s3)
    # Whatever may be a report is opened as one first.
    assert type(raised.value) is keytrail.S3Error
    if kind != "open":
        ran = cli(kind, "-q", *(["-o", "/nowhere/report"] if kind == "analyze" else []), s3)
        assert ran.returncode == 2 and str(raised.value).splitlines()[0] in ran.stderr, ran.stderr


def test_nothing_there(s3):
    # A folder that is not there is an empty one: S3 has no folders.
    assert keytrail.analyze(s3 + "nowhere/").counts["records"] == 0
    assert list(keytrail.events(s3 + "nowhere/")) == []
    with pytest.raises(keytrail.ReportError, match="is not a report"):
        keytrail.Report.open(s3 + "AWSLogs")
    with pytest.raises(keytrail.KeytrailError):
        keytrail.analyze("s3://no-such-bucket-here/")
