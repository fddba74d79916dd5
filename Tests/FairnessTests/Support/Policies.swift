import Foundation
import Logging
import ModuleHost
import ModuleKit

/// The policies of this repository, loaded from the shared libraries that the build made.
enum Policies {
  static let all = ["drf", "strict-priority", "binpack", "lua"]

  /// A new instance, which has seen nothing yet.
  static func load(_ module: String, _ parameters: [String: String] = [:]) throws -> LoadedAllocator {
    let parameters = parameters.map { #"{"key": "\#($0.key)", "value": "\#($0.value)"}"# }.joined(separator: ", ")
    let host = try ModuleHost(
      product: "tepui-test", version: "0", directory: products,
      configuration: """
        {"libraries": [{"name": "\(module)", "modules": [{"name": "org.tepui.\(module)", "parameters": [\(parameters)]}]}]}
        """, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return try host.loadAllocator(named: module)
  }

  /// Beside the tests themselves.
  private static let products: String = {
    let folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
    if FileManager.default.fileExists(atPath: "\(folder)/libdrf.so") { return folder }
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return root.appending(path: ".build/debug").path
  }()
}

extension Market {
  convenience init(_ module: String, _ parameters: [String: String] = [:], seed: UInt64 = 0) throws {
    var options = Self.options
    options.seed = seed
    self.init(try Policies.load(module, parameters), options: options)
  }
}

extension Scene {
  func market(_ module: String, _ parameters: [String: String] = [:]) throws -> Market {
    try market(try Policies.load(module, parameters))
  }
}
