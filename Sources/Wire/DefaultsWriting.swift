/// A message that has fields with an explicit default, itself or further inside.
///
/// Mesos' JSON shows such fields even when they are unset, unless they are deprecated (protocol fact 130), which
/// swift-protobuf has no option for. The conformances are generated from the .proto files.
public protocol DefaultsWriting {
  /// Sets every unset field that has an explicit default to that default, here and in all messages inside.
  mutating func writeDefaults()
}

/// Reads a field, whose getter gives the default, and sets it to what was read: the caller's `inout` does both.
func setToItself(_ field: inout some Any) {}

func writeDefaultsOfEach(_ messages: inout [some DefaultsWriting]) {
  for index in messages.indices { messages[index].writeDefaults() }
}
