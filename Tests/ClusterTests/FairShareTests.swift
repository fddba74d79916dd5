import Testing
import Wire

extension ClusterTests {
  /// Dominant resource fairness as frameworks see it: through a master, an agent and HTTP.
  @MainActor @Suite struct FairShares {
    /// A framework with tasks of one size: it starts one on each offer and gives back the rest at once.
    @MainActor private final class Worker {
      let framework: TestFramework
      let cpus, mem: Double
      let gpus: Double
      private(set) var tasks = 0
      private(set) var refused = 0

      init(_ cluster: Cluster, _ name: String, cpus: Double, mem: Double, gpus: Double = 0) {
        framework = TestFramework(cluster, name, role: name)
        (self.cpus, self.mem, self.gpus) = (cpus, mem, gpus)
        if gpus > 0 { framework.change { $0.capabilities.append(.with { $0.type = .gpuResources }) } }
      }

      /// Answers the offers that came; an offer that is too small is refused for long.
      func work() async throws {
        for offer in framework.offers {
          if offer.scalar("cpus") >= cpus, offer.scalar("mem") >= mem, offer.scalar("gpus") >= gpus {
            tasks += 1
            try await framework.launch([task(on: offer)], on: offer)
          } else {
            refused += 1
            try await framework.decline(offer, refuseSeconds: 3600)
          }
        }
      }

      private func task(on offer: MesosOffer) -> MesosTaskInfo {
        .task("\(framework.info.name)-\(tasks)", on: offer, "sleep 1000", cpus: cpus, mem: mem) {
          if gpus > 0 { $0.resources.append(.scalar("gpus", gpus, offer.allocationInfo.role)) }
        }
      }
    }

    /// Plays until every worker has refused what is left.
    private func settle(_ workers: [Worker]) async throws -> [Int] {
      try await eventually("all have refused the rest; tasks \(workers.map(\.tasks))") {
        for worker in workers { try await worker.work() }
        return workers.allSatisfy { $0.refused > 0 }
      }
      return workers.map(\.tasks)
    }

    /// Two frameworks are there before the agent, so that the policy has the choice from the first task on.
    private func play(
      _ agent: String, flags: [String] = [], _ make: @MainActor (Cluster) -> [Worker]
    ) async throws -> [Int] {
      var counts: [Int] = []
      try await Cluster.run(agents: [], flags: flags) { cluster in
        let workers = make(cluster)
        for worker in workers { try await worker.framework.subscribe() }
        try await cluster.startAgent("agent0", agent)
        counts = try await settle(workers)
      }
      return counts
    }

    /// DRF paper, section 4.1: both dominant shares end at 2/3.
    @Test func theExampleOfThePaper() async throws {
      let counts = try await play("cpus:9;mem:18432") { cluster in
        [Worker(cluster, "A", cpus: 1, mem: 4096), Worker(cluster, "B", cpus: 3, mem: 1024)]
      }
      #expect(counts == [3, 2])
    }

    /// Tasks alike, weights 3 to 1: of 12 tasks 9 and 3.
    @Test func weighted() async throws {
      let counts = try await play("cpus:12.5;mem:12800", flags: ["--weights=A=3,B=1"]) { cluster in
        ["A", "B"].map { Worker(cluster, $0, cpus: 1, mem: 1024) }
      }
      #expect(counts == [9, 3])
    }

    /// A third resource is the dominant one of C: three shares of 1/2, when the CPUs are used up.
    @Test func withAThirdResource() async throws {
      let counts = try await play("cpus:12;mem:24576;gpus:6", flags: ["--filter_gpu_resources=false"]) { cluster in
        [
          Worker(cluster, "A", cpus: 1, mem: 4096), Worker(cluster, "B", cpus: 3, mem: 1024),
          Worker(cluster, "C", cpus: 1, mem: 1024, gpus: 1),
        ]
      }
      #expect(counts == [3, 2, 3])
    }

    /// The same without counting GPUs: C's dominant share is that of the CPUs, and it is given one task more, A one less.
    @Test func withAThirdResourceThatDoesNotCount() async throws {
      let flags = ["--filter_gpu_resources=false", "--fair_sharing_excluded_resource_names=gpus"]
      let counts = try await play("cpus:12;mem:24576;gpus:6", flags: flags) { cluster in
        [
          Worker(cluster, "A", cpus: 1, mem: 4096), Worker(cluster, "B", cpus: 3, mem: 1024),
          Worker(cluster, "C", cpus: 1, mem: 1024, gpus: 1),
        ]
      }
      #expect(counts == [2, 2, 4])
    }
  }
}
