"""`python -m marketplace.web_server`: granian's own command, with workers that are started afresh instead of forked.

With `--metrics` granian 2.8 runs a native thread before it forks its workers. A lock that thread holds in that moment
stays locked in the worker for ever: the worker lives, listens to nobody, and nothing restarts it (one of twelve
starts in a trial). A started process inherits no lock. granian's own default becomes the same on Python 3.14.
"""

import multiprocessing

from granian.cli import entrypoint

from core.secret_files import keep_to_owner

if __name__ == "__main__":
    keep_to_owner()
    multiprocessing.set_start_method("spawn")
    entrypoint()
