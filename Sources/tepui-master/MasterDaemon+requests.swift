import Daemon
import FoundationEssentials
import MasterCore
import ModuleHost
import NIOCore
import NIOHTTP1
import Transport
import Wire

extension MasterDaemon {
  /// Protocol facts 1 and 3. The path of the agents is ours.
  func router() -> Router {
    let router = Router(processName: "master")
    router.on("/api/v1/scheduler") { [self] in scheduler($0, $1) }
    router.on("/api/tepui/v1/agent") { [self] in agent($0, $1) }
    router.get("/health") { $1.respond(Response(.ok)) }
    router.get("/version") { [self] in $1.respond(.json(version())) }
    router.get("/redirect") { [self] in redirect($0, $1) }
    router.get("/modules") { [self] in $1.respond(.json(ModuleStatus.json(modules.modules))) }
    operatorRoutes(router)
    read(router, "/state") { [flags] snapshot, _ in snapshot.state(flags: flags) }
    read(router, "/state.json") { [flags] snapshot, _ in snapshot.state(flags: flags) }
    read(router, "/state-summary") { snapshot, _ in snapshot.summary }
    read(router, "/slaves") { $0.slaves(id: $1["slave_id"]) }
    read(router, "/frameworks") { $0.frameworks(id: $1["framework_id"]) }
    read(router, "/tasks") { $0.tasks(MasterSnapshot.TaskQuery($1)) }
    read(router, "/roles") { snapshot, _ in snapshot.roles }
    read(router, "/metrics/snapshot") { snapshot, _ in snapshot.metricsView(at: Self.now()) }
    read(router, "/flags") { [flags] _, _ in ["flags": .object(flags.mapValues { .text($0) })] }
    return router
  }

  /// The order of checks is that of protocol fact 20, up to the point where the core takes over.
  private func scheduler(_ request: Request, _ responder: Responder) {
    guard request.method == .POST else {
      return responder.respond(.methodNotAllowed(request.method, allowed: [.POST]))
    }
    do throws(WireRefusal) {
      let format = try WireFormat.ofRequest(contentType: request.headers.first(name: "Content-Type"))
      let call = try format.decode(SchedulerCall.self, from: request.bodyBytes)
      if let problem = call.problem {
        throw WireRefusal(400, "Failed to validate scheduler::Call: \(problem)")
      }
      var answer = WireFormat.json
      // Protocol fact 10: on this path only a subscription looks at Accept.
      if call.type == .subscribe {
        answer = try WireFormat.ofAnswer(accept: request.headers.first(name: "Accept"))
      }
      let id = connection(.waiting(responder, answer))
      handle(.schedulerCall(call, from: id, streamID: request.headers.first(name: "Mesos-Stream-Id")))
    } catch {
      responder.respond(.error(HTTPStatus.of(error.status), error.text))
    }
  }

  private func agent(_ request: Request, _ responder: Responder) {
    guard request.method == .POST else {
      return responder.respond(.methodNotAllowed(request.method, allowed: [.POST]))
    }
    do throws(WireRefusal) {
      let format = try WireFormat.ofRequest(contentType: request.headers.first(name: "Content-Type"))
      let calls = try format.decode(AgentCalls.self, from: request.bodyBytes)
      let answer = try WireFormat.ofAnswer(accept: request.headers.first(name: "Accept"))
      handle(.agentCalls(calls, from: connection(.waiting(responder, answer))))
    } catch {
      responder.respond(.error(HTTPStatus.of(error.status), error.text))
    }
  }

  /// Protocol fact 40. This master is always the leader.
  private func redirect(_ request: Request, _ responder: Responder) {
    guard request.path == "/redirect", let configuration = core?.configuration else {
      return responder.respond(.error(.notFound))
    }
    responder.respond(.temporaryRedirect(to: "//\(configuration.hostname):\(configuration.port)"))
  }

  /// A read-only endpoint: the snapshot is made on the loop, the JSON off it.
  private func read(
    _ router: Router, _ path: String, _ view: @escaping @Sendable (MasterSnapshot, [String: String]) -> ViewValue
  ) {
    router.get(path) { [self] request, responder in
      guard let core else { return responder.respond(.error(.serviceUnavailable)) }
      let snapshot = core.snapshot()
      let query = request.query
      let answer = NIOLoopBound(responder, eventLoop: eventLoop)
      Self.reading.async {
        let body = Self.json(view(snapshot, query))
        answer.eventLoop.execute { answer.value.respond(.json(body)) }
      }
    }
  }

  private static func json(_ view: ViewValue) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // Frameworks may send any double; these are the names that Mesos reads (protocol fact 131).
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return (try? encoder.encode(view)).map { [UInt8]($0) } ?? []
  }

  /// Protocol fact 153.
  private func version() -> [UInt8] {
    Array(#"{"version":"\#(Product.mesosVersion)","tepui_version":"\#(Product.version)"}"#.utf8)
  }
}

extension MasterSnapshot.TaskQuery {
  /// Protocol fact 149. What is no number counts as not given.
  fileprivate init(_ query: [String: String]) {
    self.init()
    limit = query["limit"].flatMap { Int($0) } ?? limit
    offset = query["offset"].flatMap { Int($0) } ?? offset
    isAscending = query["order"] == "asc"
    frameworkID = query["framework_id"]
    taskID = query["task_id"]
  }
}

enum HTTPStatus {
  static func of(_ code: Int) -> HTTPResponseStatus { HTTPResponseStatus(statusCode: code) }
}
