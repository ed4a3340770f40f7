"""Two models were trained on two databases of faces: do they look at different things, which, how sure are we.

The way of the data, in its order; each step is one module and one command:

    synthesize   a seed and a planted bias        -> databases of rendered faces in the owners' layouts
    frames       an owner's folder                -> frames.parquet
    faces        frames                           -> faces.h5, faces.parquet
    split        faces                            -> split.parquet (by participant, never by image)
    pretrain     emotion faces                    -> the emotion network
    train        faces + emotion network + seed   -> one pain network per database and replicate
    adopt        a checkpoint of your own         -> the same, checked; in place of pretrain and train
    predict      networks x test faces            -> predictions.parquet
    evaluate     predictions + concept labels     -> tables of the paper, prevalence, errors by concept
    attribute    networks x test faces            -> relevance.h5 with its bias ledger
    differences  two relevances of the same face  -> regions.parquet, strips
    concepts     features + concept labels        -> association, decodability, verdicts
    report       all tables                       -> report.html
"""
