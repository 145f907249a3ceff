"""The archive package of a challenge at its end (档案法实施条例 38–39; domain.md §5.12).

One zip: the record that can be verified, the published versions, bids' contents and files, review, decisions,
publicities, objections without their filers, projects; a manifest with every file's hash and the retention class.
"""

import hashlib
import io
import json
import zipfile
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from challenges.documents import review_document
from challenges.enums import ChallengeState
from challenges.models import Challenge
from challenges.records import challenge_record
from core.attachments import attachments_of
from core.clock import now
from core.content_keys import stored_content
from core.errors import DomainError
from core.models import AuditEntry

#: DA/T 103-2024 knows permanent, 30 and 10 years; a decided call with fiscal money is kept permanently.
RETENTION = "永久"
FORMAT = "marketplace-challenge-archive/1"
ENDED = (ChallengeState.FINISHED, ChallengeState.CANCELLED, ChallengeState.NO_BID, ChallengeState.REISSUED)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, cls=DjangoJSONEncoder).encode()


def archive_package(challenge: Challenge) -> bytes:
    """The zip's bytes. Only of a challenge that has ended; a running one would be archived incomplete."""
    if challenge.state not in ENDED:
        raise DomainError("榜单结束后才能生成归档包。", code="not_ended")
    sink = io.BytesIO()
    files: dict[str, str] = {}
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as package:

        def put(name: str, content: bytes) -> None:
            package.writestr(name, content)
            files[name] = hashlib.sha256(content).hexdigest()

        put("versions.json", _json([row.content | {"reason": row.reason} for row in challenge.versions.all()]))
        if challenge.opened_at is not None:
            put("record.json", _json(challenge_record(challenge)))
        for bid in challenge.bids.exclude(technical_cipher=None).select_related("organisation"):
            folder = f"bids/{bid.public_id}"
            put(
                f"{folder}/content.json",
                _json(
                    {
                        "organisation": str(bid.organisation),
                        "state": bid.state,
                        "technical": bid.technical_content,
                        "price": bid.price_content,
                        "form_comment": bid.form_comment,
                        "kept_aside": list(
                            bid.kept_aside.values("kind", "name", "reason", "by_bidder", "found_at", "size", "sha256")
                        ),
                    }
                ),
            )
            for attachment in attachments_of(bid):
                with stored_content(attachment) as file:
                    put(f"{folder}/{attachment.public_id}-{attachment.original_name}", file.read())
        for panel in challenge.panels.exclude(locked_at=None):
            put(f"review/{panel.purpose}.docx", review_document(panel))
            put(f"review/{panel.purpose}-draw.json", _json({"seed": panel.seed, **panel.draw_record}))
            for further in panel.supplementary_draws.exclude(drawn_at=None):
                name = f"review/{panel.purpose}-draw-{further.number + 1}.json"
                put(name, _json({"seed": further.seed, **further.draw_record}))
        put(
            "decisions.json",
            _json(
                list(
                    challenge.decisions.values(
                        "number", "minutes_number", "meeting_on", "participants", "deviation_reason"
                    )
                )
            ),
        )
        put(
            "publicities.json",
            _json(list(challenge.publicities.values("first_day", "last_day", "state", "content", "calendar_versions"))),
        )
        put(
            "objections.json",
            _json(
                [
                    {"subject": row.subject, "state": row.state, "reply": row.reply, "replied_at": row.replied_at}
                    for publicity in challenge.publicities.all()
                    for row in publicity.objections.all()
                ]
            ),
        )
        put(
            "projects.json",
            _json(
                [
                    {
                        "contract_number": row.contract_number,
                        "state": row.state,
                        "grade": row.grade,
                        "result": row.result_title,
                        "milestones": list(row.milestones.values("sequence", "title", "state", "share_fen")),
                    }
                    for row in challenge.projects.all()
                ]
            ),
        )
        put(
            "audit.json",
            _json(
                list(
                    AuditEntry.objects.filter(subject_type=Challenge._meta.label_lower, subject_id=str(challenge.pk))
                    .order_by("pk")
                    .values("moment", "actor_text", "action", "detail", "sequence", "hash")
                )
            ),
        )
        package.writestr(
            "manifest.json",
            _json(
                {
                    "format": FORMAT,
                    "challenge": challenge.code,
                    "title": challenge.title,
                    "made_at": now().isoformat(),
                    "retention": RETENTION,
                    "files": files,
                }
            ),
        )
    return sink.getvalue()
