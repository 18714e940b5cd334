"""Keywords become the arguments of the command line, which parses and checks them."""

import collections.abc
import datetime
import functools
import operator
import os

from . import _keytrail

#: Keywords that are not the name of an option, but of its opposite.
OPPOSITES = {"progress": "no_progress"}


@functools.cache
def takes(command):
    """What each option of a command takes, by its keyword."""
    return {name.replace("-", "_"): what for name, what, _ in _keytrail.options(command)}


def arguments(command, keywords):
    """The arguments for keywords of a command. What is None, False or empty is left out."""
    known = takes(command)
    result = ["keytrail", command]
    for keyword, value in keywords.items():
        if keyword in OPPOSITES:
            _check_bool(keyword, value)
            keyword, value = OPPOSITES[keyword], not value
        if value is None:
            continue
        option = "--" + keyword.replace("_", "-")
        what = known[keyword]
        if what == "nothing":
            _check_bool(keyword, value)
            if value:
                result.append(option)
        elif what == "number":
            result.append(f"{option}={_number(keyword, value)}")
        elif what == "texts" and isinstance(value, (list, tuple, set, frozenset)):
            result.extend(f"{option}={_text(keyword, item)}" for item in value)
        else:
            result.append(f"{option}={_text(keyword, value)}")
    return result


def inputs(named):
    """The inputs as arguments, after all options."""
    if isinstance(named, (str, bytes, os.PathLike)):
        named = [named]
    if isinstance(named, collections.abc.Mapping) or not isinstance(named, collections.abc.Iterable):
        raise TypeError(f"inputs must be a path or a list of paths, not {_kind(named)}")
    return ["--", *(path("inputs", item) for item in named)]


def path(keyword, value):
    """A path as text; what is not UTF-8 in it stays as it is."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(f"{keyword} must be a path, not {_kind(value)}")
    return _without_nul(keyword, os.fsdecode(value))


def _text(keyword, value):
    if isinstance(value, (bytes, os.PathLike)):
        return path(keyword, value)
    if isinstance(value, str):
        return _without_nul(keyword, value)
    if isinstance(value, datetime.datetime):
        # As on the command line, a time without a zone is UTC.
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return f"{round(value.total_seconds())}s"
    hint = "; a number would lose its leading zeros" if keyword == "account" else ""
    raise TypeError(f"{keyword} must be text, not {_kind(value)}{hint}")


def _number(keyword, value):
    if isinstance(value, str):
        return _text(keyword, value)  # such as 256MiB
    try:
        number = operator.index(value)  # those of numpy, too
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{keyword} must be an int, not {_kind(value)}")
    return number


def _check_bool(keyword, value):
    if not isinstance(value, bool):
        raise TypeError(f"{keyword} must be True or False, not {_kind(value)}")


def _without_nul(keyword, text):
    if "\0" in text:
        raise ValueError(f"{keyword} has a NUL character")
    return text


def _kind(value):
    return type(value).__name__
