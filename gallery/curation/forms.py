"""Bounds that somebody sets by hand, on the page and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recognition.types import NEAREST_ALONE, Bounds

SCRIPT_BOUND = 0.8  # of the original script, for CLIP's vectors and for its detector's scores
UNTYPED_BOUND = gettext_lazy(
    "Type a bound: the script's 0.8 is for CLIP; vectors of another network are spread otherwise."
)


def _make_number_field(label: Any, help_text: Any = "") -> forms.FloatField:
    number = forms.NumberInput(attrs={"class": "input", "step": "any", "inputmode": "decimal"})
    return forms.FloatField(label=label, help_text=help_text, min_value=0, max_value=1, widget=number)


class _FormByHand(forms.Form):
    """What both ways of deciding ask for. A command may leave fields out: they stay as they are."""

    decision = ""
    known = _make_number_field(gettext_lazy("A name is said from"))
    detection = _make_number_field(
        gettext_lazy("Least detection score"),
        gettext_lazy(
            "Faces that the detector is less sure to be one are given no name. 0 asks nothing of them."
        ),
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        in_force: Bounds,
        embedder_name: str,
        shown: Mapping[str, float],
    ) -> None:
        self.in_force, self.embedder_name = in_force, embedder_name
        initial = {name: f"{value:.4g}" for name, value in shown.items()}
        super().__init__(data, initial=initial, auto_id=f"{self.decision}_%s")

    def allow_gaps(self) -> None:
        for field in self.fields.values():
            field.required = False


class BoundsForm(_FormByHand):
    """The bounds of the gallery's own rule."""

    decision = "rule"
    unsure = _make_number_field(gettext_lazy("Not sure from"))
    lead = _make_number_field(gettext_lazy("Lead over the next person"))
    field_order = ("known", "unsure", "lead", "detection")

    def __init__(self, data: Mapping[str, Any] | None, in_force: Bounds, embedder_name: str) -> None:
        shown = {"known": in_force.known, "unsure": in_force.unsure, "lead": in_force.margin}
        super().__init__(data, in_force, embedder_name, shown | {"detection": in_force.detection})

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        known, unsure = values.get("known"), values.get("unsure")
        if unsure is not None and unsure > (self.in_force.known if known is None else known):
            self.add_error("unsure", _("It cannot lie above the bound from which a name is said."))
        return values

    def get_bounds(self, published: Bounds) -> Bounds:
        before = published if self.in_force.is_nearest else self.in_force
        values = {name: value for name, value in self.cleaned_data.items() if value is not None}
        known = values.get("known", before.known)
        return Bounds(
            known,
            min(known, values.get("unsure", before.unsure)),
            values.get("lead", before.margin),
            published.combination,
            values.get("detection", before.detection),
        )


class NearestForm(_FormByHand):
    """The nearest reference alone decides, by a plain threshold, as in the original script."""

    decision = "nearest"

    def __init__(self, data: Mapping[str, Any] | None, in_force: Bounds, embedder_name: str) -> None:
        shown = {"known": SCRIPT_BOUND, "detection": SCRIPT_BOUND}
        if in_force.is_nearest:
            shown = {"known": in_force.known, "detection": in_force.detection}
        elif embedder_name != "clip":
            del shown["known"]
        super().__init__(data, in_force, embedder_name, shown)
        self.fields["known"].error_messages["required"] = UNTYPED_BOUND

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("known") is None and "known" not in self.errors and self.embedder_name != "clip":
            self.add_error("known", str(UNTYPED_BOUND))
        return values

    def get_bounds(self, published: Bounds) -> Bounds:
        known, detection = (
            SCRIPT_BOUND if self.cleaned_data[name] is None else self.cleaned_data[name]
            for name in ("known", "detection")
        )
        return Bounds(known, known, 0, NEAREST_ALONE, detection)


HandSetForm = BoundsForm | NearestForm
BOUNDS_FORMS: dict[str, type[BoundsForm] | type[NearestForm]] = {
    form.decision: form for form in (BoundsForm, NearestForm)
}
