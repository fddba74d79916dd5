import MasterCore
import Testing
import Wire

@Suite struct WeightTests {
  private func update(_ cluster: TestCluster, _ weights: [(String, Double)]) -> TestCluster.Answer? {
    cluster.call(.updateWeights) {
      $0.updateWeights.weightInfos = weights.map { role, weight in
        .with {
          $0.role = role
          $0.weight = weight
        }
      }
    }
  }

  private func weights(_ cluster: TestCluster) -> [String: Double] { cluster.core.snapshot().weights }

  @Test func weightsAreSetAtRunTimeAndOutliveTheMaster() {
    let cluster = TestCluster { $0.weights = ["flag": 3, "a": 4] }
    #expect(update(cluster, [("a", 2), ("b/c", 0.5)]) == .init(status: 200, text: ""))
    #expect(weights(cluster) == ["flag": 3, "a": 2, "b/c": 0.5])
    let next = TestCluster(id: "next", records: cluster.records) { $0.weights = ["a": 4] }
    #expect(weights(next) == ["a": 2, "b/c": 0.5])
  }

  @Test func oneBadWeightKeepsAllFromTakingEffect() {
    let cluster = TestCluster { $0.roles = ["a"] }
    let problem = "Failed to validate update weights request JSON"
    #expect(
      update(cluster, [("a", 2), ("a", -2)])
        == .init(status: 400, text: "\(problem) for role 'a': Invalid weight '-2': Weights must be positive"))
    for weight: Double in [0, .nan, -.infinity, .infinity] { #expect(update(cluster, [("a", weight)])?.status == 400) }
    #expect(
      update(cluster, [("x", 1)]) == .init(status: 400, text: "\(problem): Unknown role 'x'"))
    #expect(update(cluster, [("a//b", 1)])?.status == 400)
    #expect(weights(cluster) == [:] && cluster.records.isEmpty)
  }

  @Test func offersByTheOldWeightsAreTakenBackIfAnybodyHasOtherOnes() throws {
    let cluster = TestCluster()
    _ = try TestAgent(cluster)
    let framework = TestFramework(cluster, TestFramework.info(roles: ["a/b"]))
    #expect(framework.offers.count == 1)
    #expect(update(cluster, [("c", 2)])?.status == 200)
    #expect(framework.rescinded.isEmpty)
    #expect(update(cluster, [("a", 2)])?.status == 200)
    #expect(framework.rescinded == [framework.offers[0].id.value])
  }

  @Test func nothingIsAnsweredOrInForceBeforeItIsSafe() {
    let cluster = TestCluster()
    cluster.isWriting = false
    #expect(update(cluster, [("a", 2)]) == nil)
    #expect(weights(cluster) == [:])
  }
}
