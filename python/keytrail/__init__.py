"""Who used this KMS key, and for what?

keytrail reads CloudTrail archives and reports the KMS calls that SageMaker workloads cause.

>>> import keytrail
>>> report = keytrail.analyze("sample-logs")
>>> report.usage.to_pandas()

Tables are Arrow, through the PyCapsule interface: ``pyarrow.table(report.usage)``,
``polars.DataFrame(report.usage)``, ``usage = report.usage; duckdb.sql("from usage")``. Times are
UTC in milliseconds, and what is not known is null. docs/report-schema.md describes every column.

Keywords are the options of the command line, under the same names, with the same defaults and the
same errors. As there, ``KEYTRAIL_<OPTION>`` in the environment sets what no keyword sets.
"""

import atexit as _atexit
import html as _html
import json as _json
import os as _os
import sys as _sys
import typing as _typing

from . import _keytrail, _options
from ._errors import (
    AlarmWarning,
    CheckpointError,
    InputError,
    InternalError,
    KeytrailError,
    KeytrailWarning,
    OutputError,
    PartialReadWarning,
    ReportError,
    S3Error,
    UsageError,
)
from ._keytrail import RecordBatch, RecordBatchReader, Table, __version__

__all__ = [
    "TABLES",
    "AlarmWarning",
    "CheckpointError",
    "InputError",
    "InternalError",
    "KeytrailError",
    "KeytrailWarning",
    "OutputError",
    "PartialReadWarning",
    "RecordBatch",
    "RecordBatchReader",
    "Report",
    "ReportError",
    "S3Error",
    "Table",
    "UsageError",
    "__version__",
    "ListedInput",
    "analyze",
    "events",
    "list_inputs",
    "resolve",
    "scan",
]

#: The names of the tables of a report; each is a property of Report.
TABLES = tuple(_keytrail.TABLES)

_S3 = ("profile", "aws_region", "endpoint_url", "requester_pays", "path_style", "fips", "dual_stack")


def analyze(
    inputs,
    output=None,
    *,
    force=False,
    incremental=False,
    workload=None,
    event=None,
    since=None,
    until=None,
    day=None,
    account=None,
    region=None,
    key=None,
    principal=None,
    user=None,
    resource=None,
    rules=None,
    aliases=None,
    no_learn=False,
    keep_duplicates=False,
    hash=False,
    max_archive_bytes=None,
    max_record_bytes=None,
    memory=None,
    delivery_slack=None,
    no_prune=False,
    profile=None,
    aws_region=None,
    endpoint_url=None,
    requester_pays=False,
    path_style=False,
    fips=False,
    dual_stack=False,
    digest_keys=None,
    digest_signatures=None,
    trust=None,
    trusted_accounts=None,
    organization=None,
    no_html=False,
    lang=None,
    metrics=None,
    max_age=None,
    fail_on=None,
    mute=None,
    threads=None,
    progress=True,
):
    """Reads archives and makes a report, as ``keytrail analyze`` does.

    inputs: paths or ``s3://`` addresses, one or a list. A directory is searched.
    output: directory or ``s3://`` address of the report. Without it, the report is kept in a private
        temporary folder, which goes with the last value that reads from it.

    Raises a KeytrailError when there is no report. Warns with PartialReadWarning when some input
    could not be read, and with AlarmWarning when a condition of max_age or fail_on is met. Ctrl-C
    ends the run within a second; nothing is left of its report.
    """
    keywords = dict(locals())
    named = _options.inputs(keywords.pop("inputs"))
    output = keywords.pop("output")
    if output is None:
        # The page is made when it is asked for.
        keywords["no_html"] = True
    else:
        output = _options.path("output", output)
    arguments = _options.arguments("analyze", keywords) + named
    s3 = {name: keywords[name] for name in _S3}
    return Report(_keytrail.analyze(arguments, output, _options.arguments("html", s3)))


