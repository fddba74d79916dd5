"""A framework on unmodified pymesos that is asked to leave an agent, and says yes.

    maintenance.py MASTER

It plays the operator, too: with the first offer it plans maintenance of that agent's machine, and waits for the offer to
be taken back, for one that tells of the plan, and for the inverse offer, which it accepts. Then it moves the plan and
drops it, and waits for the new inverse offer and for its end. Exits 0 only if everything was seen.
"""
import json
import sys
import threading
import urllib.request

from pymesos import MesosSchedulerDriver, Scheduler

FIRST, SECOND = 2_000_000_000_000_000_000, 2_100_000_000_000_000_000


class Leaver(Scheduler):
    def __init__(self, master):
        self.master = master
        self.machine = None
        self.rescinded = 0
        self.plans = set()  # starts of unavailability that offers told of
        self.asked = []
        self.answers = None
        self.done = threading.Event()

    def plan(self, windows):
        body = json.dumps({"windows": windows}).encode()
        urllib.request.urlopen("http://%s/maintenance/schedule" % self.master, body, timeout=60).read()

    def window(self, start):
        return {"machine_ids": [self.machine], "unavailability": {"start": {"nanoseconds": start}}}

    def resourceOffers(self, driver, offers):
        for offer in offers:
            if "unavailability" in offer:
                self.plans.add(offer["unavailability"]["start"]["nanoseconds"])
            elif self.machine is None:
                self.machine = {"hostname": offer["hostname"], "ip": offer["url"]["address"]["ip"]}
                self.plan([self.window(FIRST)])

    def offerRescinded(self, driver, offer_id):
        self.rescinded += 1

    def inverseOffers(self, driver, offers):
        for offer in offers:
            self.asked.append(offer["unavailability"]["start"]["nanoseconds"])
            if self.asked[-1] == SECOND:
                self.plan([])
                continue
            driver.acceptInverseOffers(offer["id"])
            status = urllib.request.urlopen("http://%s/maintenance/status" % self.master, timeout=60).read()
            self.answers = [answer["status"] for answer in json.loads(status)["draining_machines"][0]["statuses"]]
            self.plan([self.window(SECOND)])

    def inverseOfferRescinded(self, driver, offer_id):
        self.done.set()


def main():
    leaver = Leaver(sys.argv[1])
    driver = MesosSchedulerDriver(leaver, {"user": "root", "name": "leaver"}, sys.argv[1])
    driver.start()
    ended = leaver.done.wait(60)
    driver.stop()
    driver.join()
    print(json.dumps({
        "ended": ended, "rescinded": leaver.rescinded, "plans": sorted(leaver.plans), "asked": leaver.asked,
        "answers": leaver.answers,
    }))
    seen = leaver.rescinded >= 2 and leaver.plans == {FIRST, SECOND} and leaver.asked == [FIRST, SECOND]
    return 0 if ended and seen and leaver.answers == ["ACCEPT"] else 1


if __name__ == "__main__":
    sys.exit(main())
