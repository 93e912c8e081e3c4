"""Tables of the ledger. No foreign key leaves it; ids of the state are kept as text, "" where there is none."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from portazgo.usage.rollups import DAY, HOUR, MEMBERS, MINUTE, MONTH, QUARTER, SIX_HOURS

LEDGER = "ledger"


class LedgerIdentity(models.Model):
    """What tells this ledger from every other: its objects carry it in their names."""

    id = models.SmallIntegerField(primary_key=True)
    identity = models.UUIDField()

    class Meta:
        """One row, of the number 1."""

        db_table = "usage_ledger"


class SpillState(models.Model):
    """Segments that nodes were told are safe and that are in the object store only, as the worker last saw them."""

    id = models.SmallIntegerField(primary_key=True)
    segments = models.IntegerField()
    records = models.BigIntegerField()
    set_aside = models.IntegerField()
    """Objects that can't come into the ledger, and that a person should look at."""
    since = models.DateTimeField(null=True)
    """When the first of those that are there was seen; None: there are none."""
    looked_at = models.DateTimeField()

    class Meta:
        """One row, of the number 1."""

        db_table = "usage_spill"


class Manifest(models.Model):
    """A segment that was collected. (epoch, first sequence) is its identity everywhere."""

    noun: ClassVar[str] = "usage"

    id = models.BigAutoField(primary_key=True)
    node = models.UUIDField()
    epoch = models.UUIDField()
    first_sequence = models.BigIntegerField()
    last_sequence = models.BigIntegerField()
    count = models.IntegerField()
    sha256 = models.CharField(max_length=64)
    started_at_us = models.BigIntegerField()
    ended_at_us = models.BigIntegerField()
    content_bytes = models.IntegerField()
    rolled_up = models.IntegerField()
    """Records that its rollups counted: always `count`, and kept so that the balance can show it."""
    requests = models.BigIntegerField()
    """Calls that its rollups added up: `count`, but that one record may stand for many refusals of a second."""
    lake_file = models.ForeignKey("lake.LakeFile", models.PROTECT, null=True, db_index=False, related_name="+")
    """The file of the lake that its records were written to; NULL while they are in its bytes only."""
    dropped_at = models.DateTimeField(null=True)
    """When its bytes were dropped, since its records were kept long enough, and were in no file of the lake."""

    class Meta:
        """Found by identity, by time for looking records up, and by what is not in the lake yet."""

        db_table = "usage_manifest"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["epoch", "first_sequence"], name="usage_manifest_identity")
        ]
        indexes: ClassVar = [
            models.Index(fields=["ended_at_us", "id"], name="usage_manifest_ended"),
            models.Index(fields=["started_at_us"], name="usage_manifest_started"),
            models.Index(
                fields=["ended_at_us", "id"],
                condition=models.Q(lake_file__isnull=True, dropped_at__isnull=True),
                name="usage_manifest_backlog",
            ),
            models.Index(fields=["epoch"], condition=models.Q(dropped_at__isnull=False), name="usage_manifest_dropped"),
            models.Index(
                fields=["lake_file"], condition=models.Q(lake_file__isnull=False), name="usage_manifest_in_lake"
            ),
        ]


class SegmentContent(models.Model):
    """A segment's bytes, apart from its manifest so that lists don't read them; gone when its records are in the lake.

    Read and dropped by usage/contents.py only.
    """

    manifest = models.OneToOneField(Manifest, models.CASCADE, primary_key=True)
    content = models.BinaryField()
    place = models.CharField(max_length=200, default="")
    """The object that holds the bytes; "": `content` does."""

    class Meta:
        """Read by its manifest only."""

        db_table = "usage_segment"


class Members(models.Model):
    """What sums are told apart by (usage/rollups.py, MEMBERS); "" or 0 where there is none."""

    partner = models.CharField(max_length=36)
    application = models.CharField(max_length=36)
    kid = models.CharField(max_length=10)
    route = models.CharField(max_length=36)
    fault = models.CharField(max_length=64)
    billable = models.BooleanField()
    price_version = models.IntegerField()

    class Meta:
        """Part of other tables."""

        abstract = True


class Sums(models.Model):
    """What is added up (usage/rollups.py, SUMS)."""

    requests = models.BigIntegerField()
    units = models.BigIntegerField()
    bytes_in = models.BigIntegerField()
    bytes_out = models.BigIntegerField()
    duration_us_sum = models.BigIntegerField()

    class Meta:
        """Part of other tables."""

        abstract = True


