"""What every process of a worker needs is loaded once, before the first of them is forked."""

import gc
import subprocess
import sys

from celery.signals import worker_init

from controlplane.config.starting import load_before_forking
from controlplane.kernel.collecting import YOUNG

SAYS = """
import gc, sys
import django
django.setup()
from controlplane.config.starting import load_before_forking, refuse_dangerous_settings
from controlplane.config.celery import app
app.loader.import_default_modules()
refuse_dangerous_settings()
load_before_forking()
print(*(name in sys.modules for name in ("controlplane.config.urls", "kubernetes.client.api_client")))
print(gc.get_freeze_count() > 100_000, gc.get_threshold()[0])
"""


def test_a_worker_s_start_loads_it() -> None:
    import controlplane.config.celery

    assert controlplane.config.celery.app.main == "nesoi"
    assert any(receiver[1]() is load_before_forking for receiver in worker_init.receivers or [])


def test_the_kubernetes_package_is_loaded_and_left_out_of_later_looks_and_no_page_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-4:] == ["False", "True", "True", str(YOUNG)]
    assert gc.get_threshold()[0] != YOUNG  # nothing of it happens to a process that only imports us
