"""The site's settings with a database that gives up after two seconds, so that a test need not wait for twenty."""

from facesite.settings import *  # noqa: F403 -- settings are a module of names
from facesite.settings import DATABASES

_options = DATABASES["default"]["OPTIONS"]
_options["timeout"] = 2
_options["init_command"] = _options["init_command"].replace("busy_timeout=20000", "busy_timeout=2000")
