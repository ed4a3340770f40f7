"""Tables about frames and faces."""

from painlens.tables.columns import CONCEPT, CONSENT, FACE, FRAME, PERSON
from painlens.tables.schema import Column, Schema

FRAMES = Schema(
    "frames",
    "one frame of a database, kept or not",
    ("frame_id",),
    {
        "frame_id": Column("text", "unique in its database: participant/sequence/number, or the owner's path"),
        "database": Column("text", "name in the study"),
        "participant": Column("text", "the person; never in two parts of a split"),
        "sequence": Column("text", "recording, clip or folder the frame comes from"),
        "path": Column("text", "image or video, relative to the root of the database"),
        "frame_index": Column("integer", "number of the frame in its sequence or video; 0 for single images"),
        "time_s": Column("real", "seconds from the start of the clip; missing for images"),
        "label": Column("text", "class after the study's rule; missing where no rule matches"),
        "kept": Column("flag", "takes part in the study"),
        "reason": Column("text", "why it does not take part; empty where it does"),
        "class_name": Column(
            "text", "the owner's class, e.g. BL1, PA4, Happy; missing where there is none", required=False
        ),
        "pspi": Column("real", "Prkachin-Solomon pain intensity, 0..16", required=False),
        "sex": Column("text", "f, m or missing", required=False),
        "age": Column("real", "years", required=False),
        "landmarks_path": Column("text", "file with the owner's landmarks, relative to the root", required=False),
        "box_x": Column("real", "owner's face box, left edge in pixels", required=False),
        "box_y": Column("real", "owner's face box, upper edge in pixels", required=False),
        "box_w": Column("real", "owner's face box, width in pixels", required=False),
        "box_h": Column("real", "owner's face box, height in pixels", required=False),
        "part": Column("text", "the owner's part: train, validation or test", required=False),
        "sha256": Column("text", "digest of the file of a frame that takes part", required=False),
        **CONSENT,
    },
)

FACES = Schema(
    "faces",
    "one kept frame and the face found in it, or the reason why none was",
    ("frame_id",),
    {
        **FRAME,
        "database": Column("text", "name in the study"),
        **PERSON,
        "sequence": Column("text", "as in frames"),
        "label": Column("text", "class"),
        "found": Column("flag", "a face was found"),
        "reason": Column("text", "why not; empty where found"),
        "row": Column("integer", "row of faces.h5; missing where not found"),
        "n_boxes": Column("integer", "boxes that the detector gave"),
        "box_x": Column("real", "left edge of the crop in pixels of the frame (after the margin)"),
        "box_y": Column("real", "upper edge of the crop"),
        "box_w": Column("real", "width of the crop"),
        "box_h": Column("real", "height of the crop"),
        "detector": Column("text", "name and version of the detector"),
        "landmarks": Column("text", "source of the landmarks: owner, truth, mesh or template"),
        "angle_deg": Column("real", "turn of the crop about its centre; 0: not aligned", required=False),
        "sex": Column("text", "f, m or missing", required=False),
        "age": Column("real", "years", required=False),
        **CONSENT,
    },
)

SUGGESTIONS = Schema(
    "suggestions",
    "a guess of the networks about one concept on one face; not a label",
    ("concept", "frame_id"),
    {
        "database": Column("text", "name in the study"),
        **FRAME,
        **PERSON,
        "concept": Column("text", "eyes-closed or teeth-visible"),
        "measure": Column("text", "what was measured, by which network"),
        "value": Column("real", "the measure; missing where the mesh found no face"),
        "suggestion": Column("text", "yes, no or unsure"),
        "source": Column("text", "always: network, not a person"),
    },
)

SPLIT = Schema(
    "split",
    "one participant of a database",
    ("participant",),
    {
        "database": Column("text", "name in the study"),
        **PERSON,
        "part": Column("text", "train, validation or test"),
        "faces": Column("integer", "faces of the participant"),
        # one text column per half split follows: half=0, half=1 ... with 'a', 'b' for training participants; with
        # cross-fitting one per fold: fold=1, fold=2 ... with the part in that fold, while `part` is test for everybody
    },
)

CONCEPTS = Schema(
    "concepts",
    "the label of one concept on one test face",
    ("concept", "database", "frame_id"),
    {
        **CONCEPT,
        **FACE,
        **PERSON,
        "label": Column("text", "class of the face"),
        "value": Column("flag", "the concept is present; missing where nobody could tell"),
        "source": Column("text", "truth, or the file it came from"),
    },
)
