"""Routes of this app's API, mounted by marketplace/api.py."""

from rest_framework.routers import SimpleRouter

from scenarios.api.views import QuarterlyListViewSet, ScenarioViewSet

router = SimpleRouter()
router.register("scenarios", ScenarioViewSet, basename="api-scenario")
router.register("lists", QuarterlyListViewSet, basename="api-list")
urlpatterns = router.urls
