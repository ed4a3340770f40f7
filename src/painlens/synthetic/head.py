"""The head: one template mesh, its shape and expression targets, and what is painted on it.

Coordinates: x to the person's left, y up (eyes near 7.28, mouth near 6.61, hairline near 8.1), z forward; one unit is
about a decimetre. The asset's origin and licence stand in ``assets/NOTICE.md``.
"""

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.sparse import csr_array

from painlens.tables import DataError

ASSET_SHA256 = "af4da064844e72142db7a821cc2cbb956eb721795b604616471ccfcd78dfd7e2"
SKIN, EYE, TONGUE, TEETH, LASHES, HAIR, GLASSES = range(7)  # materials of triangles
EYE_CENTRE = np.array([0.0, 7.284, 1.0], np.float32)  # midpoint of the eyeballs, the same for every identity
NOISE_SIZE = 32  # edge of the cube of noise that skin and hair are mottled with


@dataclass(frozen=True, eq=False)
class Head:
    """The template head.

    Attributes
    ----------
    template
        Vertices of the template, (vertex, 3).
    triangles, material
        Opaque triangles and the material of each.
    lashes
        Half-transparent triangles of the eyelashes.
    vertex_material
        Material of each vertex.
    occlusion, lips, lids, cavity, ears
        Share of the sky that a vertex sees, and painted masks, all in [0, 1].
    eye_direction
        Unit vector from the centre of the eyeball, zero elsewhere.
    shapes
        Displacement of each shape target as a sparse matrix (3 * vertex, target); `shape_names` gives their order.
    expressions
        Displacement of each expression target as a sparse matrix (3 * vertex, target); `expression_names` gives their
        order.
    noise
        Periodic cube of smooth noise in [0, 1].
    """

    template: Float[np.ndarray, "vertex 3"]
    triangles: Int[np.ndarray, "triangle 3"]
    material: UInt8[np.ndarray, " triangle"]
    lashes: Int[np.ndarray, "lash 3"]
    vertex_material: UInt8[np.ndarray, " vertex"]
    occlusion: Float[np.ndarray, " vertex"]
    lips: Float[np.ndarray, " vertex"]
    lids: Float[np.ndarray, " vertex"]
    cavity: Float[np.ndarray, " vertex"]
    ears: Float[np.ndarray, " vertex"]
    eye_direction: Float[np.ndarray, "vertex 3"]
    shape_names: tuple[str, ...]
    shapes: csr_array
    expression_names: tuple[str, ...]
    expressions: csr_array
    noise: Float[np.ndarray, "noise noise noise"]

    @property
    def on_left_eye(self) -> Bool[np.ndarray, " vertex"]:
        """Vertices of the person's left eyeball."""
        return (self.vertex_material == EYE) & (self.template[:, 0] > 0)

    @property
    def on_right_eye(self) -> Bool[np.ndarray, " vertex"]:
        """Vertices of the person's right eyeball."""
        return (self.vertex_material == EYE) & (self.template[:, 0] < 0)

    def expression_index(self, name: str) -> int:
        """Row of an expression target, such as ``jawOpen``."""
        return self.expression_names.index(name)


def asset_bytes() -> bytes:
    """The bytes of ``head.npz`` as they were packaged."""
    return (resources.files("painlens.synthetic") / "assets" / "head.npz").read_bytes()


@functools.cache
def load_head() -> Head:
    """The head of the packaged asset, read once per process.

    Raises
    ------
    DataError
        The asset is not the published one.
    """
    raw = asset_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != ASSET_SHA256:
        raise DataError(f"head.npz must have the sha256 {ASSET_SHA256}, got {digest}; install painlens again")
    with resources.as_file(resources.files("painlens.synthetic") / "assets" / "head.npz") as path:
        data = dict(np.load(path, allow_pickle=False))
    names = [str(name) for name in data["names"]]
    flat = data["B"].astype(np.float32).reshape(len(names), -1)
    is_expression = np.array([name.startswith("fa:") for name in names])
    opaque = data["mat"] != LASHES
    return Head(
        template=data["V"],
        triangles=np.ascontiguousarray(data["T"][opaque]),
        material=np.ascontiguousarray(data["mat"][opaque]),
        lashes=np.ascontiguousarray(data["T"][~opaque]),
        vertex_material=data["vm"],
        occlusion=data["ao"],
        lips=data["lips"],
        lids=data["lid"],
        cavity=data["cav"],
        ears=_ear_mask(data["V"], data["ear"]),
        eye_direction=data["eyed"],
        shape_names=tuple(name for name in names if not name.startswith("fa:")),
        shapes=csr_array(flat[~is_expression].T),
        expression_names=tuple(name.removeprefix("fa:") for name in names if name.startswith("fa:")),
        expressions=csr_array(flat[is_expression].T),
        noise=_noise_cube(),
    )


def smoothstep(
    low: float | Float[np.ndarray, "*shape"],
    high: float | Float[np.ndarray, "*shape"],
    values: Float[np.ndarray, "*shape"] | float,
) -> Float[np.ndarray, "*shape"]:
    """Smooth step from 0 at `low` to 1 at `high` (or downwards where `low` is the larger).

    Examples
    --------
    >>> smoothstep(0.0, 1.0, np.array([-1.0, 0.5, 2.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    share = np.clip((np.asarray(values) - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _ear_mask(
    template: Float[np.ndarray, "vertex 3"], moved: Float[np.ndarray, " vertex"]
) -> Float[np.ndarray, " vertex"]:
    """Vertices of the ears themselves: the targets that scale the ears also move some of the temples and cheeks."""
    aside, up, ahead = np.abs(template[:, 0]), template[:, 1], template[:, 2]
    return moved * ((aside > 0.66) & (ahead < 0.62) & (up > 6.75) & (up < 7.55)).astype(np.float32)


def _noise_cube() -> Float[np.ndarray, "noise noise noise"]:
    """White noise in [0, 1]; the renderer interpolates it. A constant texture, hence the fixed seed."""
    return np.random.default_rng(20220606).random((NOISE_SIZE,) * 3, dtype=np.float32)
