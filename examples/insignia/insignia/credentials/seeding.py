"""Several hundred invented rows, the same in every installation."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from insignia.credentials import names
from insignia.credentials.internals import Author, audit_entry, internals_of_new
from insignia.credentials.models import Award, Badge, Issuer, Recipient

SEED = 20_260_401
BADGES = 72
RECIPIENTS = 220
AWARDS = 420
FIRST_DAY = datetime(2025, 1, 7, 8, 0, tzinfo=UTC)
DAYS = 440
SHARE_VERIFIED = 0.8
SHARE_PUBLISHED = 0.9
SHARE_CONSENTING = 0.3
SHARE_EXPIRING = 0.6
SHARE_REVOKED = 0.08


@transaction.atomic
def seed() -> bool:
    """Fill empty tables; returns False, changing nothing, when there already is an issuer."""
    if Issuer.objects.exists():
        return False
    chance = Random(SEED)  # noqa: S311 - the same rows everywhere, no secret
    issuers = Issuer.objects.bulk_create([_issuer(entry, chance) for entry in names.ISSUERS])
    badges = Badge.objects.bulk_create([_badge(number, issuers, chance) for number in range(BADGES)])
    recipients = Recipient.objects.bulk_create([_recipient(number, chance) for number in range(RECIPIENTS)])
    Award.objects.bulk_create([_award(badges, recipients, chance) for _ in range(AWARDS)])
    return True


def _issuer(entry: tuple[str, str, str], chance: Random) -> Issuer:
    name, country, description = entry
    slug = slugify(name)
    return Issuer(
        name=name,
        slug=slug,
        country=country,
        website=f"https://{slug}.example/",
        description=description,
        verified=chance.random() < SHARE_VERIFIED,
        billing_account=f"BA-{chance.randrange(10**8):08d}",
        account_manager="f.hontaval@insignia.example",
        margin_percent=f"{chance.randrange(5, 40)}.{chance.randrange(100):02d}",
        **_internals("issuer", chance),
    )


def _badge(number: int, issuers: list[Issuer], chance: Random) -> Badge:
    subject = names.SUBJECTS[number % len(names.SUBJECTS)]
    aspect = names.ASPECTS[number // len(names.SUBJECTS) % len(names.ASPECTS)]
    image = chance.randbytes(6).hex()
    return Badge(
        issuer=chance.choice(issuers),
        title=f"{subject}: {aspect.lower()}",
        description=f"Acredita práctica supervisada en «{subject}», módulo de {aspect.lower()}.",
        criteria=f"{chance.randrange(12, 90)} horas y una prueba ante dos personas expertas.",
        level=chance.choice(Badge.Level.values),
        skills=chance.sample(names.SKILLS, chance.randrange(2, 5)),
        image_url=f"https://img.insignia.example/b/{image}.png",
        published=chance.random() < SHARE_PUBLISHED,
        template_key=f"templates/v{chance.randrange(3, 9)}/{image}/layout.svg",
        **_internals("badge", chance),
    )


def _recipient(number: int, chance: Random) -> Recipient:
    given, family = chance.choice(names.GIVEN_NAMES), chance.choice(names.FAMILY_NAMES)
    other = chance.choice(names.FAMILY_NAMES)
    return Recipient(
        display_name=f"{given} {family}",
        locale=chance.choice(("es", "en", "fr", "de")),
        country=chance.choice(names.COUNTRIES),
        legal_name=f"{given} {family} {other}",
        email=f"{slugify(given)}.{slugify(family)}.{number}@correo.example",
        phone=f"+000 {chance.randrange(10**9):09d}",
        birth_date=date(1955, 1, 1) + timedelta(days=chance.randrange(18_000)),
        national_id=f"X-{chance.randrange(10**9):09d}-{chance.choice('KLMNPQ')}",
        postal_address=f"{chance.choice(names.STREETS)} {chance.randrange(1, 140)}, {chance.randrange(10**5):05d}",
        marketing_consent=chance.random() < SHARE_CONSENTING,
        **_internals("recipient", chance),
    )


def _award(badges: list[Badge], recipients: list[Recipient], chance: Random) -> Award:
    internals = _internals("award", chance)
    issued_on = internals["created_at"].date()
    award = Award(
        badge=chance.choice([badge for badge in badges if badge.published]),
        recipient=chance.choice(recipients),
        serial=chance.randrange(10**18, 9 * 10**18),
        verification_code=chance.randbytes(6).hex(),
        issued_on=issued_on,
        expires_on=issued_on + timedelta(days=365 * chance.randrange(1, 5))
        if chance.random() < SHARE_EXPIRING
        else None,
        note=chance.choice(("", "", "Con mención.", "Entregada en acto público.")),
        external_reference=f"exp-{chance.randrange(10**6):06d}",
        cost_center=f"{chance.choice(('IN', 'FX', 'QR'))}-{chance.randrange(100, 400)}",
        **internals,
    )
    if chance.random() < SHARE_REVOKED:
        _revoke(award, chance)
    return award


def _expiry(issued_on: date, chance: Random) -> date | None:
    return issued_on + timedelta(days=365 * chance.randrange(1, 5)) if chance.random() < SHARE_EXPIRING else None


def _revoke(award: Award, chance: Random) -> None:
    author = Author(chance.choice(names.EMPLOYEES), award.created_at + timedelta(days=chance.randrange(1, 60)))
    award.status = Award.Status.REVOKED
    award.revoked_at = award.updated_at = author.at
    award.revocation_reason = "Emitida por error a otra persona."
    award.row_version = 2
    award.audit_trail.append(audit_entry("award.revoked", author, chance))


def _internals(kind: str, chance: Random) -> dict[str, Any]:
    at = FIRST_DAY + timedelta(days=chance.randrange(DAYS), seconds=chance.randrange(36_000))
    internals = internals_of_new(kind, Author(chance.choice(names.EMPLOYEES), at), chance)
    return {**internals, "internal_notes": chance.choice(names.NOTES)}
