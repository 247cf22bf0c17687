"""Maps several scenes on a Ray cluster."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from highwall.errors import BadInput
from highwall.products.job import Job, Outcome, do

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RETRIES: Final = 10
"""How often a scene whose worker was lost is done again."""


def map_on_ray(jobs: Sequence[Job], address: str) -> Iterator[Outcome]:
    """Map scenes on a Ray cluster; yield what became of them, as it does.

    A scene takes a GPU where the cluster has some, else all cores of its smallest node. One that is lost with its
    worker is given to another, which goes on where the first one was.

    Args:
        jobs: what to do. All nodes must have highwall, and see the scenes, the model and the output under the
            same paths.
        address: of the cluster, `auto` or `host:port`.

    Raises:
        BadInput: Ray is not installed, or there is no cluster at this address.
    """
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError:
        raise BadInput("a cluster needs Ray: pip install 'highwall[ray]'") from None
    _knock(address)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BadInput(f"no Ray cluster at {address} ({str(error).splitlines()[0]})") from None
    try:
        threads, gpus = _share(ray.nodes())  # type: ignore[no-untyped-call]
        task: Any = ray.remote(do).options(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)
        waiting = [task.remote(job, threads) for job in jobs]
        while waiting:
            ready, waiting = ray.wait(waiting)
            yield ray.get(ready[0])
    except ray.exceptions.WorkerCrashedError:
        raise BadInput(f"a scene lost its worker {RETRIES} times over; the same command goes on") from None
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See whether anybody listens at `host:port`: Ray itself would try for minutes, and then end the program."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise BadInput(f"no Ray cluster at {address} ({error.strerror or error})") from None


def _share(nodes: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many cores and how many GPUs one scene takes."""
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    cores = [int(own["CPU"]) for own in resources if own.get("CPU")]
    if not cores:
        raise BadInput("the Ray cluster has no cores to give")
    gpus = any(own.get("GPU") for own in resources)
    return (1, 1) if gpus else (min(cores), 0)
