"""Single rendered faces with their landmarks, for tests of detectors and meshes."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from painlens.synthetic.actions import expression_row
from painlens.synthetic.expression import Expression
from painlens.synthetic.identity import draw_identity
from painlens.synthetic.recording import CLINIC, draw_recording
from painlens.synthetic.render import Motion, develop, landmarks, take
from painlens.synthetic.streams import Streams

OPEN, SHUT, TEETH = (), ((43, 5.0),), ((25, 5.0), (20, 3.5), (26, 2.6))


@cache
def rendered(
    person: int, actions: tuple[tuple[int, float], ...] = OPEN, *, yaw_deg: float = 0.0, roll_deg: float = 0.0,
    size: int = 160,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:  # fmt: skip
    """A picture, uint8 RGB, and its landmarks (68, 2); angles replace the resting pose."""
    streams = Streams(11, "faces").at(person)
    identity, recording = draw_identity(streams), draw_recording(streams, CLINIC, size)
    rest_yaw, _, rest_roll = recording.pose
    motion = Motion(yaw=float(np.radians(yaw_deg)) - rest_yaw, roll=float(np.radians(roll_deg)) - rest_roll)
    shot = take(identity, recording, Expression(expression_row(dict(actions))), motion)
    return np.asarray(develop(shot, streams)), np.asarray(landmarks(shot), np.float64) - 0.5
