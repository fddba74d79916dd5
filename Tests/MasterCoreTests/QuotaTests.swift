import MasterCore
import Resources
import Testing
import Wire

@Suite struct QuotaTests {
  let cluster = TestCluster()

  private func config(
    _ role: String, guarantees: [String: Double] = [:], limits: [String: Double] = [:]
  ) -> MesosQuotaConfig {
    .with {
      $0.role = role
      $0.guarantees = guarantees.mapValues { value in .with { $0.value = value } }
      $0.limits = limits.mapValues { value in .with { $0.value = value } }
    }
  }

  private func update(_ configs: MesosQuotaConfig..., force: Bool = false) -> TestCluster.Answer? {
    cluster.call(.updateQuota) {
      $0.updateQuota.quotaConfigs = configs
      $0.updateQuota.force = force
    }
  }

  private var roles: [String] { cluster.core.snapshot().quotas.keys.sorted() }

  private func cpus(_ offers: [MesosOffer]) -> Double {
    offers.flatMap(\.resources).filter { $0.name == "cpus" }.reduce(0) { $0 + $1.scalar.value }
  }

  @Test func aLimitHoldsForOffersFromThenOnAndTakesBackWhatIsTooMuch() throws {
    cluster.policy.script = TestPolicy.exhaustive
    _ = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    let framework = TestFramework(cluster)
    #expect(cpus(framework.offers) == 4)
    framework.clear()
    #expect(update(config("a", limits: ["cpus": 1])) == .init(status: 200, text: ""))
    #expect(framework.rescinded.count == 1)
    cluster.pass(seconds: 2)
    #expect(cpus(framework.offers) == 1)
  }

  @Test func aGuaranteeTakesOffersBackFromOthersAndOutlivesTheMaster() throws {
    cluster.policy.script = TestPolicy.exhaustive
    let agent = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    let other = TestFramework(cluster, TestFramework.info(roles: ["b"]))
    #expect(update(config("a", guarantees: ["cpus": 3])) == .init(status: 200, text: ""))
    #expect(other.rescinded.count == 1)
    let framework = TestFramework(cluster)
    cluster.pass(seconds: 2)
    #expect(cpus(framework.offers) == 3)

    // The next master offers nothing until most agents are back.
    let next = TestCluster(id: "next", records: cluster.records)
    next.policy.script = TestPolicy.exhaustive
    let early = TestFramework(next, TestFramework.info(roles: ["b"]))
    let stranger = try TestAgent(next, resources: "cpus:2;mem:1000", address: "10.1.0.1:1", subscribes: false)
    stranger.info.id.value = "foreign"
    #expect(early.offers.isEmpty && next.core.snapshot().quotas.count == 1)
    let back = try TestAgent(next, resources: "cpus:4;mem:4096", address: agent.address, subscribes: false)
    back.info = agent.info
    back.subscribe()
    next.pass(seconds: 2)
    #expect(cpus(early.offers) == 1)
  }

