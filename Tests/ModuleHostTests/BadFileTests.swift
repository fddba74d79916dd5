import Foundation
import ModuleHost
import Testing

/// Every kind of file that is no usable module gets one line that names it and says what to do. None of them may end the
/// process, so each test also is the proof of that.
@Suite struct BadFileTests {
  private let workspace = try! Workspace()

  /// Loads lib<name>.so as the policy.
  private func refusal(_ name: String, _ configuration: String? = nil) throws -> ModuleError {
    let error = try workspace.refusal(configuration) { _ = try $0.loadAllocator(named: name) }
    #expect(!error.message.contains("\n"))
    return error
  }

  private func expect(
    _ error: ModuleError, _ code: ModuleError.Code, _ message: String, _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(error.code == code, sourceLocation: location)
    #expect(error.message == message, sourceLocation: location)
  }

  @Test func anEmptyFile() throws {
    try workspace.write("libx.so", [])
    expect(try refusal("x"), .file, "\(workspace.file("libx.so")): is empty; copy the module here again")
  }

  @Test func aTextFile() throws {
    try workspace.write("libx.so", "#!/bin/sh\necho hello\n")
    expect(
      try refusal("x"), .file,
      "\(workspace.file("libx.so")): is not a shared library but begins with \"#!/bin/sh ec\"; build it with cc -shared"
    )
  }

