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
    // Only what comes to no end is ended soon: a busy machine must not end a check before its complaint. And of very
    // many calls of grant one kind of check is enough.
    let endless = complaint.hasSuffix("within 3 s")
    let result = try check(
      file, "--rounds 10" + (endless ? " --limit 3" : complaint.hasSuffix("more than") ? " --only amounts" : ""))
    #expect(result.status == 1)
    #expect(result.output.contains(complaint), "\(result.output)")
  }

  @Test(arguments: [
    ("abort();", "", "it crashed the process while this check: signal 6"),
    ("++*(uint32_t *)instance;", "", "when it is asked for its reasons after each cycle it decides otherwise"),
    ("sink->reason(sink->context, tepui_text_of(\"\"), 1);", "", "a reason of it is no text"),
    (
      """
      pthread_t thread;
      pthread_create(&thread, NULL, give_elsewhere, (void *)sink);
      pthread_join(thread, NULL);
      """,
      """
      static void *give_elsewhere(void *sink) {
        ((const tepui_reason_sink *)sink)->reason(((const tepui_reason_sink *)sink)->context, tepui_text_of("a"), 1);
        return NULL;
      }
      """, "it called reason after explain had returned, or from another thread"
    ),
    (
      "if (kept) kept->reason(kept->context, tepui_text_of(\"a\"), 1); kept = NULL; late = sink;",
      """
      static const tepui_reason_sink *kept, *late;
      """, "it called reason after explain had returned, or from another thread"
    ),
  ])
  func whatBreaksTheRulesWhenItIsAskedForReasonsIsNamed(explain: String, outside: String, complaint: String) throws {
    let file = try workspace.policy(
      """
      \(outside.contains("late") ? "if (late) late->reason(late->context, tepui_text_of(\"a\"), 1);" : "")
      for (uint32_t i = 0; i < view->candidate_count; i++)
        for (uint32_t j = 0; j < view->active_count; j++) {
          uint32_t claimant = view->active[(j + *(uint32_t *)instance) % view->active_count];
          if (tepui_may_offer(view, claimant, view->candidates[i]) &&
              sink->grant(sink->context, view->candidates[i], claimant, NULL) == TEPUI_OK) break;
        }
      """, explain: explain, outside: outside)
    let result = try check(file)
    #expect(result.status == 1)
    #expect(result.output.contains(complaint), "\(result.output)")
    #expect(result.output.contains("1 of ") && result.output.contains(" checks failed"), "\(result.output)")
  }

  /// Only what tasks ask for, and who they are, makes these plans wrong.
  @Test(arguments: [
    ("sink->hostname(sink->context, container->hostname);", "", "", "its plan is refused: the host's name"),
    (
      "if (container->flags & TEPUI_CONTAINER_ASKS_EFFECTIVE) "
        + "sink->capabilities(sink->context, 1, container->effective_capabilities, 0);", "", "",
      "its plan is refused: capabilities beyond the bounding set"
    ),
    ("if (container->parent.length > 0) abort();", "", "", "it crashed the process while this check: signal 6"),
    ("if (container->shm_bytes < 0) abort();", "", "", "it crashed the process while this check: signal 6"),
    (
      "kept = sink;", "kept->environment(kept->context, tepui_text_of(\"A\"), tepui_text_of(\"1\"));",
      "static const tepui_plan_sink *kept;", "it called a sink after the function had returned that got it"
    ),
    (
      "if (kept) kept->statistic(kept->context, tepui_text_of(\"processes\"), 1);", "kept = sink;",
      "static const tepui_usage_sink *kept;", "it called a sink after the function had returned that got it"
    ),
    (
      """
      pthread_t thread;
      pthread_create(&thread, NULL, answer_elsewhere, (void *)sink);
      pthread_join(thread, NULL);
      """, "",
      """
      static void *answer_elsewhere(void *sink) {
        ((const tepui_plan_sink *)sink)->no_new_privileges(((const tepui_plan_sink *)sink)->context);
        return NULL;
      }
      """, "it called a sink from another thread than the one that called the module"
    ),
  ])
  func whatAnIsolatorDoesWrongIsNamed(plan: String, usage: String, outside: String, complaint: String) throws {
    let launch = "if (container->flags & TEPUI_CONTAINER_RUNNING) return TEPUI_OK;"
    let hostname = plan.contains("hostname") ? "if (container->hostname.length == 0) return TEPUI_OK;" : ""
    let file = try workspace.isolator(plan: "\(launch) \(hostname) \(plan)", usage: usage, outside: outside)
    let result = try check(file)
    #expect(result.status == 1)
    #expect(result.output.contains(complaint), "\(result.output)")
  }

  @Test func aParameterThatItDoesNotHaveIsRefusedOnce() throws {
    let result = try check("\(try Tool.prefix.get())/lib/tepui/modules/libdrf.so", "--parameter typo=1")
    #expect(result.status == 64)
    #expect(result.output.contains("--parameter typo: org.tepui.drf has no such parameter"), "\(result.output)")
    #expect(!result.output.contains("FAILED"))
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
