"""The Django application of the modules room; it fills the ports that rendering and the catalogue declare."""

from django.apps import AppConfig


class Modules(AppConfig):
    """What is installed in runtimes."""

    name = "provisioner.modules"
    label = "modules"

    def ready(self) -> None:
        """Say where images are, and what the catalogue has from elsewhere."""
        from django.conf import settings

        from controlplane.catalog import ports as catalog
        from provisioner.modules import ports
        from provisioner.modules.images import Images
        from provisioner.modules.sources.shelf import review_source, shared_objects, sourced

        ports.images = Images(settings.MODULE_REGISTRY, settings.MODULE_IMAGE_MIRRORS)
        ports.sourced = sourced
        catalog.review_source = review_source
        catalog.shared_objects = shared_objects
