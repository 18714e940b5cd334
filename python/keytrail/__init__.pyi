from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from os import PathLike
from typing import Any, NamedTuple

_Path = str | bytes | PathLike[str] | PathLike[bytes]
_Texts = str | Iterable[str]
_Time = str | date | datetime | timedelta

__version__: str
TABLES: tuple[str, ...]

class KeytrailError(Exception): ...
class UsageError(KeytrailError, ValueError): ...
class InputError(KeytrailError, OSError): ...
class ReportError(KeytrailError): ...
class OutputError(KeytrailError, OSError): ...
class S3Error(KeytrailError, OSError): ...
class CheckpointError(KeytrailError): ...
class InternalError(KeytrailError): ...
class KeytrailWarning(UserWarning): ...
class PartialReadWarning(KeytrailWarning): ...
class AlarmWarning(KeytrailWarning): ...

class Table:
    """A table of a report. It is read when it is used, each time anew."""

    @property
    def name(self) -> str: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def to_arrow(self) -> Any:
        """As a pyarrow.Table, which needs pyarrow."""
    def to_pandas(self) -> Any:
        """As a pandas.DataFrame, which needs pandas and pyarrow."""
    def to_polars(self) -> Any:
        """As a polars.DataFrame, which needs polars."""

class RecordBatch:
    """Some rows."""

    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class RecordBatchReader:
    """Rows that come while the archives are read. They can be taken once."""

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __iter__(self) -> Iterator[RecordBatch]: ...
    def __next__(self) -> RecordBatch: ...
    def __enter__(self) -> RecordBatchReader: ...
    def __exit__(self, *exception: object) -> None: ...
    def close(self) -> None:
        """Stops reading."""

class ListedInput(NamedTuple):
    """An input that was listed: a line of text for ``scan``, its stored bytes, and whether it is a digest."""

    text: str
    size: int | None
    is_digest: bool

class Report:
    """A report: what ``analyze`` returns, or ``Report.open``."""

    @classmethod
    def open(
        cls,
        path: _Path,
        *,
        profile: str | None = None,
        aws_region: str | None = None,
        endpoint_url: str | None = None,
        requester_pays: bool = False,
        path_style: bool = False,
        fips: bool = False,
        dual_stack: bool = False,
    ) -> Report:
        """Opens a report in a directory, or at ``s3://BUCKET/FOLDER``."""
    @property
    def path(self) -> str | None:
        """Its directory or ``s3://`` address; None when it is temporary."""
    @property
    def run(self) -> dict[str, Any]:
        """What run.json says."""
    @property
    def counts(self) -> dict[str, int]:
        """Every record by its class; ``records`` is the sum of all classes."""
    @property
    def caveats(self) -> list[dict[str, Any]]:
        """What the numbers cannot prove."""
    def html(self, lang: str | None = None) -> str:
        """The report's page: HTML as text."""
    def _repr_html_(self) -> str: ...
    @property
    def usage(self) -> Table: ...
    @property
    def usage_daily(self) -> Table: ...
    @property
    def findings(self) -> Table: ...
    @property
    def grants(self) -> Table: ...
    @property
    def access(self) -> Table: ...
    @property
    def policy_statements(self) -> Table: ...
    @property
    def shares(self) -> Table: ...
    @property
    def share_use(self) -> Table: ...
    @property
    def integrity(self) -> Table: ...
    @property
    def inputs(self) -> Table: ...
    @property
    def rejects(self) -> Table: ...
    @property
    def superseded(self) -> Table: ...
    @property
    def events(self) -> Table: ...

def analyze(
    inputs: _Path | Iterable[_Path],
    output: _Path | None = None,
    *,
    force: bool = False,
    incremental: bool = False,
    workload: _Texts | None = None,
    event: _Texts | None = None,
    since: _Time | None = None,
    until: _Time | None = None,
    day: _Time | None = None,
    account: _Texts | None = None,
    region: _Texts | None = None,
    key: _Texts | None = None,
    principal: _Texts | None = None,
    user: _Texts | None = None,
    resource: _Texts | None = None,
    rules: _Path | None = None,
    aliases: _Path | None = None,
    no_learn: bool = False,
    keep_duplicates: bool = False,
    hash: bool = False,
    max_archive_bytes: int | None = None,
    max_record_bytes: int | None = None,
    memory: int | str | None = None,
    delivery_slack: int | None = None,
    no_prune: bool = False,
    profile: str | None = None,
    aws_region: str | None = None,
    endpoint_url: str | None = None,
    requester_pays: bool = False,
    path_style: bool = False,
    fips: bool = False,
    dual_stack: bool = False,
    digest_keys: _Path | Iterable[_Path] | None = None,
    digest_signatures: _Path | Iterable[_Path] | None = None,
    trust: str | None = None,
    trusted_accounts: _Path | None = None,
    organization: str | None = None,
    no_html: bool = False,
    lang: str | None = None,
    metrics: _Path | None = None,
    max_age: str | timedelta | None = None,
    fail_on: _Texts | None = None,
    mute: _Path | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Report:
    """Reads archives and makes a report, as ``keytrail analyze`` does."""

def events(
    inputs: _Path | Iterable[_Path],
    *,
    sort: str | None = None,
    limit: int | None = None,
    columns: _Texts | None = None,
    workload: _Texts | None = None,
    event: _Texts | None = None,
    since: _Time | None = None,
    until: _Time | None = None,
    day: _Time | None = None,
    account: _Texts | None = None,
    region: _Texts | None = None,
    key: _Texts | None = None,
    principal: _Texts | None = None,
    user: _Texts | None = None,
    resource: _Texts | None = None,
    access_key: _Texts | None = None,
    session: _Texts | None = None,
    source_ip: _Texts | None = None,
    outcome: _Texts | None = None,
    error: _Texts | None = None,
    vpce: _Texts | None = None,
    grep: _Texts | None = None,
    rules: _Path | None = None,
    aliases: _Path | None = None,
    no_learn: bool = False,
    keep_duplicates: bool = False,
    max_archive_bytes: int | None = None,
    max_record_bytes: int | None = None,
    memory: int | str | None = None,
    delivery_slack: int | None = None,
    no_prune: bool = False,
    profile: str | None = None,
    aws_region: str | None = None,
    endpoint_url: str | None = None,
    requester_pays: bool = False,
    path_style: bool = False,
    fips: bool = False,
    dual_stack: bool = False,
    threads: int | None = None,
    progress: bool = True,
) -> RecordBatchReader:
    """Reads the selected events of archives, or of a report, as ``keytrail events`` does."""
def list_inputs(
    inputs: _Path | Iterable[_Path], output: _Path | None = None, **options: Any
) -> Iterator[ListedInput]:
    """Lists what ``analyze`` would read, in the order of the inputs."""

def scan(
    inputs: _Path | Iterable[_Path] | None,
    listed: Iterable[str] | None = None,
    *,
    hash_all: bool = True,
    **options: Any,
) -> Iterator[bytes]:
    """Reads inputs, whatever is asked of them later: facts, each piece an Arrow IPC stream."""

def resolve(
    facts: Iterable[bytes], inputs: _Path | Iterable[_Path], output: _Path | None = None, **options: Any
) -> Report:
    """Makes the report of ``analyze`` from what ``scan`` returned."""
