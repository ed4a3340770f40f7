"""One frame: a person, a recording and an expression become an image, landmarks and a map of regions."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numba import njit

from painlens.synthetic.anatomy import load_anatomy, region_of_template
from painlens.synthetic.expression import Expression, deform, wrinkle_strengths
from painlens.synthetic.head import load_head, smoothstep
from painlens.synthetic.identity import Identity
from painlens.synthetic.materials import HAIRLINE, LIPS, Light, Painted, shade
from painlens.synthetic.rasteriser import blend_cards, rasterise, vertex_normals
from painlens.synthetic.recording import Recording, rendered_size
from painlens.synthetic.streams import Streams

CAMERA_DISTANCE = 11.0
FRAME_HEIGHT = 2.75  # units of the template that fit into a frame at zoom 1
CENTRE_HEIGHT = 7.2  # height on the template that comes to the middle of the frame
NECK = np.array([0.0, 6.5, 0.2], np.float32)  # the head turns about this point
LASH_COLOUR = np.array([0.05, 0.045, 0.045], np.float32)
TONES = 1023  # steps of the tone curve


@dataclass(frozen=True)
class Motion:
    """Movement of the head in one frame against the recording's resting pose.

    Yaw, pitch and roll in radians; shifts as shares of the frame.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    right: float = 0.0
    down: float = 0.0


@dataclass(frozen=True, eq=False)
class Shot:
    """The geometry of one frame: posed vertices, their screen positions (x, y, depth) at rendered size, wrinkles."""

    person: Identity
    recording: Recording
    vertices: Float[np.ndarray, "vertex 3"]
    screen: Float[np.ndarray, "vertex 3"]
    wrinkles: Float[np.ndarray, " wrinkle"]


def take(person: Identity, recording: Recording, expression: Expression, motion: Motion) -> Shot:
    """The geometry of one frame."""
    vertices = _turned(person, deform(person, expression), recording, motion)
    side = rendered_size(recording.size)
    scale = recording.zoom * side / FRAME_HEIGHT * CAMERA_DISTANCE / (CAMERA_DISTANCE - (vertices[:, 2] - 1.0))
    screen = np.empty_like(vertices)
    screen[:, 0] = side * (0.5 + recording.shift[0] + motion.right) + scale * vertices[:, 0]
    screen[:, 1] = side * (0.5 + recording.shift[1] + motion.down) - scale * (vertices[:, 1] - CENTRE_HEIGHT)
    screen[:, 2] = -vertices[:, 2]
    return Shot(person, recording, vertices, screen, wrinkle_strengths(person, expression))


def develop(shot: Shot, streams: Streams) -> UInt8[np.ndarray, "size size 3"]:
    """The image of a shot, RGB; the noise comes from the streams of this frame alone."""
    person, recording, head = shot.person, shot.recording, load_head()
    side = rendered_size(recording.size)
    visible = rasterise(shot.screen, person.triangles, person.two_sided, side, side)
    painted = Painted(
        person.triangles, person.material, person.features, vertex_normals(shot.vertices, person.triangles),
        person.surface, person.eye_direction, person.paint, shot.wrinkles, head.noise,
    )  # fmt: skip
    image = recording.background.copy()
    shade(visible, painted, Light(recording.light_direction, recording.light_colour, recording.ambient), image)
    blend_cards(shot.screen, head.lashes, visible.depth, LASH_COLOUR, 0.4, image)
    image = cv2.resize(image, (recording.size, recording.size), interpolation=cv2.INTER_AREA)
    if recording.blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), recording.blur)
    grain = streams.rng("grain").random((2, *image.shape), dtype=np.float32)
    return _expose(image, grain, recording.noise, _tone_curve(recording.gamma))


def landmarks(shot: Shot) -> Float[np.ndarray, "68 2"]:
    """Positions (x, y) of the 68 landmarks in pixels of the frame (pixel centres at .5)."""
    anatomy = load_anatomy()
    corners = shot.screen[anatomy.landmark_vertices, :2]
    points = (corners * anatomy.landmark_weights[..., None]).sum(1)
    return (points * shot.recording.size / rendered_size(shot.recording.size)).astype(np.float32)


def region_map(shot: Shot) -> UInt8[np.ndarray, "size size"]:
    """Index into `anatomy.REGIONS` of each pixel, exact from template positions."""
    person, size = shot.person, shot.recording.size
    screen = shot.screen * np.array([size / rendered_size(size)] * 2 + [1], np.float32)
    visible = rasterise(screen, person.triangles, person.two_sided, size, size)
    covered = visible.shown >= 0
    triangles = person.triangles[visible.shown[covered]]
    first, second = visible.weight_a[covered], visible.weight_b[covered]
    weights = np.stack([first, second, 1 - first - second], -1)
    surface = (person.surface[triangles] * weights[..., None]).sum(1)
    ears = np.zeros(len(person.surface), np.float32)
    ears[: len(load_head().ears)] = load_head().ears
    regions = np.zeros((size, size), np.uint8)
    regions[covered] = region_of_template(
        surface[:, :3],
        person.material[visible.shown[covered]],
        lips=surface[:, 6 + LIPS],
        ears=(ears[triangles] * weights).sum(1),
        hairline=surface[:, 6 + HAIRLINE],
    )
    return regions


def _turned(
    person: Identity, vertices: Float[np.ndarray, "vertex 3"], recording: Recording, motion: Motion
) -> Float[np.ndarray, "vertex 3"]:
    """Turn the head about the neck; the shoulders stay where they are."""
    yaw, pitch, roll = (
        base + moved for base, moved in zip(recording.pose, (motion.yaw, motion.pitch, motion.roll), strict=True)
    )
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    rotation = (
        np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    ).astype(np.float32)
    turned = (vertices - NECK) @ rotation.T + NECK
    share = smoothstep(5.95, 6.7, person.surface[:, 1])[:, None]
    return np.ascontiguousarray(vertices + (turned - vertices) * share, np.float32)


def _tone_curve(gamma: float) -> Float[np.ndarray, " tone"]:
    """Brightness in [0, 1] for `TONES` + 1 equal steps of linear light."""
    return (np.linspace(0, 1, TONES + 1, dtype=np.float32) ** np.float32(gamma)).astype(np.float32)


@njit(cache=True, fastmath=True)
def _expose(
    image: Float[np.ndarray, "size size 3"],
    grain: Float[np.ndarray, "2 size size 3"],
    noise: float,
    curve: Float[np.ndarray, " tone"],
) -> UInt8[np.ndarray, "size size 3"]:
    """Tone curve, brightness-dependent noise and rounding to 8 bits."""
    exposed = np.empty(image.shape, np.uint8)
    height, width, channels = image.shape
    spread = noise * 2.449  # the sum of two uniform numbers has the standard deviation 1 / sqrt(6)
    for row in range(height):
        for column in range(width):
            for channel in range(channels):
                linear = min(1.0, max(0.0, image[row, column, channel]))
                value = curve[int(linear * TONES + 0.5)]
                sample = grain[0, row, column, channel] + grain[1, row, column, channel] - 1
                value += sample * spread * (0.5 + value)
                exposed[row, column, channel] = np.uint8(min(255.0, max(0.0, value * 255 + 0.5)))
    return exposed
