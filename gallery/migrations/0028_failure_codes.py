"""Failures that were stored as English sentences become codes with params; what no sentence fits stays as it is."""

import re
from collections import defaultdict
from typing import Any

from django.db import migrations, models

MODELS = ("Build", "BulkAct", "Erasure", "PersonExport", "Photo", "Reference", "ReferenceDraft")
CHUNK_SIZE = 500  # rows in one statement
SENTENCES = {
    "empty": "The file is empty.",
    "unreadable": "The file cannot be read: %(why)s.",
    "no_plain_file": "The file cannot be read: it is not a plain file.",
    "too_many_bytes": "The file has %(megabytes)s MB; the limit is %(limit)s MB. Save it smaller.",
    "over_the_bytes": "The file has more than %(limit)s MB, which is the limit.",
    "no_photo": "This is not a photo Facesite can read. Use JPEG, PNG, WebP, HEIC, TIFF, GIF or BMP.",
    "looks_like": "This is not a photo Facesite can read: it looks like %(what)s. Use JPEG, PNG, WebP, HEIC, TIFF, GIF or BMP.",
    "two_at_once": "This file is a photo and %(what)s at once, and is refused for safety.",
    "header_cut_off": "The file is damaged or incomplete: its header ends too early.",
    "cut_off": "The file is damaged or incomplete: the picture ends too early. Copy it again from the original.",
    "undecodable": "The file is damaged: the picture in it cannot be decoded. Copy it again from the original.",
    "false_start": "The file begins like a %(kind)s photo, but is damaged. Copy it again from the original.",
    "broken_pages": "The file is damaged: its list of pages is broken.",
    "too_many_properties": "The file is damaged: it claims thousands of properties.",
    "no_pixels": "The photo has no pixels.",
    "too_long_a_side": "The photo is %(width)s x %(height)s pixels; no side may be longer than %(limit)s pixels.",
    "too_many_pixels": "The photo is %(width)s x %(height)s pixels, %(megapixels)s megapixels; the limit is %(limit)s.",
    "far_too_many_pixels": "The photo has more pixels than are allowed.",
    "too_much_memory": "Reading this photo needs more memory than is allowed. Save it smaller.",
    "too_long": "Reading this photo took longer than %(seconds)s seconds and was stopped. Save it smaller.",
    "too_much_metadata": "The file carries more than %(limit)s MB beside the picture itself.",
    "too_many_frames": "The file has more than %(limit)s frames or pages.",
    "decoder_failed": "The file made the photo decoder fail. It is damaged or hostile, and is refused.",
    "zip_damaged": "The ZIP archive is damaged or incomplete. Pack it again.",
    "zip_too_large": "The archive has more than %(limit)s MB. Split it.",
    "zip_too_many": "The archive holds more than %(limit)s files. Split it.",
    "zip_kind": "The archive is of the kind for over 4 GB or 65,000 files. Split it.",
    "zip_list": "The archive's list of files is too long. Split it.",
    "zip_unpacks": "The archive unpacks to more than is allowed. Split it.",
    "member_outside": "Its name points outside the archive, and it is refused for safety.",
    "member_no_file": "It is a link or a device, not a file.",
    "member_locked": "It is locked with a password. Pack it again without one.",
    "member_packing": "It is packed in an uncommon way. Pack it again as a plain ZIP archive.",
    "member_bomb": "It unpacks to far more than a photo would, and is refused for safety.",
    "member_damaged": "The file is damaged inside the archive. Pack it again.",
    "too_many_names": "There are too many faces to write their names into a JPEG; use the sidecar file.",
    "no_face": "No face was found in this image.",
    "several_faces": "Two faces of about the same size: nobody can tell whose it is.",
    "worker_stopped": "Working on this stopped the worker twice, so it was set aside. You can try it again.",
    "not_finished": "The computer could not finish this: %(error)s. You can try it again.",
    "photo_file_gone": "The photo's file is gone from the disk. Upload it again.",
    "file_lost": "The file is gone from the disk and no backup holds it. If you still have the photo, add it again.",
    "draft_file_gone": "The picture is gone from the disk. Send it once more.",
    "reference_file_gone": "The reference's picture is gone from the disk.",
    "builder_ended": "The process that built it ended; a later build has taken its place.",
    "build_superseded": "Build %(pk)s, started later, holds the same.",
    "index_not_written": "The index could not be written: %(error)s.",
    "export_not_written": "The file could not be written: the disk may be full.",
    "not_removed_yet": "Something could not be removed yet: %(error)s. It is tried again.",
}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def compile_sentences() -> list[tuple[str, re.Pattern[str]]]:
    """Sentences with fewer places first, so that a wide place does not swallow another sentence."""
    found = []
    for code, sentence in sorted(SENTENCES.items(), key=lambda item: len(PLACEHOLDER.findall(item[1]))):
        parts = PLACEHOLDER.split(sentence)
        pattern = "".join(f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
        found.append((code, re.compile(pattern, re.DOTALL)))
    return found


def turn_sentences_into_codes(apps: Any, schema_editor: Any) -> None:
    patterns = compile_sentences()
    for name in MODELS:
        rows = apps.get_model("gallery", name).objects.using(schema_editor.connection.alias).order_by()
        ids_by_text = defaultdict(list)
        for pk, text in rows.exclude(failure="").values_list("pk", "failure"):
            ids_by_text[text].append(pk)
        for text, ids in ids_by_text.items():
            found = next(((code, match) for code, each in patterns if (match := each.fullmatch(text))), None)
            if found is None:
                continue
            columns = {"failure": "", "failure_code": found[0], "failure_params": found[1].groupdict()}
            for start in range(0, len(ids), CHUNK_SIZE):
                rows.filter(pk__in=ids[start : start + CHUNK_SIZE]).update(**columns)


def turn_codes_into_sentences(apps: Any, schema_editor: Any) -> None:
    for name in MODELS:
        rows = apps.get_model("gallery", name).objects.using(schema_editor.connection.alias).order_by()
        kept = rows.filter(failure_code__in=SENTENCES).values_list("pk", "failure_code", "failure_params")
        for pk, code, params in kept:
            rows.filter(pk=pk).update(failure=SENTENCES[code] % params)


class Migration(migrations.Migration):

    dependencies = [
        ('gallery', '0027_unknown_in_group'),
    ]

    operations = [
        migrations.AddField(
            model_name='build',
            name='failure_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='build',
            name='failure_params',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name='bulkact',
            name='failure_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='bulkact',
            name='failure_params',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name='erasure',
            name='failure_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='erasure',
            name='failure_params',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name='personexport',
            name='failure_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='personexport',
            name='failure_params',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name='photo',
            name='failure_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='photo',
            name='failure_params',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name='reference',
            name='failure_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='reference',
            name='failure_params',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.AddField(
            model_name='referencedraft',
            name='failure_code',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='referencedraft',
            name='failure_params',
            field=models.JSONField(blank=True, default=dict, editable=False),
        ),
        migrations.RunPython(turn_sentences_into_codes, turn_codes_into_sentences),
    ]
