import Allocation
import CTepui
import ModuleHost

extension Check {
  static let allocatorChecks: [Check] =
    [
      Check(name: "starts and ends with any allowed parameters") { subject in
        try subject.playParameters { (parameters) throws(ModuleError) in
          HandmadeView(agents: 3, claimants: 3).play(try subject.makeAllocator(parameters))
        }
      },
      Check(name: "walks parameters by their size") { subject in
        _ = try subject.makeAllocator(padding: 40)
        return try subject.compare("with parameters that a later host has made larger") {
          (try subject.makeAllocator(), try subject.makeAllocator(padding: 40))
        }
      },
    ] + OddView.all.map(\.check) + [
      Check(name: "keeps no sink and grants on its own thread only") { subject in
        let policy = try subject.makeAllocator()
        for size in 1...20 {
          let view = HandmadeView(agents: size, claimants: 21 - size)
          view.play(policy)
          try require(
            policy.grantMisuse.foreign == 0, "it called grant from another thread than the one that called allocate")
        }
        try require(policy.grantMisuse.late == 0, "it called grant after allocate had returned")
        return []
      },
      Check(name: "decides the same when it is asked for reasons") { subject in
        var asked: [LoadedAllocator] = []
        let notes = try subject.compare(
          "when it is asked for its reasons after each cycle",
          prepare: { market in
            market.inspect = { [unowned market] _ in
              for worker in market.workers {
                _ = market.ledger.explain(framework: worker.id, policy: market.policy, at: market.now)
              }
            }
          }
        ) {
          let pair = (try subject.makeAllocator(), try subject.makeAllocator())
          asked.append(pair.1)
          return pair
        }
        for policy in asked {
          try require(policy.grantMisuse.total == 0, "it called grant while it was asked for reasons, or later")
          try require(
            policy.reasonMisuse.total == 0, "it called reason after explain had returned, or from another thread")
          try require(
            policy.refusalCount == 0,
            "a reason of it is no text, empty or longer than 200 bytes, or it granted what it may not")
        }
        return notes
      },
      Check(name: "never grants what it may not, in random clusters") { subject in
        var unfair = 0
        for seed in subject.seeds {
          let scene = Scene(seed: seed, reserves: seed % 2 == 1)
          let market = try scene.market(try subject.makeAllocator())
          try subject.play(market, seed: seed)
          let waiting = market.workers.filter { worker in
            !worker.isSatisfied
              && market.agents.contains { agent in
                let free = market.free(on: agent.id, for: worker.role)
                return worker.fits { free.total(of: $0).thousandths }
              }
          }
          if !waiting.isEmpty { unfair += 1 }
        }
        return unfair == 0
          ? []
          : [
            "in \(unfair) of \(subject.rounds) clusters it left resources free that somebody wanted and could have used"
          ]
      },
      Check(name: "gives the same answer to the same views") { subject in
        try subject.compare("the second time") {
          (try subject.makeAllocator(), try subject.makeAllocator())
        }
      },
      Check(name: "needs no more memory as time goes on") { subject in
        let policy = try subject.makeAllocator()
        let view = HandmadeView(agents: 200, claimants: 50)
        func play(_ cycles: Int) -> Int {
          for _ in 0..<cycles { view.playAnew(policy) }
          return ResidentMemory.bytes()
        }
        let before = play(200)
        let grown = play(2000) - before
        try require(grown < 8 << 20, "2000 equal cycles made it hold \(grown >> 20) MB more; free what a cycle used")
        return []
      },
    ]
}

extension Subject {
  /// Plays a market to rest, and through some more work.
  fileprivate func play(_ market: Market, seed: UInt64) throws {
    var random = SeededGenerator(seed)
    do {
      for _ in 0..<4 {
        try market.settle(cycles: 3000)
        for _ in 0..<3 { if let worker = market.workers.randomElement(using: &random) { market.endTask(of: worker) } }
      }
      try market.settle(cycles: 3000)
    } catch {
      throw Defect("seed \(seed): \(error)")
    }
  }

  /// Two instances must decide alike, also if the market of the second is prepared for something else to happen in it.
  fileprivate func compare(
    _ difference: String, prepare: (Market) -> Void = { _ in }, _ make: () throws -> (LoadedAllocator, LoadedAllocator)
  ) throws -> [String] {
    for seed in seeds.prefix(max(1, rounds / 4)) {
      let pair = try make()
      let markets = try [pair.0, pair.1].map { try Scene(seed: seed, reserves: true).market($0) }
      prepare(markets[1])
      for market in markets { try play(market, seed: seed) }
      guard markets[0].history != markets[1].history else { continue }
      let index = zip(markets[0].history, markets[1].history).enumerated().first { $0.element.0 != $0.element.1 }
      let text = index.map { "grant \($0.offset + 1) is \($0.element.1) in place of \($0.element.0)" }
      throw Defect(
        "seed \(seed): \(difference) it decides otherwise: \(text ?? "it makes another number of grants"); a policy "
          + "may read no clock, random source, file or environment, and no memory that it did not fill")
    }
    return []
  }
}
