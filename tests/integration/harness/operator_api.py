"""The operator API as one user sees it."""

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

    def __init__(self, suite: Suite, user: str):
        self.hub = suite.hub(headers=basic(user))
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
        """Until the subscription is shown as one for which `probe` holds."""

        def look() -> dict | None:
            shown = self.subscription(topic, endpoint)
            return shown if probe(shown) else None

        return wait_for(look, lambda: f"{what}, not {self.subscription(topic, endpoint)}", timeout, pause=0.1)

    def overview(self) -> dict:
        return self.value("overview")

    def wait_overview(self, what: str, probe: Callable[[dict], object], timeout: float = DEADLINE) -> dict:
        def look() -> dict | None:
            overview = self.overview()
            return overview if probe(overview) else None

        return wait_for(look, lambda: f"{what}, not {self.overview()}", timeout, pause=0.1)
