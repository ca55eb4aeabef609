# SPDX-License-Identifier: MIT
"""A server at the other end of a writer is away for some polls."""

import time

import story
from tap import at_most, wait_for

POLLS = 6


def polls_go_on(stack, interval):
    """Waits for these polls. They are in time, but for what a busy machine needs."""
    wanted = stack.count(kind="batch") + POLLS
    begin = time.monotonic()
    wait_for(lambda: stack.count(kind="batch") >= wanted, "%d polls" % POLLS, story.PATIENCE)
    at_most(time.monotonic() - begin, 2 * interval * (POLLS + 1), "seconds for %d polls" % POLLS)
