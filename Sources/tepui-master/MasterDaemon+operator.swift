import Daemon
import MasterCore
import ModuleHost
import Transport
import Wire

/// The operator API, `POST /api/v1`, and the older endpoints that mean the same.
extension MasterDaemon {
  func operatorRoutes(_ router: Router) {
    router.on("/api/v1") { [self] in operatorCall($0, $1) }
    router.post("/teardown") { [self] in teardown($0, $1) }
    resourceRoutes(router)
    router.on("/quota") { [self] in quota($0, $1) }
    router.on("/weights") { [self] in weights($0, $1) }
    maintenanceRoutes(router)
  }

  /// Protocol facts 10 and 118: method, type, body, what is missing in it, and then the format of the answer.
  private func operatorCall(_ request: Request, _ responder: Responder) {
    guard request.method == .POST else {
      return responder.respond(.methodNotAllowed(request.method, allowed: [.POST]))
    }
    do throws(WireRefusal) {
      let format = try WireFormat.ofRequest(contentType: request.headers.first(name: "Content-Type"))
      let call = try format.decode(MesosMasterCall.self, from: request.bodyBytes)
      if let problem = call.problem { throw WireRefusal(400, "Failed to validate master::Call: \(problem)") }
      let answer = try WireFormat.ofAnswer(accept: request.headers.first(name: "Accept"))
      if call.type == .setLoggingLevel {
        Verbosity.set(call.setLoggingLevel.level, forNanoseconds: call.setLoggingLevel.duration.nanoseconds)
        responder.respond(Response(.ok))
      } else if call.isRead {
        read(call, responder, answer)
      } else {
        handle(.operatorCall(call, from: connection(.waiting(responder, answer))))
      }
    } catch {
      responder.respond(.error(HTTPStatus.of(error.status), error.text))
    }
  }

  private func read(_ call: MesosMasterCall, _ responder: Responder, _ format: WireFormat) {
    let encode = { @Sendable in Response(contentType: format.rawValue, body: format.encode($0 as MesosMasterResponse)) }
    guard let core else { return responder.respond(.error(.serviceUnavailable)) }
    if MasterSnapshot.isLong(call.type) {
      let capture = core.capture()
      Dump.answer(responder, isHead: false, contentType: format.rawValue) { sink in
        capture.snapshot().write(call, format, sink: sink) ?? []
      }
    } else if call.type == .listFiles {
      files.list(call.listFiles.path, responder) { infos in
        encode(
          .with {
            $0.type = .listFiles
            $0.listFiles.fileInfos = infos
          })
      }
    } else if call.type == .readFile {
      let length = call.readFile.hasLength ? call.readFile.length : nil
      files.read(call.readFile.path, offset: call.readFile.offset, length: length, responder) { size, bytes in
        encode(
          .with {
            $0.type = .readFile
            $0.readFile.size = UInt64(size)
            $0.readFile.data = .init(bytes)
          })
      }
    } else if let answer = ownAnswer(call.type) {
      responder.respond(encode(answer))
    } else if call.type == .getMetrics {
      let (capture, own) = (core.capture(), ownFigures)
      Dump.answer(responder) {
        encode(MasterSnapshot.answer(metrics: capture.snapshot().metricsView(at: Self.now()).adding(own)))
      }
    } else {
      read(call, responder, encode)
    }
  }

  /// What the daemon knows and its core does not.
  private func ownAnswer(_ type: MesosMasterCall.TypeEnum) -> MesosMasterResponse? {
    var response = MesosMasterResponse()
    switch type {
    case .getFlags:
      response.type = .getFlags
      response.getFlags.flags = flags.sorted { $0.key < $1.key }.map { name, value in
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
      response.getModules = MesosModuleList(ofEndpoint: ModuleStatus.json(modules.modules))
    default: return nil
    }
    return response
  }

  /// Answers from a snapshot, off the loop.
  private func read(
    _ call: MesosMasterCall, _ responder: Responder,
    _ encode: @escaping @Sendable (MesosMasterResponse) -> Response
  ) {
    guard let core else { return responder.respond(.error(.serviceUnavailable)) }
    let capture = core.capture()
    Dump.answer(responder) {
      capture.snapshot().answer(call).map(encode)
        ?? .error(.notImplemented, "This master does not know the call \(call.type.protocolName)")
    }
  }

  /// A change by an older endpoint.
  func change(_ responder: Responder, _ fill: (inout MesosMasterCall) -> Void) {
    handle(.operatorCall(.with(fill), from: connection(.waiting(responder, .json))))
  }

  /// POST /teardown with `frameworkId=…` in the body.
  private func teardown(_ request: Request, _ responder: Responder) {
    do throws(WireRefusal) {
      guard let id = try Self.fields(request)["frameworkId"] else {
        throw WireRefusal(400, "Missing 'frameworkId' query parameter in the request body")
      }
      change(responder) {
        $0.type = .teardown
        $0.teardown.frameworkID.value = id
      }
    } catch {
      responder.respond(.error(HTTPStatus.of(error.status), error.text))
    }
  }

  /// GET /quota, POST of a quota request, DELETE of /quota/ROLE.
  private func quota(_ request: Request, _ responder: Responder) {
    switch request.method {
    case .GET, .HEAD:
      read(.with { $0.type = .getQuota }, responder) { .json(WireFormat.json.encode($0.getQuota.status)) }
    case .POST:
      do throws(WireRefusal) {
        let quota = try WireFormat.json.decode(MesosQuotaRequest.self, from: request.bodyBytes)
        change(responder) {
          $0.type = .setQuota
          $0.setQuota.quotaRequest = quota
        }
      } catch {
        let action = error.isOfSyntax ? "parse" : "validate"
        responder.respond(.error(.badRequest, "Failed to \(action) set quota request JSON: \(error.bareText)"))
      }
    case .DELETE where request.path == "/quota":
      responder.respond(
        .error(
          .badRequest,
          "Failed to parse remove quota request for path '/master/quota': expected 3 tokens, found 2 tokens"))
    case .DELETE:
      change(responder) {
        $0.type = .removeQuota
        $0.removeQuota.role = String(request.path.dropFirst("/quota/".count))
      }
    default: responder.respond(.methodNotAllowed(request.method, allowed: [.GET, .POST, .DELETE]))
    }
  }

  /// GET /weights, and PUT of a JSON array of weight infos.
  private func weights(_ request: Request, _ responder: Responder) {
    switch request.method {
    case .GET, .HEAD:
      read(.with { $0.type = .getWeights }, responder) { .json(WireFormat.encodeList($0.getWeights.weightInfos)) }
    case .PUT:
      do throws(WireRefusal) {
        let update = try WireFormat.decodeList(
          "weight_infos", of: MesosMasterCall.UpdateWeights.self, from: request.bodyBytes)
        change(responder) {
          $0.type = .updateWeights
          $0.updateWeights = update
        }
      } catch {
        let action = error.isOfSyntax ? "parse update weights request JSON" : "convert weights JSON array to protobuf"
        responder.respond(.error(.badRequest, "Failed to \(action): \(error.bareText)"))
      }
    default: responder.respond(.methodNotAllowed(request.method, allowed: [.GET, .PUT]))
    }
  }
}

extension MesosMasterCall {
  /// Whether the call changes nothing and is answered from a snapshot.
  var isRead: Bool { type.protocolName.hasPrefix("GET_") || type == .listFiles || type == .readFile }
}
