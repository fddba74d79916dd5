import CLaunch
import Containment
import Glibc
import ModuleHost
import Testing

extension ContainmentTests {
  /// Networks of containers, as checks of their tasks see them.
  @Suite(.enabled(if: isRoot, "namespaces need root")) struct NetworkTests {
    private func network(_ harness: Harness, _ id: String) async throws -> ContainerNetwork? {
      try await withCheckedContinuation { done in harness.containment.network(of: id) { done.resume(returning: $0) } }
        .get()
    }

    /// A socket in the network of a process that listens on the loopback address, and its port.
    private func listen(in pid: Int32) throws -> (socket: Int32, port: UInt16) {
      let network = open("/proc/\(pid)/ns/net", O_RDONLY | O_CLOEXEC)
      defer { close(network) }
      let listener = launch_socket(network, 0)
      try #require(listener >= 0)
      // struct ifreq: the name, and flags at 16. IFF_UP and IFF_RUNNING.
      var request = Array("lo".utf8) + [UInt8](repeating: 0, count: 38)
      request[16] = 0x41
      try #require(request.withUnsafeMutableBytes { ioctl(listener, 0x8914, $0.baseAddress!) } == 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      try withUnsafeMutablePointer(to: &address) { pointer in
        try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          try #require(bind(listener, $0, length) == 0 && Glibc.listen(listener, 1) == 0)
          try #require(getsockname(listener, $0, &length) == 0)
        }
      }
      return (listener, UInt16(bigEndian: address.sin_port))
    }

    @Test func aContainersOwnNetworkIsConnectedIn() async throws {
      let harness = try Harness([PlannedIsolator("a", [.namespaces(.network)])])
      let launched = try await harness.launch(harness.request("a", "exec sleep 600")).get()
      let network = try #require(try await network(harness, "a"))
      // Its loopback is down.
      #expect(throws: ContainmentFailure.self) { try network.connect(toPort: 80, isIPv6: false, timeoutMs: 1000) }
      let (listener, port) = try listen(in: launched.pid)
      defer { close(listener) }
      let socket = try network.connect(toPort: port, isIPv6: false, timeoutMs: 1000)
      let accepted = accept(listener, nil, nil)
      #expect(accepted >= 0)
      close(accepted)
      close(socket)
      let failure = #expect(throws: ContainmentFailure.self) {
        try network.connect(toPort: port == 1 ? 2 : 1, isIPv6: false, timeoutMs: 1000)
      }
      #expect(failure?.message.contains("Connection refused") == true)
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
    }

    @Test func theAgentsNetworkIsNobodysOwn() async throws {
      let harness = try Harness()
      _ = try await harness.launch(harness.request("a", "exec sleep 600")).get()
      #expect(try await network(harness, "a") == nil)
      harness.containment.destroy("a")
      _ = try await harness.exit(of: "a")
    }

    @Test func whatDoesNotRunHasNoNetworkNotEvenTheAgents() async throws {
      let harness = try Harness([PlannedIsolator("a", [.namespaces(.network)])])
      await #expect(throws: ContainmentFailure(message: "the container nobody does not run")) {
        try await network(harness, "nobody")
      }
      _ = try await harness.launch(harness.request("a", "exec sleep 600")).get()
      harness.containment.destroy("a")
      await #expect(throws: ContainmentFailure(message: "the container a does not run")) {
        try await network(harness, "a")
      }
      _ = try await harness.exit(of: "a")
    }
  }
}
