"""The report of ``keytrail.analyze``, its archives read by Apache Spark.

>>> import keytrail.spark
>>> report = keytrail.spark.analyze(spark, "s3://BUCKET/AWSLogs/", "s3://OTHER/report")

The inputs are listed where this runs. Spark's executors read them, each with keytrail's own reader,
and keep the facts on their disks. Then the report is made here from all facts, in bounded memory:
they are some hundredths of what was read. It equals the report that one machine would make.

As a job: ``python -m keytrail.spark INPUT... -o OUTPUT [OPTION...]``, with the options of
``keytrail analyze``. docs/scale.md says when it pays.
"""

import argparse
import os
import sys
import warnings

import keytrail
from keytrail import _keytrail, _options

__all__ = ["SparkError", "analyze"]

#: A task reads inputs until they have so many stored bytes, or are so many.
TASK_BYTES = 128 << 20
TASK_INPUTS = 2000

#: The columns of facts: the task, the number of the piece in it, and the piece. The last piece of
#: a task is null.
_COLUMNS = "task long, piece long, facts binary"

#: What matters when an input is listed or read; the rest is decided when facts are resolved.
_READING = (*keytrail._S3, "max_archive_bytes", "max_record_bytes", "memory")


class SparkError(keytrail.KeytrailError):
    """A part of the scan failed, or came back incomplete."""


