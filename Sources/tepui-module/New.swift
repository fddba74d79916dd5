import ArgumentParser
import FoundationEssentials
import Glibc

struct New: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a folder with a module that builds with one command and passes its check.")

  enum Kind: String, ExpressibleByArgument, CaseIterable { case allocator, isolator }
  enum Language: String, ExpressibleByArgument, CaseIterable { case c, cpp, swift, rust }

  @Argument(help: "allocator or isolator.") var kind: Kind
  @Argument(help: "Its name and that of the folder: lower case letters, digits and '-', such as best-fit.") var name:
    String
  @Option(help: "c, cpp, swift or rust.") var lang = Language.c
  @Option(help: "The module's id; org.example.NAME without it.") var id: String?
  @Option(help: "Who wrote it.") var author = "You"

  func validate() throws {
    let letters = name.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
    guard letters, let first = name.utf8.first, (0x61...0x7a).contains(first), name.utf8.count <= 64,
      !name.hasSuffix("-"), !name.contains("--")
    else {
      throw ValidationError(
        "'\(name)' is no name for a module: lower case letters, digits and '-', beginning with a letter, such as best-fit"
      )
    }
    guard !(author + (id ?? "")).contains(where: { $0 == "\"" || $0 == "\\" || $0.isNewline }) else {
      throw ValidationError("--author and --id must not contain quotes, backslashes or line ends")
    }
  }

  func run() throws {
    let sdk = try SDKLocation.find()
    let source = "\(sdk.templates)/\(kind.rawValue)-\(lang.rawValue)"
    guard !FileManager.default.fileExists(atPath: name) else {
      throw ValidationError("\(name) exists already; give another name, or remove it")
    }
    do {
      try copy(source, to: name, sdk)
    } catch {
      throw ValidationError("\(name) cannot be written from \(source): \(error)")
    }
    print("\(name): an \(kind.rawValue) in \(lang.rawValue). Next:")
    print("  cd \(name)")
    print("  " + commands.joined(separator: "\n  "))
  }

  private var commands: [String] {
    switch lang {
    case .c, .cpp: ["make check"]
    case .swift: ["swift build -c release", "tepui-module check .build/release/lib\(name).so"]
    case .rust: ["cargo build --release", "tepui-module check target/release/lib\(crate).so"]
    }
  }

  private var crate: String { name.replacing("-", with: "_") }

  private var type: String {
    let words = name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }
    // A type must not have the name of one of the SDK.
    return words.joined() + (kind == .allocator ? "Policy" : "Isolator")
  }

  private func filled(_ text: String, _ sdk: SDKLocation) -> String {
    text.replacing("@NAME@", with: name).replacing("@TYPE@", with: type).replacing("@CRATE@", with: crate)
      .replacing("@ID@", with: id ?? "org.example.\(name)").replacing("@AUTHOR@", with: author)
      .replacing("@SDK@", with: sdk.swift)
  }

  private func copy(_ source: String, to target: String, _ sdk: SDKLocation) throws {
    try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    for entry in try FileManager.default.contentsOfDirectory(atPath: source).sorted() {
      let from = "\(source)/\(entry)"
      let to = "\(target)/" + entry.replacing("NAME", with: name).replacing("TYPE", with: type)
      var status = stat()
      guard lstat(from, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        try copy(from, to: to, sdk)
      } else {
        let text = try String(contentsOfFile: from, encoding: .utf8)
        try filled(text, sdk).write(toFile: to, atomically: false, encoding: .utf8)
      }
    }
  }
}

/// Where templates and the Swift SDK are: under the prefix that this program is installed in, or in the repository that
/// it was built in.
struct SDKLocation {
  let swift: String
  var templates: String { "\(swift)/templates" }
  var headers: String { "\(swift)/include/tepui" }

  static func find() throws -> SDKLocation {
    guard let program = realpath("/proc/self/exe", nil) else { throw ValidationError("/proc is not mounted") }
    defer { free(program) }
    var directory = String(cString: program)
    while let slash = directory.lastIndex(of: "/"), slash > directory.startIndex {
      directory = String(directory[..<slash])
      for candidate in ["\(directory)/share/tepui/sdk", "\(directory)/SDK"]
      where FileManager.default.fileExists(atPath: "\(candidate)/templates") {
        return SDKLocation(swift: candidate)
      }
    }
    throw ValidationError(
      "there is no SDK beside this program: it is looked for in share/tepui/sdk of the prefix; install Tepui anew")
  }
}
