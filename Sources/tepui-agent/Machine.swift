import Glibc
import Resources

/// What this machine has.
struct Machine: Sendable {
  let onlineCPUs: Int
  let memoryBytes: Int64
  /// Of the file system that holds the work directory; nil if it does not say.
  let diskBytes: Int64?
  let bootID: String

  init(diskOf directory: String) {
    onlineCPUs = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    memoryBytes = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
    var disk = statvfs()
    diskBytes = statvfs(directory, &disk) == 0 ? Int64(disk.f_blocks) * Int64(disk.f_frsize) : nil
    let id = (try? Self.read("/proc/sys/kernel/random/boot_id")) ?? ""
    bootID = id.split(separator: "\n").first.map(String.init) ?? "unknown"
  }

  /// What to offer when no flag says so: as Mesos does it, something stays for the machine itself (protocol fact 138).
  func resources(besides named: Set<String>) -> Resources {
    let megabyte: Int64 = 1 << 20
    let disk = diskBytes.map { Self.withoutReserve($0 / megabyte, 5 * 1024) } ?? 10 * 1024
    let detected = [
      ("cpus", "cpus:\(onlineCPUs)"), ("mem", "mem:\(Self.withoutReserve(memoryBytes / megabyte, 1024))"),
      ("disk", "disk:\(disk)"), ("ports", "ports:[31000-32000]"),
    ]
    let text = detected.filter { !named.contains($0.0) }.map(\.1).joined(separator: ";")
    // Written just above, so it parses.
    return (try? Resources(parsing: text)) ?? Resources()
  }

  private static func withoutReserve(_ total: Int64, _ reserve: Int64) -> Int64 {
    total > 2 * reserve ? total - reserve : total / 2
  }

  static func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The IPv4 address of the host's name.
  static func addressOfHost() -> String? {
    var hints = addrinfo()
    hints.ai_family = AF_INET
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(hostName(), nil, &hints, &found) == 0, let first = found else { return nil }
    defer { freeaddrinfo(found) }
    var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
    return first.pointee.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
      guard inet_ntop(AF_INET, &address.pointee.sin_addr, &text, socklen_t(text.count)) != nil else { return nil }
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  /// Reads a small text file.
  static func read(_ path: String) throws(FileError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError("read", path) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while content.count < 1 << 20 {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      guard count >= 0 else { throw FileError("read", path) }
      if count == 0 { break }
      content += buffer[..<count]
    }
    return String(decoding: content, as: UTF8.self)
  }
}
