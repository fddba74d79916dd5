import SwiftProtobuf

extension SwiftProtobuf.Enum {
  /// The name as the protocol writes it: `TASK_RUNNING` for `taskRunning`. swift-protobuf makes the Swift names from
  /// those by a fixed rule, which this turns round. By reflection, so not for what is written often.
  public var protocolName: String {
    var name = ""
    for character in "\(self)" {
      if character.isUppercase { name.append("_") }
      name += character.uppercased()
    }
    return name
  }
}

/// The names of an enum's cases, made once.
private struct ProtocolNames<Case: SwiftProtobuf.Enum & CaseIterable & Hashable>: Sendable {
  private let names: [String]

  init() {
    var names: [String] = []
    for one in Case.allCases where one.rawValue >= 0 {
      while names.count <= one.rawValue { names.append("") }
      names[one.rawValue] = one.protocolName
    }
    self.names = names
  }

  subscript(_ one: Case) -> String { names.indices.contains(one.rawValue) ? names[one.rawValue] : one.protocolName }
}

extension MesosTaskState {
  private static let names = ProtocolNames<Self>()
  public var protocolName: String { Self.names[self] }
}

extension MesosFrameworkInfo.Capability.TypeEnum {
  private static let names = ProtocolNames<Self>()
  public var protocolName: String { Self.names[self] }
}
