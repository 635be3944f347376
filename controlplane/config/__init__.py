"""Settings, URLs, the Celery application, system checks, logging: where the rooms are put together."""
