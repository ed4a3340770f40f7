"""Features of n faces become their n x n inner products, without changing any linear SVM that is fitted on them.

A linear model that is trained through inner products (hinge or squared hinge loss in the dual, ridge, logistic with
L2) sees n x d features only through the Gram matrix ``X X'``. With d = 25,088 values per face and n of some hundred,
one product per network serves all folds, repeats, concepts and random concepts.

Centring belongs to the *training* rows of a fold (`centred_on`). Centring on all rows with a regularised intercept is
wrong: the test mean is then minus the training mean, and with n much smaller than d the whole test half is pushed to
the other side of the plane.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from painlens.tables import DataError


def gram_matrix(features: Float[np.ndarray, "face ..."]) -> Float64[np.ndarray, "face face"]:
    """Inner products of all pairs of faces: a float32 product, returned as float64.

    The float32 product is precise enough (relative error about 4e-7) and twice as fast as a float64 one.

    Parameters
    ----------
    features
        One row per face, any further axes, any floating dtype.

    Raises
    ------
    DataError
        A feature is NaN or infinite, or the squares leave the range of float32.

    Examples
    --------
    >>> gram_matrix(np.array([[1.0, 2.0], [0.0, 3.0]])).tolist()
    [[5.0, 6.0], [6.0, 9.0]]
    """
    rows = np.ascontiguousarray(features.reshape(len(features), -1), dtype=np.float32)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise DataError(
            f"features must be finite, got NaN or infinity in {int((~finite).sum())} of {len(rows)} faces (first: row "
            f"{int(np.argmin(finite))}); the network's training has diverged: lower training.learning_rate and train "
            "again"
        )
    with np.errstate(over="ignore"):
        gram = (rows @ rows.T).astype(np.float64)
    if not np.isfinite(gram).all():
        raise DataError(
            f"features are too large for inner products (largest absolute value {np.abs(rows).max():.3g}); the "
            "network's training has diverged: lower training.learning_rate and train again"
        )
    return gram


def feature_norm(gram: Float64[np.ndarray, "face face"]) -> float:
    """Root mean square norm of the feature rows; C of an SVM has no meaning without it.

    Examples
    --------
    >>> feature_norm(np.array([[9.0, 0.0], [0.0, 41.0]]))
    5.0
    """
    return float(np.sqrt(np.mean(np.diag(gram))))


def with_intercept(gram: Float64[np.ndarray, "face face"], *, scaling: float = 1.0) -> Float64[np.ndarray, "face face"]:
    """Gram matrix of features that carry one more constant column: the regularised intercept of LIBLINEAR.

    Examples
    --------
    >>> with_intercept(np.eye(2)).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    return gram + scaling**2


def centred_on(
    gram: Float64[np.ndarray, "face face"], train: Int[np.ndarray, " train_face"]
) -> Float64[np.ndarray, "face face"]:
    """Gram matrix after the mean of the training rows, and of them only, was subtracted from every row."""
    mean_product = gram[:, train].mean(axis=1)
    return gram - mean_product[:, None] - mean_product[None, :] + mean_product[train].mean()


@dataclass(frozen=True)
class FoldGeometry:
    """Inner products of each fit: factor (gram[i, j] - shift[i] - shift[j]) + intercept.

    Centring on the training faces and scaling by one number are of this form, so no fit needs a matrix of its own.

    Attributes
    ----------
    shift
        float64 (fit, face), or (1, face) for all fits alike. Fits are numbered 2 x repeat + fold.
    factor
        float64 (fit,).
    intercept
        Inner product of the constant column: 1 for LIBLINEAR's, 0 where `gram` holds it already.
    """

    shift: Float64[np.ndarray, "fit face"]
    factor: Float64[np.ndarray, " fit"]
    intercept: float

    @classmethod
    def plain(cls, shape: tuple[int, ...], *, fits: int | None = None) -> "FoldGeometry":
        """The matrix as it is, for halves of the shape (repeat, face)."""
        return cls(np.zeros((1, shape[1])), np.ones(2 * shape[0] if fits is None else fits), 0.0)

    @property
    def is_plain(self) -> bool:
        """Whether all fits share the matrix as it is."""
        return self.intercept == 0.0 and not self.shift.any() and bool((self.factor == 1.0).all())

    def of_fits(self, fits: slice | Int[np.ndarray, " fit"]) -> "FoldGeometry":
        """The geometry of some of the fits."""
        shift = self.shift if len(self.shift) == 1 else self.shift[fits]
        return FoldGeometry(shift, self.factor[fits], self.intercept)

    def gram_of(self, gram: Float64[np.ndarray, "face face"], fit: int) -> Float64[np.ndarray, "face face"]:
        """Inner products of one fit."""
        shift = self.shift[fit % len(self.shift)]
        return self.factor[fit] * (gram - shift[:, None] - shift[None, :]) + self.intercept

    def decisions(
        self, gram: Float64[np.ndarray, "face face"], coefficients: Float64[np.ndarray, "fit face"]
    ) -> Float64[np.ndarray, "fit face"]:
        """Decisions of all fits for all faces: one product instead of one per fit."""
        total = coefficients.sum(axis=1, keepdims=True)
        moved = (coefficients * self.shift).sum(axis=1, keepdims=True)
        inner = coefficients @ gram - self.shift * total - moved
        return self.factor[:, None] * inner + self.intercept * total


