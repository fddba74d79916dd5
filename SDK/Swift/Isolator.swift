import CTepui

/// One concern of containment: what a container should look like.
///
/// A module is a library with one such type and its entry function, as for an `Allocator`. `tepui/isolator.h` has the
/// whole contract. Calls come from one thread at a time, which may block.
public protocol Isolator {
  /// Who this module is.
  static var descriptor: Descriptor { get }

  /// Throw a `Failure` to keep the agent from starting, with its text: this is the place to say that a controller is
  /// missing.
  init(node: Node, parameters: Parameters, log: Log) throws

  /// Answers into `plan`. Neither it nor the container may be kept. An error that is thrown fails the launch, or leaves
  /// a running container as it is.
  mutating func plan(_ container: Container, _ plan: Plan) throws
}

/// An isolator that also measures containers.
public protocol MeasuringIsolator: Isolator {
  /// Measures a running container. Neither it nor the usage may be kept.
  mutating func measure(_ container: Container, _ usage: Usage) throws
}

/// An isolator that also acts at steps of a container's life, for what a plan cannot say. What it leaves out does
/// nothing.
public protocol ActingIsolator: Isolator {
  /// Before the launch, after all plans were accepted. A failure fails the launch.
  mutating func prepare(_ container: Container) throws

  /// The first process exists but has not begun the container's command. A failure fails the launch.
  mutating func isolate(_ container: Container) throws

  /// The agent restarted and found this container running.
  mutating func recover(_ container: Container) throws

  /// No process of the container is left. Comes once for each `prepare` or `recover`, also after a failure.
  mutating func cleanup(_ container: Container) throws
}

extension ActingIsolator {
  public func prepare(_ container: Container) {}
  public func isolate(_ container: Container) {}
  public func recover(_ container: Container) {}
  public func cleanup(_ container: Container) {}
}

/// The machine that the agent runs on.
public struct Node {
  let raw: UnsafePointer<tepui_node>

  /// CPUs that are online, in thousandths.
  public var cpus: Int64 { raw.pointee.cpus }
  public var memoryBytes: Int64 { raw.pointee.memory_bytes }
  /// Of cgroup v2 that the agent can hand to containers: `cpu`, `memory`, …
  public var controllers: [String] {
    (0..<Int(raw.pointee.controller_count)).map { String(raw.pointee.controllers[$0]) }
  }
}

/// What was measured. Must not be kept after `measure` returns.
public struct Usage {
  let sink: UnsafePointer<tepui_usage_sink>

  /// A file of the container's cgroup, such as `memory.current`; nil if the container has no cgroup or no such file.
  /// `cgroup.procs` and `cgroup.threads` list what the container runs, without the agent's own process in it.
  public func read(_ file: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while let count = buffer.withUnsafeMutableBytes({ read(file, into: $0) }) {
      // What does not fit is cut, so a full buffer may hold a part.
      if count < buffer.count { return String(decoding: buffer[..<count], as: UTF8.self) }
      buffer = [UInt8](repeating: 0, count: buffer.count * 4)
    }
    return nil
  }

  /// The same into memory of the caller's, cut to what fits: the number of bytes.
  public func read(_ file: String, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    var length: UInt64 = 0
    let memory = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
    let status = withText(file) {
      sink.pointee.read?(sink.pointee.context, $0, memory, UInt64(buffer.count), &length)
    }
    return status == TEPUI_OK ? Int(length) : nil
  }

  /// Reports a number under a field name of Mesos' ResourceStatistics: `cpus_user_time_secs` in seconds,
  /// `mem_rss_bytes` in bytes. `blkio_statistics/8:0/io_serviced/READ` is a number of a device. Whether it was taken.
  @discardableResult
  public func report(_ field: String, _ value: Double) -> Bool {
    withText(field) { sink.pointee.statistic?(sink.pointee.context, $0, value) == TEPUI_OK }
  }
}
