import AgentCore
import Daemon
import Files
import ModuleHost
import NIOHTTP1
import Transport
import Wire

/// The agent's operator API, `POST /api/v1`, as far as it reads.
struct OperatorEndpoint {
  private let process: AgentProcess
  private let files: FileService

  init(_ process: AgentProcess, _ files: FileService) {
    self.process = process
    self.files = files
  }

  /// Protocol facts 10 and 119: recovery, method, type, body, what is missing in it, and then the format of the answer.
  func call(_ request: Request, _ responder: Responder) {
    guard process.hasRecovered else { return refuse(responder) }
    guard request.method == .POST else {
      return responder.respond(.methodNotAllowed(request.method, allowed: [.POST]))
    }
    do throws(WireRefusal) {
      let format = try WireFormat.ofRequest(contentType: request.headers.first(name: "Content-Type"))
      let call = try format.decode(MesosAgentCall.self, from: request.bodyBytes)
      if let problem = call.problem { throw WireRefusal(400, "Failed to validate agent::Call: \(problem)") }
      let answer = try WireFormat.ofAnswer(accept: request.headers.first(name: "Accept"))
      perform(call, answer, responder)
    } catch {
      responder.respond(.error(HTTPResponseStatus(statusCode: error.status), error.text))
    }
  }

  private func refuse(_ responder: Responder) {
    responder.respond(.error(.serviceUnavailable, "Agent has not finished recovery"))
  }

  private func perform(_ call: MesosAgentCall, _ format: WireFormat, _ responder: Responder) {
    let encode = { @Sendable (response: MesosAgentResponse) in
      Response(contentType: format.rawValue, body: format.encode(response))
    }
    switch call.type {
    case .setLoggingLevel:
      Verbosity.set(call.setLoggingLevel.level, forNanoseconds: call.setLoggingLevel.duration.nanoseconds)
      responder.respond(Response(.ok))
    case .getContainers:
      // Standalone containers, which could be asked for too, are not made by this agent.
      guard let containers = process.state?.containers(showsNested: call.getContainers.showNested) else {
        return refuse(responder)
      }
      process.measure(containers.map(\.containerID.value)) { usage in
        responder.respondLater { encode(.containers(containers, usage: usage)) }
      }
    case .getMetrics:
      guard let metrics = process.metrics else { return refuse(responder) }
      responder.respondLater { encode(.metrics(metrics())) }
    case .listFiles:
      files.list(call.listFiles.path, responder) { infos in
        encode(
          .with {
            $0.type = .listFiles
            $0.listFiles.fileInfos = infos
          })
      }
    case .readFile:
      let length = call.readFile.hasLength ? call.readFile.length : nil
      files.read(call.readFile.path, offset: call.readFile.offset, length: length, responder) { size, bytes in
        encode(
          .with {
            $0.type = .readFile
            $0.readFile.size = UInt64(size)
            $0.readFile.data = .init(bytes)
          })
      }
    default:
      if let answer = answer(call) { return responder.respond(encode(answer)) }
      guard let state = process.state else { return refuse(responder) }
      responder.respondLater {
        if let list = state.list(call.type, format) { return Response(contentType: format.rawValue, body: list) }
        return .error(.notImplemented, "This agent does not know the call \(call.type.protocolName)")
      }
    }
  }

  /// The short answers.
  private func answer(_ call: MesosAgentCall) -> MesosAgentResponse? {
    var response = MesosAgentResponse()
    switch call.type {
    case .getHealth:
      response.type = .getHealth
      response.getHealth.healthy = true
    case .getVersion:
      response.type = .getVersion
      response.getVersion.versionInfo.version = Product.mesosVersion
    case .getFlags:
      response.type = .getFlags
      response.getFlags.flags = process.setup.flags.described.sorted { $0.key < $1.key }.map { name, value in
        .with {
          $0.name = name
          $0.value = value
        }
      }
    case .getLoggingLevel:
      response.type = .getLoggingLevel
      response.getLoggingLevel.level = Verbosity.level
    case .getModules:
      response.type = .getModules
      response.getModules = MesosModuleList(ofEndpoint: ModuleStatus.json(process.modules.modules))
    case .getAgent:
      response.type = .getAgent
      response.getAgent.agentInfo = process.agentInfo
    case .getResourceProviders:
      // This agent has none: what it offers is its machine's own.
      response.type = .getResourceProviders
      response.getResourceProviders = .init()
    default: return nil
    }
    return response
  }
}

extension MesosAgentResponse {
  fileprivate static func metrics(_ metrics: Metrics) -> MesosAgentResponse {
    .with { response in
      response.type = .getMetrics
      response.getMetrics.metrics = metrics.values.sorted { $0.key < $1.key }.map { name, value in
        .with {
          $0.name = name
          $0.value = value
        }
      }
    }
  }
}

extension MesosAgentCall {
  /// What is missing in a call, in Mesos' words; nil when it is complete.
  fileprivate var problem: String? {
    guard hasType else { return "Expecting 'type' to be present" }
    return switch type {
    case .setLoggingLevel where !hasSetLoggingLevel: "Expecting 'set_logging_level' to be present"
    case .listFiles where !hasListFiles: "Expecting 'list_files' to be present"
    case .readFile where !hasReadFile: "Expecting 'read_file' to be present"
    default: nil
    }
  }
}
