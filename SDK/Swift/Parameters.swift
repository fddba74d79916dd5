import CTepui

/// The parameters of modules.json, checked by the host, with defaults for those that are not given.
///
/// Asking for one that the descriptor does not declare throws.
public struct Parameters {
  private let values: [String: (text: String, integer: Int64)]

  init(_ start: UnsafePointer<tepui_parameter>?, count: UInt32) {
    var values: [String: (String, Int64)] = [:]
    if let start {
      // Walked by the size that the host gives, which may be larger than ours.
      let stride = Int(start.pointee.size)
      for index in 0..<Int(count) {
        let parameter = (UnsafeRawPointer(start) + index * stride).assumingMemoryBound(to: tepui_parameter.self)
        values[String(parameter.pointee.name)] = (String(parameter.pointee.text), parameter.pointee.integer)
      }
    }
    self.values = values
  }

  public func text(_ name: String) throws -> String { try value(name).text }
  public func integer(_ name: String) throws -> Int64 { try value(name).integer }
  public func boolean(_ name: String) throws -> Bool { try value(name).integer != 0 }
  /// Of a quantity.
  public func thousandths(_ name: String) throws -> Int64 { try value(name).integer }
  /// Of a duration.
  public func nanoseconds(_ name: String) throws -> Int64 { try value(name).integer }

  private func value(_ name: String) throws -> (text: String, integer: Int64) {
    guard let value = values[name] else {
      throw Failure("the module asks for a parameter \(name) but does not declare it")
    }
    return value
  }
}

/// The daemon's log; the host puts the module's id in front. May be used from any thread.
public struct Log {
  let host: UnsafePointer<tepui_host>

  public func debug(_ message: String) { write(TEPUI_LOG_DEBUG, message) }
  public func info(_ message: String) { write(TEPUI_LOG_INFO, message) }
  public func warning(_ message: String) { write(TEPUI_LOG_WARNING, message) }
  public func error(_ message: String) { write(TEPUI_LOG_ERROR, message) }

  private func write(_ level: Int32, _ message: String) {
    _ = withText(message) { host.pointee.log?(host.pointee.context, level, $0) }
  }
}
