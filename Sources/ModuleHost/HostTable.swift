import CTepui
import Logging
import Synchronization

/// The host as one module sees it: `tepui_host` and what is behind its functions. Lives as long as the process.
final class HostTable: Sendable {
  /// Never changes and is never freed.
  nonisolated(unsafe) let pointer: UnsafePointer<tepui_host>
  private let log: ModuleLog

  /// Log lines get `name` in front, the module's id as soon as it is known.
  init(product: String, version: String, name: String, logger: Logger) {
    log = ModuleLog(name: name, logger: logger)
    let host = UnsafeMutablePointer<tepui_host>.allocate(capacity: 1)
    host.initialize(
      to: tepui_host(
        size: UInt32(MemoryLayout<tepui_host>.size), abi_oldest: ABIVersion.oldest.rawValue,
        abi_newest: ABIVersion.newest.rawValue, product: tepui_text(immortal: product),
        version: tepui_text(immortal: version), context: Unmanaged.passRetained(log).toOpaque(),
        log: { context, level, message in
          guard let context else { return }
          Unmanaged<ModuleLog>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.write(level: level, message) }
        },
        extension: { _, _ in nil }))
    pointer = UnsafePointer(host)
  }

  func rename(_ name: String) { log.rename(name) }
  func write(_ level: Logger.Level, _ text: String) { log.write(level, text) }
}

/// One module's way to the daemon's log, from any thread.
private final class ModuleLog: Sendable {
  private let name: Mutex<String>
  private let logger: Logger

  init(name: String, logger: Logger) {
    self.name = Mutex(name)
    self.logger = logger
  }

  func rename(_ name: String) { self.name.withLock { $0 = name } }

  func write(level: Int32, _ message: tepui_text) {
    guard let bytes = message.bytes else { return }
    let text = oneLine(UnsafeRawBufferPointer(start: bytes, count: Int(min(message.length, 4096))))
    switch level {
    case TEPUI_LOG_DEBUG: write(.debug, text)
    case TEPUI_LOG_WARNING: write(.warning, text)
    case TEPUI_LOG_ERROR: write(.error, text)
    default: write(.info, text)
    }
  }

  func write(_ level: Logger.Level, _ text: String) {
    logger.log(level: level, "\(name.withLock { $0 }): \(text)")
  }
}