def in_fold(
    gram: Float64[np.ndarray, "face face"],
    first_half: Bool[np.ndarray, "repeat face"],
    *,
    centre: bool,
    scale: bool,
    intercept: float = 1.0,
) -> FoldGeometry:
    """Centring and scaling that each fold learns from its training faces alone.

    Parameters
    ----------
    gram
        Inner products without intercept.
    first_half
        As in `painlens.concept_test.svm.out_of_fold`.
    centre
        Subtract the mean of the training faces from all faces.
    scale
        Divide all features by one number, so that the training faces have root mean square norm 1 (after centring).
    """
    train = np.stack([first_half, ~first_half], axis=1).reshape(-1, len(gram)).astype(np.float64)
    train /= np.maximum(train.sum(axis=1, keepdims=True), 1.0)
    shift = np.zeros_like(train)
    if centre:
        mean_product = train @ gram
        shift = mean_product - (mean_product * train).sum(axis=1, keepdims=True) / 2
    factor = np.ones(len(train))
    if scale:
        squares = ((np.diag(gram) - 2 * shift) * train).sum(axis=1)
        factor = np.divide(1.0, squares, out=np.ones_like(squares), where=squares > 0)
    return FoldGeometry(shift, factor, intercept)


def unit_rows(gram: Float64[np.ndarray, "face face"]) -> Float64[np.ndarray, "face face"]:
    """Inner products after every face's features were divided by their norm; a face without any feature stays zero.

    Examples
    --------
    >>> unit_rows(np.array([[4.0, 3.0], [3.0, 9.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    norm = np.sqrt(np.diag(gram))
    norm = np.where(norm > 0, norm, 1.0)
    return gram / np.outer(norm, norm)


def identical_faces(gram: Float64[np.ndarray, "face face"]) -> int:
    """Faces whose features equal those of an earlier face: copies of one image, or a network without any signal.

    Equal but for the rounding of a float32 product.

    Examples
    --------
    >>> identical_faces(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]))
    1
    """
    square = np.diag(gram)
    largest = np.maximum(square[:, None], square[None, :])
    equal = square[:, None] + square[None, :] - 2 * gram <= 2e-6 * largest
    return int(np.triu(equal, k=1).any(axis=0).sum())


def gram_of_parts(parts: Iterable[Float[np.ndarray, "face feature"]]) -> Float64[np.ndarray, "face face"]:
    """Gram matrix of features that come in groups of columns: their sum; one group at a time is in memory."""
    total: Float64[np.ndarray, "face face"] | None = None
    for part in parts:
        own = gram_matrix(part)
        total = own if total is None else total + own
    if total is None:
        raise DataError("features need at least one group of columns, got none")
    return total


def rows_with_gram(gram: Float64[np.ndarray, "face face"]) -> Float64[np.ndarray, "face axis"]:
    """As many points as faces, in as many dimensions, that have these inner products.

    A linear model decides the same on these rows as on the raw features; with them any estimator of scikit-learn can
    stand in for the solver of this package. Identical faces make the matrix singular; then eigenvectors serve, with
    negative rounding errors set to zero.
    """
    try:
        return np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        eigenvalues, eigenvectors = np.linalg.eigh(gram)
        return eigenvectors * np.sqrt(np.maximum(eigenvalues, 0.0))


def positive_part(gram: Float64[np.ndarray, "face face"]) -> Float64[np.ndarray, "face face"]:
    """The nearest matrix without negative eigenvalues, which only rounding can have brought in.

    Solvers that rely on a convex problem need it where the features of the faces span fewer dimensions than faces.
    """
    eigenvalues, eigenvectors = np.linalg.eigh(gram)
    rows = eigenvectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    return rows @ rows.T
