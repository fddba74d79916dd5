import CTepui

/// Collects what an isolator measured in one call of `usage`; shut outside of it.
final class UsageSink {
  let pointer: UnsafePointer<tepui_usage_sink>
  private let memory = UnsafeMutablePointer<tepui_usage_sink>.allocate(capacity: 1)
  let door = SinkDoor()
  private var cgroup: (any CgroupReading)?
  private var statistics: [String: Double] = [:]
  private var refusals = 0

  init() {
    pointer = UnsafePointer(memory)
    memory.initialize(
      to: tepui_usage_sink(
        size: UInt32(MemoryLayout<tepui_usage_sink>.size), context: nil,
        read: { context, file, buffer, capacity, length in
          UsageSink.with(context) { $0.read(file, buffer, capacity, length) }
        },
        statistic: { context, field, value in UsageSink.with(context) { $0.statistic(field, value) } }))
    memory.pointee.context = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit { memory.deallocate() }

  func open(_ cgroup: any CgroupReading) {
    self.cgroup = cgroup
    (statistics, refusals) = ([:], 0)
    door.open()
  }

  func close() -> (statistics: [String: Double], refusals: Int) {
    door.close()
    cgroup = nil
    return (statistics, refusals)
  }

  private static func with(_ context: UnsafeMutableRawPointer?, _ body: (UsageSink) -> tepui_status) -> tepui_status {
    guard let context else { return TEPUI_INVALID }
    return Unmanaged<UsageSink>.fromOpaque(context)._withUnsafeGuaranteedRef { sink in
      guard sink.door.admits() else { return TEPUI_INVALID }
      let status = body(sink)
      if status == TEPUI_INVALID { sink.refusals += 1 }
      return status
    }
  }

  private func read(
    _ file: tepui_text, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: UInt64,
    _ length: UnsafeMutablePointer<UInt64>?
  ) -> tepui_status {
    guard let buffer, let length, let name = file.bytes, (1...255).contains(file.length) else { return TEPUI_INVALID }
    let bytes = UnsafeRawBufferPointer(start: name, count: Int(file.length))
    let isName = bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
    guard isName, bytes[0] != UInt8(ascii: ".") else { return TEPUI_INVALID }
    let memory = UnsafeMutableRawBufferPointer(start: buffer, count: Int(clamping: capacity))
    guard let count = cgroup?.read(bytes, into: memory) else { return TEPUI_UNSUPPORTED }
    length.pointee = UInt64(count)
    return TEPUI_OK
  }

  private func statistic(_ field: tepui_text, _ value: Double) -> tepui_status {
    guard let field = String(field, limit: 128), !field.isEmpty, value.isFinite, value >= 0, statistics.count < 1024
    else {
      return TEPUI_INVALID
    }
    statistics[field] = value
    return TEPUI_OK
  }
}
