"""Tasks in the background, and their end."""

from __future__ import annotations

import asyncio


async def end(*tasks: asyncio.Task[None] | None) -> None:
    """Cancel those that run on this event loop, and wait until they are gone: one that is only told to go is still
    there when the loop closes right after. Those of a loop that is gone are left to it."""
    here = [task for task in tasks if task is not None and task.get_loop() is asyncio.get_running_loop()]
    for task in here:
        task.cancel()
    if here:
        await asyncio.wait(here)
