"""The supervisor, with small programs in the place of web and worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import psutil

from omnicrm.embedded.home import Home

from .conftest import Person, processes_of, wait_for

SUPERVISE = """
import sys
from omnicrm.embedded.home import Home
from omnicrm.embedded.supervisor import Console, Program, Supervisor
from omnicrm.embedded.valkey import Valkey
print("ready", flush=True)
console = Console()
with Supervisor(console, pause={pause}) as supervisor:
    supervisor.start(Valkey(Home.from_env()))
    for name, script in {programs!r}.items():
        supervisor.start(Program(name, [sys.executable, "-c", script], console))
    console.say("up", "running")
    code = supervisor.run()
sys.exit(code)
"""
STEADY = "import time; print('here I am'); time.sleep(60)"
MORTAL = "import sys; print('dying'); sys.exit(3)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('no')); print('deaf'); time.sleep(60)"
Somebody = Callable[..., Person]


def supervise(somebody: Somebody, pause: float = 0.25, **programs: str) -> Person:
    return somebody(SUPERVISE.format(programs=programs, pause=pause)).ready()


def hear(person: Person, text: str) -> list[str]:
    """What it says up to and including a line with `text`."""
    assert person.process.stdout is not None
    said = []
    for line in person.process.stdout:
        said.append(line.rstrip("\n"))
        if text in line:
            return said
    raise AssertionError(f"{text!r} was never said: {said}")


def test_ctrl_c_stops_all_of_it(home: Home, somebody: Somebody) -> None:
    person = supervise(somebody, web=STEADY)
    hear(person, "web      | here I am")
    said = person.leave(signal.SIGINT)
    assert person.process.returncode == 0
    assert said.splitlines()[-1] == "up       | stopping (Ctrl-C again to hurry)"
    assert processes_of(home) == []


def test_what_dies_is_started_again(home: Home, somebody: Somebody) -> None:
    person = supervise(somebody, web=STEADY)
    hear(person, "here I am")
    (web,) = [process for process in processes_of(home) if STEADY in process.cmdline()]
    (valkey,) = [process for process in processes_of(home) if "valkey-server" in process.name()]
    web.kill()
    valkey.kill()
    said = hear(person, "here I am")
    assert "up       | web died of SIGKILL; starting it again in 0.25 s" in said
    assert "up       | valkey died; starting it again in 0.25 s" in said
    assert wait_for(lambda: any("valkey-server" in process.name() for process in processes_of(home)))
    person.leave(signal.SIGTERM)
    assert person.process.returncode == 0
    assert processes_of(home) == []


def test_five_quick_deaths_stop_everything(home: Home, somebody: Somebody) -> None:
    person = supervise(somebody, pause=0.01, web=STEADY, worker=MORTAL)
    said = person.leave().splitlines()
    assert said.count("worker   | dying") == 5
    assert "up       | worker died with exit code 3; starting it again in 0.08 s" in said
    assert said[-2:] == [
        "up       | worker died 5 times within a minute; stopping everything.",
        "up       | stopping (Ctrl-C again to hurry)",
    ]
    assert person.process.returncode == 1
    assert processes_of(home) == []


def test_a_second_ctrl_c_hurries(home: Home, somebody: Somebody) -> None:
    person = supervise(somebody, worker=STUBBORN)
    hear(person, "deaf")
    person.process.send_signal(signal.SIGINT)
    hear(person, "worker   | no")
    person.leave(signal.SIGINT)
    assert person.process.returncode == 0
    assert processes_of(home) == []


def test_nothing_outlives_a_killed_supervisor(home: Home, somebody: Somebody) -> None:
    person = supervise(somebody, web=STEADY)
    hear(person, "here I am")
    assert len(processes_of(home)) == 3
    person.process.kill()
    assert wait_for(lambda: processes_of(home) == [], 5)


def test_ctrl_c_in_the_terminal_reaches_the_supervisor_alone(home: Home, somebody: Somebody) -> None:
    person = supervise(somebody, web=STEADY)
    hear(person, "here I am")
    sessions = {os.getsid(process.pid) for process in psutil.Process(person.process.pid).children()}
    assert os.getsid(person.process.pid) not in sessions
    person.leave(signal.SIGINT)
