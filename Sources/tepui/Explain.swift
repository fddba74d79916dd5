import ArgumentParser

struct Explain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Say why a framework gets offers, or gets none.")
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var output: OutputOptions
  @Option(help: "The framework's id; tepui frameworks lists them.") var framework: String

  private struct Answer: Decodable {
    struct Cycle: Decodable {
      var number: Double
      var durationMs: Double?
      var secondsAgo: Double?
    }
    struct PolicyReason: Decodable {
      var reason: String
      var count: Double
    }
    struct Role: Decodable {
      var role: String
      var state: String
      var offersMade: Double
      var secondsSinceOffer: Double?
      var starving: Bool
      var agentsByReason: [String: Int]
      var policy: [PolicyReason]
    }
    var frameworkId: String
    var name: String
    var allocator: String
    var connected: Bool
    var outstandingOffers: Int
    var waitingForAgents: Bool
    var cycle: Cycle
    var agents: [String: Int]
    var roles: [Role]
  }

  func run() async throws {
    try await connection.withCluster { cluster in
      let json = try await cluster.master("/explain?framework_id=\(framework)")
      if output.json { return print(String(decoding: json, as: UTF8.self)) }
      show(try Answer(json: json))
    }
  }

  private func show(_ answer: Answer) {
    let connection = answer.connected ? "connected" : "not connected, so it is offered nothing"
    print("\(answer.name) (\(answer.frameworkId)): \(connection), \(answer.outstandingOffers) offers outstanding")
    var cycle = "\(answer.allocator), cycle \(number(answer.cycle.number))"
    if let ms = answer.cycle.durationMs { cycle += " took \(number(ms)) ms" }
    if let seconds = answer.cycle.secondsAgo { cycle += ", \(number(seconds)) s ago" }
    print(cycle)
    if answer.waitingForAgents { print("Nothing is offered until most agents are back after the master's restart.") }
    for (reason, count) in answer.agents.sorted(by: { $0.key < $1.key }) { print("\(count) agents \(reason)") }
    for role in answer.roles {
      let last = role.secondsSinceOffer.map { "the last \(number($0)) s ago" } ?? "none so far"
      print("\nRole \(role.role): \(role.state), \(number(role.offersMade)) offers made, \(last)")
      if role.starving { print("  It wants offers and has had none for long, though something fitting is free.") }
      for (reason, count) in role.agentsByReason.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
        print("  \(count) agents: \(reason)")
      }
      for reason in role.policy { print("  \(answer.allocator): \(reason.reason) (\(number(reason.count)))") }
    }
  }
}
