"""Faces for a figure, chosen by a rule and not by eye."""

import numpy as np
import pandas as pd

from painlens.consent import Purpose, permitted
from painlens.tables import PREDICTIONS, SHARES, conform

FACE = ["database", "frame_id"]
OUTSIDE = "outside"


def pick_faces(
    shares: pd.DataFrame,
    predictions: pd.DataFrame,
    faces: pd.DataFrame,
    *,
    models: tuple[str, str],
    replicate: str,
    normalisation: str,
    per_database: int,
    consent: Purpose,
) -> pd.DataFrame:
    """Faces that show where two models differ most, like the paper's Figure 1; the same every time.

    Of each database, among the faces that both networks classify correctly and that may be shown: for each participant
    the face with the strongest difference of relevance in one facial region, and of these the strongest. Ties go to the
    smaller frame id. Such faces illustrate a difference, they are no evidence for one.

    Parameters
    ----------
    shares, predictions
        Rows of SHARES and PREDICTIONS, those of `replicate` of both models among them.
    faces
        Columns database, frame_id, participant, consent_display, consent_publish ("true", "false" or "unknown").
    models
        Model A and model B; a positive difference favours A.
    normalisation
        Of the shares that are compared: raw, max or sum-abs.
    per_database
        Largest number of faces of each database.
    consent
        "display" (shown to the lab) or "publish" (shown outside it). Unknown counts as no.

    Returns
    -------
    Columns database, frame_id, participant, label, region, favours, difference; empty where no face qualifies.
    """
    shown = faces.loc[permitted(faces, consent), FACE]
    strongest = _strongest_region(conform(shares, SHARES), models, replicate, normalisation)
    right = _right_by_both(conform(predictions, PREDICTIONS), models, replicate)
    found = strongest.merge(right, on=FACE).merge(shown, on=FACE)
    found = found.assign(strength=found["difference"].abs())
    found = found.sort_values(["database", "strength", "frame_id"], ascending=[True, False, True])
    found = found.drop_duplicates(["database", "participant"]).groupby("database").head(per_database)
    columns = [*FACE, "participant", "label", "region", "favours", "difference"]
    return found[columns].reset_index(drop=True)


def _strongest_region(
    shares: pd.DataFrame, models: tuple[str, str], replicate: str, normalisation: str
) -> pd.DataFrame:
    """For every face the facial region in which the two networks differ most."""
    own = shares[(shares["replicate"] == replicate) & (shares["region"] != OUTSIDE)]
    about = [*FACE, "participant", "label", "region"]
    a, b = (own.loc[own["model"] == model].set_index(about)[normalisation] for model in models)
    found = (a - b).dropna().rename("difference").reset_index()
    order = found["difference"].abs().sort_values(ascending=False, kind="stable").index
    found = found.loc[order].drop_duplicates(FACE)
    return found.assign(favours=np.where(found["difference"] > 0, *models))


def _right_by_both(predictions: pd.DataFrame, models: tuple[str, str], replicate: str) -> pd.DataFrame:
    """Faces that the networks of both models classify correctly."""
    own = predictions[(predictions["replicate"] == replicate) & predictions["model"].isin(models)]
    right = own[own["predicted"] == own["label"]]
    return right.groupby(FACE)["model"].nunique().loc[lambda n: n == len(set(models))].reset_index()[FACE]
