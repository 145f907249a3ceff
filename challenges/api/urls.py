"""Routes of this app's API, mounted by marketplace/api.py."""

from rest_framework.routers import SimpleRouter

from challenges.api.views import AnnualListViewSet, ChallengeViewSet, PublicityViewSet, ResultViewSet

router = SimpleRouter()
router.register("challenges", ChallengeViewSet, basename="api-challenge")
router.register("annual-lists", AnnualListViewSet, basename="api-annual-list")
router.register("publicities", PublicityViewSet, basename="api-publicity")
router.register("results", ResultViewSet, basename="api-result")
urlpatterns = router.urls
