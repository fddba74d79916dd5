import Fetching
import Glibc

// Started by the agent, for one job: descriptor 0 is a socket to it, 1 a file with the job. Writes the reason of a failure
// over the job, if there is one, and ends. It ends too when the agent's end of the socket closes.

/// Where no tool inherits them.
let agent = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 16)
let jobFile = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 16)

func readJob() -> FetchJob? {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    let count = pread(jobFile, &buffer, buffer.count, off_t(bytes.count))
    guard count >= 0 else { return nil }
    if count == 0 { return FetchJob(bytes: bytes) }
    bytes += buffer[..<count]
  }
}

func end(_ failure: FetchFailure) -> Never {
  let text = Array(failure.description.utf8)
  if ftruncate(jobFile, 0) == 0 { _ = pwrite(jobFile, text, text.count, 0) }
  exit(EXIT_FAILURE)
}

guard let job = readJob() else {
  end(FetchFailure("the fetcher was given no job: it is started by the agent, and of the same build"))
}
do {
  try Fetch(job, agent: agent).run()
} catch {
  end(error)
}
