"""Django's application, served by facesite.asgi. It does not start with settings that would leave the site open."""

import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from facesite import warm

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "facesite.settings")
application = get_wsgi_application()


def refuse_open_doors() -> None:
    from django.conf import settings

    from facesite import hardening

    found = hardening.problems(settings)
    if found:
        raise ImproperlyConfigured("\n".join(f"{problem.sentence} {problem.hint}" for problem in found))


refuse_open_doors()
warm.up()
