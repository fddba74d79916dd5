import SwiftProtobuf

extension SwiftProtobuf.Enum {
  /// The name as the protocol writes it: `TASK_RUNNING` for `taskRunning`. swift-protobuf makes the Swift names from
  /// those by a fixed rule, which this turns round.
  public var protocolName: String {
    var name = ""
    for character in "\(self)" {
      if character.isUppercase { name.append("_") }
      name += character.uppercased()
    }
    return name
  }
}
