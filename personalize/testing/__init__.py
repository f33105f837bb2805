"""What plugin writers and this package's own tests need: a caller that keeps ASGI messages apart, small apps, and what
every store must do.

    response = await call(PersonalizeMiddleware(Answer(b"<p>", b"</p>"), config), path="/")

    @pytest.mark.parametrize("law", STORE_LAWS, ids=lambda law: law.__name__)
    async def test_my_store(law):
        await law(MyStore(an_empty_place))
"""

from __future__ import annotations

from ..asgi import App, Message, Receive, Scope, Send
from .asgi import (
    HTML,
    Answer,
    BrokenRule,
    HeaderPairs,
    Response,
    Sent,
    call,
    read_body,
)  # fmt: skip
from .hot_states import HOT_STATE_LAWS
from .keeping import KEEPING_LAWS
from .stores import STORE_LAWS

__all__ = [
    "HOT_STATE_LAWS", "HTML", "KEEPING_LAWS", "STORE_LAWS", "Answer", "App", "BrokenRule", "HeaderPairs", "Message",
    "Receive", "Response", "Scope", "Send", "Sent", "call", "read_body",
]  # fmt: skip
