"""What waits for people in 揭榜挂帅, stage by stage: each duty is a step of `challenges.actions`, offered and due.

Before the opening a duty that concerns bids waits for the bidder alone: its rows come from the bidder's own selectors.
"""

# In the order of a challenge's life, which is the order on a desk.
from challenges.todos import needs, bids, openings, review, decision, projects, integrity  # noqa: I001

__all__ = ["bids", "decision", "integrity", "needs", "openings", "projects", "review"]
