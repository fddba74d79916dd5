import Foundation
import Glibc
import Testing
import Wire

extension ClusterTests {
  /// What an author of isolators writes is enforced for every container.
  @MainActor @Suite(.enabled(if: Machine.allowsMounts, "namespaces and mounts need root and a / that is a mount"))
  struct AuthorIsolators {
    /// Runs a task under an isolator in C of at most 80 lines.
    private func run(
      _ name: String, _ source: String, beside others: [String] = [], _ command: (_ cluster: Cluster) -> String
    ) async throws {
      #expect(source.split(separator: "\n").count < 80)
      let directory = "/var/tmp/tepui-author-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: directory) }
      try source.write(to: URL(filePath: "\(directory)/isolator.c"), atomically: true, encoding: .utf8)
      var modules = Modules()
      modules.own = [(name: name, module: "org.example.\(name)", source: "\(directory)/isolator.c")]
      modules.isolators += others + ["org.example.\(name)"]
      try await Cluster.run(agents: [], modules: modules) { cluster in
        try await cluster.startAgent("agent0", "cpus:4;mem:4096", flags: ["--work_dir=\(directory)/agent"])
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        try await framework.launch(["t"], on: try await framework.offer(), command(cluster))
        try await framework.wait("the task's end") {
          $0.last["t"]?.state == .taskFinished || $0.states(of: "t").contains(.taskFailed)
        }
        let status = try #require(framework.last["t"])
        #expect(status.state == .taskFinished, "\(status.message)")
        try await framework.send(.teardown)
      }
    }

    private static func privateTmp() throws -> String {
      let readme = try String(contentsOfFile: "\(Repository.root)/SDK/README.md", encoding: .utf8)
      let begin = try #require(readme.firstRange(of: "```c private_tmp.c\n")).upperBound
      let end = try #require(readme[begin...].firstRange(of: "\n```")).lowerBound
      return String(readme[begin..<end]) + "\n"
    }

    @Test func theOneOfTheSDKsReadmeIsEnforced() async throws {
      // The files of the cluster lie in the host's /tmp.
      try await run("private-tmp", Self.privateTmp()) { cluster in
        "test ! -e '\(cluster.directory)' && echo x > /tmp/x && df -k /tmp | grep -q ' 65536 '"
      }
    }

    @Test func twoOwnersOfTmpAreRefusedAtTheStart() async throws {
      let error = await #expect(throws: Overdue.self) {
        try await run("private-tmp", Self.privateTmp(), beside: ["org.tepui.namespaces"]) { _ in "exit 0" }
      }
      let names = "isolators org.tepui.namespaces and org.example.private-tmp both set the mount at /tmp"
      #expect(error?.description.contains(names) == true, "\(error?.description ?? "")")
    }

    /// One whose plan for a launch is a statement in C.
    private static func isolator(_ name: String, _ plan: String) -> String {
      """
      #include "tepui/isolator.h"

      static tepui_status create(const tepui_host *host, const tepui_node *node, const tepui_parameter *parameters,
                                 uint32_t parameter_count, void **instance, tepui_error *error) {
        (void)host, (void)node, (void)parameters, (void)parameter_count, (void)error;
        *instance = NULL;
        return TEPUI_OK;
      }

      static void destroy(void *instance) { (void)instance; }

      static tepui_status plan(void *instance, const tepui_container *container, const tepui_plan_sink *sink,
                               tepui_error *error) {
        (void)instance, (void)error;
        if (!(container->flags & TEPUI_CONTAINER_RUNNING)) \(plan)
        return TEPUI_OK;
      }

      static const tepui_isolator isolator = {sizeof isolator, create, destroy, plan};

      static const tepui_descriptor descriptor = {
          .size = sizeof descriptor, .id = TEPUI_TEXT("org.example.\(name)"), .kind = TEPUI_TEXT(TEPUI_ISOLATOR_1),
          .version = TEPUI_TEXT("1.0.0"), .author = TEPUI_TEXT("You"), .licence = TEPUI_TEXT("MIT"),
          .summary = TEPUI_TEXT("An example.")};

      static const void *interface(tepui_text id) {
        return tepui_text_is(id, TEPUI_ISOLATOR_1) ? &isolator : NULL;
      }

      tepui_status tepui_module_entry(const tepui_host *host, tepui_module *module, tepui_error *error) {
        return tepui_module_fill(host, module, error, &descriptor, interface);
      }
      """
    }

    /// No network but a loopback that is down.
    static let noNetwork = isolator(
      "no-network", "sink->namespaces(sink->context, TEPUI_NAMESPACE_NETWORK);")

    @Test func oneThatAsksForANetworkNamespaceIsEnforced() async throws {
      let hosts = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
      try await run("no-network", Self.noNetwork) { _ in
        "test \"$(readlink /proc/self/ns/net)\" != '\(hosts)' && test \"$(grep -c : /proc/net/dev)\" = 1"
      }
    }

    /// 4 MiB a second to the disk in memory that nothing else uses.
    private static let slowDisk = isolator(
      "slow-disk", #"sink->cgroup(sink->context, tepui_text_of("io.max"), tepui_text_of("1:1 wbps=4194304"));"#)

    @Test(.enabled(if: Machine.limitsADisk, "needs the io controller and a disk to write to, which a guest has"))
    func oneThatBoundsWritingToADiskIsEnforced() async throws {
      try await run("slow-disk", Self.slowDisk) { _ in
        """
        begin=$(date +%s%N) && dd if=/dev/zero of=/dev/ram1 bs=64k count=256 oflag=direct && end=$(date +%s%N) &&
        echo "16 MiB took $(((end - begin) / 1000000)) ms" >&2 && test $((end - begin)) -gt 3500000000
        """
      }
    }
  }
}
