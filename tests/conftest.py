"""What holds for every test: a property test is never judged by how long an example took."""

from hypothesis import settings

# the parent is CI's own profile there: the same examples every time
settings.register_profile("unhurried", parent=settings.default, deadline=None)
settings.load_profile("unhurried")
