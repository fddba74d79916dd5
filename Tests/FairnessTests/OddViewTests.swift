import CTepui
import ModuleKit
import Testing

/// Views and answers of a host that is odd, broken or hostile: no policy traps, loops or asks without end.
@Suite struct OddViewTests {
  /// The policies as they come, and drf with parts.
  static let policies: [(module: String, parameters: [String: String])] =
    Policies.all.map { ($0, [:]) } + [("drf", ["parts": "4"])]

  private func play(_ index: Int, _ view: HandmadeView, cycles: Int = 3) throws -> [HandmadeView.Call] {
    let policy = try Policies.load(Self.policies[index].module, Self.policies[index].parameters)
    var calls: [HandmadeView.Call] = []
    for _ in 0..<cycles {
      let (outcome, made) = view.play(policy)
      #expect(outcome == .done)
      calls += made
    }
    return calls
  }

  @Test(arguments: policies.indices, [(0, 0), (0, 3), (3, 0)])
  func nothingToGiveOrNobodyToTake(policy: Int, size: (agents: Int, claimants: Int)) throws {
    #expect(try play(policy, HandmadeView(agents: size.agents, claimants: size.claimants)).isEmpty)
  }

  @Test(arguments: policies.indices, [0, 1, .max, -1, .min] as [Int64])
  func amountsAtTheEnds(policy: Int, amount: Int64) throws {
    let view = HandmadeView(agents: 3, claimants: 4, amount: amount)
    for table in [view.clusterTotal, view.claimantAllocated, view.roleAllocated] { table.update(repeating: amount) }
    // Those live columns would overflow; they stay as they are.
    view.answer = { _, _ in TEPUI_OK }
    #expect(try play(policy, view).count <= 3 * 3 * 4)
  }

  @Test(arguments: policies.indices)
  func aClusterWithoutATotal(policy: Int) throws {
    let view = HandmadeView(agents: 3, claimants: 4)
    view.clusterTotal.update(repeating: 0)
    view.agentTotal.update(repeating: 0)
    #expect(!(try play(policy, view)).isEmpty)
    #expect(view.agentFree[0] == 0)
  }

  @Test(arguments: policies.indices, [1, 1_000_000_000_000, .max, 0, -1, .min] as [Int64])
  func weightsAtTheEnds(policy: Int, weight: Int64) throws {
    let view = HandmadeView(agents: 20, claimants: 4)
    view.weights[2] = weight
    #expect(!(try play(policy, view)).isEmpty)
  }

  /// The heaviest role gets all but what the others need to be at its share of next to nothing.
  @Test func aHugeWeightTakesAlmostAll() throws {
    let view = HandmadeView(agents: 20, claimants: 4)
    view.weights[2] = 1_000_000_000_000
    let calls = try play(0, view, cycles: 1)
    #expect(calls.count { $0.claimant == 1 } == 17)
  }

  @Test(arguments: policies.indices)
  func rolesThatAreNestedDeeply(policy: Int) throws {
    let view = HandmadeView(agents: 3, claimants: 30_000)
    for role in 1...30_000 { view.parents[role] = UInt32(role - 1) }
    view.active = [0, 15_000, 29_999]
    #expect(!(try play(policy, view)).isEmpty)
  }

  @Test(arguments: policies.indices)
  func rolesInACircleOrOutOfRange(policy: Int) throws {
    let view = HandmadeView(agents: 3, claimants: 6)
    (view.parents[1], view.parents[2], view.parents[3], view.parents[4]) = (2, 1, 3, 4_000_000_000)
    view.claimantRoles[5] = 77
    view.active = [0, 1, 2, 3, 5]
    view.answer = { _, _ in TEPUI_OK }
    #expect(try play(policy, view).count <= 3 * 3 * 5)
  }

  @Test(arguments: policies.indices, [TEPUI_REFUSED, TEPUI_INVALID, TEPUI_UNSUPPORTED, TEPUI_FAILED, -7])
  func aHostThatGrantsNothing(policy: Int, status: tepui_status) throws {
    let view = HandmadeView(agents: 5, claimants: 7)
    view.answer = { _, _ in status }
    #expect(try play(policy, view, cycles: 1).count <= 5 * 7)
  }

  @Test(arguments: policies.indices)
  func aHostThatSaysYesAndShowsNothing(policy: Int) throws {
    let view = HandmadeView(agents: 5, claimants: 7)
    view.answer = { _, _ in TEPUI_OK }
    #expect(try play(policy, view, cycles: 1).count <= 5 * 7)
  }

  /// A grant that was cut leaves a remainder: it goes on to the others in the same cycle, and nobody is asked twice.
  @Test(arguments: Policies.all.indices)
  func theRestOfACutGrantGoesToTheNext(policy: Int) throws {
    let view = HandmadeView(agents: 1, claimants: 7)
    view.answer = { view, call in
      view.grant(call, part: 2)
      return TEPUI_OK
    }
    let calls = try play(policy, view, cycles: 1)
    #expect(calls.count == 7)
    #expect(Set(calls.map(\.claimant)).count == 7)
    #expect(view.agentFree[0] == 8)
  }

  /// A reservation for one of many, on an agent without anything else free: nobody else need be asked.
  @Test(arguments: policies.indices)
  func aReservationFindsItsClaimant(policy: Int) throws {
    let view = HandmadeView(agents: 1, claimants: 50)
    view.agentFree.update(repeating: 0)
    view.extraRoles[0] = view.claimantRoles[33]
    view.answer = { view, call in
      view.extraRoles[0] = .max
      return TEPUI_OK
    }
    #expect(try play(policy, view, cycles: 1).map(\.claimant) == [33])
  }

  /// Somebody gets what anybody may have; then the reserved rest finds its claimant, also if the role names many.
  @Test(arguments: Policies.all.indices, [0, 34] as [UInt32])
  func theReservedRestFindsItsClaimant(policy: Int, role: UInt32) throws {
    let view = HandmadeView(agents: 1, claimants: 50)
    view.extraRoles[0] = role
    view.answer = { view, call in
      if call.claimant == 33 { view.extraRoles[0] = .max }
      guard view.agentFree[0] > 0 || call.claimant == 33 else { return TEPUI_REFUSED }
      view.grant(call)
      return TEPUI_OK
    }
    let calls = try play(policy, view, cycles: 1)
    #expect(calls.map(\.claimant).last == 33)
    #expect(calls.count <= (role == 0 ? 50 : 2))
  }

  @Test(arguments: policies.indices, [1, 99, .max] as [UInt32])
  func aReservationForNobodyThere(policy: Int, role: UInt32) throws {
    let view = HandmadeView(agents: 2, claimants: 5)
    view.agentFree.update(repeating: 0)
    view.extraRoles.update(repeating: role)
    view.active = [1, 2]
    #expect(try play(policy, view).isEmpty)
  }

  @Test(arguments: policies.indices)
  func idsThatAreListedTwice(policy: Int) throws {
    let view = HandmadeView(agents: 2, claimants: 2)
    view.candidates = [1, 1, 0, 1]
    view.active = [0, 0, 1, 1]
    view.answer = { _, _ in TEPUI_OK }
    #expect(try play(policy, view, cycles: 1).count <= 4 * 4)
  }
}
