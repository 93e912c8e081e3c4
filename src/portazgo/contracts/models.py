"""Tables of this noun."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Left, Length

from portazgo.apis.models import Api
from portazgo.applications.models import Application
from portazgo.backends.models import Backend
from portazgo.kit.ids import uuid7
from portazgo.kit.web.compressed import CompressedJsonField, CompressedTextField
from portazgo.partners.models import Partner
from portazgo.plans.models import Plan


class BackendSchema(models.Model):
    """A backend's OpenAPI document under a name, in the versions that were imported."""

    noun: ClassVar[str] = "schemas"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    backend = models.ForeignKey(Backend, models.PROTECT, related_name="schemas")
    name = models.CharField(max_length=63, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        """Listed by id."""

        db_table = "backend_schema"


class SchemaVersion(models.Model):
    """The document as it was at one import. It never changes: published contracts rest upon it."""

    schema = models.ForeignKey(BackendSchema, models.CASCADE, related_name="versions")
    number = models.IntegerField()
    document = CompressedTextField()
    sha256 = models.CharField(max_length=64)
    size_bytes = models.IntegerField()
    operations = models.IntegerField()
    source = models.CharField(max_length=2000, blank=True)
    """The URL that it came from; empty: it was handed in."""
    imported_at = models.DateTimeField()

    class Meta:
        """Numbered from 1 within the schema."""

        db_table = "backend_schema_version"
        constraints: ClassVar = [models.UniqueConstraint(fields=["schema", "number"], name="schema_version_number")]


class Contract(models.Model):
    """What partners see of an API, as it is being written. `terms` are in the author's form (docs/contracts.md)."""

    noun: ClassVar[str] = "contracts"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    api = models.ForeignKey(Api, models.PROTECT, related_name="contracts")
    schema = models.ForeignKey(BackendSchema, models.PROTECT, related_name="contracts")
    name = models.CharField(max_length=63, unique=True)
    terms = CompressedJsonField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        """Listed by id."""

        db_table = "contract"


class Versions(models.QuerySet["ContractVersion"]):
    """What is asked of versions."""

    def newest_first(self) -> Self:
        """Order by time as names tell it, `2026-11-26.10` before `2026-11-26.9` (`contracts.domain.age_of`)."""
        return self.order_by(Left("name", len("2026-11-26")).desc(), Length("name").desc(), "-name")

    def without_documents(self) -> Self:
        """Leave out what is large, for who wants names and times."""
        return self.defer("terms", "compiled", "document")


class ContractVersion(models.Model):
    """A contract as it was published: terms, what they were compiled to, and what partners read of it. Never changes.

    Only its times do: `deprecated_at` and `sunset_at` are told to partners, and from `retired_at` on no node has it.
    """

    noun: ClassVar[str] = "contracts"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    contract = models.ForeignKey(Contract, models.CASCADE, related_name="versions")
    schema_version = models.ForeignKey(SchemaVersion, models.PROTECT, related_name="contracts")
    name = models.CharField(max_length=16)
    """The day on which it was published, `2026-11-26`, the second of that day `2026-11-26.2`."""
    terms = CompressedJsonField()
    compiled = CompressedJsonField()
    """What `contracts.compilation.stored` keeps of a `CompiledContract`."""
    document = CompressedTextField()
    """The OpenAPI document that its partners read."""
    published_at = models.DateTimeField()
    deprecated_at = models.DateTimeField(null=True)
    sunset_at = models.DateTimeField(null=True)
    link = models.CharField(max_length=2000, blank=True)
    """Where partners read what to do about the deprecation; empty: nowhere."""
    retired_at = models.DateTimeField(null=True)

    objects = Versions.as_manager()

    class Meta:
        """A name is unique within its contract."""

        db_table = "contract_version"
        constraints: ClassVar = [models.UniqueConstraint(fields=["contract", "name"], name="contract_version_name")]


class ContractPin(models.Model):
    """Says for an application, a partner or a plan which version its calls of an API are served by."""

    api = models.ForeignKey(Api, models.CASCADE, related_name="contract_pins")
    version = models.ForeignKey(ContractVersion, models.PROTECT, related_name="pins")
    application = models.ForeignKey(Application, models.CASCADE, related_name="contract_pins", null=True)
    partner = models.ForeignKey(Partner, models.CASCADE, related_name="contract_pins", null=True)
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="contract_pins", null=True)

    class Meta:
        """Of one holder, and one for each of its APIs."""

        db_table = "contract_pin"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "api"], name="contract_pin_of_application"),
            models.UniqueConstraint(fields=["partner", "api"], name="contract_pin_of_partner"),
            models.UniqueConstraint(fields=["plan", "api"], name="contract_pin_of_plan"),
            models.CheckConstraint(
                condition=models.Q(application__isnull=False, partner__isnull=True, plan__isnull=True)
                | models.Q(application__isnull=True, partner__isnull=False, plan__isnull=True)
                | models.Q(application__isnull=True, partner__isnull=True, plan__isnull=False),
                name="contract_pin_of_one",
            ),
        ]


