"""What other threads finish arrives in the event loop: all of it, once, whatever it is."""

import asyncio
import threading
from concurrent.futures import Future

import pytest

from unsilo.api.arrivals import Arrivals


def test_results_of_many_threads_arrive() -> None:
    """None is lost where threads finish while the loop takes what came before."""

    async def ask() -> None:
        arrivals = Arrivals()
        futures: list[Future[int]] = [Future() for _ in range(2000)]
        waiting = [arrivals.wait(future) for future in futures]

        def finish(part: int) -> None:
            for n in range(part, len(futures), 4):
                futures[n].set_result(n)

        threads = [threading.Thread(target=finish, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 60) == list(range(2000))
        for thread in threads:
            thread.join()

    asyncio.run(ask())


def test_what_is_done_already_arrives() -> None:
    """A future that was done before anybody waited."""

    async def ask() -> None:
        future: Future[str] = Future()
        future.set_result("here")
        assert await asyncio.wait_for(Arrivals().wait(future), 60) == "here"

    asyncio.run(ask())


def test_a_fault_is_raised_where_it_is_awaited() -> None:
    """Faults and cancellations come as such, and what comes after them comes too."""

    async def ask() -> None:
        arrivals = Arrivals()
        bad, cut, good = Future[int](), Future[int](), Future[int]()
        waiting = [arrivals.wait(each) for each in (bad, cut, good)]
        bad.set_exception(KeyError("x"))
        assert cut.cancel()
        cut.set_running_or_notify_cancel()
        good.set_result(1)
        with pytest.raises(KeyError):
            await waiting[0]
        with pytest.raises(asyncio.CancelledError):
            await waiting[1]
        assert await waiting[2] == 1

    asyncio.run(ask())


def test_who_stops_waiting_disturbs_nobody() -> None:
    """A cancelled wait leaves the work as it is."""

    async def ask() -> None:
        arrivals = Arrivals()
        left, kept = Future[int](), Future[int]()
        gone, here = arrivals.wait(left), arrivals.wait(kept)
        gone.cancel()
        left.set_result(1)
        kept.set_result(2)
        assert await asyncio.wait_for(here, 60) == 2
        assert left.result() == 1

    asyncio.run(ask())


def test_a_closed_loop_is_not_woken() -> None:
    """What comes after the end is dropped."""
    future: Future[int] = Future()

    async def wait() -> None:
        Arrivals().wait(future)

    asyncio.run(wait())
    future.set_result(1)
