import FoundationEssentials
import NIOCore
import Transport

/// What the HTTP endpoints of master and agent tell.
struct Endpoints: Sendable {
  private let master: Endpoint
  private let agent: Endpoint
  private let http: AsyncHTTPClient

  init(master: Endpoint, agent: Endpoint, eventLoop: any EventLoop) {
    self.master = master
    self.agent = agent
    http = AsyncHTTPClient(eventLoop: eventLoop)
  }

  private struct Scalars: Decodable {
    var cpus: Double
    var mem: Double
    var amounts: Amounts { Amounts(cpus: cpus, mem: mem) }
  }

  func reportedByAgent() async throws -> Amounts {
    struct Answer: Decodable {
      struct Agent: Decodable { var resources: Scalars }
      var slaves: [Agent]
    }
    return try await bounded("an agent in GET /slaves") {
      try await get(Answer.self, master, "/slaves").slaves.first?.resources.amounts
    }
  }

  /// Id of the module that decides.
  func policy() async throws -> String {
    let modules = try await get(ModuleList.self, master, "/modules").modules
    guard let id = modules.first(where: { $0.state == "loaded" })?.id else {
      throw NotSeen("a loaded policy in GET /modules of the master")
    }
    return id
  }

  /// What the one executor on the agent was given, and how it is held to it.
  func executor() async throws -> (resources: Amounts, containment: String) {
    struct Answer: Decodable {
      struct Executor: Decodable { var resources: Scalars }
      struct Framework: Decodable { var executors: [Executor] }
      var frameworks: [Framework]
    }
    let state = try await get(Answer.self, agent, "/state")
    guard let executor = state.frameworks.flatMap(\.executors).first else {
      throw NotSeen("an executor in GET /state of the agent")
    }
    return (executor.resources.amounts, try await containment())
  }

  private func containment() async throws -> String {
    struct Container: Decodable {
      struct Statistics: Decodable {
        var cpusLimit: Double?
        var memLimitBytes: Double?
      }
      var statistics: Statistics?
    }
    let modules = try await get(ModuleList.self, agent, "/modules").modules
    guard modules.contains(where: { $0.state == "loaded" && $0.id == "org.tepui.cgroups" }) else {
      return "not enforced on this host, measured by the posix module"
    }
    let statistics = try await get([Container].self, agent, "/containers").compactMap(\.statistics).first
    guard let cpus = statistics?.cpusLimit, let mem = statistics?.memLimitBytes else {
      throw NotSeen("the limits of the executor's cgroup in GET /containers of the agent")
    }
    return "cgroup: cpu.max holds it to \(cpus) CPU, memory.max to \(Int(mem) >> 20) MB"
  }

  private struct ModuleList: Decodable {
    struct Module: Decodable {
      var state: String
      var id: String?
    }
    var modules: [Module]
  }

  private func get<Answer: Decodable>(_ type: Answer.Type, _ endpoint: Endpoint, _ target: String) async throws
    -> Answer
  {
    let response = try await http.send(ClientRequest(.GET, endpoint, target))
    guard response.status == .ok else {
      throw NotSeen("GET http://\(endpoint)\(target) answered \(response.status.code)")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: Data(response.bodyBytes))
  }
}
