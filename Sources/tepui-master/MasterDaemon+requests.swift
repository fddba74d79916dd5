import Daemon
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
    files.addRoutes(to: router)
    read(router, "/state") { [flags] in $0.writeState(flags: flags, to: &$2) }
    read(router, "/state.json") { [flags] in $0.writeState(flags: flags, to: &$2) }
    read(router, "/state-summary") { $0.writeSummary(to: &$2) }
    read(router, "/slaves") { $0.writeSlaves(id: $1["slave_id"], to: &$2) }
    read(router, "/frameworks") { $0.writeFrameworks(id: $1["framework_id"], to: &$2) }
    read(router, "/tasks") { $0.writeTasks(MasterSnapshot.TaskQuery($1), to: &$2) }
    read(router, "/roles") { $0.roles.write(to: &$2) }
    // Beside the path that Mesos' allocator has.
    for path in ["/offer_constraints_debug", "/allocator(1)/offer_constraints_debug"] {
      router.get(path) { [self] in offerConstraintsDebug($0, $1) }
    }
    router.get("/explain") { [self] in explain($0, $1) }
    router.get("/metrics/snapshot") { [self] in metrics($0, $1) }
    read(router, "/flags") { [flags] _, _, json in
      ViewValue.object(["flags": .object(flags.mapValues { .text($0) })]).write(to: &json)
    }
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

  /// GET /explain?framework_id=…: why it got or did not get offers lately.
  private func explain(_ request: Request, _ responder: Responder) {
    guard let id = request.query["framework_id"], !id.isEmpty else {
      return responder.respond(
        .error(.badRequest, "Expecting 'framework_id' in the query, as in /explain?framework_id=F"))
    }
    guard let view = core?.explain(framework: id, at: Self.now()) else {
      return responder.respond(.error(.notFound, "No framework '\(id)'; /frameworks lists those that there are"))
    }
    var json = JSONWriter()
    view.write(to: &json)
    responder.respond(.json(json.bytes))
  }

  private func offerConstraintsDebug(_ request: Request, _ responder: Responder) {
    guard let core else { return responder.respond(.error(.serviceUnavailable)) }
    var json = JSONWriter()
    core.offerConstraintsDebug.write(to: &json)
    responder.respond(.json(json.bytes))
  }

  /// Protocol fact 40. This master is always the leader.
  private func redirect(_ request: Request, _ responder: Responder) {
    guard request.path == "/redirect", let configuration = core?.configuration else {
      return responder.respond(.error(.notFound))
    }
    responder.respond(.temporaryRedirect(to: "//\(configuration.hostname):\(configuration.port)"))
  }

  typealias View = @Sendable (MasterSnapshot, _ query: [String: String], inout JSONWriter) -> Void

  /// A read-only endpoint: what it shows is captured on the loop and written off it, piece by piece as the reader takes
  /// it.
  private func read(_ router: Router, _ path: String, _ view: @escaping View) {
    router.get(path) { [self] in answer($0, $1, view) }
  }

  func answer(_ request: Request, _ responder: Responder, _ view: @escaping View) {
    guard let core else { return responder.respond(.error(.serviceUnavailable)) }
    let capture = core.capture()
    let query = request.query
    guard let jsonp = JSONP(request) else { return responder.respond(JSONP.refusal) }
    Dump.answer(responder, isHead: request.method == .HEAD, contentType: jsonp.contentType) { sink in
      var json = JSONWriter(after: jsonp.prefix, sink: sink)
      view(capture.snapshot(), query, &json)
      return json.bytes + jsonp.suffix.utf8
    }
  }

  private func metrics(_ request: Request, _ responder: Responder) {
    let own = ownFigures
    answer(request, responder) { snapshot, _, json in
      snapshot.metricsView(at: Self.now()).adding(own).write(to: &json)
    }
  }

  /// What the daemon measures and its core does not.
  var ownFigures: ViewValue {
    let figures = loopDelay.figures.merging(registry.figures) { $1 }.merging(SystemFigures.current) { $1 }
    return .object(figures.mapValues { .number($0) })
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
