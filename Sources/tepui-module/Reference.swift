import ArgumentParser
import FoundationEssentials
import ModuleHost
import ModuleKit

struct Reference: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the reference of the ABI in Markdown, as the installed headers have it.")

  /// In the order in which one reads them.
  static let headers = ["module.h", "allocator.h", "isolator.h"]

  func run() throws {
    let directory = try SDKLocation.find().headers
    let texts = try Self.headers.map { name in
      do {
        return (name: name, text: try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8))
      } catch {
        throw ValidationError("\(directory)/\(name) cannot be read: \(error)")
      }
    }
    print(HeaderReference.markdown(texts, version: ModuleInspection.newestABIText), terminator: "")
  }
}
