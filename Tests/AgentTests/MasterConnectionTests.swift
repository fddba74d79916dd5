import AgentCore
import NIOCore
import NIOPosix
import Testing
import Transport
import Wire

@testable import tepui_agent

/// A master of which a test says what it answers. Belongs to one event loop.
private final class FakeMaster {
  private(set) var subscriptions: [AgentCalls] = []
  private(set) var posts: [AgentCalls] = []
  private(set) var streams: [HTTPStream] = []
  /// Posts that were not answered.
  private var held: [Responder] = []
  var answersPosts = true
  var redirectsTo: String?
  private(set) var port = 0

  func listen(on loop: any EventLoop) -> EventLoopFuture<Void> {
    let router = Router()
    router.post("/api/tepui/v1/agent") { [unowned self] request, responder in handle(request, responder) }
    let this = NIOLoopBound(self, eventLoop: loop)
    return HTTPServer.bind(on: loop, ip: "127.0.0.1", port: 0, router: router).map { this.value.port = $0.port }
  }

  private func handle(_ request: Request, _ responder: Responder) {
    guard let calls = try? WireFormat.protobuf.decode(AgentCalls.self, from: request.bodyBytes) else {
      return responder.respond(.error(.badRequest))
    }
    if case .subscribe = calls.calls.first?.call {
      subscriptions.append(calls)
      if let redirectsTo { return responder.respond(.temporaryRedirect(to: redirectsTo)) }
      streams.append(responder.startStream(headers: ["Content-Type": WireFormat.protobuf.rawValue]))
    } else {
      posts.append(calls)
      if answersPosts { responder.respond(.accepted) } else { held.append(responder) }
    }
  }

  func answerHeld() {
    answersPosts = true
    for responder in held { responder.respond(.accepted) }
    held = []
  }

  func refuseHeld() {
    answersPosts = true
    for responder in held { responder.respond(.error(.badRequest, "who are you?")) }
    held = []
  }
}

/// Everything of a test, on one event loop.
private final class Link {
  let masters: [FakeMaster]
  let connection: MasterConnection
  let inputs: Inputs

  final class Inputs {
    var all: [AgentInput] = []
    var onConnecting: () -> Void = {}
    var connecting: Int { all.count { if case .connectingToMaster = $0 { true } else { false } } }
    var disconnected: Int { all.count { if case .masterDisconnected = $0 { true } else { false } } }
    var events: Int { all.count { if case .master = $0 { true } else { false } } }
  }

  init(_ masters: [FakeMaster], on loop: any EventLoop) {
    self.masters = masters
    let inputs = Inputs()
    self.inputs = inputs
    connection = MasterConnection(
      to: Endpoint(host: "127.0.0.1", port: masters[0].port), backoffFactorNs: 1_000_000, on: loop
    ) { input in
      inputs.all.append(input)
      if case .connectingToMaster = input { inputs.onConnecting() }
    }
    inputs.onConnecting = { [unowned connection] in
      var call = AgentCall()
      call.subscribe.agentInfo.hostname = "node1"
      call.subscribe.version = "1"
      call.subscribe.address = "127.0.0.1:1"
      connection.subscribe(call)
    }
    connection.connect(afterNs: 0)
  }
}

@Suite struct MasterConnectionTests {
  private let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

  private func start(masters count: Int = 1) async throws -> NIOLoopBound<Link> {
    let loop = loop
    return try await loop.flatSubmit {
      let masters = NIOLoopBound((0..<count).map { _ in FakeMaster() }, eventLoop: loop)
      return EventLoopFuture.andAllSucceed(masters.value.map { $0.listen(on: loop) }, on: loop).map {
        NIOLoopBound(Link(masters.value, on: loop), eventLoop: loop)
      }
    }.get()
  }

