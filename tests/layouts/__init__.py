"""Tiny databases in the owners' layouts, drawn with numpy and OpenCV, with every known trap switchable."""

from layouts import affectnet, biovid, others, tables, unbc
from layouts.affectnet import AFFECTNET_HEADER, affectnet_row, write_affectnet
from layouts.biovid import BIOVID_SAMPLES, write_biovid
from layouts.pixels import HEIGHT, WIDTH, cartoon, picture, save_clip, save_picture, write_text
from layouts.tables import write_manifest
from layouts.tree import KEPT, Effect, Tree
from layouts.unbc import points66, write_unbc

# Layout -> its tree; the reader is the word before the slash.
TREES: dict[str, Tree] = {
    "unbc": unbc.TREE,
    "biovid": biovid.TREE,
    "affectnet": affectnet.TREE,
    "affectnet/eight": affectnet.EIGHT,
    "manifest": tables.MANIFEST,
    "samples": tables.SAMPLES,
    "imagefolder": tables.IMAGEFOLDER,
    "huggingface": tables.HUGGINGFACE,
    "mintpain": others.MINTPAIN,
    "xite": others.XITE,
    "bp4d": others.BP4D,
    "bp4dplus": others.BP4DPLUS,
    "disfa": others.DISFA,
    "ckplus": others.CKPLUS,
    "rafdb": others.RAFDB,
    "fer2013": others.FER2013,
    "kdef": others.KDEF,
}

__all__ = [
    "AFFECTNET_HEADER",
    "BIOVID_SAMPLES",
    "HEIGHT",
    "KEPT",
    "TREES",
    "WIDTH",
    "Effect",
    "Tree",
    "affectnet_row",
    "cartoon",
    "picture",
    "points66",
    "save_clip",
    "save_picture",
    "write_affectnet",
    "write_biovid",
    "write_manifest",
    "write_text",
    "write_unbc",
]
