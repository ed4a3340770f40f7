"""Features of n faces become their n x n inner products, without changing any linear SVM that is fitted on them.

A linear model that is trained through inner products (hinge or squared hinge loss in the dual, ridge, logistic with
L2) sees n x d features only through the Gram matrix ``X X'``. With d = 25,088 values per face and n of some hundred,
one product per network serves all folds, repeats, concepts and random concepts.

Centring belongs to the *training* rows of a fold (`centred_on`). Centring on all rows with a regularised intercept is
wrong: the test mean is then minus the training mean, and with n much smaller than d the whole test half is pushed to
the other side of the plane.
"""

import numpy as np
from jaxtyping import Float, Float64, Int

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
