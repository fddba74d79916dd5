"""An executor on unmodified pymesos: many tasks in one process. The task's data says what it does."""
import sys
import time
from threading import Thread

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class OneProcess(Executor):
    def launchTask(self, driver, task):
        kind = decode_data(task["data"]).decode()
        Thread(target=self.run, args=(driver, task["task_id"], kind)).start()

    def run(self, driver, task_id, kind):
        self.tell(driver, task_id, "TASK_RUNNING")
        if kind == "long":
            return
        result = encode_data(("result of %s" % task_id["value"]).encode())
        self.tell(driver, task_id, "TASK_FAILED" if kind == "fail" else "TASK_FINISHED", result)

    def killTask(self, driver, task_id):
        Thread(target=self.tell, args=(driver, task_id, "TASK_KILLED")).start()

    def frameworkMessage(self, driver, message):
        driver.sendFrameworkMessage(message)

    def tell(self, driver, task_id, state, data=None):
        status = {"task_id": task_id, "state": state, "timestamp": time.time()}
        if data is not None:
            status["data"] = data
        # The driver keeps no update that it cannot send, and it fails while the agent is away. With the id of the first
        # attempt it is the same update each time.
        for attempt in range(600):
            try:
                return driver.sendStatusUpdate(status)
            except Exception:
                time.sleep(0.1)


if __name__ == "__main__":
    driver = MesosExecutorDriver(OneProcess())
    driver.run()
    sys.exit(0)
