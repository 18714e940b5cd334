"""Keywords are the options of the command line, with the same errors."""

import datetime
import decimal
import inspect
import os
import pathlib
import warnings

import numpy
import pyarrow
import pytest
from conftest import SAMPLE, cli

import keytrail
from keytrail import _keytrail, _options

#: Options without a keyword: what is printed, where, and how.
PRINTING = {"output", "quiet", "no_progress", "color", "log_format", "verbose"}
ALL = {
    "analyze": PRINTING | {"summary"},
    "events": PRINTING | {"format", "force", "hash"},
}


@pytest.mark.parametrize("command", ["analyze", "events"])
def test_every_option_is_a_keyword_and_every_keyword_an_option(command):
    parameters = inspect.signature(getattr(keytrail, command)).parameters.values()
    keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert keywords.pop("progress") is True
    options = {name: what for name, what in _options.takes(command).items() if name not in ALL[command]}
    assert set(keywords) == set(options)
    assert keywords == {name: False if what == "nothing" else None for name, what in options.items()}
    assert ALL[command] <= set(_options.takes(command))
    described = getattr(keytrail, command).__doc__
    for name, _, text in _keytrail.options(command):
        if name.replace("-", "_") in keywords:
            assert text and text in described


def test_s3_options_open_a_report():
    parameters = inspect.signature(keytrail.Report.open).parameters.values()
    assert tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) == keytrail._S3
    assert set(keytrail._S3) <= set(_options.takes("html"))


def both(tmp_path, *arguments, **keywords):
    """The table of usage that the command line writes, and that of the library."""
    output = tmp_path / "cli"
    ran = cli("analyze", "-q", SAMPLE, "-o", output, *arguments)
    assert ran.returncode == 0, ran.stderr
    return pyarrow.table(keytrail.Report.open(output).usage), pyarrow.table(keytrail.analyze(SAMPLE, **keywords).usage)


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        (["--workload=any", "--event=any"], {"workload": "any", "event": ["any"]}),
        (["--since=2023-03-22"], {"since": datetime.date(2023, 3, 22)}),
        (["--since=2023-03-22T10:00:00Z"], {"since": datetime.datetime(2023, 3, 22, 10)}),
        (["--account=111122223333,444455556666"], {"account": ("111122223333", "444455556666")}),
        (["--key=*1234abcd*", "--threads=1"], {"key": "*1234abcd*", "threads": 1, "memory": "64MiB"}),
        (["--no-learn", "--keep-duplicates"], {"no_learn": True, "keep_duplicates": True}),
    ],
)
def test_the_same_options_give_the_same_report(tmp_path, arguments, keywords):
    by_cli, by_library = both(tmp_path, *arguments, **keywords)
    assert by_cli.equals(by_library) and by_cli.num_rows > 0


def test_a_zone_counts():
    zone = datetime.timezone(datetime.timedelta(hours=9))
    there = datetime.datetime(2023, 3, 22, 19, tzinfo=zone)
    assert _options.arguments("analyze", {"since": there})[2] == "--since=2023-03-22T10:00:00Z"
    assert _options.arguments("analyze", {"max_age": datetime.timedelta(hours=36)})[2] == "--max-age=129600s"


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"account": 111122223333}, "account must be text, not int; a number would lose its leading zeros"),
        ({"force": "yes"}, "force must be True or False, not str"),
        ({"progress": 1}, "progress must be True or False, not int"),
        ({"threads": 1.5}, "threads must be an int, not float"),
        ({"threads": True}, "threads must be an int, not bool"),
        ({"workload": [1]}, "workload must be text, not int"),
        ({"rules": 3}, "rules must be text, not int"),
        ({"nonsense": 3}, "unexpected keyword argument 'nonsense'"),
    ],
)
def test_wrong_types_are_told(keywords, sentence):
    with pytest.raises(TypeError, match=sentence):
        keytrail.analyze(SAMPLE, **keywords)


@pytest.mark.parametrize("inputs", [3, None, [None], {"a": 1}.items()])
def test_wrong_inputs_are_told(inputs):
    with pytest.raises(TypeError, match="inputs must be a path"):
        keytrail.analyze(inputs)
    with pytest.raises(TypeError, match="inputs must be a path"):
        keytrail.events(inputs)


