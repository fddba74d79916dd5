import Foundation
import Testing

/// `tepui-module check` passes what keeps the rules and names what does not.
@Suite struct CheckTests {
  private let workspace = try! Workspace()

  private func check(_ file: String, _ options: String = "--rounds 10") throws -> (status: Int32, output: String) {
    try workspace.sh("tepui-module check \(options) \(file)")
  }

  @Test(arguments: [
    "drf", "strict-priority", "binpack", "lua", "cgroups", "posix", "rlimits", "disk", "namespaces", "privileges",
    "seccomp",
  ])
  func ourOwnModulesPass(name: String) throws {
    let result = try check("\(try Tool.prefix.get())/lib/tepui/modules/lib\(name).so")
    #expect(result.status == 0, "\(result.output)")
    #expect(result.output.contains(" checks passed"))
  }

  @Test func thePolicyOfAScriptPasses() throws {
    let prefix = try Tool.prefix.get()
    let result = try check(
      "\(prefix)/lib/tepui/modules/liblua.so",
      "--rounds 10 --parameter script='\(prefix)/share/tepui/lua/bin-packing.lua' --parameter memory_limit_mb=16")
    #expect(result.status == 0, "\(result.output)")
    #expect(!result.output.contains("note:"), "\(result.output)")
    #expect(try check("\(prefix)/lib/tepui/modules/liblua.so", "--parameter script=/nowhere.lua").status == 1)
    #expect(try check("\(prefix)/lib/tepui/modules/liblua.so", "--parameter script").status == 64)
  }

  @Test func aSoundPolicyPasses() throws {
    let file = try workspace.policy(
      """
      for (uint32_t i = 0; i < view->candidate_count; i++)
        for (uint32_t j = 0; j < view->active_count; j++)
          if (tepui_may_offer(view, view->active[j], view->candidates[i]) &&
              sink->grant(sink->context, view->candidates[i], view->active[j], NULL) == TEPUI_OK) break;
      """)
    let result = try check(file)
    #expect(result.status == 0, "\(result.output)")
  }

  @Test(arguments: [
    ("*(volatile int *)8 = 1;", "", "it crashed the process while this check: signal 11"),
    ("exit(3);", "", "it ended the process while this check, with status 3"),
    (
      "if (view->candidate_count) for (;;) sink->grant(sink->context, view->candidates[0], 0, NULL);", "",
      "it did not come to an end of this check within 3 s"
    ),
    (
      "if (view->candidate_count && view->active_count) for (int i = 0; i < 1000000; i++) "
        + "sink->grant(sink->context, view->candidates[0], view->active[0], NULL);", "", "it called grant more than"
    ),
    (
      """
      int64_t amounts[64] = {0};
      if (view->candidate_count && view->active_count) {
        amounts[0] = tepui_row(view, view->agent_free, view->candidates[0])[0] + 1;
        sink->grant(sink->context, view->candidates[0], view->active[0], amounts);
      }
      """, "", "org.example.test"
    ),
    (
      """
      for (uint32_t i = 0; i < view->candidate_count; i++)
        for (uint32_t j = 0; j < view->active_count; j++) {
          uint32_t claimant = view->active[(j + turn) % view->active_count];
          if (tepui_may_offer(view, claimant, view->candidates[i]) &&
              sink->grant(sink->context, view->candidates[i], claimant, NULL) == TEPUI_OK) { turn++; break; }
        }
      """, "static uint32_t turn;", "it decides otherwise"
    ),
    (
      """
      if (view->candidate_count && view->active_count) {
        pthread_t thread;
        pthread_create(&thread, NULL, grant_elsewhere, (void *)sink);
        pthread_join(thread, NULL);
      }
      """,
      """
      static void *grant_elsewhere(void *sink) {
        ((const tepui_grant_sink *)sink)->grant(((const tepui_grant_sink *)sink)->context, 0, 0, NULL);
        return NULL;
      }
      """, "it called grant from another thread"
    ),
    ("", "TEPUI_EXPORT int helper(void) { return 1; }", "it also exports helper"),
    ("free(malloc(1)); memset(calloc(1, 65536), 1, 65536);", "", "MB more; free what a cycle used"),
  ])
  func whatBreaksTheRulesIsNamed(body: String, outside: String, complaint: String) throws {
    let file = try workspace.policy(body, outside: outside)
    let result = try check(file, "--rounds 10 --limit 3")
    #expect(result.status == 1)
    #expect(result.output.contains(complaint), "\(result.output)")
  }

  @Test func aFileThatIsNoModuleIsOneFailedCheck() throws {
    try "hello".write(toFile: "\(workspace.path)/libno.so", atomically: false, encoding: .utf8)
    let result = try check("libno.so", "--json")
    #expect(result.status == 1)
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any], "\(result.output)")
    #expect(report["passed"] as? Bool == false)
    let checks = try #require(report["checks"] as? [[String: Any]])
    #expect((checks.first?["reason"] as? String)?.contains("is not a shared library but begins with \"hello\"") == true)
  }

  @Test func aCheckAloneAndItsSeedCanBePlayedAgain() throws {
    let file = "\(try Tool.prefix.get())/lib/tepui/modules/libbinpack.so"
    let result = try check(file, "--only 'random clusters' --seed 7 --rounds 3")
    #expect(result.status == 0, "\(result.output)")
    #expect(result.output.contains("all 1 checks passed"))
    #expect(try check(file, "--only nothing-of-this-name").status != 0)
  }

  @Test func aModuleIsDescribedWithItsParameters() throws {
    let result = try workspace.sh("tepui-module describe '\(try Tool.prefix.get())/lib/tepui/modules/libcgroups.so'")
    #expect(result.status == 0)
    #expect(result.output.contains("org.tepui.cgroups"))
    #expect(result.output.contains("pids_max (text, default 4096)"))
  }

  @Test func aDirectoryIsListedWithWhatIsNoModule() throws {
    try "hello".write(toFile: "\(workspace.path)/libno.so", atomically: false, encoding: .utf8)
    _ = try workspace.policy("")
    let result = try workspace.sh("tepui-module list .")
    #expect(result.status == 0)
    let lines = result.output.split(separator: "\n")
    #expect(
      lines.contains { $0.hasPrefix("libno.so") && $0.contains("no module") && $0.contains("is not a shared library") })
    #expect(lines.contains { $0.hasPrefix("libtest.so") && $0.contains("org.example.test") })
  }
}
