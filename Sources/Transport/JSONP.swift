/// Answers as scripts of other origins may load them: `?jsonp=f` wants the JSON as the argument of a call of `f` (protocol
/// fact 154).
public struct JSONP: Sendable {
  /// nil for JSON as it is.
  public let function: String?

  /// nil if what is asked for is not the name of a function.
  public init?(_ request: Request) {
    function = request.query["jsonp"]
    guard function?.utf8.allSatisfy(Self.isOfName) ?? true else { return nil }
  }

  public static var refusal: Response { .error(.badRequest, "'jsonp' must be the name of a function") }

  public var contentType: String { function == nil ? "application/json" : "text/javascript" }

  /// In front of the JSON, and behind it.
  public var prefix: String { function.map { $0 + "(" } ?? "" }
  public var suffix: String { function == nil ? "" : ")" }

  public func response(_ json: [UInt8]) -> Response {
    Response(contentType: contentType, body: Array(prefix.utf8) + json + Array(suffix.utf8))
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
