"""How gunicorn serves the web: `gunicorn -c python:omnicrm.serving`. Its own settings, read from the environment."""

from omnicrm import env, logs

HOST, PORT = env.text("BIND") or "127.0.0.1", env.number("PORT", 8000, least=1)

wsgi_app = "omnicrm.wsgi"
bind = f"[{HOST}]:{PORT}" if ":" in HOST else f"{HOST}:{PORT}"
worker_class = "gthread"
workers = env.number("WEB_CONCURRENCY", 2, least=1)
threads = env.number("WEB_THREADS", 32, least=1)  # cheap while they wait for a stream
timeout = 60
graceful_timeout = 20
keepalive = 15
control_socket_disable = True  # it would be in the home folder, which need not be ours to write
loglevel = logs.level().lower()
logconfig_dict = logs.config(logs.level(), pretty=env.flag("LOG_PRETTY"))
