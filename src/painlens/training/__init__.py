"""Faces, a network and a seed become a model."""

from painlens.training.augmentation import Draws, augment, draw, sampling_matrices
from painlens.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from painlens.training.curves import plot_curves
from painlens.training.faces import LabelledFaces, class_indices
from painlens.training.fit import Fitted, fit
from painlens.training.losses import class_balanced_weights, class_weights, focal_loss

__all__ = [
    "Checkpoint",
    "Draws",
    "Fitted",
    "LabelledFaces",
    "augment",
    "class_balanced_weights",
    "class_indices",
    "class_weights",
    "draw",
    "fit",
    "focal_loss",
    "load_checkpoint",
    "plot_curves",
    "sampling_matrices",
    "save_checkpoint",
]