def events(
    inputs,
    *,
    sort=None,
    limit=None,
    columns=None,
    workload=None,
    event=None,
    since=None,
    until=None,
    day=None,
    account=None,
    region=None,
    key=None,
    principal=None,
    user=None,
    resource=None,
    access_key=None,
    session=None,
    source_ip=None,
    outcome=None,
    error=None,
    vpce=None,
    grep=None,
    rules=None,
    aliases=None,
    no_learn=False,
    keep_duplicates=False,
    max_archive_bytes=None,
    max_record_bytes=None,
    memory=None,
    delivery_slack=None,
    no_prune=False,
    profile=None,
    aws_region=None,
    endpoint_url=None,
    requester_pays=False,
    path_style=False,
    fips=False,
    dual_stack=False,
    threads=None,
    progress=True,
):
    """Reads the selected events of archives, or of a report, as ``keytrail events`` does.

    inputs: paths or ``s3://`` addresses, one or a list; or one report.

    Returns a RecordBatchReader, which can be read once: iterate over it, or hand it to pyarrow
    (``pyarrow.RecordBatchReader.from_stream``), polars or DuckDB. Memory is bounded: the run waits
    while nobody takes a batch. Close it, or leave its ``with`` block, to stop the run early.

    Raises a KeytrailError when the inputs cannot be opened. What goes wrong later is raised when a
    batch is asked for, and so is PartialReadWarning after the last batch.
    """
    keywords = dict(locals())
    named = _options.inputs(keywords.pop("inputs"))
    return _keytrail.events(_options.arguments("events", keywords) + named)


class ListedInput(_typing.NamedTuple):
    """An input that was listed: a line of text for ``scan``, its stored bytes (None where only
    reading tells), and whether it is named as a digest.
    """

    text: str
    size: "int | None"
    is_digest: bool


def list_inputs(inputs, output=None, **options):
    """Lists what ``analyze`` would read, in the order of the inputs: an iterator of ListedInput.

    With ``scan`` and ``resolve``, an engine that spreads work over many processes makes the report
    that ``analyze`` makes: list the inputs once, ``scan`` parts of the list anywhere, and ``resolve``
    all facts, in the order of the list.

    output, options: as for ``analyze``, without ``incremental``. With an output, its report must be
        possible, and what is in it is not listed.
    """
    arguments = _parts_arguments(options, inputs)
    if output is not None:
        arguments.insert(2, "--output=" + _options.path("output", output))
    return (ListedInput(*listed) for some in _keytrail.list(arguments, output is not None) for listed in some)


def scan(inputs, listed=None, *, hash_all=True, **options):
    """Reads inputs, whatever is asked of them later: an iterator of facts, each piece the bytes of
    an Arrow IPC stream, compressed, of about 1 MiB before that. ``pyarrow.ipc.open_stream`` reads
    them; their columns are for ``resolve``, and may change with any version.

    inputs: those of ``list_inputs``, or None when listed is given.
    listed: the texts of what is scanned, in their order. Files are opened under the same names as
        where they were listed.
    hash_all: content is hashed, to be compared with digests. False saves time, if no listed input
        of the whole list is a digest.
    options: as for ``list_inputs``; only those of S3 and limits matter.

    Facts say what could not be read: nothing is raised for that. Runs on one thread.
    """
    if listed is None:
        listed = [entry.text for entry in list_inputs(inputs, **options)]
    if not isinstance(hash_all, bool):
        raise TypeError(f"hash_all must be True or False, not {type(hash_all).__name__}")
    arguments = _parts_arguments(options, "." if inputs is None else inputs)
    return iter(_keytrail.scan(arguments, list(listed), hash_all))


def resolve(facts, inputs, output=None, **options):
    """Makes the report of ``analyze`` from what ``scan`` returned: a Report.

    facts: all pieces of all scans, in the order of the list, each once. An exception that they
        raise ends the run, without a report.
    inputs: those that were listed: ``run.json`` names them.
    output, options: as for ``analyze``, without ``incremental``.
    """
    if output is None:
        options["no_html"] = True
    else:
        output = _options.path("output", output)
    arguments = _parts_arguments(options, inputs)
    s3 = {name: options.get(name) for name in _S3}
    s3 = _options.arguments("html", {name: value for name, value in s3.items() if value is not None})
    return Report(_keytrail.resolve(facts, arguments, output, s3))


