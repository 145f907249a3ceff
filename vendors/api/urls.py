"""Routes of this app's API, mounted by marketplace/api.py."""

from rest_framework.routers import SimpleRouter

from vendors.api.views import CapabilityViewSet, VendorViewSet

router = SimpleRouter()
router.register("vendors", VendorViewSet, basename="api-vendor")
router.register("capabilities", CapabilityViewSet, basename="api-capability")
urlpatterns = router.urls
