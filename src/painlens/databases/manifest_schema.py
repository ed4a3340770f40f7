"""What a manifest holds: its columns, their kinds and the range of their numbers."""

import math
import re

from painlens.tables import Column, Schema

_UNIT = re.compile(r"au\d{2}")

SCHEMA = Schema(
    "manifest",
    "one image, one frame of a video, or one whole clip",
    ("path", "frame_index"),
    {
        "path": Column("text", "image or video, relative to the folder of the table"),
        "participant": Column("text", "the person"),
        "label": Column("text", "the class; or any columns that the study's label rule uses", required=False),
        "frame_index": Column("integer", "number of the frame in its video, from 0", required=False),
        "time_s": Column("real", "seconds from the start of the video; instead of frame_index", required=False),
        "sequence": Column("text", "recording that the frame comes from; default: its path", required=False),
        "part": Column("text", "the owner's part: train, validation (val, dev) or test", required=False),
        "pspi": Column("real", "Prkachin-Solomon pain intensity, 0..16", required=False),
        "au04": Column("real", "and other action units as auNN: intensity 0..5", required=False),
        "vas": Column("real", "self-report on a visual analogue scale, 0..10", required=False),
        "opr": Column("real", "pain rated by an observer, 0..5", required=False),
        "intensity": Column("real", "of the stimulus or of the expression, any scale from 0", required=False),
        "valence": Column("real", "-1..1", required=False),
        "arousal": Column("real", "-1..1", required=False),
        "box_x": Column("real", "face box: left edge in pixels; may be negative", required=False),
        "box_y": Column("real", "face box: upper edge in pixels; may be negative", required=False),
        "box_w": Column("real", "face box: width in pixels", required=False),
        "box_h": Column("real", "face box: height in pixels", required=False),
        "landmarks_path": Column("text", "file of 66 or 68 lines 'x y', relative to the root", required=False),
        "owner_landmarks": Column("text", "136 numbers x;y;x;y ... instead of a file", required=False),
        "consent": Column("text", "agreed to publication: true, false or unknown", required=False),
        "non_reactive": Column("flag", "for frames.exclude: non-reactive", required=False),
        "sex": Column("text", "f, m (female, male, w are understood)", required=False),
        "age": Column("real", "years, 0..120", required=False),
        "licence": Column("text", "carried along, as are all other columns", required=False),
    },
)

# column -> the name that other tools give it
OTHER_NAMES = {"path": "file_name", "participant": "subject", "part": "split", "label": "label_name"}

# Columns of numbers with their range; action units (auNN) go from 0 to 5.
RANGES: dict[str, tuple[float, float]] = {
    "frame_index": (0, math.inf),
    "time_s": (0, math.inf),
    "pspi": (0, 16),
    "vas": (0, 10),
    "opr": (0, 5),
    "intensity": (0, math.inf),
    "valence": (-1, 1),
    "arousal": (-1, 1),
    "age": (0, 120),
    "box_x": (-math.inf, math.inf),
    "box_y": (-math.inf, math.inf),
    "box_w": (0, math.inf),
    "box_h": (0, math.inf),
}
NOT_APPLICABLE = {"valence": -2.0, "arousal": -2.0}  # AffectNet's word for a missing value
WHOLE = frozenset({"frame_index"})


def is_action_unit(name: str) -> bool:
    """Whether a column is an action unit, ``au04`` to ``au99``."""
    return _UNIT.fullmatch(name) is not None
