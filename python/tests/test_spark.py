"""The same report from Apache Spark: a master and two workers of a real cluster, on this machine."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import REQUIRE_ALL, SAMPLE
from test_parts import INPUTS, assert_equal

import keytrail

pyspark = pytest.importorskip("pyspark") if not REQUIRE_ALL else __import__("pyspark")
if shutil.which("java") is None and not REQUIRE_ALL:
    pytest.skip("there is no Java", allow_module_level=True)

import keytrail.spark  # noqa: E402

HOME = pathlib.Path(pyspark.__file__).parent


def start(log, *arguments):
    """A process of Spark, whose lines go to a file."""
    environment = {**os.environ, "SPARK_HOME": str(HOME), "PYSPARK_PYTHON": sys.executable}
    with open(log, "w") as out:
        command = [str(HOME / "bin" / "spark-class"), *arguments]
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True)


def wait_for(log, pattern, seconds=90):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = re.search(pattern, log.read_text())
        if found:
            return found.group(1)
        time.sleep(0.1)
    raise AssertionError(f"{pattern} did not come: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """The address of a cluster of two workers with one core each."""
    folder = tmp_path_factory.mktemp("spark")
    deploy = "org.apache.spark.deploy"
    processes = [
        start(folder / "master", f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    ]
    try:
        address = wait_for(folder / "master", r"Starting Spark master at (spark://\S+)")
        for number in (1, 2):
            log = folder / f"worker{number}"
            options = ["--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", "0"]
            work = ["--work-dir", str(folder / f"work{number}")]
            processes.append(start(log, f"{deploy}.worker.Worker", *options, *work, address))
            wait_for(log, r"(Successfully registered with master)")
        yield address
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def session(master, monkeypatch):
    """Makes sessions on the cluster."""
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    made = []

    def new(**settings):
        builder = SparkSession.builder.master(master).appName("test")
        defaults = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.executor.memory": "512m",
        }
        for name, value in {**defaults, **settings}.items():
            builder = builder.config(name, value)
        made.append(builder.getOrCreate())
        return made[-1]

    yield new
    for session in made:
        session.stop()


@pytest.mark.filterwarnings("ignore::keytrail.PartialReadWarning")
def test_the_report_is_that_of_one_machine(session, tmp_path):
    spark = session()
    for name, inputs in INPUTS.items():
        alone = keytrail.analyze(inputs)
        for task_inputs in (20, 1000):
            output = tmp_path / f"{name}-{task_inputs}"
            report = keytrail.spark.analyze(spark, inputs, output, task_inputs=task_inputs)
            assert_equal(report, alone)
            assert (output / "report.html").exists()
    selected = keytrail.spark.analyze(spark, SAMPLE, tmp_path / "selected", workload="any", since="2023-03-22")
    assert_equal(selected, keytrail.analyze(SAMPLE, workload="any", since="2023-03-22"))


def test_an_output_that_is_taken_and_an_input_that_is_missing(session, tmp_path):
    spark = session()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(keytrail.OutputError):
        keytrail.spark.analyze(spark, SAMPLE, tmp_path / "taken")
    with pytest.raises(keytrail.InputError):
        keytrail.spark.analyze(spark, tmp_path / "nowhere", tmp_path / "report")
    (tmp_path / "in").mkdir()
    shutil.copytree(SAMPLE, tmp_path / "in" / "logs")
    (tmp_path / "in" / "damaged.json.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01")
    with pytest.warns(keytrail.PartialReadWarning):
        keytrail.spark.analyze(spark, tmp_path / "in", tmp_path / "part")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "part", "taken"]


def executors():
    """The processes of Spark's executors on this machine."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if words[0].endswith(b"java") and any(word.endswith(b".CoarseGrainedExecutorBackend") for word in words):
            found.append(int(path.parent.name))
    return found


def test_an_executor_that_is_killed_costs_nothing(session, tmp_path):
    spark = session(**{"spark.speculation": "true", "spark.task.maxFailures": "8"})
    killed = []

    def kill():
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            for number in executors()[:1]:
                time.sleep(1.0)  # it has begun
                try:
                    os.kill(number, signal.SIGKILL)
                    killed.append(number)
                except ProcessLookupError:
                    pass  # it was what starts the executor
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    report = keytrail.spark.analyze(spark, SAMPLE, tmp_path / "report", task_inputs=4)
    killer.join()
    assert killed
    assert_equal(report, keytrail.analyze(SAMPLE))


def test_workers_without_keytrail_leave_no_report(session, tmp_path):
    # A Python of its own, with what Spark needs and without keytrail.
    bare = tmp_path / "bare"
    hides = "import sys\nsys.modules['keytrail'] = None\n"
    bare.mkdir()
    (bare / "sitecustomize.py").write_text(hides)
    spark = session(**{"spark.executorEnv.PYTHONPATH": str(bare)})
    with pytest.raises(keytrail.spark.SparkError, match="not installed on the workers"):
        keytrail.spark.analyze(spark, SAMPLE, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_the_job_has_the_exit_status_of_the_command(master, tmp_path):
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    submit = [str(HOME / "bin" / "spark-submit"), "--master", master, "--conf", "spark.driver.host=127.0.0.1"]

    def job(*arguments):
        command = [*submit, str(pathlib.Path(keytrail.spark.__file__)), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)

    ran = job(SAMPLE, "-o", tmp_path / "report", "--workload", "any")
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert_equal(keytrail.Report.open(tmp_path / "report"), keytrail.analyze(SAMPLE, workload="any"))
    ran = job(SAMPLE, "-o", tmp_path / "report")
    assert ran.returncode != 0
    # spark-submit gives both streams of a job as its standard output.
    assert re.search(r"^error: .*report is not empty", ran.stdout + ran.stderr, re.MULTILINE)
