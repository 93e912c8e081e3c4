"""The tables. Much of each row is internal and was never meant for anybody outside: see `Internals`."""

import secrets
import uuid
from pathlib import Path

from django.db import models
from django.utils import timezone

VERIFICATION_CODE_BYTES = 9


class Internals(models.Model):
    """What the company keeps about every object for itself."""

    row_version = models.PositiveIntegerField(default=1)
    tenant_shard = models.CharField(max_length=20, default="shard-00")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    audit_trail = models.JSONField(default=list)
    storage = models.JSONField(default=dict)
    feature_flags = models.JSONField(default=dict)
    costs = models.JSONField(default=dict)
    scoring = models.JSONField(default=dict)
    internal_notes = models.TextField(blank=True)

    class Meta:
        abstract = True


class Issuer(Internals):
    """An organisation that issues badges."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    country = models.CharField(max_length=2)
    website = models.URLField()
    description = models.TextField()
    verified = models.BooleanField(default=False)
    billing_account = models.CharField(max_length=40)
    account_manager = models.EmailField()
    margin_percent = models.DecimalField(max_digits=5, decimal_places=2, default=0)

    def __str__(self):
        return self.name


class Badge(Internals):
    """Something that can be awarded."""

    class Level(models.TextChoices):
        FOUNDATION = "foundation"
        PRACTITIONER = "practitioner"
        EXPERT = "expert"

    issuer = models.ForeignKey(Issuer, on_delete=models.PROTECT, related_name="badges")
    title = models.CharField(max_length=120)
    description = models.TextField()
    criteria = models.TextField()
    level = models.CharField(max_length=20, choices=Level)
    skills = models.JSONField(default=list)
    image_url = models.URLField()
    published = models.BooleanField(default=True)
    template_key = models.CharField(max_length=120, blank=True)

    def __str__(self):
        return self.title


class Recipient(Internals):
    """A person who can receive awards; most of the columns are personal data."""

    display_name = models.CharField(max_length=120)
    locale = models.CharField(max_length=5, default="es")
    country = models.CharField(max_length=2)
    legal_name = models.CharField(max_length=160)
    email = models.EmailField(unique=True)
    phone = models.CharField(max_length=30, blank=True)
    birth_date = models.DateField(null=True, blank=True)
    national_id = models.CharField(max_length=30, blank=True)
    postal_address = models.CharField(max_length=200, blank=True)
    marketing_consent = models.BooleanField(default=False)

    def __str__(self):
        return self.display_name


def new_serial() -> int:
    """Return a number of 19 digits: more than a JSON reader that uses doubles can keep."""
    return 10**18 + secrets.randbelow(8 * 10**18)


def new_verification_code() -> str:
    """Return the code by which anybody can look an award up."""
    return secrets.token_urlsafe(VERIFICATION_CODE_BYTES)


class Award(Internals):
    """A badge given to a recipient."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        REVOKED = "revoked"

    badge = models.ForeignKey(Badge, on_delete=models.PROTECT, related_name="awards")
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="awards")
    serial = models.BigIntegerField(unique=True, default=new_serial)
    verification_code = models.CharField(max_length=20, unique=True, default=new_verification_code)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    issued_on = models.DateField()
    expires_on = models.DateField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_reason = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=200, blank=True)
    external_reference = models.CharField(max_length=64, blank=True, db_index=True)
    cost_center = models.CharField(max_length=10)

    def __str__(self):
        return self.verification_code


def evidence_path(evidence: "Evidence", filename: str) -> str:
    """Return where the file is kept: never under the name that the client gave."""
    return f"{uuid.uuid4()}{Path(filename).suffix.lower()}"


class Evidence(Internals):
    """A file that shows why an award was given."""

    award = models.ForeignKey(Award, on_delete=models.CASCADE, related_name="evidence")
    file = models.FileField(upload_to=evidence_path)
    file_name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=60)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    caption = models.CharField(max_length=200, blank=True)

    def __str__(self):
        return self.file_name
