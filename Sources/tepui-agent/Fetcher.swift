import Containment
import Dispatch
import Fetching
import Glibc
import Logging
import Synchronization
import Wire

/// Has the URIs of commands put into sandboxes, by processes that belong to the sandboxes' users.
///
/// What is to be cached is downloaded once for all that want it at a time, and survives the one that wanted it first.
/// All calls return at once; answers come on a queue of its own, to which all of its state belongs.
final class Fetcher: @unchecked Sendable {
  struct Configuration: Sendable {
    /// Path of `tepui-fetcher`.
    var program: String
    /// For jobs, for a moment.
    var runtimeDirectory: String
    var cacheDirectory: String
    var cacheSizeBytes: Int64
    var stallSeconds: Int
    var frameworksHome: String
    var log: Logger
  }

  struct Request: Sendable {
    var containerID: String
    var uris: [MesosCommandInfo.URI]
    var sandbox: String
    /// As the command names its user; nil is the agent's own.
    var user: String?
    var account: UserAccount?
  }

  typealias Answer = @Sendable (FetchFailure?) -> Void

  /// For `/metrics/snapshot`.
  struct Statistics: Sendable {
    var succeeded = 0
    var failed = 0
    var cacheSizeBytes: Int64
    var cacheUsedBytes: Int64 = 0
  }

  /// More at a time would take the machine from its tasks.
  private static let maxProcesses = 64

  private enum Fetch {
    /// Its sandbox is being made.
    case expected(isCancelled: Bool)
    case awaitingCache(Waiting)
    case running(FetcherProcess)
  }

  private struct Waiting {
    var request: Request
    var answer: Answer
    var missing: Set<String>
    /// By URI.
    var failures: [String: String] = [:]
  }

  private final class Download {
    var waiters: Set<String> = []
    var process: FetcherProcess?
    var isAbandoned = false
  }

  private let configuration: Configuration
  private let queue = DispatchQueue(label: "fetcher")
  private let cache: FetcherCache
  private let shared: Mutex<Statistics>
  private var fetches: [String: Fetch] = [:]
  private var downloads: [FetcherCache.Key: Download] = [:]
  private var processes = 0
  private var held: [() -> Void] = []
  private var jobs: UInt64 = 0

  init(_ configuration: Configuration) {
    self.configuration = configuration
    cache = FetcherCache(
      directory: configuration.cacheDirectory, sizeBytes: configuration.cacheSizeBytes, log: configuration.log)
    shared = Mutex(Statistics(cacheSizeBytes: configuration.cacheSizeBytes, cacheUsedBytes: cache.usedBytes))
  }

  var statistics: Statistics { shared.withLock { $0 } }

  /// Lets `cancel` know of a fetch that will come, or will be `forgotten`.
  func expect(_ containerID: String) {
    queue.async { [self] in fetches[containerID] = .expected(isCancelled: false) }
  }

  func forget(_ containerID: String) {
    queue.async { [self] in fetches[containerID] = nil }
  }

  /// Fetches what the request names. The answer is nil when all of it is there.
  func fetch(_ request: Request, _ answer: @escaping Answer) {
    queue.async { [self] in
      let id = request.containerID
      if case .expected(isCancelled: true) = fetches[id] { return finish(id, Self.cancelled, answer) }
      var waiting = Waiting(request: request, answer: answer, missing: [])
      for uri in request.uris where uri.cache && cache.sizeBytes > 0 && !waiting.missing.contains(uri.value) {
        if waitForDownload(key(of: uri.value, request), request) { waiting.missing.insert(uri.value) }
      }
      fetches[id] = .awaitingCache(waiting)
      startIfComplete(id)
    }
  }

  /// Ends a fetch. It is answered as any other that fails; one that is over or unknown is not.
  func cancel(_ containerID: String) {
    queue.async { [self] in
      switch fetches[containerID] {
      case nil: break
      case .expected: fetches[containerID] = .expected(isCancelled: true)
      case .running(let process): process.end()
      case .awaitingCache(let waiting):
        for uri in waiting.missing { leave(key(of: uri, waiting.request), containerID) }
        finish(containerID, Self.cancelled, waiting.answer)
      }
    }
  }

  private static let cancelled = FetchFailure("it was no longer wanted")

  private func key(of uri: String, _ request: Request) -> FetcherCache.Key {
    FetcherCache.Key(user: request.user ?? "", uri: uri)
  }

  private func finish(_ id: String, _ failure: FetchFailure?, _ answer: Answer) {
    fetches[id] = nil
    let used = cache.usedBytes
    shared.withLock { statistics in
      if failure == nil { statistics.succeeded += 1 } else { statistics.failed += 1 }
      statistics.cacheUsedBytes = used
    }
    answer(failure)
  }

  // MARK: The cache

