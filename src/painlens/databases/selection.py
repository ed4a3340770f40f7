"""Which frames of a database take part: frames of clips by time, runs of equal PSPI, every n-th frame."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from painlens.databases.columns import column, numbers, words
from painlens.databases.pictures import Clip, ClipFacts, inside, is_clip
from painlens.databases.reasons import reason_of
from painlens.progress import Progress, silent
from painlens.study import FrameSelection
from painlens.tables import DataError

# A clip of 25 frames per second whose rate is stored as 24.99999 must not lose the frame at 4 s.
_FRAME_TOLERANCE = 1e-3


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
    begins = np.ones(values.size, dtype=bool)
    begins[1:] = values[1:] != values[:-1]  # NaN differs from everything
    if numbers is not None:
        begins[1:] |= np.diff(np.asarray(numbers, dtype=np.int64)) != 1
    run = np.cumsum(begins) - 1
    short = np.bincount(run)[run] <= longest
    return (short | begins) & ~np.isnan(values)


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
    rule = {"collapse-runs": _collapse_runs, "at-time": _at_time, "stride": _stride}[selection.rule]
    # Frames without a number are not part of any sequence; they have a reason already.
    order = frames.loc[frames["frame_index"].notna()].sort_values(by=["sequence", "frame_index"], kind="stable")
    keep = pd.Series(False, index=frames.index)
    for _, sequence in order.groupby(["participant", "sequence"], sort=False):
        keep[sequence.index] = rule(sequence, selection, database)
    why = {
        "collapse-runs": f"in a run of more than {selection.longest} frames with the same PSPI",
        "at-time": f"not the frame at {selection.seconds:g} s",
        "stride": f"not every frame number {selection.step} of the sequence",
    }[selection.rule]
    return frames.assign(reason=frames["reason"].mask(~keep & (frames["reason"] == ""), why))


def _collapse_runs(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:
    if "pspi" not in sequence:
        raise DataError(f"database '{database}': collapse-runs needs the column pspi; choose another frames.rule")
    # Of a frame without a picture only the label exists: it leaves a gap.
    absent = np.isin(column(sequence, "reason").to_numpy(dtype=str), ["picture is missing", "listed twice"])
    index = column(sequence, "frame_index").to_numpy(dtype=np.int64)[~absent]
    pspi = numbers(sequence, "pspi").to_numpy()[~absent]
    kept = np.zeros(len(sequence), dtype=bool)
    kept[~absent] = first_of_long_runs(
        pspi, longest=selection.longest, numbers=index if selection.gaps_end_runs else None
    )
    return kept


def _at_time(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:
    times = numbers(sequence, "time_s").to_numpy()
    if np.isnan(times).all():
        raise DataError(
            f"database '{database}': at-time needs clips, or frames with time_s; sequence "
            f"'{sequence['sequence'].iloc[0]}' has neither; choose another frames.rule"
        )
    past = np.flatnonzero(times <= selection.seconds + _FRAME_TOLERANCE)
    kept = np.zeros(len(sequence), dtype=bool)
    if past.size:
        kept[past[np.argmax(times[past])]] = True
    return kept


def _stride(sequence: pd.DataFrame, selection: FrameSelection, database: str) -> NDArray[np.bool_]:  # noqa: ARG001
    return np.arange(len(sequence)) % selection.step == 0


def _frames_of(clip: dict[Any, Any], selection: FrameSelection, *, root: Path, separator: str) -> list[dict[Any, Any]]:
    """Rows of the frames that the rule takes from one clip, or its row with a reason."""
    try:
        with Clip(inside(root, clip["path"])) as video:
            facts = video.facts()
    except DataError as error:
        return [clip | {"reason": reason_of(error, root)}]
    seconds = clip["time_s"]
    if selection.rule == "at-time" and np.isnan(seconds):
        seconds = selection.seconds
    if np.isnan(seconds):
        return [_frame(clip, index, facts, separator) for index in range(facts.frames)]
    index = int(np.floor(seconds * facts.fps + _FRAME_TOLERANCE))
    if index >= facts.frames:
        return [clip | {"reason": f"the clip lasts {facts.seconds:.2f} s, no frame at {seconds:g} s"}]
    return [_frame(clip, index, facts, separator)]


def _frame(clip: dict[Any, Any], index: int, facts: ClipFacts, separator: str) -> dict[Any, Any]:
    return clip | {
        "frame_id": f"{clip['frame_id']}{separator}{index}",
        "frame_index": index,
        "time_s": index / facts.fps,
    }
