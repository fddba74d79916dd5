"""An executor on unmodified pymesos: many tasks in one process. The task's data says what it does."""
import sys
import time
from threading import Thread

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class OneProcess(Executor):
    def launchTask(self, driver, task):
        self.tell(driver, task["task_id"], "TASK_RUNNING")
        kind = decode_data(task["data"]).decode()
        if kind == "long":
            return
        Thread(target=self.end, args=(driver, task["task_id"], kind)).start()

    def end(self, driver, task_id, kind):
        result = encode_data(("result of %s" % task_id["value"]).encode())
        self.tell(driver, task_id, "TASK_FAILED" if kind == "fail" else "TASK_FINISHED", result)

    def killTask(self, driver, task_id):
        self.tell(driver, task_id, "TASK_KILLED")

    def frameworkMessage(self, driver, message):
        driver.sendFrameworkMessage(message)

    def tell(self, driver, task_id, state, data=None):
        status = {"task_id": task_id, "state": state, "timestamp": time.time()}
        if data is not None:
            status["data"] = data
        driver.sendStatusUpdate(status)


if __name__ == "__main__":
    driver = MesosExecutorDriver(OneProcess())
    driver.run()
    sys.exit(0)
