import Testing
import Wire

@testable import tepui_agent

@Suite struct StatisticsTests {
  private func text(_ values: [String: Double]) -> String {
    var writer = JSONWriter()
    StatisticsText(values, timestamp: 1.5).write(to: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test func countersOfDevicesAreAddedUp() {
    let told = text([
      "mem_rss_bytes": 4096, "cpus_limit": 2, "blkio_statistics/8:0/io_serviced/READ": 3,
      "blkio_statistics/8:0/io_serviced/WRITE": 4,
    ])
    #expect(told.hasPrefix(#"{"timestamp":1.5,"cpus_limit":2.0,"mem_rss_bytes":4096,"#))
    #expect(told.contains(#"{"op":"READ","value":3},{"op":"WRITE","value":4},{"op":"TOTAL","value":7}"#))
  }

  /// A module may tell of any number.
  @Test func numbersBeyondAllIntegersAreTold() {
    let most = Double.greatestFiniteMagnitude
    let told = text([
      "mem_rss_bytes": most, "blkio_statistics/8:0/io_serviced/READ": most,
      "blkio_statistics/8:0/io_serviced/WRITE": most,
    ])
    #expect(told.contains(#"{"op":"TOTAL","value":\#(Int.max)}"#))
  }
}