class FreshRollup(Members, Sums):
    """Sums over records that agree in all that a report may ask for, until they are folded: what the collector adds to.

    Of one minute there are some more where a segment came late, after the minute was folded.
    """

    id = models.BigAutoField(primary_key=True)
    minute_us = models.BigIntegerField()

    class Meta:
        """Added to by its key; the oldest is folded first."""

        db_table = "usage_fresh"
        constraints: ClassVar = [models.UniqueConstraint(fields=["minute_us", *MEMBERS], name="usage_fresh_key")]


class RollupSeries(Members):
    """What folded sums are told apart by, once for all slots: rollups name it by its number (usage/rollups.py)."""

    id = models.BigAutoField(primary_key=True)
    grain = models.SmallIntegerField()

    class Meta:
        """Found by all of it, and by what reports are narrowed by most."""

        db_table = "usage_series"
        constraints: ClassVar = [models.UniqueConstraint(fields=["grain", *MEMBERS], name="usage_series_key")]
        indexes: ClassVar = [
            models.Index(fields=["application"], name="usage_series_application"),
            models.Index(fields=["kid"], name="usage_series_kid"),
        ]


class Rollup(Sums):
    """Folded sums of one slot of a level; read by slot for all series of a grain, and by series over time."""

    pk = models.CompositePrimaryKey("grain", "slot", "series")
    grain = models.SmallIntegerField()
    slot = models.BigIntegerField()
    """Its first minute, in minutes since 1970."""
    series = models.BigIntegerField()

    class Meta:
        """One table for each level."""

        abstract = True


class MinuteRollup(Rollup):
    """Folded minutes."""

    class Meta:
        """Of this level."""

        db_table = MINUTE.table
        indexes: ClassVar = [models.Index(fields=["series", "slot"], name="usage_minute_series")]


class QuarterRollup(Rollup):
    """Quarters of an hour."""

    class Meta:
        """Of this level."""

        db_table = QUARTER.table
        indexes: ClassVar = [models.Index(fields=["series", "slot"], name="usage_quarter_series")]


class HourRollup(Rollup):
    """Hours."""

    class Meta:
        """Of this level."""

        db_table = HOUR.table
        indexes: ClassVar = [models.Index(fields=["series", "slot"], name="usage_hour_series")]


class SixHoursRollup(Rollup):
    """Quarters of a day, UTC."""

    class Meta:
        """Of this level."""

        db_table = SIX_HOURS.table
        indexes: ClassVar = [models.Index(fields=["series", "slot"], name="usage_six_hours_series")]


class DayRollup(Rollup):
    """Days, UTC."""

    class Meta:
        """Of this level."""

        db_table = DAY.table
        indexes: ClassVar = [models.Index(fields=["series", "slot"], name="usage_day_series")]


class MonthRollup(Rollup):
    """Months, UTC."""

    class Meta:
        """Of this level."""

        db_table = MONTH.table
        indexes: ClassVar = [models.Index(fields=["series", "slot"], name="usage_month_series")]


class RollupHorizon(models.Model):
    """From which slot on a level is whole; what lies before was dropped, or is about to be."""

    level = models.CharField(max_length=8, primary_key=True)
    whole_from = models.BigIntegerField()

    class Meta:
        """A row for each level of which something was dropped."""

        db_table = "usage_horizon"


class UnfilledGrain(models.Model):
    """A grain of a level that is filled from the newest slot back (usage/filling.py); no report reads it until it is whole."""

    pk = models.CompositePrimaryKey("level", "grain")
    level = models.CharField(max_length=8)
    grain = models.SmallIntegerField()
    whole_from = models.BigIntegerField()
    """It is filled from this slot on."""

    class Meta:
        """A row until it is whole."""

        db_table = "usage_unfilled"


class KeyUse(models.Model):
    """When a key was last used, to the minute: the newest rollup that proves it. Its calls may have been refused."""

    kid = models.CharField(max_length=10, primary_key=True)
    last_used_us = models.BigIntegerField()

    class Meta:
        """Found by key, and by time for noting what is new."""

        db_table = "key_use"
        indexes: ClassVar = [models.Index(fields=["last_used_us", "kid"], name="key_use_age")]


