import Testing

/// Text to send, with a name short enough for a test's log.
struct Sample: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let text: String

  init(_ name: String, _ text: String) {
    testDescription = name
    self.text = text
  }
}
