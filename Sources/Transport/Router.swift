import NIOHTTP1

/// Finds the handler of a request. Belongs to the server's event loop, like the handlers.
///
/// Lookup is by the longest prefix of whole path components (protocol fact 4): with a route `/api/v1`, a request for
/// `/api/v1/operator` reaches it. The route `/` is only the root itself.
public final class Router {
  /// Called on the server's event loop. Must answer through the responder, now or later, on that loop.
  public typealias Handler = (Request, Responder) -> Void

  private struct Route {
    /// Empty: the handler checks the method itself.
    let methods: [HTTPMethod]
    let handler: Handler
  }

  private let processPrefix: String?
  private var routes: [String: Route] = [:]

  /// With a process name such as `master` or `slave(1)`, every route also exists under `/<name>` (protocol fact 3).
  public init(processName: String? = nil) {
    processPrefix = processName.map { "/\($0)" }
  }

  /// Adds a route that answers any method; the handler checks it, after whatever must be checked before.
  public func on(_ path: String, _ handler: @escaping Handler) {
    add(path, Route(methods: [], handler: handler))
  }

  /// Adds a route for GET, and HEAD with it; others get 405.
  public func get(_ path: String, _ handler: @escaping Handler) {
    add(path, Route(methods: [.GET], handler: handler))
  }

  /// Adds a route for POST; others get 405.
  public func post(_ path: String, _ handler: @escaping Handler) {
    add(path, Route(methods: [.POST], handler: handler))
  }

  private func add(_ path: String, _ route: Route) {
    let path = RequestTarget.withoutTrailingSlashes(path)
    precondition(path.hasPrefix("/"), "route '\(path)' must start with a slash")
    precondition(routes.updateValue(route, forKey: path) == nil, "route '\(path)' is there twice")
  }

  func handle(_ request: Request, _ responder: Responder) {
    var request = request
    request.path = withoutProcessPrefix(request.path)
    guard let route = route(for: request.path) else {
      responder.respond(.error(.notFound))
      return
    }
    // HEAD is GET without the body, which the connection leaves out.
    let method = request.method == .HEAD ? .GET : request.method
    if route.methods.isEmpty || route.methods.contains(method) {
      route.handler(request, responder)
    } else {
      responder.respond(.methodNotAllowed(request.method, allowed: route.methods))
    }
  }

  private func withoutProcessPrefix(_ path: String) -> String {
    guard let processPrefix, path.hasPrefix(processPrefix) else { return path }
    let rest = path.dropFirst(processPrefix.count)
    if rest.isEmpty { return "/" }
    return rest.first == "/" ? String(rest) : path
  }

  private func route(for path: String) -> Route? {
    if let route = routes[path] { return route }
    var prefix = path[...]
    while let slash = prefix.lastIndex(of: "/"), slash > prefix.startIndex {
      prefix = prefix[..<slash]
      if let route = routes[String(prefix)] { return route }
    }
    return nil
  }
}
