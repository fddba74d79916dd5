"""A framework on unmodified pymesos that goes through a framework's whole life.

    framework.py MASTER commands COUNT     command tasks
    framework.py MASTER executor COUNT     tasks on executor.py, an executor of the framework's own

It launches COUNT tasks. The first one fails, the last ones run until they are killed: of those it first asks what the
master knows (implicit reconciliation), then kills them. At the end it asks for a task that nobody knows any more
(explicit reconciliation) and tears itself down. Prints one line of JSON; exits 0 only if everything was seen.
"""
import json
import os
import sys
import threading

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

LONG_TASKS = 5
TERMINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE"}
CPUS, MEM = 0.1, 16.0
HERE = os.path.dirname(os.path.abspath(__file__))


class LifeOfAFramework(Scheduler):
    def __init__(self, mode, count):
        self.mode = mode
        self.waiting = ["t%03d" % number for number in range(count)]
        self.long = set(self.waiting[-LONG_TASKS:])
        self.first = self.waiting[0]
        self.count = count
        self.states = {}  # task id -> the states seen, in order
        self.data = {}
        self.reconciled_running = set()
        self.reconciled_unknown = None
        self.killing = False
        self.asked_running = False
        self.messages = 0
        self.agent_id = None
        self.problem = None
        self.done = threading.Event()

    def registered(self, driver, framework_id, master_info):
        self.framework_id = framework_id["value"]

    def error(self, driver, message):
        self.fail("the master said: %s" % message)

    def fail(self, problem):
        self.problem = self.problem or problem
        self.done.set()

    def resourceOffers(self, driver, offers):
        for offer in offers:
            self.agent_id = offer["agent_id"]
            free = {r["name"]: r["scalar"]["value"] for r in offer["resources"] if r["type"] == "SCALAR"}
            cpus, mem = free.get("cpus", 0.0), free.get("mem", 0.0)
            if self.mode == "executor" and not self.states:
                cpus, mem = cpus - CPUS, mem - 2 * MEM
            tasks = []
            while self.waiting and cpus >= CPUS - 1e-9 and mem >= MEM:
                tasks.append(self.task(self.waiting.pop(0), offer))
                cpus, mem = cpus - CPUS, mem - MEM
            # No filter while tasks wait, so that what finishes is offered again at once.
            filters = {"refuse_seconds": 0.0 if self.waiting else 3600.0}
            driver.launchTasks(offer["id"], tasks, filters)

    def task(self, name, offer):
        task = {
            "name": name,
            "task_id": {"value": name},
            "agent_id": offer["agent_id"],
            "resources": [scalar("cpus", CPUS), scalar("mem", MEM)],
        }
        kind = "fail" if name == self.first else "long" if name in self.long else "short"
        if self.mode == "commands":
            command = {"fail": "exit 3", "long": "exec sleep 1000", "short": "true"}[kind]
            task["command"] = {"value": command, "shell": True}
        else:
            task["executor"] = {
                "executor_id": {"value": "python"},
                "command": {"value": "exec %s %s/executor.py" % (sys.executable, HERE), "shell": True},
                "resources": [scalar("cpus", CPUS), scalar("mem", 2 * MEM)],
            }
            task["data"] = encode_data(kind.encode())
        return task

    def statusUpdate(self, driver, status):
        name, state = status["task_id"]["value"], status["state"]
        if status.get("reason") == "REASON_RECONCILIATION":
            self.reconciliation(driver, name, state)
            return
        self.states.setdefault(name, []).append(state)
        if "data" in status:
            self.data[name] = decode_data(status["data"]).decode()
        self.step(driver)

    def frameworkMessage(self, driver, executor_id, agent_id, message):
        self.messages += 1
        self.step(driver)

    def step(self, driver):
        ended = {name for name, states in self.states.items() if states[-1] in TERMINAL}
        running = {name for name in self.long if "TASK_RUNNING" in self.states.get(name, [])}
        if len(ended) == self.count - LONG_TASKS and running == self.long and not self.asked_running:
            self.asked_running = True
            driver.reconcileTasks([])
            if self.mode == "executor":
                driver.sendFrameworkMessage({"value": "python"}, self.agent_id, encode_data(b"hello"))
        if len(ended) == self.count and (self.mode == "commands" or self.messages):
            driver.reconcileTasks([{"task_id": {"value": self.first}}])

    def reconciliation(self, driver, name, state):
        if name in self.long and state == "TASK_RUNNING":
            self.reconciled_running.add(name)
            if self.reconciled_running == self.long and not self.killing:
                self.killing = True
                for each in sorted(self.long):
                    driver.killTask({"value": each})
        elif name == self.first:
            self.reconciled_unknown = state
            self.done.set()


def scalar(name, value):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def main():
    master, mode, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    framework = {"user": os.environ.get("USER", "root"), "name": "pymesos-" + mode, "checkpoint": True}
    life = LifeOfAFramework(mode, count)
    driver = MesosSchedulerDriver(life, framework, master)
    driver.start()
    if not life.done.wait(240):
        life.problem = "not done after 240 s"
    driver.stop()
    driver.join()

    last = {}
    for name, states in life.states.items():
        last.setdefault(states[-1], []).append(name)
    expected = {"TASK_FAILED": 1, "TASK_KILLED": LONG_TASKS, "TASK_FINISHED": count - 1 - LONG_TASKS}
    seen = {state: len(names) for state, names in last.items()}
    if not life.problem and seen != expected:
        life.problem = "expected %s" % expected
    if not life.problem and any("TASK_RUNNING" not in states for states in life.states.values()):
        life.problem = "a task was never seen running"
    if not life.problem and life.mode == "executor" and life.data.get("t001") != "result of t001":
        life.problem = "the data of an update did not come through: %r" % life.data.get("t001")
    print(json.dumps({
        "framework": getattr(life, "framework_id", None), "mode": mode, "last_states": seen,
        "running_in_reconciliation": len(life.reconciled_running), "unknown_task_is": life.reconciled_unknown,
        "messages": life.messages, "problem": life.problem,
    }, sort_keys=True))
    return 1 if life.problem else 0


if __name__ == "__main__":
    sys.exit(main())
