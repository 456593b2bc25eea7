"""Names photos as the original script did: MTCNN alone, CLIP, and the nearest reference alone decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

from PIL import Image as Pillow

from gallery.core.limits import get_upload_limits
from gallery.faces.tagging import NamedFace, TaggedPhoto, candidate_as_json, map_in_threads
from gallery.index import engine, live
from gallery.models import Reference, ReferenceVector
from recognition.analysis import Analysis
from recognition.detector import load_detector
from recognition.embedders.clip import ClipEmbedder
from recognition.errors import EmbedderMismatch, ImageError
from recognition.images.sandbox import probe_photo
from recognition.script import analyse_like_script
from recognition.types import Candidate, Detector, Embedder, Outcome, State


def tag_like_script(
    paths: Sequence[Path], least_detection: float, least_similarity: float
) -> Iterator[TaggedPhoto]:
    """The photos in their order; a face is known if its nearest reference is nearer than the least similarity.

    Raises EmbedderMismatch where no reference has a vector of CLIP.
    """
    embedder = _get_clip_embedder()
    at_once = engine.work_side_by_side(len(paths))
    detector = load_detector("mtcnn-plain", threads=engine.threads_per_photo())
    analyse = partial(_analyse_photo, detector=detector, embedder=embedder, least_detection=least_detection)
    for path, analysis in map_in_threads(analyse, paths, at_once):
        if isinstance(analysis, str):
            yield TaggedPhoto(path, error=analysis)
            continue
        started = perf_counter()
        faces = _name_by_nearest(analysis, embedder, least_similarity)
        milliseconds = analysis.milliseconds | {"search": 1000 * (perf_counter() - started)}
        yield TaggedPhoto(path, analysis.width, analysis.height, "", faces, milliseconds)


def _get_clip_embedder() -> Embedder:
    serving = engine.get_serving_embedder()
    embedder = serving if serving.name == "clip" else engine.get_named_embedder("clip")
    if not ReferenceVector.objects.filter(embedder_id=embedder.id).exists():
        raise EmbedderMismatch(
            f"No reference has a vector of {embedder.id}. Bring the script's in with: manage.py import_gallery "
            "DATA --embedder clip"
        )
    if isinstance(embedder, ClipEmbedder):
        embedder.only_float32 = True  # as the script embedded; this process embeds nothing else
    return embedder


def _analyse_photo(
    path: Path, detector: Detector, embedder: Embedder, least_detection: float
) -> Analysis | str:
    try:
        probe_photo(path, get_upload_limits())  # where no file can take the process down
        return analyse_like_script(path, detector, embedder, least_detection)
    except ImageError as error:
        return str(error)
    except (OSError, ValueError, Pillow.DecompressionBombError) as error:
        return f"The file cannot be read: {error}."


def _name_by_nearest(analysis: Analysis, embedder: Embedder, least_similarity: float) -> list[NamedFace]:
    nearest = live.find_nearest_references(embedder, analysis.embeddings, 1) if analysis.detections else []
    ids = [hit.reference for hits in nearest for hit in hits]
    references = Reference.objects.select_related("person").in_bulk(ids)
    faces = []
    for detection, hits in zip(analysis.detections, nearest, strict=True):
        candidates = [Candidate(hit.person, hit.reference, hit.similarity) for hit in hits]
        is_known = bool(hits) and hits[0].similarity > least_similarity
        outcome = Outcome(State.KNOWN if is_known else State.UNKNOWN, tuple(candidates))
        found = references[hits[0].reference] if hits else None
        faces.append(
            NamedFace(
                detection,
                outcome,
                found.person.name if found and is_known else None,
                str(found.image) if found else "",
                [candidate_as_json(each, found.person) for each in candidates] if found else [],
                found.source_path if found else "",
                found.person.label if found else "",
            )
        )
    return faces
