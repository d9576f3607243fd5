"""Connections of waitress whose own refusals, such as of a body that is too large, read as all others do."""

import json

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask


class Refusal(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """A call that waitress refuses before the application sees it."""

    def execute(self) -> None:
        """Answer with `{"message": …}`."""
        error = self.request.error
        body = json.dumps({"message": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]  # as above
    """A connection that refuses in JSON."""

    error_task_class = Refusal
