import CLaunch
import Glibc
import Synchronization

/// One thread that waits for descriptors, timers and work from other threads. All but `submit` and `stop` is called on
/// that thread only.
final class EventLoop: @unchecked Sendable {
  typealias Job = () -> Void

  private let name: String
  private let epoll: Int32
  private let wakeup: Int32
  private let inbox = Mutex<(jobs: [@Sendable () -> Void], isStopped: Bool)>(([], false))

  // Of the thread alone.
  private var handlers: [Int32: Job] = [:]
  private var timers: [UInt64: (deadlineNs: UInt64, job: Job)] = [:]
  private var nextTimer: UInt64 = 0
  private var nextDeadlineNs = UInt64.max

  /// - Parameter name: of the thread, as `top -H` shows it; at most 15 bytes.
  init(name: String) throws(SystemFailure) {
    self.name = name
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw SystemFailure("epoll_create1") }
    wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard wakeup >= 0 else {
      let failure = SystemFailure("eventfd")
      close(epoll)
      throw failure
    }
    try watch(wakeup) { [wakeup] in
      var count: UInt64 = 0
      _ = read(wakeup, &count, 8)
    }
    try start()
  }

  /// Runs a job on the thread, after those that were submitted before. Any thread. Jobs of a stopped loop are dropped.
  func submit(_ job: @escaping @Sendable () -> Void) {
    inbox.withLock { inbox in
      guard !inbox.isStopped else { return }
      inbox.jobs.append(job)
      if inbox.jobs.count == 1 { wake() }
    }
  }

  /// Ends the thread after the job that runs. Any thread.
  func stop() {
    inbox.withLock { inbox in
      if !inbox.isStopped { wake() }
      inbox.isStopped = true
    }
  }

  /// Calls `handler` whenever the descriptor is readable, is at its end or has an error.
  func watch(_ descriptor: Int32, _ handler: @escaping Job) throws(SystemFailure) {
    var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: descriptor))
    guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else { throw SystemFailure("epoll_ctl") }
    handlers[descriptor] = handler
  }

  /// Must come before the descriptor is closed.
  func unwatch(_ descriptor: Int32) {
    guard handlers.removeValue(forKey: descriptor) != nil else { return }
    var event = epoll_event()
    epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &event)
  }

  /// Runs a job once, on the thread.
  @discardableResult
  func schedule(afterMs delayMs: UInt64, _ job: @escaping Job) -> UInt64 {
    nextTimer += 1
    let deadlineNs = Self.nowNs() + delayMs * 1_000_000
    timers[nextTimer] = (deadlineNs, job)
    nextDeadlineNs = min(nextDeadlineNs, deadlineNs)
    return nextTimer
  }

  func cancel(_ timer: UInt64) { timers[timer] = nil }

  /// Of the monotonic clock.
  static func nowNs() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Under the inbox's lock only: the thread closes the descriptor once it has seen the stop.
  private func wake() {
    var one: UInt64 = 1
    _ = write(wakeup, &one, 8)
  }

  private func start() throws(SystemFailure) {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    let error = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, context)
    guard error == 0 else {
      Unmanaged<EventLoop>.fromOpaque(context).release()
      throw SystemFailure("pthread_create", code: error)
    }
    pthread_detach(thread)
  }

  private func run() {
    launch_name_thread(name)
    // Signals are the main thread's; one that came here would only interrupt.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_BLOCK, &all, nil)
    var events = [epoll_event](repeating: epoll_event(), count: 64)
    while !inbox.withLock({ $0.isStopped }) {
      let count = epoll_wait(epoll, &events, Int32(events.count), timeoutMs())
      for event in events.prefix(Int(max(count, 0))) {
        // An earlier handler of this batch may have stopped watching it.
        handlers[event.data.fd]?()
      }
      for job in inbox.withLock({ inbox in
        defer { inbox.jobs.removeAll() }
        return inbox.jobs
      }) {
        job()
      }
      runTimers()
    }
    handlers = [:]
    timers = [:]
    close(epoll)
    close(wakeup)
  }

  private func timeoutMs() -> Int32 {
    guard nextDeadlineNs < .max else { return -1 }
    let now = Self.nowNs()
    guard nextDeadlineNs > now else { return 0 }
    return Int32(clamping: (nextDeadlineNs - now + 999_999) / 1_000_000)
  }

  private func runTimers() {
    let now = Self.nowNs()
    guard nextDeadlineNs <= now else { return }
    let due = timers.filter { $0.value.deadlineNs <= now }.sorted { $0.value.deadlineNs < $1.value.deadlineNs }
    for (timer, _) in due {
      // A job before may have cancelled it.
      timers.removeValue(forKey: timer)?.job()
    }
    nextDeadlineNs = timers.values.map(\.deadlineNs).min() ?? .max
  }
}
