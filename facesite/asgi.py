"""The application as facesite.server serves it: Django's, behind the gate."""

from facesite import wsgi  # first, as it loads the apps that the gate needs
from facesite.gate import Gate

application = Gate(wsgi.application)
