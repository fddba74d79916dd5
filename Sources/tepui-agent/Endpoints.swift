import AgentCore
import Daemon
import Files
import FoundationEssentials
import ModuleHost
import NIOCore
import NIOHTTP1
import Transport
import Wire

/// The agent's HTTP endpoints, each also under `/slave(1)` (protocol fact 3).
struct Endpoints {
  let router = Router(processName: "slave(1)")
  private let process: AgentProcess

  init(_ process: AgentProcess) {
    self.process = process
    let log = LogFile(named: "/slave/log", external: process.setup.flags.externalLogFile.given)
    let files = FileService {
      AgentFiles(workDirectory: process.setup.workDirectory, agentID: process.agentID, log: log)
    } attached: {
      (process.state?.sandboxes ?? [:]).merging(log.attached) { own, _ in own }
    }
    let statistics = StatisticsEndpoint(process)
    let operators = OperatorEndpoint(process, files)
    router.on("/api/v1", operators.call)
    router.on("/api/v1/executor", executor)
    router.get("/health") { _, responder in responder.respond(Response(.ok)) }
    router.get("/version") { _, responder in responder.respond(.json(encode(VersionAnswer()))) }
    router.get("/flags") { _, responder in
      responder.respond(.json(encode(["flags": process.setup.flags.described])))
    }
    router.get("/modules") { _, responder in responder.respond(.json(ModuleStatus.json(process.modules.modules))) }
    for path in ["/state", "/state.json"] { router.get(path, state) }
    router.get("/metrics/snapshot", metrics)
    for path in ["/monitor/statistics", "/monitor/statistics.json"] { router.get(path, statistics.statistics) }
    router.get("/containers", statistics.containers)
    files.addRoutes(to: router)
  }

  /// The checks in the order of protocol fact 95, as far as they are not the core's.
  private func executor(_ request: Request, _ responder: Responder) {
    guard process.hasRecovered else {
      responder.respond(.error(.serviceUnavailable, "Agent has not finished recovery"))
      return
    }
    guard request.method == .POST else {
      responder.respond(.methodNotAllowed(request.method, allowed: [.POST]))
      return
    }
    do {
      let format = try WireFormat.ofRequest(contentType: request.headers.first(name: "Content-Type"))
      let call = try format.decode(ExecutorCall.self, from: request.bodyBytes)
      // Only a subscription's answer has a body whose format matters (protocol fact 10).
      let answer =
        call.type == .subscribe ? try WireFormat.ofAnswer(accept: request.headers.first(name: "Accept")) : format
      process.feed(.executorCall(call, exchange: process.executors.add(responder, format: answer)))
    } catch let refusal {
      responder.respond(.error(HTTPResponseStatus(statusCode: refusal.status), refusal.text))
    }
  }

  private func state(_ request: Request, _ responder: Responder) {
    guard let state = process.state else {
      responder.respond(.error(.serviceUnavailable, "Agent has not finished recovery"))
      return
    }
    let (flags, startTime) = (process.setup.flags.described, process.startTime)
    let address = "\(process.setup.advertisedIP):\(state.info.port)"
    // The state may be large; it is a picture, so it is written elsewhere.
    responder.respondLater { .json(encode(StateAnswer(state, address: address, startTime: startTime, flags: flags))) }
  }

  private func metrics(_ request: Request, _ responder: Responder) {
    guard let metrics = process.metrics else {
      responder.respond(.error(.serviceUnavailable, "Agent has not finished recovery"))
      return
    }
    responder.respondLater { .json(encode(metrics().values)) }
  }
}

/// Protocol fact 153: tools read integers between the dots.
private struct VersionAnswer: Encodable {
  var version = Product.mesosVersion
  var tepuiVersion = Product.version
  var buildDate = ""
  var buildTime = 0.0
  var buildUser = ""
}

/// JSON as all endpoints write it: names of properties in snake case, keys of dictionaries as they are.
func encode(_ value: some Encodable) -> [UInt8] {
  let encoder = JSONEncoder()
  encoder.keyEncodingStrategy = .convertToSnakeCase
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  // Numbers that are not finite have no form in JSON; nothing that is measured should be one.
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
  return (try? encoder.encode(value)).map { [UInt8]($0) } ?? []
}
