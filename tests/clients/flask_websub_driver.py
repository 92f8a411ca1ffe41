"""A subscriber made with Flask-WebSub (PyPI); see harness/client_process.py."""

import json
import sys
import threading

from flask import Flask
from flask_websub.subscriber import SQLite3SubscriberStorage, SQLite3TempSubscriberStorage, Subscriber
from werkzeug.serving import make_server

folder = sys.argv[1]
storage, requests = (
    SQLite3SubscriberStorage(f"{folder}/storage"),
    SQLite3TempSubscriberStorage(f"{folder}/requests"),
)
subscriber = Subscriber(storage, requests)
deliveries, denials, confirmed = [], [], []
subscriber.add_listener(
    lambda topic, callback, body: deliveries.append({"topic": topic, "body": body.decode()})
)
subscriber.add_error_handler(
    lambda topic, callback, reason: denials.append({"topic": topic, "reason": reason})
)
subscriber.add_success_handler(lambda topic, callback, mode: confirmed.append({"topic": topic, "mode": mode}))

app = Flask(__name__)
app.register_blueprint(subscriber.build_blueprint("/callbacks"))
server = make_server("127.0.0.1", 0, app, threaded=True)
app.config["SERVER_NAME"] = f"127.0.0.1:{server.port}"
threading.Thread(target=server.serve_forever, daemon=True).start()


def call(request: dict) -> object:
    name = request["call"]
    if name == "subscribe":
        return subscriber.subscribe(topic_url=request["topic"], hub_url=request["hub"], lease_seconds=3600)
    if name == "renew":
        return subscriber.renew(request["callback"])
    if name == "unsubscribe":
        return subscriber.unsubscribe(request["callback"])
    return {"deliveries": deliveries, "denials": denials, "confirmed": confirmed}[name]


for line in sys.stdin:
    try:
        with app.app_context():
            answer = {"result": call(json.loads(line))}
    except Exception as error:  # whatever it is, the test wants to know
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
