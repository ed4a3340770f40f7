"""Camera, light, background and sensor of one recording, in the style of its database."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from painlens.synthetic.streams import Streams

SUPERSAMPLING = 1.5  # rendered pixels per pixel and axis


@dataclass(frozen=True)
class Style:
    """Ranges from which the recordings of one kind of database are drawn (low, high).

    `shapes` is the number of blurred things in the background; angles are standard deviations in radians.
    """

    key_light: tuple[float, float]
    fill_light: tuple[float, float]
    ambient: tuple[float, float]
    key_azimuth_deg: tuple[float, float]
    shapes: tuple[int, int]
    background_colour: tuple[float, float]
    yaw: float
    pitch: float
    noise: tuple[float, float]
    blur: tuple[float, float]


CLINIC = Style(
    key_light=(0.55, 0.75), fill_light=(0.15, 0.35), ambient=(0.28, 0.42), key_azimuth_deg=(-50, 50), shapes=(1, 6),
    background_colour=(0.2, 0.7), yaw=0.13, pitch=0.07, noise=(0.008, 0.022), blur=(0.3, 0.7),
)  # fmt: skip
LABORATORY = Style(
    key_light=(0.55, 0.75), fill_light=(0.25, 0.45), ambient=(0.30, 0.45), key_azimuth_deg=(-40, 40), shapes=(0, 2),
    background_colour=(0.25, 0.6), yaw=0.10, pitch=0.06, noise=(0.005, 0.015), blur=(0.2, 0.6),
)  # fmt: skip
IN_THE_WILD = Style(
    key_light=(0.45, 0.85), fill_light=(0.10, 0.45), ambient=(0.22, 0.48), key_azimuth_deg=(-60, 60), shapes=(0, 8),
    background_colour=(0.1, 0.8), yaw=0.16, pitch=0.09, noise=(0.004, 0.022), blur=(0.2, 0.8),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording: what stays the same from frame to frame.

    Attributes
    ----------
    size
        Height and width of a frame in pixels.
    light_direction, light_colour, ambient
        Two lights and the light from everywhere.
    zoom, shift
        Size of the head and where it stands, as shares of the frame.
    pose
        Yaw, pitch and roll of the head at rest, in radians.
    background
        Linear RGB at the rendered size.
    noise, gamma, blur
        Sensor noise, tone curve and blur (in pixels).
    """

    size: int
    light_direction: Float[np.ndarray, "light 3"]
    light_colour: Float[np.ndarray, "light 3"]
    ambient: float
    zoom: float
    shift: tuple[float, float]
    pose: tuple[float, float, float]
    background: Float[np.ndarray, "side side 3"]
    noise: float
    gamma: float
    blur: float


def draw_recording(streams: Streams, style: Style, size: int) -> Recording:
    """A recording drawn from the streams of one sequence or image."""
    light, camera, sensor = streams.rng("light"), streams.rng("camera"), streams.rng("sensor")
    azimuth = np.radians(light.uniform(*style.key_azimuth_deg))
    elevation = np.radians(light.uniform(15, 55))
    opposite = -np.sign(azimuth) * np.radians(light.uniform(20, 70))
    low = np.radians(light.uniform(-5, 40))
    warmth = np.array([light.uniform(0.96, 1.08), 1.0, light.uniform(0.90, 1.04)])
    colours = [light.uniform(*style.key_light) * warmth, light.uniform(*style.fill_light) * np.ones(3)]
    return Recording(
        size=size,
        light_direction=np.array([_direction(azimuth, elevation), _direction(opposite, low)], np.float32),
        light_colour=np.array(colours, np.float32),
        ambient=float(light.uniform(*style.ambient)),
        zoom=float(camera.uniform(0.98, 1.12)),
        shift=(float(camera.normal(0, 0.018)), float(camera.normal(0, 0.015))),
        pose=(
            float(np.clip(camera.normal(0, style.yaw), -0.28, 0.28)),
            float(np.clip(camera.normal(0, style.pitch), -0.16, 0.16)),
            float(np.clip(camera.normal(0, 0.04), -0.1, 0.1)),
        ),
        background=_background(streams.rng("background"), style, rendered_size(size)),
        noise=float(sensor.uniform(*style.noise)),
        gamma=float(sensor.uniform(0.78, 0.95)),
        blur=float(sensor.uniform(*style.blur)),
    )


def rendered_size(size: int) -> int:
    """Height and width in which a frame is rendered before it is reduced to `size`."""
    return round(size * SUPERSAMPLING)


def _direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    """Unit vector towards a light."""
    return (
        float(np.sin(azimuth) * np.cos(elevation)),
        float(np.sin(elevation)),
        float(np.cos(azimuth) * np.cos(elevation)),
    )


def _background(rng: np.random.Generator, style: Style, side: int) -> Float[np.ndarray, "side side 3"]:
    """A blurred gradient with some blurred things in it."""
    first, second = (rng.uniform(*style.background_colour) + rng.normal(0, 0.05, 3) for _ in range(2))
    coarse = max(32, side // 3)  # it is blurred anyway
    grid = np.linspace(0, 1, coarse, dtype=np.float32)
    slope = grid[:, None] * rng.uniform(-1, 1) + grid[None] * rng.uniform(-1, 1)
    slope = (slope - slope.min()) / (np.ptp(slope) + 1e-6)
    image = (first + (second - first) * slope[..., None]).astype(np.float32)
    image = image * 0.35 + image.mean(2, keepdims=True) * 0.65
    for _ in range(rng.integers(style.shapes[0], style.shapes[1] + 1)):
        colour = tuple(float(value) for value in rng.uniform(0.1, 0.75) + rng.normal(0, 0.06, 3))
        corner = rng.integers(-coarse // 8, coarse, 2)
        extent = rng.integers(coarse // 10, coarse // 2, 2)
        first_corner, last_corner = (int(corner[0]), int(corner[1])), tuple(int(v) for v in corner + extent)
        cv2.rectangle(image, first_corner, last_corner, colour, -1)
    sigma = float(rng.uniform(0.02, 0.05)) * coarse
    blurred = np.clip(cv2.GaussianBlur(image, (0, 0), sigma), 0, 1)
    return cv2.resize(blurred, (side, side), interpolation=cv2.INTER_LINEAR)
