"""A subscriber and publisher made with django-push (PyPI), of PubSubHubbub 0.3 and 0.4; see
harness/client_process.py."""

import json
import sys
import threading
import warnings

warnings.simplefilter("ignore")

import django  # noqa: E402
from django.conf import settings  # noqa: E402

settings.configure(
    SECRET_KEY="not one",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_push.subscriber"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1] + "/database"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from django_push.publisher import ping_hub  # noqa: E402
from django_push.subscriber.models import Subscription  # noqa: E402
from django_push.subscriber.signals import updated  # noqa: E402

urlpatterns = [path("callbacks/", include("django_push.subscriber.urls"))]
call_command("migrate", verbosity=0)
deliveries = []


def keep(notification: bytes, links: list, **_: object) -> None:
    deliveries.append({"body": notification.decode(), "links": {link["rel"]: link["url"] for link in links}})


updated.connect(keep)
server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(get_wsgi_application())
settings.PUSH_DOMAIN = f"127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()


def call(request: dict) -> object:
    name = request["call"]
    if name == "subscribe":
        return Subscription.objects.subscribe(request["topic"], request["hub"], lease_seconds=3600).pk
    if name == "unsubscribe":
        return Subscription.objects.get(pk=request["id"]).unsubscribe().status_code
    if name == "state":
        found = Subscription.objects.filter(pk=request["id"]).first()
        return found and {"verified": found.verified, "secret": bool(found.secret)}
    if name == "ping":
        return ping_hub(request["topic"], request["hub"]).status_code
    return {"deliveries": deliveries}[name]


for line in sys.stdin:
    try:
        answer = {"result": call(json.loads(line))}
    except Exception as error:  # whatever it is, the test wants to know
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
