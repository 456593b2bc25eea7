"""The texts that the code and the templates mark for translation, found without gettext's programs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}


def marked() -> dict[str, str]:
    """Each text and where it stands."""
    found: dict[str, str] = {}
    for folder in ("facesite", "gallery", "recognition"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in in_python(ast.parse(path.read_text(encoding="utf-8"))):
                found.setdefault(text, str(path.relative_to(ROOT)))
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in {".html", ".txt"}:
            for text in in_template(path.read_text(encoding="utf-8")):
                found.setdefault(text, str(path.relative_to(ROOT)))
    return found


def in_python(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in CALLS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def in_template(source: str) -> Iterator[str]:
    """Django turns templates into something like Python for gettext; read the calls in that."""
    almost = templatize(source)
    for call in re.finditer(r"\b(?:_|gettext|ngettext)\(", almost):
        for end in re.finditer(r"\)", almost[call.start() :]):
            try:
                tree = ast.parse(almost[call.start() : call.start() + end.end()], mode="eval")
            except SyntaxError:
                continue
            yield from in_python(tree)
            break
