"""A failure becomes one clear sentence and the right exit code, for people and for the parent process."""

import errno
import traceback
from pathlib import Path

from painlens.study import StudyError
from painlens.tables import DataError, save_json

FAILURE, USAGE, REFUSED, CHECK_FAILED, INTERRUPTED = 1, 2, 3, 4, 130


class StepBusyError(RuntimeError):
    """Another process is at work on the same step."""


FULL = (errno.ENOSPC, errno.EDQUOT)


def explain(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code of an error."""
    match error:
        case StudyError():
            answer = str(error), USAGE
        case DataError():
            answer = str(error), REFUSED
        case KeyboardInterrupt():
            answer = "stopped; the same command goes on where it stopped", INTERRUPTED
        case StepBusyError():
            answer = str(error), FAILURE
        case OSError() if error.errno in FULL:
            answer = "the disk is full; earlier results are whole. Make room and run the same command again", FAILURE
        case MemoryError():
            answer = "out of memory; run fewer processes at once (--cores 1) or a smaller faces.size", FAILURE
        case OSError():
            answer = f"a file could not be read or written: {error}", FAILURE
        case _:
            answer = f"unexpected {type(error).__name__}: {error}", FAILURE
    return answer


def record_failure(error: BaseException, path: Path) -> tuple[str, int]:
    """Sentence and exit code of an error, also written to `path` for the parent process.

    An unexpected error leaves its traceback beside it.
    """
    message, code = explain(error)
    path.parent.mkdir(parents=True, exist_ok=True)
    if message.startswith("unexpected"):
        details = path.with_name(path.name.removesuffix(".error.json") + ".traceback.txt")
        details.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        message = f"{message} (traceback: {details})"
    save_json({"message": message, "exit_code": code}, path)
    return message, code
