"""Hosts, which share nothing but database, broker and storage, and what they do in turn or have to clear."""

from __future__ import annotations

from django.db import models

from gallery.models.base import Work
from gallery.models.history import Erasure
from gallery.models.index import Build


class Host(models.Model):
    """A computer, or a container, with a data directory of its own, by which it is known: names are given anew."""

    key = models.CharField(max_length=100, unique=True)  # as in the file "host" of its data directory
    name = models.CharField(max_length=80)
    seen_at = models.DateTimeField(db_index=True)
    web_seen_at = models.DateTimeField(null=True)
    worker_seen_at = models.DateTimeField(null=True)
    scheduler_seen_at = models.DateTimeField(null=True)
    build = models.ForeignKey(
        Build, models.SET_NULL, null=True, related_name="+"
    )  # of references; served here
    problem = models.CharField(max_length=200, blank=True)  # why it searches without the build

    def __str__(self) -> str:
        return self.name


class ErasureHost(models.Model):
    """A host that may hold copies of what was erased, until it says that they are gone."""

    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="hosts")
    host = models.ForeignKey(Host, models.SET_NULL, null=True, related_name="+")  # null: the host is no more
    name = models.CharField(max_length=80)
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(fields=("erasure", "host"), name="one_row_per_erasure_and_host")
        ]

    def __str__(self) -> str:
        return f"{self.erasure_id}: {self.name}"


class Chore(Work):
    """What schedulers ask for again and again, and one process at a time does."""

    name = models.CharField(max_length=40, primary_key=True)  # of its task

    def __str__(self) -> str:
        return self.name
