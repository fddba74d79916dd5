import Foundation
import ModuleHost
import Testing

/// modules.json, `--modules`, and the flags that choose modules.
@Suite struct ConfigurationTests {
  private let workspace = try! Workspace()

  /// Errors in a configuration; each message begins with the file, line and column, then the key path.
  @Test(arguments: [
    (#"[]"#, "must be an object"),
    (#"{"library": []}"#, "library: unknown key; allowed are libraries, allocator, isolators"),
    (#"{"libraries": {}}"#, "libraries: must be an array"),
    (#"{"libraries": [3]}"#, "libraries[0]: must be an object"),
    (
      #"{"libraries": [{"modules": []}]}"#,
      #"libraries[0]: neither "file" (a path, or a file name in the modules dir) nor "name" (of lib<name>.so)"#
    ),
    (#"{"libraries": [{"file": 1, "modules": []}]}"#, "libraries[0].file: must be a string"),
    (#"{"libraries": [{"file": "a.so"}]}"#, #"libraries[0]: "modules" is missing"#),
    (
      #"{"libraries": [{"file": "a.so", "modules": []}]}"#,
      #"libraries[0]: "modules" has 0 entries; a library holds exactly one module"#
    ),
    (
      #"{"libraries": [{"file": "a.so", "modules": [{"name": "drf"}]}]}"#,
      #"libraries[0].modules[0]: "name" is "drf" but must be the module's id, such as org.example.fifo"#
    ),
    (
      #"{"libraries": [{"file": "a.so", "modules": [{"name": "a.b", "parameters": [{"key": "x"}]}]}]}"#,
      #"libraries[0].modules[0].parameters[0]: "value" is missing"#
    ),
    (
      #"{"libraries": [{"file": "a.so", "modules": [{"name": "a.b", "parameters": {"x": []}}]}]}"#,
      "libraries[0].modules[0].parameters.x: must be a string, a number, true or false"
    ),
    (
      #"{"libraries": [{"file": "a.so", "modules": [{"name": "a.b", "parameters": [{"key": "x", "value": "1"}, {"key": "x", "value": "1"}]}]}]}"#,
      #"libraries[0].modules[0].parameters[1]: the parameter "x" is given twice; keep one of the two"#
    ),
    (
      #"{"libraries": [{"file": "a.so", "modules": [{"name": "a.b"}]}, {"file": "b.so", "modules": [{"name": "a.b"}]}]}"#,
      "libraries[1]: a second module a.b: a.so of libraries[0] is one already; keep one of the two"
    ),
    (
      #"{"allocator": 7}"#,
      #"allocator: must be a module's id, or an object with "module", "deadline" and "on_failure""#
    ),
    (
      #"{"libraries": [{"file": "a.so", "modules": [{"name": "a.b", "parameters": 7}]}]}"#,
      #"libraries[0].modules[0].parameters: must be an object of values by key, or an array of {"key", "value"}"#
    ),
    (
      #"{"allocator": {"module": "a.b", "deadlines": "1ms"}}"#,
      "allocator.deadlines: unknown key; allowed are module, deadline, on_failure"
    ),
    (#"{"allocator": ""}"#, "allocator: must be a module's id, such as org.example.fifo"),
    (#"{"allocator": {"deadline": "1ms"}}"#, #"allocator: "module" is missing"#),
    (
      #"{"allocator": {"module": "a.b", "deadline": "soon"}}"#,
      #"allocator.deadline: "soon" is no duration above 0 (such as 250ms or 5secs)"#
    ),
    (
      #"{"allocator": {"module": "a.b", "on_failure": "fail"}}"#,
      #"allocator.on_failure: "fail" must be "continue" or "suspend""#
    ),
    (
      #"{"isolators": [{"module": "a.b", "on_failure": "suspend"}]}"#,
      #"isolators[0].on_failure: "suspend" must be "fail" or "continue""#
    ),
    (#"{"isolators": "a.b"}"#, "isolators: must be an array"),
  ])
  func anErrorNamesItsPlaceAndWhatIsAllowed(json: String, text: String) throws {
    try workspace.write("modules.json", json)
    let error = try workspace.refusal { _ in }
    #expect(error.code == .configuration)
    let (place, rest) = try split(error.message)
    #expect(rest == text)
    #expect(place.hasPrefix("1:"))
  }

  /// A message without the file and the place in it.
  private func split(_ message: String) throws -> (place: String, text: String) {
    let file = "\(workspace.file("modules.json")):"
    try #require(message.hasPrefix(file) && !message.contains("\n"), "\(message)")
    let parts = message.dropFirst(file.count).components(separatedBy: ": ")
    return (parts[0], parts.dropFirst().joined(separator: ": "))
  }

  /// Line and column of what is wrong.
  @Test(arguments: [
    ("", "1:1", "is not valid JSON: expected a value, not the end of the text"),
    ("{\n  \"libraries\": [\n", "3:1", "is not valid JSON: expected a value, not the end of the text"),
    ("{\n  \"allocator\": \"a.b\"\n  \"isolators\": []\n}", "3:3", #"is not valid JSON: expected ',' or '}', not '"'"#),
    (#"{"allocator": "a.b",}"#, "1:21", "is not valid JSON: expected a key in quotes, not '}'"),
    (#"{allocator: 1}"#, "1:2", "is not valid JSON: expected a key in quotes or '}', not 'allocator'"),
    (#"{"allocator" "a"}"#, "1:14", #"is not valid JSON: expected ':', not '"'"#),
    (#"{"isolators": ["a" "b"]}"#, "1:20", #"is not valid JSON: expected ',' or ']', not '"'"#),
    (#"{"allocator": yes}"#, "1:15", "is not valid JSON: expected a value, not 'yes'"),
    (
      "{\"allocator\": \"a.b}\n", "1:20",
      #"is not valid JSON: expected '"' at the end of the text in quotes, not the byte 10"#
    ),
    (#"{"allocator": "\x"}"#, "1:17", #"is not valid JSON: expected one of "\/bfnrtu behind the backslash, not 'x'"#),
    (
      #"{"allocator": "\u12"}"#, "1:20",
      #"is not valid JSON: expected four hexadecimal digits behind \u, not '"'"#
    ),
    ("{} // comment", "1:4", "is not valid JSON: expected the end of the text, not '/'"),
    (#"{"allocator": -}"#, "1:16", "is not valid JSON: expected a digit, not '}'"),
    (#"{"allocator": 1.x}"#, "1:17", "is not valid JSON: expected a digit, not 'x'"),
    ("{\"\u{FC}\u{FC}\": 007}", "1:9", "is not valid JSON: expected ',' or '}', not '07'"),
    (
      "{\"allocator\": \"a\",\n \"allocator\": \"b\"}", "2:2",
      #"the key "allocator" is there twice; keep one of the two"#
    ),
    (
      #"{"allocator": "a", "\u0061llocato\u0072": "b"}"#, "1:20",
      #"the key "allocator" is there twice; keep one of the two"#
    ),
    (
      "{\"\\ud83d\\uDE00\\/\\n\": 1, \"\u{1F600}/\\u000a\": 2}", "1:25",
      "the key \"\u{1F600}/ \" is there twice; keep one of the two"
    ),
    (
      "{\"libraries\": [{\"file\": \"a\", \"modules\": [{\"name\": \"a.b\",\n\"parameters\": {\"x\": 1, \"x\": 2}}]}]}",
      "2:24", #"libraries[0].modules[0].parameters: the key "x" is there twice; keep one of the two"#
    ),
    (
      "{\n  \"libraries\": [\n    {\"file\": 1, \"modules\": []}\n  ]\n}", "3:14",
      "libraries[0].file: must be a string"
    ),
    ("{\n  \"isolator\": []}", "2:15", "isolator: unknown key; allowed are libraries, allocator, isolators"),
    (
      "{\"isolators\":\n [\"a.b\",\n  {\"module\": \"a.b\",\n   \"on_failure\": \"suspend\"}]}", "4:18",
      #"isolators[1].on_failure: "suspend" must be "fail" or "continue""#
    ),
    (
      String(repeating: "[", count: 600), "1:501",
      "is not valid JSON: expected less than 500 levels of nesting, not '['"
    ),
  ])
  func anErrorNamesLineAndColumn(json: String, place: String, text: String) throws {
    try workspace.write("modules.json", json)
    let found = try split(workspace.refusal { _ in }.message)
    #expect(found.place == place)
    #expect(found.text == text)
  }

  /// However a good text is cut or changed, the answer is one line with a place, and whatever the decoder takes is right.
  @Test func everyCutAndEveryWrongByteIsAnswered() throws {
    let text = Array(
      #"{"libraries":[{"name":"x","modules":[{"name":"a.b","parameters":{"c":-1.5e3,"d":true}}]}],"allocator":"a.b"}"#
        .utf8)
    for length in 0..<text.count {
      try workspace.write("modules.json", text[..<length], mode: 0o644)
      _ = try split(workspace.refusal { _ in }.message)
    }
    for index in text.indices {
      for byte in [UInt8(ascii: "}"), 0, 0xFF, UInt8(ascii: "\""), UInt8(ascii: "7")] {
        var changed = text
        changed[index] = byte
        try workspace.write("modules.json", changed, mode: 0o644)
        do { _ = try workspace.host() } catch let error as ModuleError { _ = try split(error.message) }
      }
    }
  }

  @Test func anErrorOfInlineJSONNamesTheFlag() throws {
    let error = try workspace.refusal(" {\"allocators\": 1}") { _ in }
    #expect(error.message == "--modules:1:17: allocators: unknown key; allowed are libraries, allocator, isolators")
  }

  @Test func aMissingFileIsNamed() throws {
    let error = try workspace.refusal("/nowhere/modules.json") { _ in }
    #expect(
      error.message
        == "/nowhere/modules.json: No such file or directory; --modules takes JSON or the path of a file with it")
  }

  @Test func aMissingDirectoryIsNamed() throws {
    let error = try #require(throws: ModuleError.self) {
      try ModuleHost(
        product: "tepui-test", version: "0", directory: "/nowhere", configuration: nil, logger: .init(label: "test"))
    }
    #expect(
      error.message
        == "--modules_dir: /nowhere: No such file or directory; it must be a directory with modules (*.so)")
  }

  @Test func withoutAnAllocatorTheErrorSaysHowToChooseOne() throws {
    try workspace.build("allocator", as: "libfixture.so")
    let error = try workspace.refusal { _ = try $0.loadAllocator(named: nil) }
    #expect(error.code == .noAllocator)
    #expect(
      error.message
        == "no allocator is configured: put \"allocator\": \"<module id>\" into \(workspace.file("modules.json")) "
        + "or start with --allocator=<module>; \(workspace.path) has libfixture.so")
  }

  @Test func withoutAnythingNoIsolatorIsActive() throws {
    try workspace.build("isolator", as: "libisolator.so")
    let host = try workspace.host()
    #expect(try host.loadIsolators(named: nil, node: .test).isEmpty)
    #expect(host.modules.map(\.state) == [.found])
  }

  @Test(arguments: ["file": "libfixture.so", "name": "fixture"])
  func modulesJSONChoosesAndConfigures(key: String, value: String) throws {
    try workspace.build("allocator", as: "libfixture.so")
    try workspace.write(
      "modules.json",
      """
      {
        "libraries": [{"\(key)": "\(value)", "modules": [{"name": "org.example.fixture", "parameters": [
          {"key": "count", "value": "7"}, {"key": "verbose", "value": true}, {"key": "share", "value": 0.25}]}]}],
        "allocator": {"module": "org.example.fixture", "deadline": "20ms"}
      }
      """)
    let host = try workspace.host()
    let policy = try host.loadAllocator(named: nil)
    #expect(policy.deadlineNs == 20_000_000)
    #expect(host.modules[0].parameters.map(\.value) == ["first", "7", "0.25", "true", "10ms"])
  }

  @Test func aFlagOverridesModulesJSON() throws {
    try workspace.build("allocator", as: "libfixture.so")
    try workspace.write("modules.json", #"{"allocator": "org.example.absent", "isolators": ["org.example.absent"]}"#)
    #expect(try workspace.host().loadAllocator(named: "fixture").id == "org.example.fixture")
    #expect(try workspace.host().loadIsolators(named: [], node: .test).isEmpty)
  }

  @Test func aRelativePathIsRelativeToTheModulesDir() throws {
    try workspace.build("allocator", as: "libfixture.so")
    let name = try #require(workspace.path.split(separator: "/").last)
    let host = try workspace.host(
      """
      {"libraries": [{"file": "../\(name)/libfixture.so", "modules": [{"name": "org.example.fixture"}]}]}
      """)
    #expect(try host.loadAllocator(named: "fixture").id == "org.example.fixture")
  }

  @Test func aFileURLIsAPath() throws {
    try workspace.build("allocator", as: "libfixture.so")
    try workspace.write("other.json", #"{"allocator": "org.example.fixture"}"#)
    let host = try workspace.host("file://\(workspace.file("other.json"))")
    #expect(try host.loadAllocator(named: nil).id == "org.example.fixture")
  }

  @Test func aShortNameMustBeUnambiguous() throws {
    let error = try workspace.refusal(
      """
      {"libraries": [{"file": "a.so", "modules": [{"name": "org.a.fair"}]},
                     {"file": "b.so", "modules": [{"name": "org.b.fair"}]}]}
      """
    ) { _ = try $0.loadAllocator(named: "fair") }
    #expect(error.message == "--allocator: \"fair\" may be org.a.fair or org.b.fair; give the whole id")
  }

  @Test(arguments: [
    (
      #"{"cuont": 1}"#,
      #"parameters.cuont: org.example.fixture has no parameter "cuont"; it has behaviour, count, share, verbose, wait"#
    ),
    (#"{"count": "many"}"#, #"parameters.count: "many" is not a value for count: it must be an integer from 1 to 10"#),
    (#"{"count": 11}"#, #"parameters.count: "11" is not a value for count: it must be an integer from 1 to 10"#),
    (#"{"count": 1.5}"#, #"parameters.count: "1.5" is not a value for count: it must be an integer from 1 to 10"#),
    (
      #"{"share": "0.0001"}"#,
      #"parameters.share: "0.0001" is not a value for share: it must be a number with at most three decimals from 0.001 to 1"#
    ),
    (#"{"verbose": "yes"}"#, #"parameters.verbose: "yes" is not a value for verbose: it must be true or false"#),
    (
      #"{"wait": "10"}"#,
      #"parameters.wait: "10" is not a value for wait: it must be a duration such as 250ms or 5secs"#
    ),
    (
      #"{"behaviour": "nice"}"#,
      #"parameters.behaviour: "nice" is not a value for behaviour: it must be one of "first", "fail", "long text", "wild ids", "no create", "slow", "bad status", "explain wildly", "explain much", "explain not", "too much""#
    ),
  ])
  func aBadParameterIsRefusedWithWhatIsAllowed(parameters: String, text: String) throws {
    try workspace.build("allocator", as: "libfixture.so")
    try workspace.write(
      "modules.json",
      """
      {"allocator": "org.example.fixture", "libraries": [{"file": "libfixture.so", "modules": [
        {"name": "org.example.fixture", "parameters": \(parameters)}]}]}
      """)
    let error = try workspace.refusal { _ = try $0.loadAllocator(named: nil) }
    #expect(error.code == .parameter)
    let (place, rest) = try split(error.message)
    #expect(rest == "libraries[0].modules[0].\(text)")
    #expect(place.hasPrefix("2:"))
  }

  @Test func namesOfMesosIsolationMeanOurModules() throws {
    try workspace.build("isolator", as: "libcgroups.so")
    let error = try workspace.refusal {
      _ = try $0.loadIsolators(named: ["cgroups/cpu", "cgroups/mem"], node: .test)
    }
    // The fixture is not the real module, but it was looked for under the right name.
    #expect(
      error.message.contains("libcgroups.so: holds the module org.example.isolator, but --isolation wants cgroups"))
    #expect(
      workspace.log.lines.contains(
        "warning: --isolation: cgroups/mem is Mesos' name; the module cgroups does its work here"))
  }

  /// The fixture is none of them, but it was looked for under the right name.
  @Test(arguments: [
    ("filesystem/linux", "namespaces"), ("namespaces/pid", "namespaces"), ("namespaces/ipc", "namespaces"),
    ("linux/capabilities", "privileges"), ("linux/seccomp", "seccomp"), ("posix/disk", "disk"),
  ])
  func everyIsolationOfMesosHasItsModule(name: String, module: String) throws {
    try workspace.build("isolator", as: "lib\(module).so")
    let error = try workspace.refusal { _ = try $0.loadIsolators(named: [name], node: .test) }
    #expect(
      error.message.contains("lib\(module).so: holds the module org.example.isolator, but --isolation wants \(module)"))
    #expect(
      workspace.log.lines.contains(
        "warning: --isolation: \(name) is Mesos' name; the module \(module) does its work here"))
  }

  @Test func namesOfMesosIsolationWithoutACounterpartArePassedOver() throws {
    let isolators = try workspace.host("{}").loadIsolators(named: ["cgroups/net_cls", "filesystem/posix"], node: .test)
    #expect(isolators.isEmpty)
    #expect(
      workspace.log.lines.contains(
        "warning: --isolation: cgroups/net_cls is Mesos' name and does nothing here: cgroup v2 has no such controller"))
  }

  @Test func anIsolatorIsNamedOnce() throws {
    try workspace.build("isolator", as: "libisolator.so")
    let error = try workspace.refusal {
      _ = try $0.loadIsolators(named: ["isolator", "org.example.isolator"], node: .test)
    }
    #expect(error.message == "--isolation: the isolator org.example.isolator is named twice; name it once")
  }
}

extension NodeDescription {
  static let test = NodeDescription(
    cpus: 4000, memoryBytes: 8 << 30, controllers: ["cpu", "memory", "pids"])
}
