"""The web application; it refuses to start with a dangerous configuration."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

from controlplane.config.chunked import with_lengths
from controlplane.kernel.collecting import look_seldom

application = with_lengths(get_wsgi_application(), most=settings.BODY_LIMIT_BYTES)
call_command("check", verbosity=0)
look_seldom()