@pytest.mark.parametrize(
    "keywords",
    [
        {"threads": 1000},
        {"threads": -1},
        {"memory": "much"},
        {"workload": "canvass"},
        {"workload": ""},
        {"event": "decrypt"},
        {"since": "whenever"},
        {"since": "2023-03-21", "day": "2023-03-22"},
        {"trust": "verified"},
        {"trust": "nobody"},
        {"rules": "/nowhere/rules.toml"},
        {"digest_keys": ["/nowhere/keys.json"]},
        {"fail_on": ["everything"]},
        {"incremental": True, "output": SAMPLE},
    ],
)
def test_wrong_values_have_the_sentence_of_the_command_line(tmp_path, keywords):
    keywords = {"output": tmp_path / "report"} | keywords
    with pytest.raises(keytrail.KeytrailError) as raised:
        keytrail.analyze(SAMPLE, **keywords)
    sentence = str(raised.value)
    output = keywords.pop("output")
    arguments = _options.arguments("analyze", keywords)[1:]
    ran = cli(*arguments, "-q", "-o", output, SAMPLE)
    assert ran.returncode == 2 and sentence and sentence.splitlines()[0] in ran.stderr
    assert "Usage:" not in sentence and "\n\n" not in sentence


def test_errors_have_types(tmp_path, folder):
    def kind(**keywords):
        with pytest.raises(keytrail.KeytrailError) as raised:
            keytrail.analyze(**({"inputs": SAMPLE} | keywords))
        return type(raised.value)

    assert kind(threads=1000) is keytrail.UsageError and issubclass(keytrail.UsageError, ValueError)
    assert kind(inputs="/nowhere") is keytrail.InputError and issubclass(keytrail.InputError, OSError)
    assert kind(inputs=[]) is keytrail.UsageError
    assert kind(rules="/nowhere") is keytrail.InputError
    assert kind(output=folder) is keytrail.OutputError
    assert kind(output="/proc/nowhere/report") is keytrail.OutputError
    with pytest.raises(keytrail.InputError, match="^cannot open /nowhere: No such file"):
        keytrail.events("/nowhere")
    with pytest.raises(keytrail.UsageError, match="did you mean key_arn"):
        keytrail.events(SAMPLE, columns="key_arm")


@pytest.mark.parametrize(
    "keywords",
    [
        {"threads": 10**100},
        {"threads": numpy.int64(-3)},
        {"max_record_bytes": -(10**30)},
        {"workload": "\ud800"},
        {"workload": b"\xff"},
        {"key": "a" * 1_000_000},
        {"principal": "[" * 100_000},
        {"since": datetime.datetime.max},
        {"since": datetime.datetime.min.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=9)))},
        {"max_age": datetime.timedelta.max},
        {"max_age": datetime.timedelta(-1)},
        {"account": "--output=/nowhere"},
        {"rules": pathlib.Path("/")},
        {"lang": "--help"},
        {"mute": SAMPLE},
        {"trusted_accounts": [""]},
    ],
)
def test_hostile_values_are_exceptions(keywords):
    try:
        with warnings.catch_warnings(action="ignore"):
            keytrail.analyze(SAMPLE, **keywords)
    except (keytrail.KeytrailError, TypeError, ValueError, OverflowError) as error:
        assert not isinstance(error, keytrail.InternalError)
        assert len(str(error)) < 10_000 or len(str(keywords)) > 10_000
    else:
        assert set(keywords) <= {"since", "key", "principal", "account", "max_age"}


def test_whole_numbers_of_others():
    assert _options.arguments("analyze", {"threads": numpy.int64(2)})[2] == "--threads=2"
    for wrong in (numpy.float64(2), decimal.Decimal(2), "two", b"2", [2], numpy.bool_(True)):
        with pytest.raises((TypeError, keytrail.UsageError)):
            keytrail.analyze(SAMPLE, threads=wrong)


def test_fractions_of_a_second_count():
    time = datetime.datetime(2023, 3, 22, 10, microsecond=500_000)
    assert _options.arguments("analyze", {"until": time})[2] == "--until=2023-03-22T10:00:00.500Z"
    at = pyarrow.table(keytrail.analyze(SAMPLE).events)["event_time"].to_pylist()[30]
    half = datetime.timedelta(milliseconds=500)
    found = keytrail.analyze(SAMPLE, since=at - half, until=at + half)
    assert set(pyarrow.table(found.events)["event_time"].to_pylist()) == {at}


def test_inputs_may_be_anything_with_paths():
    assert keytrail.analyze(path for path in [SAMPLE]).counts["selected"] == 74
    assert keytrail.analyze({SAMPLE, str(SAMPLE)}).counts["selected"] == 74
    assert keytrail.analyze(os.fsencode(SAMPLE)).counts["selected"] == 74

    class Wrong:
        def __fspath__(self):
            return 3

    with pytest.raises(TypeError):
        keytrail.analyze(Wrong())
    with pytest.raises(TypeError, match="inputs must be a path"):
        keytrail.analyze({str(SAMPLE): 1})


