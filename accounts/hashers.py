"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class MeasuredArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: the least that OWASP's password storage cheat sheet names.

    Django's own parameters (100 MiB, eight lanes) take half a second on one of two busy cores, and a sign-in page that
    everybody may call should not be the cheapest way to keep the server busy. Older hashes are renewed at sign-in.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
