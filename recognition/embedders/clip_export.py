"""The part of the CLIP embedder that needs torch, run in a process of its own so that its memory goes again.

``python -m recognition.embedders.clip_export fetch MODEL TAG`` finds or downloads the weights of that name and
prints what open_clip knows of them as JSON; ``export MODEL CHECKPOINT QUICK_GELU FILE`` writes the image tower
as an ONNX model: float32 pictures (n, 3, side, side) in, vectors (n, dimension) out.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
import warnings
from typing import Any

EXPORT_VERSION = 1
ONNX_OPSET = 17
HUB_SECONDS = 10  # for a first answer from the hub


def fetch_weights(model: str, tag: str) -> dict[str, Any]:
    """Path of the weights and their preprocessing; raises an exception of any kind when there are none."""
    from open_clip import pretrained

    known = pretrained.get_pretrained_cfg(model, tag)
    if not known:
        tags = ", ".join(pretrained.list_pretrained_tags_by_model(model)) or "none"
        raise LookupError(f"open_clip knows no weights called {tag} for {model}, but these: {tags}")
    _ask_the_hub_once()
    names = ("mean", "std", "interpolation", "resize_mode", "quick_gelu")
    return {"path": pretrained.download_pretrained(known), **{n: known[n] for n in names if n in known}}


def _ask_the_hub_once() -> None:
    """Without an answer the hub's client looks at its own folder only, instead of trying again and again."""
    from huggingface_hub import constants

    try:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310 -- the client's own address
        urllib.request.urlopen(request, timeout=HUB_SECONDS).close()  # noqa: S310 -- as above  # nosec B310
    except urllib.error.HTTPError:
        return  # it answers
    except OSError:
        constants.HF_HUB_OFFLINE = True


def export_image_tower(model: str, checkpoint: str, quick_gelu: bool, path: str) -> None:
    import open_clip
    import torch

    warnings.simplefilter("ignore")
    # The older exporter needs no further package, but has no operator for torch's fused attention.
    torch.backends.mha.set_fastpath_enabled(False)
    network = open_clip.create_model(
        model, pretrained=checkpoint, force_quick_gelu=quick_gelu, weights_only=True
    ).eval()
    side = network.visual.image_size
    height, width = side if isinstance(side, tuple) else (side, side)
    with torch.no_grad():
        torch.onnx.export(
            network.visual,
            (torch.zeros(2, 3, height, width),),
            path,
            input_names=["faces"],
            output_names=["vectors"],
            dynamic_axes={"faces": {0: "n"}, "vectors": {0: "n"}},
            opset_version=ONNX_OPSET,
            dynamo=False,
        )


def main(arguments: list[str]) -> None:
    match arguments:
        case ["fetch", model, tag]:
            sys.stdout.write(json.dumps(fetch_weights(model, tag)) + "\n")
        case ["export", model, checkpoint, quick_gelu, path]:
            export_image_tower(model, checkpoint, quick_gelu == "True", path)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
