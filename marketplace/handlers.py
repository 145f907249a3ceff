"""What the clock does for the installation as a whole."""

from core.schedule import every
from marketplace.operations import DRIFT_JOB, measure_drift

every(seconds=3600, name=DRIFT_JOB)(measure_drift)