  @Test func aDirectory() throws {
    try FileManager.default.createDirectory(
      atPath: workspace.file("libx.so"), withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
    expect(
      try refusal("x"), .file, "\(workspace.file("libx.so")): is not a regular file; put the shared library here")
  }

  @Test func anotherArchitecture() throws {
    try workspace.build("allocator", as: "libx.so")
    var bytes = try workspace.bytes("libx.so")
    bytes[18] = bytes[18] == 0x3e ? 0xb7 : 0x3e  // e_machine: x86-64 or 64-bit ARM
    try workspace.write("libx.so", bytes)
    let error = try refusal("x")
    #expect(error.code == .file)
    #expect(error.message.contains("is built for 64-bit ARM and this machine is x86-64; build it for this machine"))
  }

  /// The dynamic linker dies of such a file with SIGBUS.
  @Test func aFileCutOffInASegment() throws {
    try workspace.build("allocator", as: "libx.so")
    let bytes = try workspace.bytes("libx.so")
    try workspace.write("libx.so", bytes.prefix(bytes.count / 4))
    let error = try refusal("x")
    #expect(error.code == .file)
    #expect(error.message.contains("is cut off: its segment"))
    #expect(error.message.hasSuffix("and the file at \(bytes.count / 4); copy the module here again"))
  }

  @Test(arguments: [5, 16, 63, 64, 200])
  func aFileCutOffInItsHeaders(length: Int) throws {
    try workspace.build("allocator", as: "libx.so")
    try workspace.write("libx.so", try workspace.bytes("libx.so").prefix(length))
    let error = try refusal("x")
    #expect(error.code == .file)
    #expect(error.message.contains("is cut off"))
  }

  @Test func aSegmentBeyondAllNumbers() throws {
    try workspace.build("allocator", as: "libx.so")
    var bytes = try workspace.bytes("libx.so")
    let table = bytes.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: 32, as: UInt64.self)) }
    // p_offset and p_filesz of the first segment: their sum overflows.
    for byte in (table + 8)..<(table + 16) { bytes[byte] = 0xff }
    for byte in (table + 32)..<(table + 40) { bytes[byte] = 0xff }
    try workspace.write("libx.so", bytes)
    let error = try refusal("x")
    #expect(error.code == .file)
    #expect(error.message.contains("is cut off: its segment 0 ends at byte 18446744073709551615"))
  }

  @Test func anObjectFile() throws {
    try workspace.build("allocator", as: "libx.so")
    var bytes = try workspace.bytes("libx.so")
    bytes[16] = 1  // e_type: relocatable
    try workspace.write("libx.so", bytes)
    expect(
      try refusal("x"), .file,
      "\(workspace.file("libx.so")): is an object file or a program, not a shared library; link it with cc -shared")
  }

  @Test func aMissingLibrary() throws {
    try workspace.compile(source: "int helper(void) { return 1; }", as: "libhelper-of-nobody.so")
    try workspace.build(
      "allocator", as: "libx.so", [:], ["-Wl,--no-as-needed", workspace.file("libhelper-of-nobody.so")])
    try FileManager.default.removeItem(atPath: workspace.file("libhelper-of-nobody.so"))
    let error = try refusal("x")
    #expect(error.code == .linking)
    #expect(error.message.hasPrefix("\(workspace.file("libx.so")): needs the library "))
    #expect(error.message.hasSuffix("libhelper-of-nobody.so, which was not found; install it or link it statically"))
  }

  @Test func anUndefinedSymbol() throws {
    try workspace.compile(
      source: """
        #include "tepui/tepui.h"
        tepui_status nowhere_to_be_found(void);
        tepui_status tepui_module_entry(const tepui_host *h, tepui_module *m, tepui_error *e) {
          (void)h, (void)m, (void)e;
          return nowhere_to_be_found();
        }
        """, as: "libx.so")
    expect(
      try refusal("x"), .linking,
      "\(workspace.file("libx.so")): uses nowhere_to_be_found, which no library that it links defines; "
        + "link that library into the module")
  }

  @Test func aLibraryWithoutAnEntry() throws {
    try workspace.compile(source: "int x;", as: "libx.so")
    expect(
      try refusal("x"), .entry,
      "\(workspace.file("libx.so")): is a shared library but no Tepui module: it exports no function "
        + "tepui_module_entry; see SDK/README.md")
  }

  @Test(.enabled(if: getuid() == 0, "needs root: others may write what they own"), arguments: [0o775, 0o757, 0o777])
  func aFileThatOthersMayWrite(mode: Int) throws {
    try workspace.build("allocator", as: "libx.so")
    try workspace.write("libx.so", try workspace.bytes("libx.so"), mode: mode)
    let error = try refusal("x")
    #expect(error.code == .permissions)
    #expect(error.message.hasPrefix("\(workspace.file("libx.so")): may be written by "))
    #expect(error.message.hasSuffix("and this process is root; run chmod go-w \(workspace.file("libx.so"))"))
  }

  @Test(.enabled(if: getuid() == 0, "needs root: others may write what they own"))
  func aDirectoryThatOthersMayWrite() throws {
    try workspace.build("allocator", as: "libx.so")
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: workspace.path)
    expect(
      try refusal("x"), .permissions,
      "\(workspace.path): may be written by its group and everybody, and this process is root; "
        + "run chmod go-w \(workspace.path)")
  }

  @Test func aModuleThatIsNowhere() throws {
    try workspace.build("allocator", as: "liby.so")
    expect(
      try refusal("x"), .notFound, "--allocator: there is no module \"x\"; \(workspace.path) has liby.so")
  }

  @Test func aBadFileThatNobodyAskedForIsListedAndNothingElse() throws {
    try workspace.build("allocator", as: "libfixture.so")
    try workspace.build("allocator", as: "libother.so")
    try workspace.write("libempty.so", [])
    try workspace.write("notes.txt", "no module")
    let host = try workspace.host()
    _ = try host.loadAllocator(named: "fixture")
    let modules = host.modules
    #expect(modules.map(\.path) == ["libempty.so", "libfixture.so", "libother.so"].map(workspace.file))
    #expect(modules.map(\.state) == [.refused, .loaded, .found])
    #expect(modules[0].reason == "\(workspace.file("libempty.so")): is empty; copy the module here again")
    #expect(!isOpen("libother.so"))
    #expect(isOpen("libfixture.so"))
  }

  @Test func aRefusedModuleStaysInTheListWithItsReason() throws {
    try workspace.compile(source: "int x;", as: "libx.so")
    let host = try workspace.host()
    let error = try #require(throws: ModuleError.self) { try host.loadAllocator(named: "x") }
    let status = try #require(host.modules.first)
    #expect(status.state == .refused)
    #expect(status.reason == error.message)
  }

  private func isOpen(_ name: String) -> Bool {
    dlopen(workspace.file(name), RTLD_LAZY | RTLD_NOLOAD) != nil
  }
}
