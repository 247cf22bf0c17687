"""A real Ray cluster of two nodes on this machine; one of them is killed in the middle."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from highwall.errors import BadInput
from highwall.files import sha256
from highwall.products.job import Job, do

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from highwall.scenes import Scene

pytest.importorskip("ray", reason="the extra `ray` is not installed")
RAY = Path(sys.executable).with_name("ray")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a node that stays in the foreground, in a process group of its own."""
    command = [
        RAY,
        "start",
        "--block",
        "--num-cpus=1",
        "--disable-usage-stats",
        "--node-ip-address=127.0.0.1",
        *arguments,
    ]
    return subprocess.Popen(  # noqa: S603 - ours
        [*command, "--object-store-memory=100000000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "3"},
    )


def kill(node: subprocess.Popen[bytes]) -> None:
    """Kill a node with all its workers, as when its machine loses power."""
    found = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    parents = {int(pid): int(parent) for pid, parent in (line.split() for line in found.splitlines()[1:])}
    family = {node.pid}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    for pid in family:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    node.wait()


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Address and nodes of a cluster of two."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    nodes = [start("--head", f"--port={port}", "--include-dashboard=false")]
    try:
        wait_for(lambda: alive(address) >= 1)
        nodes.append(start(f"--address={address}"))
        wait_for(lambda: alive(address) >= 2)
        yield address, nodes
    finally:
        for node in reversed(nodes):
            kill(node)


def alive(address: str) -> int:
    query = f"import ray; ray.init(address={address!r}, log_to_driver=False, configure_logging=False); "
    count = "print(sum(node['Alive'] for node in ray.nodes()))"
    done = subprocess.run([sys.executable, "-c", query + count], capture_output=True, text=True, check=False)  # noqa: S603
    return int(done.stdout.split()[-1]) if done.returncode == 0 else 0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, "the cluster did not come up"
        time.sleep(0.3)


def test_a_scene_lost_with_its_node_is_done_again(
    trained: Any, make_scene: Callable[..., Scene], cluster: Any, tmp_path: Path
) -> None:
    from highwall.products.cluster import map_on_ray  # noqa: PLC0415 - needs Ray

    address, nodes = cluster
    scenes = [make_scene(700, 500, seed=seed, name=f"scene{seed}") for seed in range(4)]
    options = {"window": 64, "overlap": 16, "batch": 2}
    jobs = [Job(scene, trained.folder, tmp_path / "ray" / scene.id, options) for scene in scenes]
    outcomes = []
    for outcome in map_on_ray(jobs, address):
        outcomes.append(outcome)
        if len(outcomes) == 1:
            time.sleep(1)  # both nodes are at work on a scene now
            kill(nodes[1])
    assert {outcome.scene: outcome.reason for outcome in outcomes} == {scene.id: "" for scene in scenes}
    for scene in scenes:
        local = do(Job(scene, trained.folder, tmp_path / "local" / scene.id, options), threads=1)
        assert local.map is not None
        for name in ("classes.tif", "probabilities.tif", "polygons.gpkg"):
            assert sha256(tmp_path / "ray" / scene.id / name) == sha256(tmp_path / "local" / scene.id / name)


def test_where_no_cluster_is(trained: Any, make_scene: Callable[..., Scene], tmp_path: Path) -> None:
    from highwall.products.cluster import map_on_ray  # noqa: PLC0415 - needs Ray

    job = Job(make_scene(20, 20), trained.folder, tmp_path / "out")
    with pytest.raises(BadInput, match=r"no Ray cluster at 127\.0\.0\.1:1"):
        list(map_on_ray([job], "127.0.0.1:1"))
