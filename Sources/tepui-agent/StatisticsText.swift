import Wire

/// Measured numbers as Mesos' message ResourceStatistics, in JSON.
struct StatisticsText {
  private let numbers: [(field: String, value: Double)]
  private let devices: [Device]
  private let timestamp: Double

  /// One entry of `blkio_statistics.throttling`.
  private struct Device {
    var major: Int
    var minor: Int
    /// By member, such as io_serviced: operation and number.
    var counters: [(member: String, values: [(operation: String, value: Double)])]
  }

  /// - Parameter values: by field, as tepui_usage_sink describes it.
  init(_ values: [String: Double], timestamp: Double) {
    self.timestamp = timestamp
    let sorted = values.sorted { $0.key < $1.key }
    numbers = sorted.filter { !$0.key.contains("/") }.map { ($0.key, $0.value) }
    devices = Self.devices(sorted.filter { $0.key.hasPrefix("blkio_statistics/") })
  }

  /// Sorted fields `blkio_statistics/8:0/io_serviced/READ`.
  private static func devices(_ fields: [(key: String, value: Double)]) -> [Device] {
    var devices: [Device] = []
    for (field, value) in fields {
      let words = field.split(separator: "/").map(String.init)
      let numbers = words.count == 4 ? words[1].split(separator: ":").compactMap { Int($0) } : []
      guard numbers.count == 2 else { continue }
      if devices.last.map({ [$0.major, $0.minor] }) != numbers {
        devices.append(Device(major: numbers[0], minor: numbers[1], counters: []))
      }
      let last = devices.count - 1
      if devices[last].counters.last?.member != words[2] { devices[last].counters.append((words[2], [])) }
      devices[last].counters[devices[last].counters.count - 1].values.append((words[3], value))
    }
    return devices
  }

  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("timestamp", timestamp)
      for (field, value) in numbers {
        writer.name(field)
        if Self.isWhole(field), let integer = Int(exactly: value) { writer.value(integer) } else { writer.value(value) }
      }
      guard !devices.isEmpty else { return }
      writer.object("blkio_statistics") { writer in
        writer.list("throttling", devices) { writer, device in write(device, to: &writer) }
      }
    }
  }

  private func write(_ device: Device, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.object("device") { writer in
        writer.member("major_number", device.major)
        writer.member("minor_number", device.minor)
      }
      for (member, values) in device.counters {
        writer.name(member)
        let total = values.reduce(0) { $0 + $1.value }
        writer.list(values + [("TOTAL", total)]) { writer, entry in
          writer.object { writer in
            writer.member("op", entry.operation)
            writer.member("value", Self.whole(entry.value))
          }
        }
      }
    }
  }

  /// Modules may tell of more than an integer holds, and sums may be infinite.
  private static func whole(_ value: Double) -> Int { Int(exactly: value.rounded(.towardZero)) ?? .max }

  /// Fields of the message are integers but for times and amounts of CPUs (protocol fact 132 has the form of both).
  private static func isWhole(_ field: String) -> Bool {
    !(field.hasSuffix("_secs") || field.hasSuffix("cpus_limit") || field == "cpus_soft_limit"
      || field.hasPrefix("pressure_"))
  }
}
