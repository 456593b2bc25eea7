"""``python -m recognition.images.sandbox HANDLE``: started by the client, never by hand."""

import sys

from recognition.images.sandbox.server import serve_requests

serve_requests(int(sys.argv[1]))
