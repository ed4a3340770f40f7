"""Tables about concepts: association, decodability, causes and verdicts."""

from painlens.tables.columns import CONCEPT, MODEL, NETWORK, PAIR
from painlens.tables.schema import Column, Schema

CAUSES = Schema(
    "causes",
    "the causal effect of one concept on one network, from counterfactual twins",
    ("model", "replicate", "concept", "database"),
    {
        **MODEL,
        "replicate": Column("text", "seed=0 ..."),
        **CONCEPT,
        "database": Column("text", "database that the twins were rendered for, or all"),
        "effect": Column("real", "mean change of the target class's probability when the concept appears"),
        "effect_score": Column("real", "mean change of its log-odds"),
        "pairs": Column("integer", "number of pairs"),
        "participants": Column("integer", "number of rendered persons"),
    },
)

ASSOCIATION = Schema(
    "association",
    "how far the answer of one network goes along with one concept",
    ("measure", "concept", "model", "replicate"),
    {
        "measure": Column("text", "auroc, regression, relevance:max ..."),
        **CONCEPT,
        **NETWORK,
        "value": Column("real", "the measure; .5 is no association for auroc"),
        "cells": Column("text", "label x database cells that were used"),
        "faces": Column("integer", "number of faces in them"),
        "participants": Column("integer", "number of participants in them"),
    },
)

CLASS_ASSOCIATION = Schema(
    "class_association",
    "how far one model's score of one class goes along with one concept; with three or more classes, exploratory",
    ("class", "concept", "model"),
    {
        "class": Column("text", "class whose log-odds against all others are the score"),
        **CONCEPT,
        "model": Column("text", "database that the networks were trained on"),
        "value": Column("real", "AUROC within label x database cells, mean over seeds; .5 is no association"),
        "low": Column("real", "lower end of the interval over test participants (bootstrap)"),
        "high": Column("real", "upper end"),
        "seeds": Column("integer", "networks"),
        "cells": Column("text", "label x database cells that were used"),
        "faces": Column("integer", "number of faces in them"),
        "participants": Column("integer", "number of participants in them"),
    },
)

DECODABILITY = Schema(
    "decodability",
    "how well a linear SVM finds one concept in the features of one network",
    ("concept", "model", "replicate", "folds"),
    {
        **CONCEPT,
        "model": Column("text", "database that the network was trained on; emotion or random for the floors"),
        "replicate": Column("text", "seed=0 ..."),
        "folds": Column("text", "images (the paper's) or participants"),
        "repeats": Column("integer", "number of 2-fold repeats"),
        "fold_f1": Column("real", "mean F1 over folds and repeats"),
        "pooled_f1": Column("real", "F1 of the pooled out-of-fold decisions, mean over repeats"),
        "auroc": Column("real", "mean over test folds"),
        "average_precision": Column("real", "mean over test folds", required=False),
        "always_positive_f1": Column("real", "F1 of answering yes always"),
        "random_concept_f1": Column("real", "mean pooled F1 of labels permuted within participants"),
        "random_concept_f1_95": Column("real", "their 95th percentile"),
        "undefined_folds": Column("integer", "folds without any positive answer or image"),
        "degenerate_fits": Column("integer", "fits that gave every held-out face the same answer", required=False),
        "redrawn_halves": Column("integer", "halves refused for too few faces with the concept", required=False),
        "cost": Column("real", "C of the SVM"),
        "feature_norm": Column("real", "root mean square norm of the feature rows"),
        "identical_faces": Column("integer", "faces whose features equal those of an earlier face", required=False),
        "layer": Column("text", "whose output was decoded", required=False),
        "faces": Column("integer", "number of labelled faces"),
        "positives": Column("integer", "number with the concept"),
        "participants": Column("integer", "number of participants"),
    },
)

REPLICATION = Schema(
    "replication",
    "the paper's paired test of one network against one network: a replication, not inference",
    ("concept", "model_a", "model_b", "replicate", "folds"),
    {
        **CONCEPT,
        **PAIR,
        "replicate": Column("text", "seed=0 ...: the networks of both models"),
        "folds": Column("text", "images (the paper's) or participants"),
        "f1_a": Column("real", "mean fold F1, model A"),
        "f1_b": Column("real", "mean fold F1, model B"),
        "difference": Column("real", "A minus B"),
        "repeats": Column("integer", "number of 2-fold repeats"),
        "t": Column("real", "naive paired t over the repeats; grows with their number"),
        "p": Column("real", "its p; not inferential"),
        "d": Column("real", "Cohen's d over the repeats"),
        "nadeau_bengio_t": Column("real", "corrected resampled t on fold differences"),
        "nadeau_bengio_p": Column("real", "its p"),
        "dietterich_t": Column("real", "5 x 2 t test (Dietterich 1998) on the first five repeats", required=False),
        "dietterich_p": Column("real", "its p", required=False),
        "alpaydin_f": Column("real", "5 x 2 F test (Alpaydin 1999) on the first five repeats", required=False),
        "alpaydin_p": Column("real", "its p", required=False),
        "undefined_repeats": Column("integer", "repeats left out because a fold was undefined"),
        "label": Column("text", "what this test is"),
    },
)

