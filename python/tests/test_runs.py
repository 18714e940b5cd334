"""Runs: signals, memory, threads, and the end of the interpreter."""

import gc
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import polars
import pyarrow
import pyarrow.parquet
import pytest
from conftest import SAMPLE, cli

import keytrail


def rss():
    """Resident memory in MiB."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """An archive with many selected events, each with its own eventID."""
    record = (
        '{{"eventVersion":"1.08","userIdentity":{{"type":"AWSService","invokedBy":"sagemaker-geospatial.amazonaws.com"}},'
        '"eventTime":"2023-03-17T18:02:{second:02}Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt",'
        '"awsRegion":"us-west-2","sourceIPAddress":"sagemaker-geospatial.amazonaws.com",'
        '"userAgent":"sagemaker-geospatial.amazonaws.com","requestParameters":null,"responseElements":null,'
        '"requestID":"r-{n}","eventID":"{n:08x}-0000-4000-8000-000000000000","readOnly":true,"resources":[{{'
        '"accountId":"111122223333","type":"AWS::KMS::Key",'
        '"ARN":"arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}}],'
        '"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}}'
    )
    folder = tmp_path_factory.mktemp("large")
    for part in range(8):
        records = ",".join(record.format(second=n % 60, n=n) for n in range(part * 5000, part * 5000 + 5000))
        (folder / f"{part}.json").write_text('{"Records":[' + records + "]}")
    return folder


def test_events_are_those_of_the_command_line(tmp_path):
    assert cli("events", "-q", SAMPLE, "-o", tmp_path / "e.parquet", "--sort", "none").returncode == 0
    expected = pyarrow.parquet.read_table(tmp_path / "e.parquet").replace_schema_metadata()
    assert pyarrow.RecordBatchReader.from_stream(keytrail.events(SAMPLE)).read_all().equals(expected)
    assert polars.DataFrame(keytrail.events(SAMPLE)).equals(polars.from_arrow(expected))
    batches = [pyarrow.record_batch(batch) for batch in keytrail.events(SAMPLE)]
    assert pyarrow.Table.from_batches(batches).equals(expected)
    few = keytrail.events(SAMPLE, outcome="denied", sort="newest", limit=3, columns=["event_time", "error_code"])
    few = pyarrow.RecordBatchReader.from_stream(few).read_all()
    assert few.column_names == ["event_time", "error_code"] and few.num_rows == 3
    times = few["event_time"].to_pylist()
    assert times == sorted(times, reverse=True)


def test_events_are_read_once():
    events = keytrail.events(SAMPLE)
    assert pyarrow.schema(events).names[0] == pyarrow.schema(keytrail.events(SAMPLE)).names[0]
    assert sum(map(len, events)) == 74
    assert list(events) == []
    with pytest.raises(ValueError, match="have been read"):
        pyarrow.RecordBatchReader.from_stream(events)
    with keytrail.events(SAMPLE) as events:
        pass
    assert list(events) == []


def test_events_of_a_report(folder):
    assert sum(map(len, keytrail.events(folder))) == 74


def test_events_come_in_bounded_memory(large):
    assert sum(map(len, keytrail.events(large))) == 40_000
    before, most = rss(), 0
    for batch in keytrail.events(large):
        most = max(most, rss())
    assert most - before < 100, f"{most - before:.0f} MiB more"
    # Whoever reads slowly holds the run up, and whoever stops reading ends it.
    events = keytrail.events(large)
    next(events)
    time.sleep(0.3)
    assert rss() - before < 100
    threads = len(os.listdir("/proc/self/task"))
    events.close()
    for _ in range(100):
        if len(os.listdir("/proc/self/task")) < threads:
            break
        time.sleep(0.05)
    assert len(os.listdir("/proc/self/task")) < threads, "the run goes on"


def test_a_hundred_runs_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # other programs use the common one
    small = next(SAMPLE.rglob("*.json.gz")).parent

    def run():
        report = keytrail.analyze(small, workload="any", event="any", threads=2)
        pyarrow.table(report.usage)
        pyarrow.schema(report.events)  # a stream that nobody reads
        next(keytrail.events(small, workload="any", event="any"), None)
        with pytest.raises(keytrail.UsageError):
            keytrail.analyze(small, threads=1000)
        with pytest.raises(keytrail.InputError):
            keytrail.events("/nowhere")

    for _ in range(20):
        run()
    gc.collect()
    before = rss()
    for _ in range(100):
        run()
    gc.collect()
    assert rss() - before < 24, f"{rss() - before:.0f} MiB more"
    assert [path.name for path in tmp_path.iterdir()] == []
    assert len(os.listdir("/proc/self/fd")) < 100


def test_other_threads_run_meanwhile(large):
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.monotonic()
    keytrail.analyze(large)
    took = time.monotonic() - start
    done.set()
    thread.join()
    assert len(ticks) > took * 20, f"{len(ticks)} ticks in {took:.1f} s"


def test_runs_in_several_threads():
    found = []
    work = lambda: found.append(keytrail.analyze(SAMPLE).counts["selected"])
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [74] * 4


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_leaves_the_folders_of_its_parent(s3):
    kept = [keytrail.analyze(SAMPLE), keytrail.analyze(s3)]
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(60)
            kept.clear()  # as the end of a worker may do
            gc.collect()
            found = [keytrail.analyze(SAMPLE, threads=2), keytrail.analyze(s3)]
            status = 0 if all(report.counts["selected"] == 74 for report in found) else 2
            del found
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [pyarrow.table(report.usage).num_rows > 10 for report in kept] == [True, True]


SCRIPT = """
import os, signal, sys, threading, time
import keytrail
read, write = os.pipe()
{before}
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def interrupted(tmp_path, call, before=""):
    """Runs `call`, which waits for ever, interrupts it and returns how long it took to end."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", SCRIPT.format(call=call, before=before)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    line = process.stdout.readline()
    took = time.monotonic() - start
    errors = process.communicate(timeout=20)[1]
    return line, took, errors, process.returncode


@pytest.mark.parametrize(
    "call",
    [
        "keytrail.analyze(f'/dev/fd/{read}')",
        "keytrail.analyze(f'/dev/fd/{read}', output=os.environ['TMPDIR'] + '/report')",
        "list(keytrail.events(f'/dev/fd/{read}'))",
    ],
)
def test_ctrl_c_ends_a_run_within_a_second(tmp_path, call):
    for attempt in range(3):  # a machine may be busy
        line, took, errors, status = interrupted(tmp_path, call)
        assert line == "interrupted\n" and status == 0, errors
        if took < 1:
            break
    assert took < 1, f"{took:.2f} s"
    assert os.listdir(tmp_path) == [], "nothing is left"


def test_ctrl_c_ends_whoever_reads_the_stream(tmp_path):
    call = "pyarrow.RecordBatchReader.from_stream(keytrail.events(f'/dev/fd/{read}')).read_all()"
    line, took, errors, status = interrupted(tmp_path, call, before="import pyarrow")
    assert line == "interrupted\n" or (status != 0 and "KeyboardInterrupt" in errors), errors
    assert took < 3, f"{took:.2f} s"
    assert os.listdir(tmp_path) == [], "nothing is left"


def test_ctrl_c_ends_the_command_line(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    command = [sys.executable, "-m", "keytrail", "analyze", tmp_path / "pipe", "-o", tmp_path / "report"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with open(tmp_path / "pipe", "w"):
        time.sleep(0.5)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 130 and "stopped before" in errors
    assert time.monotonic() - start < 3
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("kind", ["analyze", "events"])
def test_the_interpreter_ends_during_a_run(tmp_path, kind):
    call = "list(keytrail.events(f'/dev/fd/{read}'))" if kind == "events" else "keytrail.analyze(f'/dev/fd/{read}')"
    script = f"""
