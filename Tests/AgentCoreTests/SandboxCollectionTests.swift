import AgentCore
import Testing
import Wire

@Suite struct SandboxCollectionTests {
  private static let day: Int64 = 86_400_000_000_000
  private let rules = SandboxCollection(delayNs: 10 * day, diskHeadroom: 0.1)

  @Test(arguments: [(0.0, 9.0), (0.4, 5.0), (0.85, 0.5), (0.9, 0.0), (1.0, 0.0)])
  func theFullerTheDiskTheSoonerASandboxGoes(usage: Double, days: Double) {
    let age = Double(rules.maxAgeNs(diskUsage: usage)) / Double(Self.day)
    #expect(abs(age - days) < 1e-9)
  }

  @Test func aSandboxIsDueWhenItsAgeIsReached() {
    let ended = 100 * Self.day
    #expect(!rules.isDue(endedNs: ended, now: ended + 5 * Self.day - 1_000_000, diskUsage: 0.4))
    #expect(rules.isDue(endedNs: ended, now: ended + 5 * Self.day + 1_000_000, diskUsage: 0.4))
    #expect(rules.isDue(endedNs: ended, now: ended, diskUsage: 0.95))
    #expect(!rules.isDue(endedNs: ended, now: ended - 1, diskUsage: 0.95))
  }

  @Test func oddNumbersDoNoHarm() {
    #expect(rules.maxAgeNs(diskUsage: -3) == 10 * Self.day)
    #expect(SandboxCollection(delayNs: 0, diskHeadroom: 1).maxAgeNs(diskUsage: 0) == 0)
    #expect(!rules.isDue(endedNs: .max, now: 0, diskUsage: 1))
    #expect(rules.isDue(endedNs: .min, now: 1, diskUsage: 0))
  }

  @Test func aContainerIsLiveFromItsLaunchToItsEnd() throws {
    let agent = try Simulation.subscribed()
    let container = agent.runCommand(task("t", "sleep 100"))
    #expect(agent.isLive(container))
    agent.feed(.containerExited(container, Exit.status(0)))
    // Also while nobody has acknowledged its end.
    #expect(!agent.isLive(container))
  }
}
