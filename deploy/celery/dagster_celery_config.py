"""Settings of every Celery worker. The broker is in CELERY_BROKER_URL and CELERY_RESULT_BACKEND.

Found by its name: this folder has to be on the workers' PYTHONPATH.
"""

imports = ("dcarbon_pipelines.definitions",)
"""Once for all processes of a worker: each would need seconds for it before its first run."""
worker_prefetch_multiplier = 1
worker_disable_prefetch = True
"""A busy worker reserves nothing: a run goes to whoever is free."""
worker_max_tasks_per_child = 100
task_default_queue = "dagster"
broker_connection_retry_on_startup = True
broker_transport_options = {"visibility_timeout": 4 * 3600}
"""Longer than the longest run; what nobody has begun by then is given out again."""
result_expires = 24 * 3600
"""Whether a run's worker lives is asked here: longer than the longest run, too."""
worker_hijack_root_logger = False