def analyze(spark, inputs, output, *, task_bytes=TASK_BYTES, task_inputs=TASK_INPUTS, **options):
    """Makes the report of ``keytrail.analyze``; archives are read by the executors of a SparkSession.

    inputs: ``s3://`` addresses, or paths that mean the same on all machines.
    output: directory or ``s3://`` address of the report, as this machine reaches it.
    task_bytes, task_inputs: a task reads inputs until they have so many stored bytes, or are so many.
    options: those of ``keytrail.analyze``, without ``incremental``.

    keytrail must be installed on the executors, in the same version, and they need the permission
    to read the inputs. Returns a Report. Raises and warns as ``keytrail.analyze``; SparkError when an
    executor fails as often as Spark allows. There is no report then.
    """
    for name, value in (("task_bytes", task_bytes), ("task_inputs", task_inputs)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number from 1")
    if not isinstance(inputs, (str, bytes, os.PathLike)):
        inputs = list(inputs)
    listed = keytrail.list_inputs(inputs, output, **options)
    tasks, has_digests = _tasks(listed, task_bytes, task_inputs)
    reading = {name: options[name] for name in _READING if options.get(name) is not None}
    facts = _scan(spark, tasks, reading, has_digests)
    try:
        try:
            facts.count()  # all tasks, in parallel
            pieces = facts.toLocalIterator(prefetchPartitions=True)
        except Exception as error:
            raise _failed(error) from error
        return keytrail.resolve(_in_order(pieces, len(tasks)), inputs, output, **options)
    finally:
        facts.unpersist()


def _tasks(listed, task_bytes, task_inputs):
    """The listed inputs, in their order, as a list of texts for each task; and whether there are digests."""
    tasks, texts, size, has_digests = [], [], 0, False
    for entry in listed:
        texts.append(entry.text)
        size += entry.size or 0
        has_digests |= entry.is_digest
        if size >= task_bytes or len(texts) >= task_inputs:
            tasks.append("\n".join(texts))
            texts, size = [], 0
    if texts or not tasks:
        tasks.append("\n".join(texts))
    return tasks, has_digests


def _scan(spark, tasks, reading, has_digests):
    """The facts of all tasks, on the disks of the executors: partition N is of task N."""
    from pyspark import StorageLevel

    # What the environment sets here, it sets there.
    variables = {name: value for name, value in os.environ.items() if name.startswith("KEYTRAIL_")}
    scanner = _Scanner(reading, has_digests, variables, keytrail.__version__)
    rows = spark.sparkContext.parallelize(list(enumerate(tasks)), len(tasks))
    frame = spark.createDataFrame(rows, "task long, listed string")
    return frame.mapInArrow(scanner, _COLUMNS).persist(StorageLevel.DISK_ONLY)


class _Scanner:
    """What executors do. A task that runs again gives the same."""

    def __init__(self, reading, hash_all, variables, version):
        self.reading = reading
        self.hash_all = hash_all
        self.variables = variables
        self.version = version

    def __call__(self, batches):
        import pyarrow

        if keytrail.__version__ != self.version:
            raise RuntimeError(
                f"the workers have keytrail {keytrail.__version__}, and the driver has {self.version}: install the same"
            )
        os.environ.update(self.variables)
        for batch in batches:
            for task, listed in zip(batch.column("task").to_pylist(), batch.column("listed").to_pylist()):
                texts = listed.split("\n") if listed else []
                piece = 0
                for piece, facts in enumerate(
                    keytrail.scan(None, texts, hash_all=self.hash_all, progress=False, **self.reading), 1
                ):
                    yield _row(pyarrow, task, piece, facts)
                yield _row(pyarrow, task, piece + 1, None)


def _row(pyarrow, task, piece, facts):
    columns = [
        pyarrow.array([task], pyarrow.int64()),
        pyarrow.array([piece], pyarrow.int64()),
        pyarrow.array([facts], pyarrow.binary()),
    ]
    return pyarrow.RecordBatch.from_arrays(columns, ["task", "piece", "facts"])


def _in_order(pieces, tasks):
    """The facts of all tasks, in the order of the inputs. None may be missing, or come twice."""
    expected = (0, 1)
    try:
        for row in pieces:
            if (row.task, row.piece) != expected:
                raise SparkError(
                    f"Spark returned piece {row.piece} of task {row.task} where piece {expected[1]} of task"
                    f" {expected[0]} was expected; there is no report"
                )
            if row.facts is None:
                expected = (row.task + 1, 1)
            else:
                expected = (row.task, row.piece + 1)
                yield row.facts
    except SparkError:
        raise
    except Exception as error:
        raise _failed(error) from error
    if expected != (tasks, 1):
        raise SparkError(f"Spark returned facts of {expected[0]} of {tasks} tasks; there is no report")


def _failed(error):
    """The error of a job, in one sentence. Spark's own text follows as its cause."""
    text = str(error)
    if "No module named 'keytrail" in text:
        return SparkError("keytrail is not installed on the workers; install it there, in the same version")
    # Workers raise keytrail's errors by their class and sentence.
    for line in reversed(text.splitlines()):
        name, found, sentence = line.strip().partition(": ")
        if found and (name.startswith("keytrail.") or name == "RuntimeError"):
            return SparkError(f"a worker could not read its part: {sentence}")
    lines = [line for line in text.splitlines() if line.strip()]
    return SparkError("the job failed in Spark" + (f": {lines[0].strip()}" if lines else ""))


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m keytrail.spark",
        description="The report of `keytrail analyze`, its archives read by Apache Spark.",
        epilog="Example: spark-submit --master spark://HOST:7077 JOB.py s3://BUCKET/AWSLogs/ -o s3://OTHER/report",
        allow_abbrev=False,
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="s3:// addresses, or paths on all machines")
    parser.add_argument("-o", "--output", required=True, help="directory or s3:// address of the report")
    parser.add_argument("--task-bytes", type=int, default=TASK_BYTES, help="stored bytes of a task (%(default)s)")
    parser.add_argument("--task-inputs", type=int, default=TASK_INPUTS, help="inputs of a task (%(default)s)")
    for name, what, text in _keytrail.options("analyze"):
        keyword = name.replace("-", "_")
        if keyword not in keytrail.analyze.__kwdefaults__ or keyword == "incremental":
            continue
        text = text.replace("%", "%%")
        if what == "nothing":
            parser.add_argument(f"--{name}", action="store_true", help=text)
        else:
            action = "append" if what == "texts" else "store"
            parser.add_argument(f"--{name}", action=action, metavar=what.upper(), help=text)
    return parser


def main(arguments=None):
    """The job: returns the exit status of ``keytrail analyze``."""
    keywords = vars(_parser().parse_args(arguments))
    inputs, output = keywords.pop("inputs"), keywords.pop("output")

    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("keytrail").getOrCreate()
    status = 0
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", keytrail.KeytrailWarning)
            report = analyze(spark, inputs, output, **keywords)
        for warning in said:
            print(f"warning: {warning.message}", file=sys.stderr)
        kinds = {warning.category for warning in said}
        status = 3 if keytrail.AlarmWarning in kinds else 1 if keytrail.PartialReadWarning in kinds else 0
        print(f"{report.counts['selected']:,} events of {report.counts['records']:,} records -> {output}", file=sys.stderr)
    except (keytrail.KeytrailError, ValueError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    finally:
        spark.stop()
    return status


if __name__ == "__main__":
    # Executors import the module by its name.
    from keytrail.spark import main as _main

    sys.exit(_main())
