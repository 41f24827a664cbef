"""Settings of the property tests: a busy machine must not turn a slow example into a failure.

On a person's machine each run looks at new examples. Continuous integration always looks at the
same ones, so that a run says something about the change and not about chance.
"""

import os

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("house")
