"""The list of the lake's files. Who reads the lake asks this table, and never lists the store."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class LakeFile(models.Model):
    """A Parquet file that was verified where it lies. It never changes; others may take its place.

    Manifests name the file that they were written to first (`Manifest.lake_file`). Merging files leaves manifests alone:
    `replaced_by` leads to where their records are now.
    """

    noun: ClassVar[str] = "lake"

    id = models.BigAutoField(primary_key=True)
    path = models.CharField(max_length=128, unique=True)
    """Its name in the object store."""
    day = models.DateField()
    """Of the ends of its segments, UTC."""
    schema_version = models.SmallIntegerField()
    level = models.SmallIntegerField()
    """0: written from segments; 1, 2, …: merged from files of lower levels."""
    segments = models.IntegerField()
    rows = models.BigIntegerField()
    dropped_rows = models.BigIntegerField(default=0)
    """Rows that merging left out, since they were kept long enough: with `rows`, the counts of its manifests."""
    left_out = models.CharField(max_length=32, default="", db_default="")
    """Whose rows those were, as far as it was written anew for that: `live`, `test`, `other`, with commas between them."""
    requests = models.BigIntegerField()
    """Calls that its rows stand for, as `Manifest.requests`."""
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    min_started_at_us = models.BigIntegerField()
    max_started_at_us = models.BigIntegerField()
    min_request_id = models.CharField(max_length=36)
    max_request_id = models.CharField(max_length=36)
    written_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)
    """NULL while it is part of the lake. A reader that has an older list may read it for a while longer."""
    replaced_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    """NULL where it was replaced by nothing: its records were too old to be kept."""
    deleted_at = models.DateTimeField(null=True)
    """When it was deleted from the store."""

    class Meta:
        """Read by time; the ones that were replaced are looked for until they are deleted."""

        db_table = "lake_file"
        indexes: ClassVar = [
            models.Index(
                fields=["min_started_at_us", "max_started_at_us"],
                condition=models.Q(replaced_at__isnull=True),
                name="lake_file_time",
            ),
            models.Index(fields=["day"], condition=models.Q(replaced_at__isnull=True), name="lake_file_day"),
            models.Index(
                fields=["replaced_at"],
                condition=models.Q(replaced_at__isnull=False, deleted_at__isnull=True),
                name="lake_file_leaving",
            ),
        ]


class LakeWrite(models.Model):
    """A file that is being written, noted before its first byte: what a death leaves in the store is found by it."""

    path = models.CharField(primary_key=True, max_length=128)
    begun_at = models.DateTimeField()
    abandoned_at = models.DateTimeField(null=True)
    """From here on it can't become part of the lake any more, whoever is still writing it."""

    class Meta:
        """A handful of rows."""

        db_table = "lake_write"
