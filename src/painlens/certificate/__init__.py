"""How often the procedure is right, on databases whose truth is known.

`cells` is the record, which the report reads; `features` and `images` make studies at two levels, `collecting` turns
finished ones into cells, `planning` asks the record what a study of some size can detect.
"""
