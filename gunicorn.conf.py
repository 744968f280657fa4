"""Production server: two processes of eight threads.

Pages wait for SQL, not for Python, so threads are what is needed; two processes use two cores and let one be
replaced while the other serves. Both together open at most 16 database connections. The address comes from
the command line: `--bind`.
"""

import gc
import os

worker_class = "gthread"
workers = int(os.environ.get("WEB_PROCESSES", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# Load the application once and fork: less memory, and one clear message when it cannot start. It opens no
# connection and starts no thread while it loads.
preload_app = True
# gunicorn would otherwise open a control socket in the home folder, which may not be there.
control_socket_disable = True
graceful_timeout = 15
timeout = 60
keepalive = 5
# A slow leak in any library ends here; the two processes never restart together.
max_requests = 20_000
max_requests_jitter = 5_000
# Headers are small; a login page on a phone in a tunnel is slow. The proxy in front must be on this machine.
limit_request_line = 4094
limit_request_field_size = 8190
loglevel = os.environ.get("WEB_LOG_LEVEL", "warning")
errorlog = "-"
# The application writes its own log line for each request, without personal data.
accesslog = None


def when_ready(_server: object) -> None:
    """What is loaded stays: the collector of the worker processes need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
