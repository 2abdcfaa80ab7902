from __future__ import annotations

import os
import signal
import subprocess

import psutil
import redis

from omnicrm.embedded.home import Home
from omnicrm.embedded.valkey import Valkey

from .conftest import processes_of, wait_for


def test_keys_survive_kill_9(home: Home) -> None:
    server = Valkey(home)
    server.start()
    with redis.from_url(home.redis_url) as client:
        client.set("kept", "yes")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    assert wait_for(lambda: not server.running())
    server.start()
    with redis.from_url(home.redis_url) as client:
        assert client.get("kept") == b"yes"
    server.stop()
    assert processes_of(home) == []


def test_speaks_only_through_its_socket(home: Home) -> None:
    server = Valkey(home, throwaway=True)
    server.start()
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    assert process.net_connections("inet") == []
    assert process.uids().real != 0
    server.stop()


def test_what_a_killed_run_left_behind_is_replaced(home: Home) -> None:
    left, mine = Valkey(home), Valkey(home)
    left.start()
    with redis.from_url(home.redis_url) as client:
        client.set("kept", "yes")
    mine.start()
    assert not left.running()
    with redis.from_url(home.redis_url) as client:
        assert client.get("kept") == b"yes"
    mine.stop()


def test_a_pid_that_now_belongs_to_a_stranger(home: Home) -> None:
    server = Valkey(home, throwaway=True)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        server.folder.mkdir()
        server.pid_file.write_text(f"{stranger.pid}\n")
        assert server.pid() is None
        server.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
