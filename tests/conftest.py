"""What every test may use."""

from hypothesis import settings

# A law is about what happens, not about how long it takes: a busy machine must not fail it.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")