def _parts_arguments(options, inputs):
    """The arguments of ``analyze`` for keywords that are given as a dict."""
    for name in options:
        if name not in analyze.__kwdefaults__ or name == "incremental":
            raise TypeError(f"{name!r} is no option of this function; it takes those of analyze, without incremental")
    options.setdefault("progress", True)
    return _options.arguments("analyze", options) + _options.inputs(inputs)


class Report:
    """A report: what ``analyze`` returns, or ``Report.open``.

    Each table of a report is a property, whose value has ``__arrow_c_stream__``; ``TABLES`` has
    their names. A table is read when it is used, each time anew.
    """

    def __init__(self, stored):
        self._stored = stored
        self._run = None

    @classmethod
    def open(
        cls,
        path,
        *,
        profile=None,
        aws_region=None,
        endpoint_url=None,
        requester_pays=False,
        path_style=False,
        fips=False,
        dual_stack=False,
    ):
        """Opens a report in a directory, or at ``s3://BUCKET/FOLDER``.

        Raises ReportError when there is none, or when another version has written it; S3Error when
        the bucket cannot be read.
        """
        keywords = {name: value for name, value in locals().items() if name in _S3}
        path = _options.path("path", path)
        return cls(_keytrail.open_report(path, _options.arguments("html", keywords)))

    @property
    def path(self):
        """Its directory or ``s3://`` address; None when it is temporary."""
        return None if self._stored.is_temporary else self._stored.path

    @property
    def run(self):
        """What run.json says: a dict. docs/report-schema.md describes its members."""
        if self._run is None:
            self._run = _json.loads(self._stored.run())
        return self._run

    @property
    def counts(self):
        """Every record by its class: a dict. ``records`` is the sum of all classes."""
        return self.run["totals"]

    @property
    def caveats(self):
        """What the numbers cannot prove: a list of dicts with ``id``, ``severity`` and ``text``."""
        return self.run["caveats"]

    def html(self, lang=None):
        """The report's page, to read, print and sign: HTML as text. lang: ``en``, ``de``, ``ja``."""
        return self._stored.html(_options.arguments("html", {"lang": lang}) + ["--", "report"])

    def __repr__(self):
        where = self.path or "temporary"
        return f"<keytrail.Report: {self.counts['selected']} selected events, {where}>"

    def _repr_html_(self):
        """The summary, for notebooks."""

        def rows(pairs):
            cells = "<tr><th style='text-align:left'>{}</th><td style='text-align:left'>{}</td></tr>"
            return "".join(cells.format(*(_html.escape(str(cell)) for cell in pair)) for pair in pairs)

        counts = {name: f"{count:,}" for name, count in self.counts.items() if count or name == "selected"}
        caveats = [(caveat["id"], caveat["text"]) for caveat in self.caveats]
        return (
            f"<table><caption>KMS calls by class</caption>{rows(counts.items())}</table>"
            f"<details><summary>Before relying on these numbers: {len(caveats)} caveats</summary>"
            f"<table>{rows(caveats)}</table></details>"
        )


def _table(name):
    def table(self):
        return self._stored.table(name)

    return property(table, doc=f"The table {name}: see docs/report-schema.md.")


for _name in TABLES:
    setattr(Report, _name, _table(_name))
del _name


def _describe(function, command):
    """Adds the help of the options to the documentation of a function."""
    lines = [function.__doc__.rstrip(), "", "    Options:"]
    for name, _, text in _keytrail.options(command):
        keyword = name.replace("-", "_")
        if keyword in function.__kwdefaults__:
            lines.append(f"    {keyword}: {text}")
    function.__doc__ = "\n".join(lines) + "\n"


_describe(analyze, "analyze")
_describe(events, "events")

_atexit.register(_keytrail.at_exit, _os.getpid())


def _main():
    """The command line: the program ``keytrail``."""
    _sys.exit(_keytrail.main(["keytrail", *_sys.argv[1:]]))
