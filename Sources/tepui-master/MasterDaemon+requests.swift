import Daemon
import Glibc
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
    router.post("/teardown") { [self] in teardown($0, $1) }
    read(router, "/state") { model, _ in model.state() }
    read(router, "/state.json") { model, _ in model.state() }
    read(router, "/state-summary") { model, _ in model.stateSummary() }
    read(router, "/slaves") { $0.slaves($1) }
    read(router, "/frameworks") { $0.frameworks($1) }
    read(router, "/tasks") { $0.tasks($1) }
    read(router, "/roles") { model, _ in model.roles() }
    read(router, "/metrics/snapshot") { model, _ in model.metrics() }
    read(router, "/flags") { model, _ in model.flagsAnswer() }
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

  /// POST /teardown with `frameworkId=…` in the body.
  private func teardown(_ request: Request, _ responder: Responder) {
    let fields = String(decoding: request.bodyBytes, as: UTF8.self).split(separator: "&")
    guard let id = fields.first(where: { $0.hasPrefix("frameworkId=") })?.dropFirst("frameworkId=".count) else {
      return responder.respond(.error(.badRequest, "Missing 'frameworkId' query parameter in the request body"))
    }
    handle(.teardown(frameworkID: String(id), from: connection(.waiting(responder, .json))))
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
    _ router: Router, _ path: String, _ make: @escaping @Sendable (ReadModel, [String: String]) -> [UInt8]
  ) {
    router.get(path) { [self] request, responder in
      guard let core else { return responder.respond(.error(.serviceUnavailable)) }
      let model = ReadModel(
        snapshot: core.snapshot(), flags: flags, version: Product.mesosVersion,
        nowSeconds: Self.now().epochSeconds)
      let query = request.query
      let answer = NIOLoopBound(responder, eventLoop: eventLoop)
      Self.reading.async {
        let body = make(model, query)
        answer.eventLoop.execute { answer.value.respond(.json(body)) }
      }
    }
  }

  /// Protocol fact 153.
  private func version() -> [UInt8] {
    Array(#"{"version":"\#(Product.mesosVersion)","tepui_version":"\#(Product.version)"}"#.utf8)
  }
}

enum HTTPStatus {
  static func of(_ code: Int) -> HTTPResponseStatus { HTTPResponseStatus(statusCode: code) }
}
