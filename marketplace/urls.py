"""Every address of the product. Pages need a signed-in person unless their view says `@login_not_required`."""

from django.contrib import admin
from django.urls import include, path

from marketplace import desk_views, operations_views, views, workday_views

urlpatterns = [
    path("", views.home, name="home"),
    path("about/", views.about, name="about"),
    path("about/audit/", views.audit_anchors, name="audit_anchors"),
    path("site-map/", views.site_map, name="site_map"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path("styleguide/", views.styleguide, name="styleguide"),
    path("desk/", desk_views.desk, name="desk"),
    path("desk/operations/", operations_views.page, name="operations"),
    path("desk/operations/retry/<uuid:name>/", operations_views.retry_delivery, name="retry_delivery"),
    path("desk/operations/mail/<uuid:name>/", operations_views.decide_mail, name="decide_mail"),
    path("desk/operations/drift/", operations_views.measure_drift, name="measure_drift"),
    path("desk/workdays/", workday_views.workdays, name="workdays"),
    path("desk/audit/", views.audit_trail, name="audit"),
    path("statusz", operations_views.status, name="statusz"),
    path("metrics", operations_views.metrics, name="metrics"),
    path("account/", include("allauth.urls")),
    path("", include("accounts.urls")),
    path("", include("scenarios.urls")),
    path("", include("vendors.urls")),
    path("", include("challenges.urls")),
    path("", include("search.urls")),
    path("", include("matching.urls")),
    path("", include("notifications.urls")),
    path("", include("core.urls")),
    path("api/v1/", include("marketplace.api")),
    path("admin/", admin.site.urls),
]

handler500 = "marketplace.outages.server_error"
