"""What has been said about a due day, so that a job that runs every hour says it once."""

from django.db import models

from core.clock import now


class DueNotice(models.Model):
    """One announcement: which field of which row, about which day, and whether it nears or is over.

    A day that is moved is another day, and announced anew.
    """

    entry = models.CharField(max_length=60)
    row = models.PositiveBigIntegerField()
    day = models.CharField(max_length=40)
    mark = models.CharField(max_length=8, choices=[("nears", "nears"), ("over", "over")])
    told_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "row", "day", "mark"], name="one_notice_per_due_day")]

    def __str__(self) -> str:
        return f"{self.entry} {self.row} {self.day} {self.mark}"
