"""What the clock does for the installation as a whole."""

from django.conf import settings

from core.schedule import every
from marketplace.operations import measure_drift

# Only where web and workers share a cache can one measure and the other show it.
if getattr(settings, "BROKER_URL", ""):
    every(seconds=3600, name="marketplace.measure_drift")(measure_drift)
