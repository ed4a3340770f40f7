"""Which frames of a database take part: by time, by runs of equal PSPI, every n-th, the last, the strongest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from painlens.databases.columns import column, numbers, words
from painlens.databases.pictures import Clip, inside, is_clip
from painlens.databases.reasons import reason_of
from painlens.progress import Progress, silent
from painlens.study import FrameSelection
from painlens.tables import DataError

_TOLERANCE_S = 1e-4  # of written times; a frame at 3.99999 s is the frame at 4 s


def first_of_long_runs(pspi: ArrayLike, *, longest: int, numbers: ArrayLike | None = None) -> NDArray[np.bool_]:
    """Frames that remain of one sequence when long runs of equal PSPI keep their first frame only.

    A run is a stretch of neighbouring frames with the same PSPI, compared as whole numbers. Runs of up to `longest`
    frames remain; longer ones keep their first frame. Runs are those of the original sequence: they are not joined
    after frames were taken out. A missing PSPI ends a run and is not kept. This is the down-sampling of Prajod et
    al. (2022) and Zhao et al. (2016), which their text, not their code, defines.

    Parameters
    ----------
    pspi
        PSPI of the frames in their order, shape (frame,); NaN where missing.
    longest
        Longest run that remains whole.
    numbers
        Frame numbers, shape (frame,); given: a gap in them ends a run.

    Returns
    -------
    kept : bool, shape (frame,)

    Examples
    --------
    >>> first_of_long_runs([0, 0, 0, 0, 0, 0, 0, 2, 2, 2], longest=5).astype(int).tolist()
    [1, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    """
    values = np.round(np.asarray(pspi, dtype=np.float64))
    if values.size == 0:
        return np.zeros(0, dtype=bool)
    begins = _begins(values, numbers)
    run = np.cumsum(begins) - 1
    short = np.bincount(run)[run] <= longest
    return (short | begins) & ~np.isnan(values)


def first_of_runs(pspi: ArrayLike, *, longest: int, numbers: ArrayLike | None = None) -> NDArray[np.bool_]:
    """Frames that remain of one sequence when each run of equal PSPI is cut to its first `longest` frames.

    The other reading of the sentence that defines `first_of_long_runs`: a run of six keeps five frames, not one.
    Parameters and result as there.

    Examples
    --------
    >>> first_of_runs([0, 0, 0, 2, 2, 2, 2], longest=2).astype(int).tolist()
    [1, 1, 0, 1, 1, 0, 0]
    """
    values = np.asarray(pspi, dtype=np.float64)
    if values.size == 0:
        return np.zeros(0, dtype=bool)
    begins = _begins(np.round(values), numbers)
    place = np.arange(values.size)
    since = place - np.maximum.accumulate(np.where(begins, place, 0))
    return (since < longest) & ~np.isnan(values)


def _begins(values: NDArray[np.float64], numbers: ArrayLike | None) -> NDArray[np.bool_]:
    """Where runs of equal values begin; NaN differs from everything, and a gap in the numbers ends a run."""
    begins = np.ones(values.size, dtype=bool)
    begins[1:] = values[1:] != values[:-1]
    if numbers is not None:
        begins[1:] |= np.diff(np.asarray(numbers, dtype=np.int64)) != 1
    return begins


def exclude_participants(
    frames: pd.DataFrame, exclude: Literal["none", "non-reactive"] | tuple[str, ...], *, database: str
) -> pd.DataFrame:
    """The table with a reason for the frames of excluded participants.

    Raises
    ------
    DataError
        A listed participant is not in the database, or the database knows no non-reactive participants.
    """
    if exclude == "none":
        return frames
    if exclude == "non-reactive":
        if "non_reactive" not in frames:
            raise DataError(
                f"database '{database}': its reader has no list of non-reactive participants; give ids in "
                "frames.exclude, or none"
            )
        told = words(frames, "non_reactive").str.lower()
        out, why = told.isin(["true", "1", "1.0", "yes"]), "participant without visible reaction"
    else:
        unknown = sorted(set(exclude) - set(frames["participant"]))
        if unknown:
            known = ", ".join(frames["participant"].unique()[:5])
            raise DataError(
                f"database '{database}': frames.exclude names {', '.join(unknown)}, not in the database; "
                f"participants are {known} ..."
            )
        out, why = frames["participant"].isin(exclude), "participant excluded by the study"
    return frames.assign(reason=frames["reason"].mask(out & (frames["reason"] == ""), why))


def resolve_clips(
    frames: pd.DataFrame, selection: FrameSelection, *, root: Path, separator: str, progress: Progress = silent
) -> pd.DataFrame:
    """The table with frames in the place of whole clips.

    Under `at-time` a clip becomes the one frame that is on the screen at that time; under the other rules it becomes
    all its frames. Clips that are left out already stay one row without a frame number, unopened. Rows of a video
    with a time and no number get the number of the frame on the screen.
    """
    records = frames.to_dict("records")
    clips = [is_clip(row["path"]) and pd.isna(row["frame_index"]) and row["reason"] == "" for row in records]
    total, done = sum(clips), 0
    if not total:
        return frames
    rows: list[dict[Any, Any]] = []
    for row, wanted in zip(records, clips, strict=True):
        if not wanted:
            rows.append(row)
            continue
        progress(done, total, str(row["path"]))
        rows.extend(_frames_of(row, selection, root=root, separator=separator))
        done += 1
    progress(total, total)
    resolved = pd.DataFrame(rows, columns=frames.columns)
    return resolved.astype({name: kind for name, kind in frames.dtypes.items() if name != "frame_index"})


def select_frames(frames: pd.DataFrame, selection: FrameSelection, *, database: str) -> pd.DataFrame:
    """The table with a reason for frames that the study's rule leaves out."""
    if selection.rule == "all":
        return frames
    rule, why = _RULES[selection.rule]
    # Frames without a number are not part of any sequence; they have a reason already.
    order = frames.loc[frames["frame_index"].notna()].sort_values(by=["sequence", "frame_index"], kind="stable")
    keep = pd.Series(False, index=frames.index)
    for _, sequence in order.groupby(["participant", "sequence"], sort=False):
        keep[sequence.index] = rule(sequence, selection, database)
    sentence = why.format_map(vars(selection))
    return frames.assign(reason=frames["reason"].mask(~keep & (frames["reason"] == ""), sentence))


def _runs(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:
    if "pspi" not in sequence:
        raise DataError(f"database '{database}': {selection.rule} needs the column pspi; choose another frames.rule")
    # Of a frame without a picture only the label exists: it leaves a gap.
    absent = np.isin(column(sequence, "reason").to_numpy(dtype=str), ["picture is missing", "listed twice"])
    index = column(sequence, "frame_index").to_numpy(dtype=np.int64)[~absent]
    pspi = numbers(sequence, "pspi").to_numpy()[~absent]
    kept = np.zeros(len(sequence), dtype=bool)
    rule = first_of_long_runs if selection.rule == "collapse-runs" else first_of_runs
    kept[~absent] = rule(pspi, longest=selection.longest, numbers=index if selection.gaps_end_runs else None)
    return kept


def _at_time(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:
    times = numbers(sequence, "time_s").to_numpy()
    if np.isnan(times).all():
        raise DataError(
            f"database '{database}': at-time needs clips, or frames with time_s; sequence "
            f"'{sequence['sequence'].iloc[0]}' has neither; choose another frames.rule"
        )
    past = np.flatnonzero(times <= selection.seconds + _TOLERANCE_S)
    kept = np.zeros(len(sequence), dtype=bool)
    if past.size:
        kept[past[np.argmax(times[past])]] = True
    return kept


def _stride(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:  # noqa: ARG001
    return np.arange(len(sequence)) % selection.step == 0


def _last(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:  # noqa: ARG001
    return np.arange(len(sequence)) >= len(sequence) - selection.count


def _peak(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:
    if selection.by not in sequence:
        raise DataError(
            f"database '{database}': peak needs the column '{selection.by}' (frames.by); columns are "
            f"{', '.join(map(str, sequence.columns))}"
        )
    strength = numbers(sequence, selection.by).to_numpy()
    usable = (column(sequence, "reason") == "").to_numpy(dtype=bool) & ~np.isnan(strength)
    # Of equally strong frames the earlier one is the onset: it goes first.
    order = np.argsort(np.where(usable, -strength, np.inf), kind="stable")
    kept = np.zeros(len(sequence), dtype=bool)
    kept[order[: selection.count]] = True
    return kept & usable


# rule -> the frames that it keeps of one sequence in its order, and what it says of the others
_RULES: dict[str, tuple[Callable[[pd.DataFrame, FrameSelection, str], NDArray[np.bool_]], str]] = {
    "collapse-runs": (_runs, "in a run of more than {longest} frames with the same PSPI"),
    "cut-runs": (_runs, "behind the first {longest} frames of a run with the same PSPI"),
    "at-time": (_at_time, "not the frame at {seconds:g} s"),
    "stride": (_stride, "not every frame number {step} of the sequence"),
    "last-k": (_last, "not among the last {count} frames of the sequence"),
    "peak": (_peak, "not among the {count} strongest frames of the sequence ({by})"),
}


def _frames_of(clip: dict[Any, Any], selection: FrameSelection, *, root: Path, separator: str) -> list[dict[Any, Any]]:
    """Rows of the frames that the rule takes from one clip, or its row with a reason."""
    try:
        with Clip(inside(root, clip["path"])) as video:
            facts, times = video.facts(), video.times
            seconds = clip["time_s"]
            if selection.rule == "at-time" and np.isnan(seconds):
                seconds = selection.seconds
            wanted = range(facts.frames) if np.isnan(seconds) else [video.index_at(seconds)]
    except DataError as error:
        return [clip | {"reason": reason_of(error, root)}]
    if None in wanted:
        return [clip | {"reason": f"the clip lasts {facts.seconds:.2f} s, no frame at {seconds:g} s"}]
    return [
        clip
        | {
            "frame_id": f"{clip['frame_id']}{separator}{index}",
            "frame_index": index,
            "time_s": float(times[index]),
        }
        for index in wanted
        if index is not None
    ]
