"""Errors as CompreFace puts them: a message, and a number that its clients know."""

from __future__ import annotations

from django.http import JsonResponse

NO_FACES_FOUND, TOO_MANY_FACES = 28, 31
UNREADABLE_FILE, WRONG_VALUE, MISSING_FILE = 21, 26, 34
SUBJECT_NOT_FOUND, SUBJECT_ALREADY_EXISTS, EXAMPLE_NOT_FOUND = 42, 43, 44
UNDEFINED = 0
NUMBERS = {"no_face": NO_FACES_FOUND, "several_faces": TOO_MANY_FACES}


def make_compreface_error(status: int, number: int, message: str) -> JsonResponse:
    return JsonResponse({"message": message, "code": number}, status=status)
