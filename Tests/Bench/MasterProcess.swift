import FoundationEssentials
import Glibc
import NIOCore
import Transport

/// A master as it is seen from outside: its processor time, memory and metrics.
struct MasterProcess {
  let pid: Int32
  let endpoint: Endpoint
  let client: AsyncHTTPClient

  /// Seconds of processor time so far.
  func cpuSeconds() throws -> Double {
    let path = "/proc/\(pid)/stat"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    // The name, in parentheses, may hold anything.
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
      throw Load.Failure("\(path) is not in the form that proc(5) describes")
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  func memoryMB() throws -> Double { try ProcessMemory.pssMB(of: pid) }

  /// The delay of its event loop over the last 10 seconds.
  struct Delay {
    var p50Ms = 0.0
    var p99Ms = 0.0
    var maxMs = 0.0
  }

  func loopDelay() async throws -> Delay {
    let response = try await client.send(ClientRequest(.GET, endpoint, "/metrics/snapshot"), timeout: .seconds(30))
    let metrics = try JSONDecoder().decode([String: Double].self, from: Data(response.bodyBytes))
    return Delay(
      p50Ms: metrics["event_loop/delay_ms/p50"] ?? .nan, p99Ms: metrics["event_loop/delay_ms/p99"] ?? .nan,
      maxMs: metrics["event_loop/delay_ms/max"] ?? .nan)
  }
}