class ToldFields(models.Model):
    """What a version can tell partners, under the number by which records name it.

    It stays when the contract is gone: whoever asks what a partner was given asks late.
    """

    number = models.BigIntegerField(primary_key=True)
    """Seconds since 1970 when it was published, or the next that is free: a restored database gives none out again."""
    version = models.OneToOneField(ContractVersion, models.SET_NULL, null=True, related_name="told")
    contract = models.CharField(max_length=63)
    name = models.CharField(max_length=16)
    """The version's."""
    routes = CompressedJsonField()
    """By the route's id its name and what `contracts.fields.ledger.Telling` keeps of it."""

    class Meta:
        """One for each version that was ever published."""

        db_table = "contract_told"


class SchemaDrift(models.Model):
    """In what a backend's answers differ from its imported schema, as nodes saw it in samples. Places and types, no values."""

    noun: ClassVar[str] = "schemas"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    schema = models.ForeignKey(BackendSchema, models.CASCADE, related_name="drift")
    schema_version = models.IntegerField()
    """The number of the document that it was compared with last."""
    operation = models.CharField(max_length=500)
    """As contracts name it."""
    status = models.IntegerField()
    kind = models.CharField(max_length=16)
    path = models.CharField(max_length=500)
    """In the backend's names, arrays transparent; `*` stands for a name that is none, and for a map's values."""
    found = models.CharField(max_length=16, blank=True)
    """The JSON type that came; empty: none did."""
    expected = models.CharField(max_length=100, blank=True)
    answers = models.BigIntegerField()
    """Sampled answers that showed it."""
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    key = models.CharField(max_length=64)
    """Digest of what makes it one finding: they are too long for an index together."""

    class Meta:
        """One of its kind."""

        db_table = "backend_schema_drift"
        constraints: ClassVar = [models.UniqueConstraint(fields=["schema", "key"], name="schema_drift_once")]


class RecordedBody(models.Model):
    """An answer or a request without its values, kept to be put through other versions of the contract."""

    noun: ClassVar[str] = "recordings"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    contract = models.ForeignKey(Contract, models.CASCADE, related_name="recorded")
    route = models.CharField(max_length=63)
    """As the version names it that served the call."""
    operation = models.CharField(max_length=500)
    status = models.IntegerField(null=True)
    """None: it is a request."""
    document = models.TextField()
    """JSON, redacted (`recording.redacting`)."""
    answers = models.BigIntegerField()
    """So many were the same without their values."""
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    """When it is forgotten."""
    key = models.CharField(max_length=64)
    """Digest of what makes it one."""

    class Meta:
        """One of its kind."""

        db_table = "contract_recorded_answer"
        constraints: ClassVar = [models.UniqueConstraint(fields=["contract", "key"], name="recorded_answer_once")]
