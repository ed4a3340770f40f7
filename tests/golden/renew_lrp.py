"""Write lrp_small_network.npz anew from the float64 reference, and print how far the new numbers are from the old.

Usage: python tests/golden/renew_lrp.py
"""

import json
import sys
from pathlib import Path

import numpy as np
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from lrp_reference import explain  # noqa: E402 - the tests are no package
from test_attributions_golden import OWN, network_of  # noqa: E402

CONFIG = {"size": 8, "features": [4, "M", 5], "dense": [6, 2], "seed": 41}


def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random float32 weights under the names of a `torch.nn.Sequential`."""
    shapes = {"0": (4, 3, 3, 3), "3": (5, 4, 3, 3), "6": (6, 80), "8": (2, 6)}
    out = {}
    for name, shape in shapes.items():
        scale = (2 / np.prod(shape[1:])) ** 0.5
        out[f"w.{name}.weight"] = rng.normal(0, scale, shape).astype("f4")
        out[f"w.{name}.bias"] = rng.normal(0, 0.1, shape[0]).astype("f4")
    return out


def golden() -> dict[str, np.ndarray]:
    """Three images, half of their values negative; the second explains the other logit."""
    rng = np.random.default_rng(CONFIG["seed"])
    data = {"config": np.array(json.dumps(CONFIG)), **weights(rng)}
    data["input"] = rng.normal(0, 1, (3, 3, 8, 8)).astype("f4")
    data["target"] = np.array([1, 0, 1])
    network: nn.Sequential = network_of(data)
    found = [explain(network, image, int(t)) for image, t in zip(data["input"], data["target"], strict=True)]
    assert min(one.margin for one in found) > 1e-4, "a pool is nearly tied: float32 could pick another winner"
    data["relevance"] = np.stack([one.relevance for one in found])
    data["logits"] = np.stack([one.logits for one in found])
    return data


def main() -> None:
    """Compare, then write."""
    new = golden()
    if OWN.exists():
        with np.load(OWN) as old:
            for name in ("input", "logits", "relevance"):
                change = float(np.abs(new[name] - old[name]).max()) if new[name].shape == old[name].shape else np.inf
                print(f"{name}: largest change {change:.2e}")
    np.savez_compressed(OWN, allow_pickle=False, **new)
    print(f"wrote {OWN.name}, {OWN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
