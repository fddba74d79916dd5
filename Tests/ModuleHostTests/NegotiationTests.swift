import ModuleHost
import Testing

/// The first call into a module: version, descriptor, table.
@Suite struct NegotiationTests {
  private let workspace = try! Workspace()

  private func refusal(_ macros: [String: String]) throws -> ModuleError {
    try workspace.build("allocator", as: "libfixture.so", macros)
    let error = try workspace.refusal { _ = try $0.loadAllocator(named: "fixture") }
    #expect(error.message.hasPrefix("\(workspace.file("libfixture.so")): "))
    #expect(!error.message.contains("\n"))
    return error
  }

  @Test func aModuleSaysWhoItIs() throws {
    try workspace.build("allocator", as: "libfixture.so")
    let host = try workspace.host()
    let policy = try host.loadAllocator(named: "org.example.fixture")
    #expect(policy.id == "org.example.fixture")
    let status = try #require(host.modules.first)
    #expect(status.state == .loaded)
    #expect(status.id == "org.example.fixture")
    #expect(status.kind == .allocator)
    #expect(status.version == "1.2.3")
    #expect(status.author == "Somebody")
    #expect(status.licence == "MIT")
    #expect(status.summary == "For tests.")
    #expect(status.abi == "0.9")
    #expect(
      status.parameters.map { "\($0.name)=\($0.value)" } == [
        "behaviour=first", "count=3", "share=0.5", "verbose=false", "wait=10ms",
      ])
    #expect(
      workspace.log.lines.contains(
        "info: org.example.fixture: 5 parameters: count 3, share 500, verbose 0, wait 10000000"))
  }

  @Test(arguments: ["TEPUI_ABI(1, 0)": "1.0", "TEPUI_ABI(0, 8)": "0.8", "0xffffffff": "65535.65535"])
  func anABIOutOfRangeIsRefused(abi: String, text: String) throws {
    let error = try refusal(["ABI": abi])
    #expect(error.code == .abi)
    #expect(
      error.message.hasSuffix(": speaks ABI \(text) and this host 0.9; rebuild the module with this host's SDK"))
  }

  @Test func aModuleMayRefuseTheHost() throws {
    let error = try refusal(["REFUSES": "1"])
    #expect(error.code == .abi)
    #expect(error.message.hasSuffix(": the module refuses this host: built for ABI 3.0, the host speaks 0.9"))
  }

  @Test(arguments: [
    (["ID": "\"Fifo\""], "its id \"Fifo\" is not in reverse DNS form"),
    (["ID": "\"org..fifo\""], "its id \"org..fifo\" is not in reverse DNS form"),
    (["ID": "\"org.a\\0b\""], "its id is not a text"),
    (["ID": "\"org.\\xff\""], "its id is not a text"),
    (["KIND": "\"tepui.oracle/1\""], "its kind is \"tepui.oracle/1\"; this host knows"),
    (["DESCRIPTOR_SIZE": "0"], "its descriptor has size 0"),
    (["DESCRIPTOR": "NULL"], "leaves descriptor NULL"),
    (["INTERFACE": "NULL"], "leaves interface NULL"),
    (["TABLE": "NULL"], "has no table for it"),
    (["TABLE_SIZE": "0"], "leaves out required functions"),
    (["TABLE_SIZE": "24"], "leaves out required functions"),
    (["ALLOCATE": "NULL"], "its function allocate is NULL"),
    (["DEFAULT_COUNT": "\"11\""], "the default \"11\" of its parameter \"count\" is not allowed"),
    (["COUNT_TYPE": "99"], "its parameter \"count\" has the type 99"),
  ])
  func anUnsoundDescriptorIsRefused(macros: [String: String], text: String) throws {
    let error = try refusal(macros)
    #expect(error.code == .descriptor)
    #expect(error.message.contains(text))
  }

  @Test func anotherModuleThanTheOneNamedIsRefused() throws {
    let error = try refusal(["ID": "\"org.example.other\""])
    #expect(error.code == .identity)
    #expect(
      error.message.hasSuffix(
        ": holds the module org.example.other, but --allocator wants fixture; correct one of them"))
  }

  @Test func anIsolatorIsNoAllocator() throws {
    try workspace.build("isolator", as: "libisolator.so")
    let error = try workspace.refusal { _ = try $0.loadAllocator(named: "isolator") }
    #expect(error.code == .kind)
    #expect(
      error.message
        == "\(workspace.file("libisolator.so")): org.example.isolator is an isolator, but --allocator wants an allocator; name another"
    )
  }

  @Test func aModuleThatDoesNotStartSaysWhy() throws {
    try workspace.build("allocator", as: "libfixture.so")
    let error = try workspace.refusal(
      """
      {"libraries": [{"file": "libfixture.so", "modules": [
        {"name": "org.example.fixture", "parameters": {"behaviour": "no create"}}]}]}
      """
    ) { _ = try $0.loadAllocator(named: "fixture") }
    #expect(error.code == .create)
    #expect(
      error.message
        == "\(workspace.file("libfixture.so")): org.example.fixture does not start: the moon is not full")
  }

  @Test func aModuleOfANewerHeaderWorks() throws {
    try workspace.build(
      "allocator", as: "libfixture.so",
      ["DESCRIPTOR_SIZE": "sizeof(tepui_descriptor) + 64", "TABLE_SIZE": "sizeof(tepui_allocator) + 64"])
    #expect(try workspace.host().loadAllocator(named: "fixture").id == "org.example.fixture")
  }

  /// As if the header had had only these fields when the module was built.
  @Test func aModuleOfAnOlderHeaderWorks() throws {
    try workspace.compile(
      source: """
        #include "tepui/tepui.h"
        typedef struct { uint32_t size, type; tepui_text name, initial; } old_spec;
        static const old_spec specs[] = {
          {sizeof(old_spec), TEPUI_PARAMETER_INTEGER, TEPUI_TEXT("one"), TEPUI_TEXT("1")},
          {sizeof(old_spec), TEPUI_PARAMETER_TEXT, TEPUI_TEXT("two"), TEPUI_TEXT("zwei")},
        };
        static tepui_status create(const tepui_host *host, const tepui_parameter *parameters, uint32_t count,
                                   void **instance, tepui_error *error) {
          (void)instance, (void)error;
          tepui_text two = TEPUI_AT(tepui_parameter, parameters, 1)->text;
          tepui_log(host, TEPUI_LOG_WARNING, "%u: %lld %.*s", count, (long long)parameters->integer, (int)two.length,
                    two.bytes);
          return TEPUI_OK;
        }
        static tepui_status allocate(void *i, const tepui_allocation_view *v, const tepui_grant_sink *s, tepui_error *e) {
          (void)i, (void)v, (void)s, (void)e;
          return TEPUI_OK;
        }
        static const tepui_allocator table = {sizeof table, create, NULL, allocate};
        static const tepui_descriptor descriptor = {
          .size = sizeof descriptor, .parameter_count = 2, .id = TEPUI_TEXT("org.example.old"),
          .kind = TEPUI_TEXT(TEPUI_ALLOCATOR_1), .parameters = (const tepui_parameter_spec *)specs,
        };
        static const void *interface(tepui_text id) { return tepui_text_is(id, TEPUI_ALLOCATOR_1) ? &table : NULL; }
        tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
          return tepui_module_fill(host, module, error, &descriptor, interface);
        }
        """, as: "libold.so")
    let host = try workspace.host(
      """
      {"libraries": [{"name": "old", "modules": [{"name": "org.example.old", "parameters": {"one": -12}}]}]}
      """)
    _ = try host.loadAllocator(named: "old")
    #expect(workspace.log.lines.contains("warning: org.example.old: 2: -12 zwei"))
  }
}
