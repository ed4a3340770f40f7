"""Which triangle each pixel shows: z-buffer rasteriser and vertex normals, compiled by numba, one core."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

FAR = 1e30  # depth of a pixel that nothing covers


class Visible(NamedTuple):
    """Triangle number (-1: none), depth and two barycentric weights of each pixel; the third is one minus these."""

    shown: Int[np.ndarray, "height width"]
    depth: Float[np.ndarray, "height width"]
    weight_a: Float[np.ndarray, "height width"]
    weight_b: Float[np.ndarray, "height width"]


@njit(cache=True, fastmath=True)
def vertex_normals(
    vertices: Float[np.ndarray, "vertex 3"], triangles: Int[np.ndarray, "triangle 3"]
) -> Float[np.ndarray, "vertex 3"]:
    """Area-weighted unit normals of the vertices."""
    normals = np.zeros_like(vertices)
    for triangle in range(triangles.shape[0]):
        a, b, c = triangles[triangle, 0], triangles[triangle, 1], triangles[triangle, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for vertex in range(normals.shape[0]):
        length = (normals[vertex, 0] ** 2 + normals[vertex, 1] ** 2 + normals[vertex, 2] ** 2) ** 0.5 + 1e-12
        for axis in range(3):
            normals[vertex, axis] /= length
    return normals


@njit(cache=True, fastmath=True)
def rasterise(
    screen: Float[np.ndarray, "vertex 3"],
    triangles: Int[np.ndarray, "triangle 3"],
    two_sided: Bool[np.ndarray, " triangle"],
    height: int,
    width: int,
) -> Visible:
    """What each pixel shows.

    `screen` holds x and y in pixels and a depth, the smaller the nearer. Triangles that show their back are left out
    unless they are two-sided.
    """
    shown = np.full((height, width), -1, np.int32)
    depth = np.full((height, width), np.float32(FAR), np.float32)
    weight_a = np.zeros((height, width), np.float32)
    weight_b = np.zeros((height, width), np.float32)
    zero, half = np.float32(0), np.float32(0.5)
    for triangle in range(triangles.shape[0]):
        a, b, c = triangles[triangle, 0], triangles[triangle, 1], triangles[triangle, 2]
        xa, ya, xb, yb, xc, yc = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        # Triangles run counter-clockwise seen from outside; the y axis of the screen points down.
        if abs(area) < 1e-9 or (area > 0 and not two_sided[triangle]):
            continue
        left, right = max(0, int(np.ceil(min(xa, xb, xc) - half))), min(width - 1, int(max(xa, xb, xc) - half))
        top, bottom = max(0, int(np.ceil(min(ya, yb, yc) - half))), min(height - 1, int(max(ya, yb, yc) - half))
        if left > right or top > bottom:
            continue
        inverse = np.float32(1) / area
        step_a, step_b = (yb - yc) * inverse, (yc - ya) * inverse
        za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
        for row in range(top, bottom + 1):
            y, x = np.float32(row) + half, np.float32(left) + half
            wa = ((xb - x) * (yc - y) - (xc - x) * (yb - y)) * inverse
            wb = ((xc - x) * (ya - y) - (xa - x) * (yc - y)) * inverse
            for column in range(left, right + 1):
                wc = np.float32(1) - wa - wb
                if wa >= zero and wb >= zero and wc >= zero:
                    z = wa * za + wb * zb + wc * zc
                    if z < depth[row, column]:
                        depth[row, column] = z
                        shown[row, column] = triangle
                        weight_a[row, column] = wa
                        weight_b[row, column] = wb
                wa += step_a
                wb += step_b
    return Visible(shown, depth, weight_a, weight_b)


@njit(cache=True, fastmath=True)
def blend_cards(
    screen: Float[np.ndarray, "vertex 3"],
    triangles: Int[np.ndarray, "triangle 3"],
    depth: Float[np.ndarray, "height width"],
    colour: Float[np.ndarray, " 3"],
    opacity: float,
    image: Float[np.ndarray, "height width 3"],
) -> None:
    """Blend half-transparent triangles (eyelashes) over the finished image, in place."""
    height, width = depth.shape
    for triangle in range(triangles.shape[0]):
        a, b, c = triangles[triangle, 0], triangles[triangle, 1], triangles[triangle, 2]
        xa, ya, xb, yb, xc, yc = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if abs(area) < 1e-9:
            continue
        inverse = 1 / area
        for row in range(max(0, int(min(ya, yb, yc))), min(height, int(max(ya, yb, yc)) + 2)):
            for column in range(max(0, int(min(xa, xb, xc))), min(width, int(max(xa, xb, xc)) + 2)):
                x, y = column + 0.5, row + 0.5
                wa = ((xb - x) * (yc - y) - (xc - x) * (yb - y)) * inverse
                wb = ((xc - x) * (ya - y) - (xa - x) * (yc - y)) * inverse
                wc = 1 - wa - wb
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                if wa * screen[a, 2] + wb * screen[b, 2] + wc * screen[c, 2] < depth[row, column] + 0.01:
                    for channel in range(3):
                        image[row, column, channel] += (colour[channel] - image[row, column, channel]) * opacity
