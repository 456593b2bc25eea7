"""What the worker looks at every few hours and pages only read: fonts for the names, and the site's certificates."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta

from django.conf import settings

from facesite import hardening
from gallery.models import Person, SiteSetting
from gallery.models.clock import get_site_time
from gallery.models.history import get_site_setting
from recognition.draw.fonts import list_missing_scripts

LOOK_SETTING = "site.look"  # a SiteSetting
LOOK_INTERVAL = timedelta(hours=6)
LOOK_AGAIN = timedelta(minutes=5)  # while something is wrong, so that Home soon says that it is mended
CERTIFICATE_NOTICE = timedelta(days=14)
CONNECT_SECONDS = 5
EXPIRED = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED


def look_at_site() -> None:
    last, now = get_site_setting(LOOK_SETTING, {}), get_site_time()
    notice = (now + CERTIFICATE_NOTICE).isoformat()
    is_sound = not last.get("scripts") and all(end > notice for end in last.get("certificates", {}).values())
    pause = LOOK_INTERVAL if is_sound else LOOK_AGAIN
    if last and datetime.fromisoformat(last["at"]) > now - pause:
        return
    names = Person.objects.order_by().values_list("name", flat=True)
    ends = {host: read_certificate_end(host) for host in list_certified_hosts()}
    found = {
        "at": now.isoformat(),
        "scripts": list_missing_scripts(names.iterator()),
        "certificates": {host: end for host, end in ends.items() if end is not None},
    }
    SiteSetting.objects.update_or_create(pk=LOOK_SETTING, defaults={"value": found})


def list_certified_hosts() -> list[str]:
    """The site's own public names, by HTTPS: nobody else is asked."""
    if not settings.USE_HTTPS:
        return []
    return [
        host for host in settings.ALLOWED_HOSTS if host[:1] not in "*.[" and not hardening.is_loopback(host)
    ]


def read_certificate_end(host: str, port: int = 443) -> str | None:
    """When the certificate that visitors get ends, in ISO format; "" if it has ended; None if none is to be had."""
    place = (host, port)
    try:
        given = ssl.get_server_certificate(place, timeout=CONNECT_SECONDS)
        # It is trusted, as only its dates are asked for, not who has signed it
        context = ssl.create_default_context(cadata=given)
        context.check_hostname = False
        context.verify_flags = ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        with (
            socket.create_connection(place, CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as connection,
        ):
            end = (connection.getpeercert() or {}).get("notAfter")
    except ssl.SSLCertVerificationError as error:
        return "" if error.verify_code == EXPIRED else None
    except (OSError, ValueError):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(end)), UTC).isoformat() if end else None