  /// Waits until a condition holds, looked at on the loop.
  private func until(
    _ link: NIOLoopBound<Link>, _ what: Comment, _ condition: @escaping @Sendable (Link) -> Bool
  ) async throws {
    for _ in 0..<1000 {
      if try await loop.submit({ condition(link.value) }).get() { return }
      try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record(what)
  }

  private func onLoop(_ link: NIOLoopBound<Link>, _ body: @escaping @Sendable (Link) -> Void) async throws {
    try await loop.submit { body(link.value) }.get()
  }

  private static func message(_ text: String) -> AgentCall {
    var call = AgentCall()
    call.message.frameworkID.value = "F"
    call.message.executorID.value = "E"
    call.message.data = .init(text.utf8)
    return call
  }

  private static func texts(_ posts: [AgentCalls]) -> [[String]] {
    posts.map { $0.calls.map { String(decoding: $0.message.data, as: UTF8.self) } }
  }

  @Test func eventsOfTheStreamArrive() async throws {
    let link = try await start()
    try await until(link, "no stream") { !$0.masters[0].streams.isEmpty }
    try await onLoop(link) { link in
      var event = AgentEvent()
      event.ping = .init()
      link.masters[0].streams[0].send(record: WireFormat.protobuf.encode(event))
    }
    try await until(link, "no event") { $0.inputs.events == 1 }
  }

  @Test func oneRequestIsInFlightAndTheNextTakesAllThatWaits() async throws {
    let link = try await start()
    try await until(link, "no stream") { !$0.masters[0].streams.isEmpty }
    try await onLoop(link) { link in
      link.masters[0].answersPosts = false
      link.connection.send(Self.message("a"))
      link.connection.send(Self.message("b"))
    }
    try await until(link, "no post") { $0.masters[0].posts.count == 1 }
    try await onLoop(link) { link in
      link.connection.send(Self.message("c"))
      link.connection.send(Self.message("d"))
    }
    try await onLoop(link) { $0.masters[0].answerHeld() }
    try await until(link, "no second post") { $0.masters[0].posts.count == 2 }
    try await onLoop(link) { #expect(Self.texts($0.masters[0].posts) == [["a", "b"], ["c", "d"]]) }
  }

  @Test func aBrokenStreamIsMadeAnew() async throws {
    let link = try await start()
    try await until(link, "no stream") { !$0.masters[0].streams.isEmpty }
    try await onLoop(link) { $0.masters[0].streams[0].close() }
    try await until(link, "no second subscription") { $0.masters[0].subscriptions.count == 2 }
    try await onLoop(link) { #expect($0.inputs.disconnected == 1) }
  }

  @Test func aRefusedCallBreaksTheLink() async throws {
    let link = try await start()
    try await until(link, "no stream") { !$0.masters[0].streams.isEmpty }
    try await onLoop(link) { link in
      link.masters[0].answersPosts = false
      link.connection.send(Self.message("a"))
    }
    try await until(link, "no post") { $0.masters[0].posts.count == 1 }
    try await onLoop(link) { $0.masters[0].refuseHeld() }
    try await until(link, "no second subscription") { $0.masters[0].subscriptions.count == 2 }
  }

  @Test func aRedirectIsFollowed() async throws {
    let link = try await start(masters: 2)
    try await onLoop(link) { $0.masters[0].redirectsTo = "//127.0.0.1:\($0.masters[1].port)/api/tepui/v1/agent" }
    try await until(link, "no stream") { link in
      if !link.masters[0].streams.isEmpty { link.masters[0].streams.last?.close() }
      return !link.masters[1].streams.isEmpty
    }
  }

  @Test func theLastCallsGoOutBeforeTheEnd() async throws {
    let link = try await start()
    try await until(link, "no stream") { !$0.masters[0].streams.isEmpty }
    let loop = loop
    let posts = try await loop.flatSubmit {
      let promise = loop.makePromise(of: Int.self)
      link.value.connection.send(Self.message("bye"))
      link.value.connection.finish(within: .seconds(10)) { promise.succeed(link.value.masters[0].posts.count) }
      return promise.futureResult
    }.get()
    #expect(posts == 1)
  }
}
