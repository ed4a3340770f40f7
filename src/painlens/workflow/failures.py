"""A failure becomes one clear sentence and the right exit code, for people and for the parent process."""

import errno
import shutil
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from painlens.study import StudyError
from painlens.tables import DataError, save_json

FAILURE, USAGE, REFUSED, CHECK_FAILED, INTERRUPTED = 1, 2, 3, 4, 130


class StepBusyError(RuntimeError):
    """Another process is at work on the same step."""


FULL = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM = "the disk is full; earlier results are whole. Make room and run the same command again"
LEAST_ROOM = 2**20  # bytes; with less, a step that ended without a word had no room for one


def explain(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code of an error."""
    match error:
        case _ if disk_is_full(error):
            answer = NO_ROOM, FAILURE
        case StudyError():
            answer = str(error), USAGE
        case DataError():
            answer = str(error), REFUSED
        case KeyboardInterrupt():
            answer = "stopped; the same command goes on where it stopped", INTERRUPTED
        case StepBusyError():
            answer = str(error), FAILURE
        case MemoryError():
            answer = "out of memory; run fewer processes at once (--cores 1) or a smaller faces.size", FAILURE
        case OSError():
            answer = f"a file could not be read or written: {error}", FAILURE
        case _:
            answer = f"unexpected {type(error).__name__}: {error}", FAILURE
    return answer


def disk_is_full(error: BaseException) -> bool:
    """Whether a full disk is behind an error; libraries that are no Python say it in their message alone."""
    return any(
        (isinstance(one, OSError) and one.errno in FULL) or "No space left on device" in str(one)
        for one in _chain(error)
    )


def without_a_word(folder: Path) -> str:
    """What to say of a process that ended and left nothing: there was no room in `folder`, or it was killed."""
    if shutil.disk_usage(folder).free < LEAST_ROOM:
        return NO_ROOM
    return "the process ended without a word, most likely killed by the system"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def record_failure(error: BaseException, path: Path) -> tuple[str, int]:
    """Sentence and exit code of an error, also written to `path` for the parent process where there is room for it.

    An unexpected error leaves its traceback beside it.
    """
    message, code = explain(error)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if message.startswith("unexpected"):
            details = path.with_name(path.name.removesuffix(".error.json") + ".traceback.txt")
            details.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
            message = f"{message} (traceback: {details})"
        save_json({"message": message, "exit_code": code}, path)
    return message, code
