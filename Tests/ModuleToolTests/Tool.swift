import Foundation
import Testing

/// The tool as an author has it: installed under a prefix, with nothing of the repository on any path.
enum Tool {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// Made once for all tests, from the build that the tests belong to.
  static let prefix: Result<String, Failure> = {
    let path = FileManager.default.temporaryDirectory.appending(path: "tepui-prefix-\(getpid())").path
    atexit { try? FileManager.default.removeItem(atPath: NSTemporaryDirectory() + "/tepui-prefix-\(getpid())") }
    let result = run(["\(root)/Sources/install", "--debug", path])
    return result.status == 0 ? .success(path) : .failure(Failure(description: result.output))
  }()

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// Runs a command with the prefix's programs first.
  static func shell(_ command: String, in directory: String) throws -> (status: Int32, output: String) {
    let prefix = try prefix.get()
    let setup = "export PATH='\(prefix)/bin':\"$PATH\" PKG_CONFIG_PATH='\(prefix)/lib/pkgconfig'"
    return run(["sh", "-ec", "\(setup)\n\(command)"], in: directory)
  }

  static func run(_ arguments: [String], in directory: String? = nil) -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    if let directory { process.currentDirectoryURL = URL(filePath: directory) }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch { return (127, "\(error)") }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  /// Whether modules in C and C++ can be built as their makefiles do it.
  static var canMake: Bool { isThere("make") && isThere("pkg-config") }

  static func isThere(_ program: String) -> Bool { run(["sh", "-c", "command -v \(program)"]).status == 0 }
}

/// A directory of a test's own.
final class Workspace {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "tepui-tool-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func sh(_ command: String) throws -> (status: Int32, output: String) { try Tool.shell(command, in: path) }

  /// A policy in C whose functions are these bodies, built against the prefix. An instance is 64 bytes, at first zero.
  func policy(_ body: String, explain: String = "", outside: String = "") throws -> String {
    try module(
      """
      #include <tepui/allocator.h>
      \(outside)
      static tepui_status create(const tepui_host *host, const tepui_parameter *parameters, uint32_t parameter_count,
                                 void **instance, tepui_error *error) {
        (void)host, (void)parameters, (void)parameter_count, (void)error;
        *instance = calloc(1, 64);
        return TEPUI_OK;
      }
      static void destroy(void *instance) { free(instance); }
      static tepui_status allocate(void *instance, const tepui_allocation_view *view, const tepui_grant_sink *sink,
                                   tepui_error *error) {
        (void)instance, (void)view, (void)sink, (void)error;
        \(body)
        return TEPUI_OK;
      }
      static tepui_status explain(void *instance, const tepui_allocation_view *view, uint32_t claimant,
                                  const tepui_reason_sink *sink, tepui_error *error) {
        (void)instance, (void)view, (void)claimant, (void)sink, (void)error;
        \(explain)
        return TEPUI_OK;
      }
      static const tepui_allocator allocator = {sizeof allocator, create, destroy, allocate};
      static const tepui_allocator_explain explaining = {sizeof explaining, explain};
      static const tepui_descriptor descriptor = {
          .size = sizeof descriptor, .id = TEPUI_TEXT("org.example.test"), .kind = TEPUI_TEXT(TEPUI_ALLOCATOR_1),
          .version = TEPUI_TEXT("1.0.0"), .author = TEPUI_TEXT("a"), .licence = TEPUI_TEXT("MIT"),
          .summary = TEPUI_TEXT("s")};
      static const void *interface(tepui_text id) {
        if (tepui_text_is(id, TEPUI_ALLOCATOR_EXPLAIN_1)) return &explaining;
        return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &allocator : NULL;
      }
      """)
  }

  /// The same for an isolator.
  func isolator(plan: String, usage: String = "", outside: String = "") throws -> String {
    try module(
      """
      #include <tepui/isolator.h>
      \(outside)
      static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                                 uint32_t parameter_count, void **instance, tepui_error *error) {
        (void)host, (void)node, (void)parameters, (void)parameter_count, (void)error;
        *instance = NULL;
        return TEPUI_OK;
      }
      static void destroy(void *instance) { (void)instance; }
      static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                               tepui_error *error) {
        (void)instance, (void)container, (void)sink, (void)error;
        \(plan)
        return TEPUI_OK;
      }
      static tepui_status usage(void *instance, const tepui_container *container, const tepui_usage_sink *sink,
                                tepui_error *error) {
        (void)instance, (void)container, (void)sink, (void)error;
        \(usage)
        return TEPUI_OK;
      }
      static const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};
      static const tepui_isolator_usage measuring = {sizeof measuring, usage};
      static const tepui_descriptor descriptor = {
          .size = sizeof descriptor, .id = TEPUI_TEXT("org.example.test"), .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
          .version = TEPUI_TEXT("1.0.0"), .author = TEPUI_TEXT("a"), .licence = TEPUI_TEXT("MIT"),
          .summary = TEPUI_TEXT("s")};
      static const void *interface(tepui_text id) {
        if (tepui_text_is(id, TEPUI_ISOLATOR_USAGE_1)) return &measuring;
        return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL;
      }
      """)
  }

  /// Builds a module of a source that has a descriptor and an interface.
  private func module(_ text: String) throws -> String {
    let source = """
      #include <pthread.h>
      #include <stdlib.h>
      #include <time.h>
      \(text)
      tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
        return tepui_module_fill(host, module, error, &descriptor, interface);
      }
      """
    try source.write(toFile: "\(path)/test.c", atomically: false, encoding: .utf8)
    let built = try sh(
      "cc -std=gnu11 -fPIC -shared -fvisibility=hidden $(pkg-config --cflags tepui) -o libtest.so test.c -lpthread")
    try #require(built.status == 0, "\(built.output)")
    return "libtest.so"
  }
}
