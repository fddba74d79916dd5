import MasterCore
import Testing

@Suite struct LatestTimesTests {
  @Test func onlyTheLatestAreTold() {
    var times = LatestTimes(capacity: 100)
    #expect(times.figures("t") == ["t/count": 0])
    for number in stride(from: 250, to: 0, by: -1) { times.add(Double(number)) }
    let figures = times.figures("t")
    #expect(figures["t/count"] == 250 && figures["t"] == 1)
    #expect(figures["t/min"] == 1 && figures["t/max"] == 100)
    #expect(figures["t/p50"] == 51 && figures["t/p99"] == 100)
  }
}
