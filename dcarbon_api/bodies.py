"""Request bodies: never more than allowed, and never a part taken for the whole."""

from __future__ import annotations

from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge


class CappedRequest(Request):
    """A request whose body is refused when it is cut at the cap.

    A body sent in chunks names no length; Werkzeug then reads up to the cap and says nothing of
    what follows (3.1), so a cut body would look complete.
    """

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        data = super().get_data(*args, **kwargs)
        cap = self.max_content_length
        if cap is not None and self.content_length is None and len(data) >= cap:
            raise RequestEntityTooLarge
        return data
