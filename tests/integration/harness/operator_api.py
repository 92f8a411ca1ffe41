"""The operator API, as one user sees it; its answers are held against its own description."""

import json
from collections.abc import Callable

from jsonschema import Draft202012Validator

from .hub_client import Answer
from .ids import subscription_id
from .subscriber import Endpoint
from .suite import Suite
from .users import basic
from .wait import DEADLINE, wait_for


class Api:
    """What one user sees; answers are checked against the API's own description."""

    def __init__(self, suite: Suite, user: str | None = None):
        self.hub = suite.hub(headers=basic(user) if user else None)
        self._description = json.loads(self.hub.request("GET", "/api/v1/openapi.json").body)

    def get(self, path: str) -> Answer:
        return self.hub.request("GET", f"/api/v1/{path}")

    def value(self, path: str, template: str | None = None) -> dict:
        answer = self.get(path)
        assert answer.status == 200, answer
        assert answer.header("Content-Type") == "application/json"
        value = json.loads(answer.body)
        self.check(value, template or "/" + path.partition("?")[0], "200")
        return value

    def problem(self, path: str, status: int, parameter: str | None = None) -> dict:
        answer = self.get(path)
        assert answer.status == status, answer
        assert answer.header("Content-Type") == "application/problem+json"
        problem = json.loads(answer.body)
        schema = {"$ref": "#/components/schemas/Problem"}
        Draft202012Validator(schema | {"components": self._description["components"]}).validate(problem)
        assert problem["status"] == status and problem.get("parameter") == parameter, problem
        return problem

    def check(self, value: dict, template: str, status: str) -> None:
        answer = self._description["paths"][template]["get"]["responses"][status]
        schema = answer["content"]["application/json"]["schema"]
        Draft202012Validator(schema | {"components": self._description["components"]}).validate(value)

    def pages(self, path: str, limit: int) -> list[dict]:
        """All items of a list, page by page."""
        items, cursor = [], None
        while True:
            query = f"&cursor={cursor}" if cursor else ""
            separator = "&" if "?" in path else "?"
            page = self.value(f"{path}{separator}limit={limit}{query}")
            assert len(page["items"]) <= limit
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    def subscription(self, topic: str, endpoint: Endpoint) -> dict:
        return self.value(f"subscriptions/{subscription_id(topic, endpoint.url)}", "/subscriptions/{id}")

    def wait_subscription(
        self,
        topic: str,
        endpoint: Endpoint,
        what: str,
        probe: Callable[[dict], object],
        timeout: float = DEADLINE,
    ) -> dict:
        """Until the subscription is shown as one for which `probe` holds. A dispatcher may know it before the
        hub does."""
        path = f"subscriptions/{subscription_id(topic, endpoint.url)}"

        def look() -> dict | None:
            if self.get(path).status == 404:
                return None
            shown = self.subscription(topic, endpoint)
            return shown if probe(shown) else None

        return wait_for(look, lambda: f"{what}, not {self.get(path).body!r}", timeout, pause=0.1)

    def overview(self) -> dict:
        return self.value("overview")

    def wait_overview(self, what: str, probe: Callable[[dict], object], timeout: float = DEADLINE) -> dict:
        def look() -> dict | None:
            overview = self.overview()
            return overview if probe(overview) else None

        return wait_for(look, lambda: f"{what}, not {self.overview()}", timeout, pause=0.1)


class Command:
    """What an operator does to one subscription."""

    def __init__(self, root: Api, topic: str, endpoint: Endpoint):
        self._root = root
        self._path = f"/api/v1/subscriptions/{subscription_id(topic, endpoint.url)}"

    def __call__(self, name: str, body: dict | None = None, status: int = 202) -> dict:
        payload = json.dumps(body).encode() if body is not None else b""
        method, path = ("DELETE", "") if name == "delete" else ("POST", f"/{name}")
        answer = self._root.hub.request(
            method, self._path + path, payload, {"Content-Type": "application/json"}
        )
        assert answer.status == status, answer
        return json.loads(answer.body)

    def wait_status(self, status: str) -> None:
        def probe() -> bool:
            return json.loads(self._root.hub.request("GET", self._path).body).get("status") == status

        wait_for(probe, f"the subscription to be {status}")

    def wait_attempt(self, kind: str) -> None:
        """Until the dispatcher has told so: "delivery.moved", …"""
        path = self._path.removeprefix("/api/v1/") + "/attempts"

        def probe() -> bool:
            shown = self._root.value(f"{path}?limit=1000", "/subscriptions/{id}/attempts")
            return kind in [attempt["type"] for attempt in shown["items"]]

        wait_for(probe, f"{kind} among the attempts", pause=0.1)

    def missed(self, query: str = "", limit: int = 100) -> list[dict]:
        """missed-messages, all pages."""
        here = self._path.removeprefix("/api/v1/") + "/missed-messages"
        items, cursor = [], ""
        while cursor is not None:
            separator = "&cursor=" if cursor else ""
            path = f"{here}?limit={limit}{query and '&'}{query}{separator}{cursor}"
            page = self._root.value(path, "/subscriptions/{id}/missed-messages")
            items, cursor = items + page["items"], page["next_cursor"]
        return items