def test_names_are_not_utf8(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff.json"
    with open(name, "wb") as file:
        file.write(b'{"Records":[]}')
    assert keytrail.analyze(name).counts["records"] == 0
    assert keytrail.analyze([pathlib.Path(os.fsdecode(name))]).counts["records"] == 0
    with pytest.raises(ValueError, match="NUL"):
        keytrail.analyze("a\0b")


def test_nothing_is_printed(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("KEYTRAIL_SUMMARY", "text")
    monkeypatch.setenv("KEYTRAIL_LOG_FORMAT", "json")
    monkeypatch.setenv("KEYTRAIL_VERBOSE", "2")
    keytrail.analyze(SAMPLE, tmp_path / "report")
    keytrail.events(SAMPLE).close()
    with pytest.raises(keytrail.KeytrailError):
        keytrail.analyze(SAMPLE, tmp_path / "report")
    assert capfd.readouterr() == ("", "")


def test_variables_set_what_no_keyword_sets(monkeypatch):
    monkeypatch.setenv("KEYTRAIL_WORKLOAD", "any")
    assert keytrail.analyze(SAMPLE).counts["selected"] > 74
    assert keytrail.analyze(SAMPLE, workload="canvas").counts["selected"] < 74
    monkeypatch.setenv("KEYTRAIL_WORKLAOD", "any")
    with pytest.warns(keytrail.KeytrailWarning, match="did you mean KEYTRAIL_WORKLOAD"):
        keytrail.analyze(SAMPLE)


def test_what_was_not_read_is_a_warning(tmp_path):
    (tmp_path / "cut.json").write_text('{"Records":[{"eventVersion":"1.08"')
    with pytest.warns(keytrail.PartialReadWarning, match="not read: ") as caught:
        report = keytrail.analyze([tmp_path, SAMPLE])
    assert [warning.category for warning in caught] == [keytrail.PartialReadWarning]
    assert caught[0].filename == __file__
    assert report.counts["selected"] == 74 and pyarrow.table(report.rejects).num_rows == 1
    with pytest.warns(keytrail.PartialReadWarning):
        assert sum(map(len, keytrail.events([tmp_path, SAMPLE]))) == 74
    with pytest.warns(keytrail.AlarmWarning, match="max-age"):
        keytrail.analyze(SAMPLE, max_age="36h")
    with pytest.warns(keytrail.KeytrailWarning, match="no-such-key"):
        keytrail.analyze(SAMPLE, key="no-such-key")


def test_s3_without_credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3 = {"aws_region": "us-east-1", "endpoint_url": "http://127.0.0.1:9"}
    for call in (
        lambda: keytrail.analyze("s3://example-bucket/logs/", **s3),
        lambda: keytrail.events("s3://example-bucket/logs/", **s3),
        lambda: keytrail.Report.open("s3://example-bucket/report/", **s3),
    ):
        with pytest.raises(keytrail.KeytrailError, match="credentials") as raised:
            call()
        assert type(raised.value) in (keytrail.S3Error, keytrail.ReportError)


def test_reports_that_are_none(tmp_path, folder):
    def sentence(path):
        with pytest.raises(keytrail.ReportError) as raised:
            pyarrow.table(keytrail.Report.open(path).usage)
        return str(raised.value)

    assert "there is no such directory" in sentence("/nowhere")
    assert "has no run.json" in sentence(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    text = (folder / "run.json").read_text()
    (other / "usage.parquet").write_bytes((folder / "usage.parquet").read_bytes()[:-100])
    (other / "run.json").write_text(text.replace('"schema_version": ', '"schema_version": 9'))
    assert "schema version 9" in sentence(other)
    (other / "run.json").write_text(text)
    assert f"cannot read {other}/usage.parquet" in sentence(other)
    (other / "run.json").write_text("{}")
    assert "is not the run.json of a keytrail report" in sentence(other)
    (other / "run.json").write_text(text)
    (other / "usage.parquet").write_bytes((folder / "usage.parquet").read_bytes())
    half = keytrail.Report.open(other)
    with pytest.raises(keytrail.ReportError, match="cannot read .*grants.parquet"):
        pyarrow.table(half.grants)
    with pytest.raises(TypeError):
        keytrail.Report.open(3)
