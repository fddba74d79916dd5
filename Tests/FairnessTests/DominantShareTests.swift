import ModuleKit
import Testing

/// The example of the DRF paper (Ghodsi et al., NSDI 2011, sections 4.1 and 4.3), and variations of it.
@Suite struct DominantShareTests {
  private let a = Worker("A", task: ["cpus": 1, "mem": 4096])
  private let b = Worker("B", task: ["cpus": 3, "mem": 1024])

  @Test func theExampleOfThePaper() throws {
    let market = try Market("drf")
    try market.addAgent("cpus:9;mem:18432")
    market.add(a)
    market.add(b)
    try market.settle()
    #expect(market.tasks == ["A": 3, "B": 2])
    #expect(market.share(of: [a]) == 2.0 / 3)
    #expect(market.share(of: [b]) == 2.0 / 3)
  }

  /// The order in which frameworks came must not matter.
  @Test func theExampleTheOtherWayRound() throws {
    let market = try Market("drf")
    try market.addAgent("cpus:9;mem:18432")
    market.add(b)
    market.add(a)
    try market.settle()
    #expect(market.tasks == ["A": 3, "B": 2])
  }

  /// With twice the weight A gets twice the dominant share: of 18 CPUs and 36 GB, 6 tasks (2/3) and 2 tasks (1/3).
  @Test func weighted() throws {
    let market = try Market("drf")
    market.ledger.setWeight(2000, ofRole: "A")
    try market.addAgent("cpus:18;mem:36864")
    market.add(Worker("A", task: ["cpus": 1, "mem": 4096], wanted: 6))
    market.add(Worker("B", task: ["cpus": 3, "mem": 1024], wanted: 2))
    var seen: [[String: Int]] = []
    market.inspect = { _ in seen.append(market.tasks) }
    try market.settle()
    #expect(market.tasks == ["A": 6, "B": 2])
    // All the way up: nobody is ahead by more than a task.
    for tasks in seen {
      let (a, b) = (Double(tasks["A", default: 0]) / 9 / 2, Double(tasks["B", default: 0]) / 6)
      #expect(abs(a - b) <= 1.0 / 6 + 1e-9, "\(tasks)")
    }
  }

  /// A third resource, of which C needs most: 1 of 6 GPUs is its dominant share, and all three level out at 1/2.
  @Test func withAThirdResource() throws {
    var options = Market.options
    options.reservesGPUAgents = false
    let market = Market(try Policies.load("drf"), options: options)
    try market.addAgent("cpus:12;mem:24576;gpus:6")
    let c = Worker("C", task: ["cpus": 1, "mem": 1024, "gpus": 1])
    for worker in [a, b, c] { market.add(worker) }
    var seen: [[String: Int]] = []
    market.inspect = { _ in seen.append(market.tasks) }
    try market.settle()
    #expect(seen.contains(["A": 3, "B": 2, "C": 3]))
    #expect([a, b, c].map { market.share(of: [$0]) } == [0.5, 0.5, 0.5])
  }
}