  @Test func badQuotasAreRefusedAsAWholeWithMesosTexts() throws {
    _ = try TestAgent(cluster, resources: "cpus:8;disk:10000;mem:8192")
    let tooMuch = update(config("q", guarantees: ["cpus": 1]), config("q2", guarantees: ["cpus": 1e9]))
    #expect(
      tooMuch?.text
        == "Invalid QuotaConfig: total quota guarantees 'cpus:1000000001' exceed cluster capacity "
        + "'cpus:8; disk:10000; mem:8192' (use 'force' flag to bypass this check)")
    #expect(
      update(config("q2", guarantees: ["cpus": 4], limits: ["cpus": 2]))?.text
        == "Invalid QuotaConfig: 'QuotaConfig.guarantees' { cpus: 4 } is not contained within the "
        + "'QuotaConfig.limits' { cpus: 2 }")
    #expect(
      update(config("q/x", limits: ["cpus": 2]))?.text
        == "Updating quota on nested role 'q/x' is not supported yet")
    let badAmounts: [(amount: Double, problem: String)] = [
      (-1, "Invalid limit configuration {'cpus': -1}: Negative values not supported"),
      (.nan, "Invalid limit configuration {'cpus': nan}: NaN not supported"),
      (.infinity, "Invalid limit configuration {'cpus': inf}: Infinite values not supported"),
      (0.0001, "Invalid limit configuration {'cpus': 0.0001}: Values below 0.001 not supported"),
      (
        1_000_000_000_000.5,
        "Invalid 'QuotaConfig.limits': {'cpus': 1000000000000.5} is invalid: values greater than 1 trillion "
          + "(1000000000000) are not supported"
      ),
    ]
    for (amount, problem) in badAmounts {
      let answer = update(config("q", limits: ["mem": 1]), config("q3", limits: ["cpus": amount]))
      #expect(answer == .init(status: 400, text: "Invalid QuotaConfig: \(problem)"))
    }
    #expect(
      update(config("q", guarantees: ["mem": 0x1p63]))?.text.hasSuffix(
        "is invalid: values greater than 1 exabyte (1099511627776) are not supported") ?? false)
    #expect(
      update(config("-q", limits: ["cpus": 1]))?.text
        == "Invalid QuotaConfig: Invalid 'QuotaConfig.role': Role component '-q' is invalid because it starts with a dash"
    )
    #expect(roles == [] && cluster.records.keys.allSatisfy { !$0.hasPrefix("quota/") })
    #expect(update(config("q2", guarantees: ["cpus": 1e9]), force: true)?.status == 200)
    #expect(roles == ["q2"])
    #expect(update(config("q2"))?.status == 200)
    #expect(roles == [])
  }

  @Test func aLimitBelowWhatIsUsedNeedsForce() throws {
    let agent = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    let framework = TestFramework(cluster)
    let offer = try #require(framework.offers.last).id.value
    framework.launch([offer], [framework.task("t", on: agent.id, cpus: 2)])
    #expect(
      update(config("a", limits: ["cpus": 1]))?.text
        == "Invalid QuotaConfig: Role 'a' is already consuming 'cpus:2; mem:128'; this is more than the requested "
        + "limits 'cpus:1' (use 'force' flag to bypass this check)")
    #expect(update(config("a", limits: ["cpus": 1]), force: true)?.status == 200)
    #expect(framework.updates.isEmpty)
  }

  @Test func theOlderCallsSetAndRemove() throws {
    _ = try TestAgent(cluster, resources: "cpus:4;mem:4096")
    func set(_ role: String, _ resources: String, force: Bool = false) throws -> TestCluster.Answer? {
      let guarantee = try Resources(parsing: resources).wire(.single)
      return cluster.call(.setQuota) {
        $0.setQuota.quotaRequest.role = role
        $0.setQuota.quotaRequest.guarantee = guarantee
        $0.setQuota.quotaRequest.force = force
      }
    }
    #expect(try set("a", "cpus:2")?.status == 200)
    #expect(
      try set("a", "cpus:1")?.text
        == "Failed to validate set quota request: Cannot set quota for role 'a' which already has quota")
    #expect(
      try set("b", "cpus:100")
        == .init(
          status: 409,
          text: "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees "
            + "'cpus:102' exceed cluster capacity 'cpus:4; mem:4096'"))
    let refusals = [
      ("b", "ports:[1-2]", "QuotaInfo must not include non-scalar resources"),
      ("b", "cpus(x):1", "QuotaInfo must not contain any ReservationInfo"),
      ("b", "", "QuotaInfo with empty 'guarantee'"),
      ("b//c", "cpus:1", "QuotaInfo with invalid role: Role 'b//c' cannot contain two adjacent slashes"),
    ]
    for (role, resources, problem) in refusals {
      #expect(
        try set(role, resources) == .init(status: 400, text: "Failed to validate set quota request: \(problem)"))
    }
    #expect(
      try set("b/c", "cpus:1")
        == .init(status: 400, text: "Setting quota on nested role 'b/c' is not supported yet"))
    let remove = { self.cluster.call(.removeQuota) { $0.removeQuota.role = "a" } }
    #expect(remove()?.status == 200)
    #expect(remove() == .init(status: 400, text: "Failed to remove quota: Role 'a' has no quota set"))
  }
}
