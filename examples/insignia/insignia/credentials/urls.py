"""The addresses of the four nouns."""

from rest_framework.routers import SimpleRouter

from insignia.credentials.views import AwardViewSet, BadgeViewSet, IssuerViewSet, RecipientViewSet

# Paths, not regular expressions: an id that is no number is 404 before any view is asked.
router = SimpleRouter(use_regex_path=False)
router.register("issuers", IssuerViewSet)
router.register("badges", BadgeViewSet)
router.register("recipients", RecipientViewSet)
router.register("awards", AwardViewSet)
