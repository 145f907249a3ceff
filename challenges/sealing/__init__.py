"""Sealed bids as pure cryptography: no database, no Django, nothing but `cryptography` and the standard library.

The command-line sealer (`python -m challenges.sealing`) runs from here on a bidder's own machine, and the same
functions serve the platform. The formats are the contract of docs/sealing.md; the browser speaks them too
(challenges/frontend/src). The scheme and its reasons: security.md §C.3, docs/adr/0006.
"""