import os, threading, time
import keytrail
read, write = os.pipe()
kept = keytrail.analyze({str(SAMPLE)!r})
threading.Thread(target=lambda: {call}, daemon=True).start()
time.sleep(0.5)
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    start = time.monotonic()
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert time.monotonic() - start < 10
    assert os.listdir(tmp_path) == [], "nothing is left"


def test_the_command_line_is_on_the_path(tmp_path):
    program = pathlib.Path(sys.executable).with_name("keytrail")
    ran = subprocess.run([program, "--version"], capture_output=True, text=True)
    assert ran.stdout == f"keytrail {keytrail.__version__}\n" and ran.returncode == 0
    assert cli("--version").stdout == ran.stdout
    ran = subprocess.run([program, "analyze", "--threads=x", "."], capture_output=True, text=True)
    assert ran.returncode == 2 and ran.stderr.startswith("error: invalid value 'x'")
    (tmp_path / "cut.json").write_text('{"Records":[{"eventVersion":"1.08"')
    assert cli("analyze", tmp_path, "-q", "-o", tmp_path / "report").returncode == 1
    shell = f"'{program}' events -q --workload any --event any '{SAMPLE}' | head -n 1"
    ran = subprocess.run(shell, shell=True, capture_output=True, text=True)
    assert ran.stdout.count("\n") == 1 and ran.stderr == ""
