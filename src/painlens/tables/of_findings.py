"""Tables about relevance, concepts and verdicts."""

from painlens.tables.schema import Column, Schema

LEDGER = Schema(
    "ledger",
    "where the relevance of one map went",
    ("model", "replicate", "database", "frame_id"),
    {
        "model": Column("text", "database that the network was trained on"),
        "replicate": Column("text", "seed=0 ..., half=0a ..."),
        "database": Column("text", "database of the face"),
        "frame_id": Column("text", "as in frames"),
        "logit": Column("real", "the explained logit: what went in at the top"),
        "relevance": Column("real", "sum over the pixels"),
        "bias": Column("real", "kept by the biases of the dense layers"),
        "dead": Column("real", "lost in convolution units without a positive contribution"),
    },
)

SHARES = Schema(
    "shares",
    "relevance of one network in one facial region of one test face",
    ("model", "replicate", "database", "frame_id", "region"),
    {
        "model": Column("text", "database that the network was trained on"),
        "replicate": Column("text", "seed=0 ..., half=0a ..."),
        "database": Column("text", "database of the face"),
        "frame_id": Column("text", "as in frames"),
        "participant": Column("text", "the person"),
        "label": Column("text", "class of the face"),
        "region": Column("text", "facial region"),
        "area": Column("real", "share of the crop's pixels, 0..1"),
        "raw": Column("real", "sum of relevance in the region"),
        "max": Column("real", "the same after division of the map by its largest absolute value"),
        "sum-abs": Column("real", "the same after division by the sum of absolute relevance"),
    },
)

REGIONS = Schema(
    "regions",
    "mean relevance of two models in one facial region, and their difference",
    ("model_a", "model_b", "normalisation", "database", "label", "region"),
    {
        "model_a": Column("text", "first model"),
        "model_b": Column("text", "second model"),
        "normalisation": Column("text", "of the maps before subtraction: raw, max, sum-abs"),
        "database": Column("text", "database of the faces, or all"),
        "label": Column("text", "class of the faces, or all"),
        "region": Column("text", "facial region"),
        "mean_a": Column("real", "mean over faces and seeds, model A"),
        "mean_b": Column("real", "mean over faces and seeds, model B"),
        "difference": Column("real", "A minus B"),
        "low": Column("real", "lower end of the interval over test participants"),
        "high": Column("real", "upper end"),
        "faces": Column("integer", "number of faces"),
        "participants": Column("integer", "number of participants"),
    },
)

CAUSES = Schema(
    "causes",
    "the causal effect of one concept on one network, from counterfactual twins",
    ("model", "replicate", "concept", "database"),
    {
        "model": Column("text", "database that the network was trained on"),
        "replicate": Column("text", "seed=0 ..."),
        "concept": Column("text", "name in the study"),
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
        "concept": Column("text", "name in the study"),
        "model": Column("text", "database that the network was trained on"),
        "replicate": Column("text", "seed=0 ..., half=0a ..."),
        "value": Column("real", "the measure; .5 is no association for auroc"),
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
        "concept": Column("text", "name in the study"),
        "model": Column("text", "database that the network was trained on; emotion or random for the floors"),
        "replicate": Column("text", "seed=0 ..."),
        "folds": Column("text", "images (the paper's) or participants"),
        "repeats": Column("integer", "number of 2-fold repeats"),
        "fold_f1": Column("real", "mean F1 over folds and repeats"),
        "pooled_f1": Column("real", "F1 of the pooled out-of-fold decisions, mean over repeats"),
        "auroc": Column("real", "mean over test folds"),
        "always_positive_f1": Column("real", "F1 of answering yes always"),
        "random_concept_f1": Column("real", "mean pooled F1 of labels permuted within participants"),
        "random_concept_f1_95": Column("real", "their 95th percentile"),
        "undefined_folds": Column("integer", "folds without any positive answer or image"),
        "degenerate_fits": Column("integer", "fits that gave every held-out face the same answer", required=False),
        "redrawn_halves": Column("integer", "halves refused for too few faces with the concept", required=False),
        "cost": Column("real", "C of the SVM"),
        "feature_norm": Column("real", "root mean square norm of the feature rows"),
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
        "concept": Column("text", "name in the study"),
        "model_a": Column("text", "first model"),
        "model_b": Column("text", "second model"),
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
        "concept": Column("text", "name in the study"),
        "model_a": Column("text", "first model"),
        "model_b": Column("text", "second model"),
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
        "verdict": Column("text", "a, b or undecided; empty where the claim makes none"),
        "p_holm": Column("real", "p after Holm's correction over concepts and pairs of the measure", required=False),
        "reason": Column("text", "why the claim is refused; empty where it is made", required=False),
    },
)
