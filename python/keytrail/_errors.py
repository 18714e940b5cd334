"""Exceptions and warnings. Their texts are the sentences of the command line."""


class KeytrailError(Exception):
    """A command has no result. The exit status of the command line would be 2."""


class UsageError(KeytrailError, ValueError):
    """An option has a wrong value, or does not go with another."""


class InputError(KeytrailError, OSError):
    """No input can be opened, or a file that an option names cannot be read."""


class ReportError(KeytrailError):
    """There is no report, it is damaged or incomplete, or another version has written it."""


class OutputError(KeytrailError, OSError):
    """The report cannot be written."""


class S3Error(KeytrailError, OSError):
    """S3 refused a request, cannot be reached, or there are no credentials."""


class CheckpointError(KeytrailError):
    """What earlier incremental runs have kept cannot be used."""


class InternalError(KeytrailError):
    """keytrail has a mistake."""


class KeytrailWarning(UserWarning):
    """There is a result, and something that one should know about it."""


class PartialReadWarning(KeytrailWarning):
    """Some input could not be read. The exit status of the command line would be 1."""


class AlarmWarning(KeytrailWarning):
    """A condition of ``max_age`` or ``fail_on`` is met. The exit status would be 3."""
