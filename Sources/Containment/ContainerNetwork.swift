import CLaunch
import Glibc

/// The network of a container that has one of its own. It lives at least as long as this.
public final class ContainerNetwork: Sendable {
  private let namespace: ContainerNamespace

  private init(_ namespace: ContainerNamespace) { self.namespace = namespace }

  /// nil if the process has the network of the agent.
  static func find(of process: ProcessHandle) throws(ContainmentFailure) -> ContainerNetwork? {
    try ContainerNamespace.find("net", of: process).map { ContainerNetwork($0) }
  }

  /// Connects to a port of its loopback address: a non-blocking descriptor, the caller's to close. Blocks.
  public func connect(toPort port: UInt16, isIPv6: Bool, timeoutMs: Int32) throws(ContainmentFailure) -> Int32 {
    let socket = launch_socket(namespace.descriptor, isIPv6 ? 1 : 0)
    guard socket >= 0 else { throw ContainmentFailure(message: "\(SystemFailure("enter the task's network"))") }
    let error = Self.connect(socket, port, isIPv6, timeoutMs)
    guard error != 0 else { return socket }
    close(socket)
    throw ContainmentFailure(message: "\(SystemFailure("connect to port \(port) in the task's network", code: error))")
  }

  /// 0 or an errno.
  private static func connect(_ socket: Int32, _ port: UInt16, _ isIPv6: Bool, _ timeoutMs: Int32) -> Int32 {
    if begin(socket, port, isIPv6) == 0 { return 0 }
    guard errno == EINPROGRESS else { return errno }
    var wait = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
    var count = poll(&wait, 1, timeoutMs)
    while count < 0 && errno == EINTR { count = poll(&wait, 1, timeoutMs) }
    guard count > 0 else { return count == 0 ? ETIMEDOUT : errno }
    var (error, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno
  }

  private static func begin(_ socket: Int32, _ port: UInt16, _ isIPv6: Bool) -> Int32 {
    func connect<Address>(_ address: Address) -> Int32 {
      withUnsafePointer(to: address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.connect(socket, $0, socklen_t(MemoryLayout<Address>.size))
        }
      }
    }
    if isIPv6 {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      address.sin6_addr = in6addr_loopback
      return connect(address)
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return connect(address)
  }
}