class RetiringUse(models.Model):
    """Calls with a key's retiring secret on one day from one place of callers, and the last of them.

    Callers are told apart by address and user agent, in 16 places that the native module gives out: whoever changes them
    with each call makes no more rows than that.
    """

    id = models.BigAutoField(primary_key=True)
    kid = models.CharField(max_length=10)
    day_us = models.BigIntegerField()
    caller = models.SmallIntegerField()
    refused = models.BooleanField()
    requests = models.BigIntegerField()
    first_at_us = models.BigIntegerField()
    last_at_us = models.BigIntegerField()
    address = models.CharField(max_length=45)
    """In clear: only where a node of an older version recorded it."""
    user_agent = models.CharField(max_length=64)
    """Likewise."""
    personal = models.BinaryField(default=b"", db_default=b"")
    """Address and user agent of the last call, as its record has them: sealed."""
    personal_key = models.CharField(max_length=36, default="", db_default="")
    epoch = models.CharField(max_length=36, default="", db_default="")
    """Of that record."""
    route = models.CharField(max_length=36)

    class Meta:
        """Added to by its key."""

        db_table = "usage_retiring"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kid", "day_us", "caller", "refused"], name="usage_retiring_key")
        ]


class RefusedKeyUse(models.Model):
    """A segment in which a disabled key was used with its right secret: a short list for whoever looks for canaries."""

    id = models.BigAutoField(primary_key=True)
    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="+")
    kid = models.CharField(max_length=10)

    class Meta:
        """Written with the segment, read and deleted by the worker."""

        db_table = "usage_refused_key"


class EpochAccount(models.Model):
    """What was collected of one process life of a node: added to with each segment, so that nobody has to count them."""

    id = models.BigAutoField(primary_key=True)
    node = models.UUIDField()
    epoch = models.UUIDField()
    last_sequence = models.BigIntegerField(default=0)
    """The highest that came."""
    collected = models.BigIntegerField(default=0)
    rolled_up = models.BigIntegerField(default=0)
    requests = models.BigIntegerField(default=0)
    """Calls that its records stand for."""
    ended_at_us = models.BigIntegerField(default=0)
    """When the last call ended that is here."""

    class Meta:
        """One row a life."""

        db_table = "usage_epoch_account"
        constraints: ClassVar = [models.UniqueConstraint(fields=["epoch", "node"], name="usage_epoch_account_key")]


class AcceptedGap(models.Model):
    """A person's word that an epoch counts as settled though records of it are missing. It covers what was missing then."""

    epoch = models.UUIDField(primary_key=True)
    node = models.UUIDField()
    missing = models.BigIntegerField()
    seconds_at_risk = models.FloatField()
    unexplained = models.BigIntegerField(default=0, db_default=0)
    """By how much its sums or its journal were uneven."""
    reason = models.CharField(max_length=500)
    accepted_by = models.CharField(max_length=128)
    accepted_at = models.DateTimeField()

    class Meta:
        """Few rows."""

        db_table = "usage_accepted_gap"


class EpochEnd(models.Model):
    """How one process life of a node ended, as the node (or its successor) reported it, or a person declared."""

    epoch = models.UUIDField(primary_key=True)
    node = models.UUIDField()
    end = models.CharField(max_length=16)
    last_sequence = models.BigIntegerField()
    accepted = models.BigIntegerField(null=True)
    """Records that it owed by its own count; null: nobody can tell."""
    declared = models.BooleanField(default=False, db_default=False)
    """By a person, since node and disk are gone. A report of the node itself takes its place."""
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    seconds_at_risk = models.FloatField()

    class Meta:
        """One row a life."""

        db_table = "usage_epoch_end"


class ToldAnswers(models.Model):
    """Answers that a version of a contract projected for an application, in a month of UTC (usage/told.py)."""

    id = models.BigAutoField(primary_key=True)
    month = models.CharField(max_length=7)
    """`2026-11`."""
    partner = models.CharField(max_length=36)
    application = models.CharField(max_length=36)
    route = models.CharField(max_length=36)
    contract_version = models.BigIntegerField()
    """The version's number, as nodes record it."""
    backend_status = models.IntegerField()
    answers = models.BigIntegerField()
    selected = models.BigIntegerField(default=0, db_default=0)
    """So many of them were of some fields only: callers asked so by `?fields=`."""

    class Meta:
        """Added to by its key; read by month, and by month and partner."""

        db_table = "usage_told"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["month", "partner", "application", "route", "contract_version", "backend_status"],
                name="usage_told_key",
            )
        ]