VERDICTS = Schema(
    "verdicts",
    "the difference of two models in one measure of one concept, under one claim",
    ("measure", "concept", "model_a", "model_b", "claim"),
    {
        "measure": Column("text", "auroc (headline), regression, relevance:max, decodability:participants, cause ..."),
        **CONCEPT,
        **PAIR,
        "claim": Column(
            "text", "networks, people, databases (decodability also fine-tunings): what the interval is about"
        ),
        "value_a": Column("real", "mean over seeds, model A"),
        "value_b": Column("real", "mean over seeds, model B"),
        "difference": Column("real", "A minus B"),
        "low": Column("real", "lower end of the interval; missing for the claim about networks"),
        "high": Column("real", "upper end"),
        "standard_error": Column("real", "of the difference"),
        "df": Column("real", "degrees of freedom (Satterthwaite)"),
        "p": Column("real", "two-sided"),
        "confidence": Column("real", "level of the interval, e.g. .95"),
        "seeds": Column("integer", "fine-tuning seeds per model"),
        "seeds_agreeing": Column("integer", "seeds whose own difference has the sign of the mean"),
        "half_splits": Column("integer", "splits into complementary halves per database"),
        "participants": Column("integer", "test participants"),
        "null_band": Column("real", "largest distance of one database's own networks (halves, scaled), for plots"),
        "verdict": Column("text", "a, b, equivalent or undecided; empty where the claim makes none"),
        "p_holm": Column("real", "p after Holm's correction over the family", required=False),
        "reason": Column("text", "why the claim is refused; empty where it is made", required=False),
        "family": Column(
            "text", "declared: corrected over all declared measures, concepts and pairs; exploratory", required=False
        ),
        "bootstrap_low": Column("real", "lower end over drawn test participants: a check (people)", required=False),
        "bootstrap_high": Column("real", "upper end", required=False),
        "smallest_detectable": Column("real", "difference that 80 % of such studies would find", required=False),
        "equivalence_bound": Column("real", "largest difference that counts as none", required=False),
        "p_equivalence": Column("real", "of two one-sided tests against the bound", required=False),
        "p_equivalence_holm": Column("real", "after Holm's correction over the family", required=False),
        "fewest_participants": Column("integer", "test participants of the database with the fewest", required=False),
        "note": Column("text", "what limits the comparison, such as a concept of one database only", required=False),
        "cross_fitting": Column(
            "integer", "folds in which participants rotate through the test part; 0: a fixed test part", required=False
        ),
    },
)

LAYERS = Schema(
    "layers",
    "how well a linear SVM finds one concept in one layer of one network: a sweep, exploratory",
    ("concept", "model", "replicate", "layer"),
    {
        **CONCEPT,
        "model": Column("text", "database that the network was trained on; emotion or random for the floors"),
        "replicate": Column("text", "seed=0 ..."),
        "layer": Column("text", "name in the study"),
        "position": Column("integer", "place of the layer in the network, from 0"),
        "pooled_f1": Column("real", "F1 of the pooled out-of-fold decisions, folds over participants"),
        "auroc": Column("real", "mean over test folds"),
        "average_precision": Column("real", "mean over test folds"),
        "undefined_folds": Column("integer", "folds without any positive answer or image"),
        "degenerate_fits": Column("integer", "fits that gave every held-out face the same answer"),
        "feature_norm": Column("real", "root mean square norm of the feature rows"),
    },
)

DIRECTIONS = Schema(
    "directions",
    "how one network's score changes along one direction of a concept at the last pooling layer",
    ("concept", "model", "replicate", "direction"),
    {
        **CONCEPT,
        **MODEL,
        "replicate": Column("text", "seed=0 ..."),
        "direction": Column("text", "stratified, svm-cav or pattern-cav"),
        "derivative": Column("real", "first-order change of the log-odds over the concept's step along the direction"),
        "tcav": Column("real", "share of the target class's faces with a positive derivative"),
        "random_tcav_low": Column("real", "2.5th percentile of the same along SVMs of random concepts"),
        "random_tcav_high": Column("real", "97.5th percentile"),
        "random_directions": Column("integer", "number of random concepts"),
        "faces": Column("integer", "faces that the derivative was averaged over"),
        "target_faces": Column("integer", "of these, faces of the target class"),
    },
)

RELIABILITY = Schema(
    "reliability",
    "how far two raters agree on one concept, before adjudication",
    ("concept",),
    {
        **CONCEPT,
        "raters": Column("text", "their names"),
        "faces": Column("integer", "test faces that both rated"),
        "participants": Column("integer", "participants on them"),
        "prevalence": Column("real", "mean share of yes"),
        "agreement": Column("real", "share of equal answers"),
        "kappa": Column("real", "Cohen's kappa"),
        "low": Column("real", "lower end of its interval, bootstrap over participants"),
        "high": Column("real", "upper end"),
        "ac1": Column("real", "Gwet's AC1, for rare concepts"),
        "yes_kept": Column("real", "share of one rater's yes that is the other's too, both ways together"),
        "no_kept": Column("real", "the same of no"),
    },
)

LABEL_NOISE = Schema(
    "label_noise",
    "the association's difference if another rater had labelled the concept",
    ("concept", "model_a", "model_b"),
    {
        **CONCEPT,
        **PAIR,
        "difference": Column("real", "AUROC, A minus B, with the labels as they are"),
        "noisy": Column("real", "mean over draws with labels changed as often as raters disagree"),
        "low": Column("real", "2.5th percentile over the draws"),
        "high": Column("real", "97.5th percentile"),
        "same_sign": Column("real", "share of draws with the sign of the difference"),
        "draws": Column("integer", "number of draws"),
    },
)
