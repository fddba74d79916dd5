import Foundation
import Testing

/// The form of the code itself: what the architecture forbids and what keeps the files readable.
@Suite struct TidyTests {
  static let code: Set<String> = ["swift", "c", "h", "cpp", "py", "S"]

  @Test func topLevelHoldsOnlyTheRooms() throws {
    let allowed: Set<String> = ["Package.swift", "Sources", "Modules", "Tests", "SDK", "README.md", "Package.resolved"]
    let entries = try FileManager.default.contentsOfDirectory(atPath: SourceFile.root.path)
    #expect(entries.filter { !$0.hasPrefix(".") && !allowed.contains($0) } == [])
  }

  @Test(arguments: ["Sources", "Modules", "SDK", "Tests"])
  func filesHoldOneNounAndAreShort(folder: String) throws {
    let files = try SourceFile.all(below: folder, Self.code)
    #expect(!files.isEmpty)
    for file in files {
      #expect(file.lines.count <= 450, "\(file.path) has \(file.lines.count) lines: which nouns does it hold?")
    }
  }

  @Test func nothingIsLeftUnfinished() throws {
    let word = try Regex("TO" + "DO|FIX" + "ME|not (yet )?implem" + "ented")
    for folder in ["Sources", "Modules", "SDK", "Tests"] {
      for file in try SourceFile.all(below: folder, Self.code.union(["md", "proto"])) {
        for (number, line) in file.lines.enumerated() where line.contains(word) {
          Issue.record("\(file.path):\(number + 1): \(line)")
        }
      }
    }
  }

  /// Clocks, random numbers, files, sockets and threads stay out of the cores, so that tests play them with virtual time.
  @Test(arguments: ["Resources", "Allocation", "MasterCore", "AgentCore"])
  func coresImportOnlyPureRooms(core: String) throws {
    let allowed: [String: Set<String>] = [
      "Resources": [],
      "Allocation": ["Resources", "CTepui", "HeapModule", "DequeModule"],
      "MasterCore": [
        "Resources", "Wire", "Allocation", "SwiftProtobuf", "HeapModule", "DequeModule", "HashTreeCollections",
      ],
      "AgentCore": ["Resources", "Wire", "SwiftProtobuf", "HeapModule", "DequeModule"],
    ]
    let files = try SourceFile.all(below: "Sources/\(core)", ["swift"])
    #expect(!files.isEmpty)
    let impure = try Regex(
      #"\b(Date\(|ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|\.random\(|\.shuffled\(\)|async\b|await\b|Thread\b|DispatchQueue|FileManager|UUID\(\))"#
    )
    for file in files {
      #expect(file.imports.subtracting(allowed[core] ?? []) == [], "\(file.path)")
      for (number, line) in file.lines.enumerated() {
        let statement = line.split(separator: "//", omittingEmptySubsequences: false).first ?? ""
        #expect(!statement.contains(impure), "\(file.path):\(number + 1): \(line)")
      }
    }
  }

  @Test func modulesKnowOnlyTheSDK() throws {
    for file in try SourceFile.all(below: "Modules", ["swift"]) {
      #expect(file.imports.subtracting(["TepuiModule", "CTepui", "Glibc"]) == [], "\(file.path)")
    }
    for file in try SourceFile.all(below: "Modules", ["c", "cpp", "h"]) {
      for line in file.lines where line.hasPrefix("#include \"") && !line.hasPrefix("#include \"tepui/") {
        // A header of its own lies beside it.
        #expect(!line.contains("/"), "\(file.path): \(line)")
      }
    }
  }

  @Test func onlyTheModuleHostOpensLibraries() throws {
    let opening = try Regex(#"\b(dlopen|dlsym|lt_dl[a-z]+)\("#)
    let opens = { (text: String) in text.contains(opening) }
    for file in try SourceFile.all(below: "Sources", ["swift", "c"]) where file.room != "ModuleHost" {
      #expect(!opens(file.text), "\(file.path)")
    }
  }

  /// The supervisor and the launch move a process into its cgroup, for containment, where clone3 cannot.
  @Test func onlyContainmentNamesFilesOfCgroups() throws {
    let writing = try Regex(#""(cgroup\.(procs|kill|subtree_control|freeze)|memory\.max|cpu\.max)""#)
    let names = { (text: String) in text.contains(writing) }
    let rooms: Set<String> = ["Containment", "CLaunch", "supervisor"]
    for file in try SourceFile.all(below: "Sources", ["swift", "c"]) where !rooms.contains(file.room) {
      #expect(!names(file.text), "\(file.path)")
    }
  }

  @Test func theMasterLinksNoPolicyAndTheAgentNoIsolator() throws {
    let manifest = try String(contentsOf: SourceFile.root.appending(path: "Package.swift"), encoding: .utf8)
    let modules = try FileManager.default.contentsOfDirectory(
      atPath: SourceFile.root.appending(path: "Modules").path)
    #expect(!modules.isEmpty)
    let programs = try #require(manifest.split(separator: "// Programs.").last)
    for module in modules { #expect(!programs.contains("\"\(module)\""), "\(module) is linked into a program") }
  }

  @Test func everyModuleTellsWhatItIs() throws {
    let folder = SourceFile.root.appending(path: "Modules")
    for module in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let text = try String(contentsOf: folder.appending(path: "\(module)/README.md"), encoding: .utf8)
      #expect((5...40).contains(text.split(separator: "\n").count), "Modules/\(module)/README.md")
    }
  }

  @Test func factsOfTheProtocolAreCitedByNumber() throws {
    let citation = try Regex(#"protocol facts? (\d+)"#)
    var cited = 0
    for folder in ["Sources/Wire", "Sources/MasterCore", "Sources/AgentCore", "Sources/Transport"] {
      for file in try SourceFile.all(below: folder, ["swift"]) {
        for match in file.text.matches(of: citation) {
          cited += 1
          let number = match.output[1].substring.flatMap { Int($0) } ?? 0
          #expect((1...156).contains(number), "\(file.path): \(match.output[0].substring ?? "")")
        }
      }
    }
    #expect(cited >= 50)
  }
}