  /// Whether a download has to be waited for.
  private func waitForDownload(_ key: FetcherCache.Key, _ request: Request) -> Bool {
    if let download = downloads[key] {
      download.waiters.insert(request.containerID)
      return true
    }
    if let file = cache.open(key) {
      close(file)
      return false
    }
    let download = Download()
    download.waiters = [request.containerID]
    downloads[key] = download
    whenFree { [self] in start(download, key, request) }
    return true
  }

  private func start(_ download: Download, _ key: FetcherCache.Key, _ request: Request) {
    guard !download.isAbandoned else { return processEnded() }
    let file: (name: String, descriptor: Int32)
    do {
      file = try cache.makeFile(for: request.account)
    } catch {
      configuration.log.warning("The fetcher cache is passed by: \(error)")
      processEnded()
      return ended(download, key, .largerThanCache)
    }
    defer { close(file.descriptor) }
    let work = FetchJob.Work.cache(
      uri: key.uri, descriptor: FetcherProcess.firstDescriptor, limitBytes: cache.sizeBytes)
    do {
      download.process = try run(job(work, request), [file.descriptor]) { [self] failure in
        if failure == nil && !download.isAbandoned {
          cache.add(file.name, for: key)
        } else {
          cache.removeFile(file.name)
        }
        ended(download, key, failure)
      }
    } catch {
      cache.removeFile(file.name)
      processEnded()
      ended(download, key, FetchFailure("\(error)"))
    }
  }

  private func ended(_ download: Download, _ key: FetcherCache.Key, _ failure: FetchFailure?) {
    download.process = nil
    guard !download.isAbandoned else { return }
    downloads[key] = nil
    for id in download.waiters.sorted() {
      guard case .awaitingCache(var waiting) = fetches[id] else { continue }
      waiting.missing.remove(key.uri)
      // What the cache has no room for is fetched past it.
      if let failure, !failure.isForWantOfSpace { waiting.failures[key.uri] = failure.description }
      fetches[id] = .awaitingCache(waiting)
      startIfComplete(id)
    }
  }

  private func leave(_ key: FetcherCache.Key, _ containerID: String) {
    guard let download = downloads[key] else { return }
    download.waiters.remove(containerID)
    guard download.waiters.isEmpty else { return }
    download.isAbandoned = true
    downloads[key] = nil
    download.process?.end()
  }

  // MARK: Sandboxes

  private func startIfComplete(_ id: String) {
    guard case .awaitingCache(let waiting) = fetches[id], waiting.missing.isEmpty else { return }
    whenFree { [self] in
      // Meanwhile it may be no longer wanted.
      guard case .awaitingCache = fetches[id] else { return processEnded() }
      start(waiting)
    }
  }

  private func start(_ waiting: Waiting) {
    let request = waiting.request
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    let items = request.uris.map { uri in
      var item = FetchJob.Item(
        uri: uri.value, outputFile: uri.outputFile, isExecutable: uri.executable, extracts: uri.extract)
      if let failure = waiting.failures[uri.value], uri.cache {
        item.origin = .failed(failure)
      } else if uri.cache, descriptors.count < FetcherProcess.maxDescriptors,
        let file = cache.open(key(of: uri.value, request))
      {
        item.origin = .descriptor(FetcherProcess.firstDescriptor + Int32(descriptors.count))
        descriptors.append(file)
      }
      return item
    }
    do {
      let process = try run(job(.fill(items), request), descriptors) { [self] failure in
        finish(request.containerID, failure, waiting.answer)
      }
      fetches[request.containerID] = .running(process)
    } catch {
      processEnded()
      finish(request.containerID, FetchFailure("\(error)"), waiting.answer)
    }
  }

  // MARK: Processes

  private func job(_ work: FetchJob.Work, _ request: Request) -> FetchJob {
    var job = FetchJob(sandbox: request.sandbox, work: work)
    job.user = request.account.map { FetchJob.User(uid: $0.uid, gid: $0.gid, groups: $0.groups) }
    job.stallSeconds = configuration.stallSeconds
    job.frameworksHome = configuration.frameworksHome
    return job
  }

  /// Must be preceded by `whenFree`; a process that ends, or was not started, makes way for the next.
  private func run(
    _ job: FetchJob, _ descriptors: [Int32], _ ended: @escaping FetcherProcess.Ended
  ) throws(FileError) -> FetcherProcess {
    jobs += 1
    return try FetcherProcess(
      configuration.program, job, jobFile: "\(configuration.runtimeDirectory)/fetch-\(jobs)", descriptors: descriptors,
      on: queue
    ) { [self] failure in
      ended(failure)
      processEnded()
    }
  }

  private func whenFree(_ start: @escaping () -> Void) {
    if processes < Self.maxProcesses {
      processes += 1
      start()
    } else {
      held.append(start)
    }
  }

  private func processEnded() {
    processes -= 1
    queue.async { [self] in
      guard processes < Self.maxProcesses, !held.isEmpty else { return }
      processes += 1
      held.removeFirst()()
    }
  }
}
