import Allocation
import CTepui
import Resources
import Testing

/// The ledger judges filters only where something has changed; here it is compared with judging all of them each time.
@Suite struct FilterModelTests {
  private struct Filter {
    var framework: UInt32
    var agent: UInt32
    var refused: Resources
    var until: Int64
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  /// A cluster whose frameworks take, keep in part, decline and give back at random.
  private final class Model {
    let ledger = AllocationLedger()
    var random: Generator
    var filters: [Filter] = []
    var held: [Grant] = []
    var now: Int64 = 0
    var agents: [UInt32] = []
    /// By claimant: each framework has one role.
    var frameworks: [UInt32] = []
    var suppressed: Set<UInt32> = []
    var mistakes: [String] = []

    init(seed: UInt64) throws {
      random = Generator(state: seed)
      for number in 0..<5 {
        let ports = number % 2 == 0 ? ";ports:[1-10]" : ""
        agents.append(ledger.addAgent("a\(number)", total: try Resources(parsing: "cpus:4;mem:4096" + ports)))
      }
      for number in 0..<4 { frameworks.append(ledger.addFramework("f\(number)", roles: ["r\(number)"])) }
    }

    func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    func isHidden(_ agent: UInt32, _ framework: UInt32) -> Bool {
      let free = ledger.free(on: agent)
      return filters.contains {
        $0.framework == framework && $0.agent == agent && $0.until > now && $0.refused.contains(free)
      }
    }

    func cycle() {
      if happens(50) { ledger.reconsider() }
      let policy = ScriptedPolicy { [self] view, granter in
        for agent in view.candidateList {
          for claimant in view.activeList {
            let mayOffer = tepui_may_offer(view, claimant, agent) != 0
            if mayOffer == isHidden(agent, frameworks[Int(claimant)]) {
              mistakes.append("at \(now): agent \(agent) for claimant \(claimant): \(mayOffer)")
            }
          }
        }
        // Only after all were compared: a grant changes what is free.
        for agent in view.candidateList where happens(70) {
          let open = view.activeList.filter { tepui_may_offer(view, $0, agent) != 0 }
          guard let claimant = open.randomElement(using: &random) else { continue }
          let half = view.row(view.pointee.agent_free, agent).map { $0 / 2 }
          granter.grant(agent, claimant, happens(50) ? half : nil)
        }
        return .done
      }
      let cycle = ledger.runCycle(policy, at: now, deadline: now)
      mistakes += cycle.complaints
      held += cycle.grants
    }

    func giveBack(_ resources: Resources, of grant: Grant, forSeconds seconds: Int64?) {
      ledger.recover(resources, agent: grant.agent, framework: grant.framework)
      guard let seconds else { return }
      let until = now + seconds
      ledger.refuse(resources, agent: grant.agent, framework: grant.framework, until: until)
      filters.append(
        Filter(framework: grant.framework, agent: grant.agent, refused: resources.unallocated(), until: until))
    }

    func answer() {
      for grant in held.filter({ _ in happens(60) }) {
        held.removeAll { $0.agent == grant.agent && $0.framework == grant.framework }
        guard happens(40) else {
          giveBack(grant.resources, of: grant, forSeconds: happens(70) ? Int64.random(in: 1...10, using: &random) : nil)
          continue
        }
        let cpu = Resources([.scalar("cpus", 0.5)]).allocated(to: grant.role)
        giveBack(grant.resources - cpu, of: grant, forSeconds: Int64.random(in: 1...10, using: &random))
        ledger.recover(cpu, agent: grant.agent, framework: grant.framework)
      }
    }

    func change() {
      guard let framework = frameworks.randomElement(using: &random) else { return }
      if happens(50) {
        ledger.revive(framework: framework)
        filters.removeAll { $0.framework == framework }
      } else {
        ledger.suppress(framework: framework)
      }
    }
  }

  @Test(arguments: 1...100 as ClosedRange<UInt64>)
  func bitsAreAsIfAllWereJudgedAnew(seed: UInt64) throws {
    let model = try Model(seed: seed)
    for _ in 0..<60 where model.mistakes.isEmpty {
      model.cycle()
      model.answer()
      if model.happens(20) { model.change() }
      model.now += Int64.random(in: 0...3, using: &model.random)
    }
    #expect(model.mistakes == [], "seed \(seed)")
  }
}
