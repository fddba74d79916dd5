import Foundation
import Testing
import Transport
import Wire

extension ClusterTests {
  /// Calls of the operator API that read: of those that were recorded of a real Mesos (among exchanges 188 to 208 and 222
  /// to 232) and are listed here, the answers hold the same members. Left out of them are the deprecated
  /// AgentInfo.checkpoint and what tells of Mesos' build.
  @MainActor @Suite struct OperatorReads {
    private static let scalar =
      #"{"name":"cpus","type":"SCALAR","scalar":{"value":0.1},"allocation_info":{"role":"roleA"}}"#
    private static let unallocated = #"{"name":"cpus","type":"SCALAR","scalar":{"value":8.0}}"#
    private static let ports = #"{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000}]}}"#
    private static let status =
      #"{"task_id":{"value":"t1"},"state":"TASK_STARTING","source":"SOURCE_EXECUTOR","agent_id":{"value":"S0"},"executor_id":{"value":"t1"},"timestamp":1795364962.871441,"uuid":"bbyxihGGQY6++CD19fUhvA==","container_status":{"container_id":{"value":"b319"},"network_infos":[{"ip_addresses":[{"protocol":"IPv4","ip_address":"127.0.0.1"}]}],"executor_pid":22042}}"#
    private static let lastStatus = status.replacingOccurrences(
      of: #""source""#, with: #""message":"Command exited with status 0","source""#)
    private static let running =
      #"{"name":"a","task_id":{"value":"a"},"framework_id":{"value":"F"},"agent_id":{"value":"S0"},"state":"TASK_RUNNING","resources":[\#(scalar)],"statuses":[\#(status)],"status_update_state":"TASK_RUNNING","status_update_uuid":"By8EL22sQ9q+VYL9LoxcPQ=="}"#
    private static let completed = running.replacingOccurrences(of: "[\(status)]", with: "[\(status),\(lastStatus)]")
    private static let tasks = #"{"tasks":[\#(running)],"unreachable_tasks":[],"completed_tasks":[\#(completed)]}"#
    private static let info =
      #"{"user":"root","name":"exch","id":{"value":"F"},"failover_timeout":30.0,"checkpoint":false,"roles":["roleA","roleB"],"capabilities":[{"type":"MULTI_ROLE"},{"type":"PARTITION_AWARE"}]}"#
    private static let offer =
      #"{"id":{"value":"O62"},"framework_id":{"value":"F"},"agent_id":{"value":"S0"},"hostname":"127.0.0.1","url":{"scheme":"http","address":{"hostname":"127.0.0.1","ip":"127.0.0.1","port":5051},"path":"/slave(1)"},"resources":[\#(allocated(ports, "")),\#(scalar)],"allocation_info":{"role":"roleA"}}"#
    private static let frameworks =
      #"{"frameworks":[{"framework_info":\#(info),"active":true,"connected":true,"recovered":false,"registered_time":{"nanoseconds":1795364955811130880},"reregistered_time":{"nanoseconds":1795364955811130880},"offers":[\#(offer)],"allocated_resources":[\#(allocated(unallocated))],"offered_resources":[\#(allocated(unallocated)),\#(allocated(ports))],"offer_constraints":{}}],"completed_frameworks":[]}"#
    private static let agentInfo =
      #"{"hostname":"127.0.0.1","port":5051,"resources":[\#(unallocated),\#(ports)],"id":{"value":"S0"}}"#
    private static let agents =
      #"{"agents":[{"agent_info":\#(agentInfo),"active":true,"deactivated":false,"version":"1.12.0","pid":"slave(1)@127.0.0.1:5051","registered_time":{"nanoseconds":1795364931475119104},"total_resources":[\#(star(unallocated)),\#(star(ports))],"allocated_resources":[\#(allocated(unallocated))],"offered_resources":[\#(allocated(unallocated)),\#(allocated(ports))],"capabilities":[{"type":"MULTI_ROLE"}]}],"recovered_agents":[]}"#

    private static func star(_ resource: String) -> String { resource.dropLast() + #","role":"*"}"# }
    private static func allocated(_ resource: String, _ role: String = #","role":"*""#) -> String {
      resource.dropLast() + role + #","allocation_info":{"role":"roleB"}}"#
    }

    private static let ofMaster = [
      ("GET_HEALTH", #"{"type":"GET_HEALTH","get_health":{"healthy":true}}"#),
      ("GET_FLAGS", #"{"type":"GET_FLAGS","get_flags":{"flags":[{"name":"port","value":"5050"}]}}"#),
      ("GET_VERSION", #"{"type":"GET_VERSION","get_version":{"version_info":{"version":"1.12.0"}}}"#),
      ("GET_METRICS", #"{"type":"GET_METRICS","get_metrics":{"metrics":[{"name":"master/elected","value":1.0}]}}"#),
      ("GET_LOGGING_LEVEL", #"{"type":"GET_LOGGING_LEVEL","get_logging_level":{"level":0}}"#),
      ("GET_TASKS", #"{"type":"GET_TASKS","get_tasks":\#(tasks)}"#),
      ("GET_EXECUTORS", #"{"type":"GET_EXECUTORS","get_executors":{"executors":[]}}"#),
      ("GET_FRAMEWORKS", #"{"type":"GET_FRAMEWORKS","get_frameworks":\#(frameworks)}"#),
      ("GET_AGENTS", #"{"type":"GET_AGENTS","get_agents":\#(agents)}"#),
      (
        "GET_STATE",
        #"{"type":"GET_STATE","get_state":{"get_tasks":\#(tasks),"get_executors":{"executors":[]},"get_frameworks":\#(frameworks),"get_agents":\#(agents)}}"#
      ),
      (
        "GET_ROLES",
        #"{"type":"GET_ROLES","get_roles":{"roles":[{"name":"roleA","weight":1.0,"frameworks":[{"value":"F"}],"resources":[\#(unallocated)]}]}}"#
      ),
      (
        "GET_MASTER",
        #"{"type":"GET_MASTER","get_master":{"master_info":{"id":"0393","ip":16777343,"port":5050,"pid":"master@127.0.0.1:5050","hostname":"localhost","version":"1.12.0","address":{"hostname":"localhost","ip":"127.0.0.1","port":5050},"capabilities":[{"type":"AGENT_UPDATE"}]},"start_time":1795364928.609212,"elected_time":1795364928.611436}}"#
      ),
    ]

    private static let agentTasks =
      #"{"pending_tasks":[],"queued_tasks":[],"launched_tasks":[\#(running)],"terminated_tasks":[],"completed_tasks":[\#(completed)]}"#

    private func post(
      _ cluster: Cluster, _ endpoint: Endpoint, _ call: String, _ format: WireFormat = .json
    ) async throws -> Response {
      let request = ClientRequest(
        .POST, endpoint, "/api/v1", headers: ["Content-Type": "application/json", "Accept": format.rawValue],
        body: [UInt8](call.utf8))
      return try await cluster.http.send(request, timeout: .seconds(60))
    }

    /// One task that runs and one that ended, as when the exchanges were recorded.
    private func withTasks(_ test: @MainActor (Cluster, TestFramework) async throws -> Void) async throws {
      try await Cluster.run(agents: ["cpus:8;mem:8192;disk:10000;ports:[31000-32000]"]) { cluster in
        let framework = TestFramework(cluster, "exch", role: "roleA")
        framework.change { $0.checkpoint = false }
        try await framework.subscribe()
        try await framework.launch(["a"], on: try await framework.offer(), "sleep 1000")
        try await framework.wait("a running task") { $0.tasks(in: .taskRunning) == ["a"] }
        try await framework.launch(["t1"], on: try await framework.offer(), "true")
        try await framework.wait("an end") { $0.tasks(in: .taskFinished) == ["t1"] }
        try await eventually("the end is acknowledged") {
          let tasks = try await post(cluster, cluster.master.endpoint, #"{"type": "GET_TASKS"}"#)
          let answer = try WireFormat.json.decode(MesosMasterResponse.self, from: tasks.bodyBytes)
          let agentTasks = try await post(cluster, cluster.agent, #"{"type": "GET_TASKS"}"#)
          let ofAgent = try WireFormat.json.decode(MesosAgentResponse.self, from: agentTasks.bodyBytes)
          return answer.getTasks.completedTasks.count == 1 && ofAgent.getTasks.completedTasks.count == 1
        }
        try await eventually("all that is free is in one offer") {
          if framework.offers.count == 1, framework.offers[0].scalar("cpus") > 7.98 { return true }
          if !framework.offers.isEmpty { try await framework.decline() }
          return false
        }
        try await test(cluster, framework)
      }
    }

    @Test func answersOfTheMasterHaveTheShapeOfThoseOfMesos() async throws {
      try await withTasks { cluster, _ in
        let endpoint = cluster.master.endpoint
        for (call, recorded) in Self.ofMaster {
          let answer = try await post(cluster, endpoint, #"{"type": "\#(call)"}"#)
          #expect(answer.status == .ok && answer.headers.first(name: "Content-Type") == "application/json", "\(call)")
          let (shape, expected) = (try Shape(String(buffer: answer.body)), try Shape(recorded))
          #expect(shape == expected, "\(call): \(shape) in place of \(expected)")
          // The same in protobuf, but for what goes on changing.
          if call == "GET_METRICS" { continue }
          let inProtobuf = try await post(cluster, endpoint, #"{"type": "\#(call)"}"#, .protobuf)
          #expect(inProtobuf.headers.first(name: "Content-Type") == "application/x-protobuf")
          let message = try WireFormat.protobuf.decode(MesosMasterResponse.self, from: inProtobuf.bodyBytes)
          let same = try WireFormat.json.decode(MesosMasterResponse.self, from: answer.bodyBytes)
          #expect(WireFormat.json.encode(message) == WireFormat.json.encode(same), "\(call)")
        }
        for call in ["GET_OPERATIONS", "GET_WEIGHTS"] {
          #expect(try await post(cluster, endpoint, #"{"type": "\#(call)"}"#).status == .ok)
        }
      }
    }

    /// Tepui's own call, to both daemons.
    @Test func modulesAreTheOnesOfTheEndpoint() async throws {
      try await Cluster.run { cluster in
        let call = #"{"type": "GET_MODULES"}"#
        for (endpoint, id) in [(cluster.master.endpoint, "org.tepui.drf"), (cluster.agent, "org.tepui.posix")] {
          let answer = try await post(cluster, endpoint, call)
          #expect(answer.status == .ok)
          #expect(String(buffer: answer.body).hasPrefix(#"{"type":"GET_MODULES","get_modules":{"modules":[{"#))
          let modules = try WireFormat.json.decode(MesosMasterResponse.self, from: answer.bodyBytes).getModules.modules
          let loaded = try #require(modules.first { $0.state == "loaded" && $0.id == id }, "\(modules)")
          #expect(loaded.path.hasPrefix(cluster.modulesDirectory) && loaded.abi == "0.9" && !loaded.version.isEmpty)
          #expect(loaded.hasCalls && loaded.hasTimeMs && loaded.refusals == 0 && loaded.failures == 0)

          let listing = try await cluster.get(endpoint, "/modules")
          let listed = try #require(try JSONSerialization.jsonObject(with: Data(listing.bodyBytes)) as? [String: Any])
          let paths = (listed["modules"] as? [[String: Any]] ?? []).map { $0["path"] as? String }
          #expect(modules.count > 1 && modules.map(\.path) == paths)
          let inProtobuf = try await post(cluster, endpoint, call, .protobuf)
          let message = try WireFormat.protobuf.decode(MesosAgentResponse.self, from: inProtobuf.bodyBytes)
          #expect(message.type == .getModules && message.getModules.modules.map(\.path) == paths)
        }
      }
    }

    @Test func answersOfTheAgentHaveTheShapeOfThoseOfMesos() async throws {
      try await withTasks { cluster, _ in
        let calls = [
          ("GET_HEALTH", #"{"type":"GET_HEALTH","get_health":{"healthy":true}}"#),
          ("GET_VERSION", #"{"type":"GET_VERSION","get_version":{"version_info":{"version":"1.12.0"}}}"#),
          ("GET_FLAGS", #"{"type":"GET_FLAGS","get_flags":{"flags":[{"name":"ip","value":"127.0.0.1"}]}}"#),
          ("GET_METRICS", #"{"type":"GET_METRICS","get_metrics":{"metrics":[{"name":"x","value":1.0}]}}"#),
          ("GET_LOGGING_LEVEL", #"{"type":"GET_LOGGING_LEVEL","get_logging_level":{"level":0}}"#),
          ("GET_AGENT", #"{"type":"GET_AGENT","get_agent":{"agent_info":\#(Self.agentInfo)}}"#),
          ("GET_TASKS", #"{"type":"GET_TASKS","get_tasks":\#(Self.agentTasks)}"#),
          (
            "GET_FRAMEWORKS",
            #"{"type":"GET_FRAMEWORKS","get_frameworks":{"frameworks":[{"framework_info":\#(Self.info)}],"completed_frameworks":[]}}"#
          ),
          ("GET_OPERATIONS", #"{"type":"GET_OPERATIONS","get_operations":{"operations":[]}}"#),
          ("GET_RESOURCE_PROVIDERS", #"{"type":"GET_RESOURCE_PROVIDERS","get_resource_providers":{}}"#),
        ]
        for (call, recorded) in calls {
          let answer = try await post(cluster, cluster.agent, #"{"type": "\#(call)"}"#)
          #expect(answer.status == .ok && answer.headers.first(name: "Content-Type") == "application/json", "\(call)")
          let (shape, expected) = (try Shape(String(buffer: answer.body)), try Shape(recorded))
          #expect(shape == expected, "\(call): \(shape) in place of \(expected)")
        }
        let state = try await post(cluster, cluster.agent, #"{"type": "GET_STATE"}"#, .protobuf)
        let answer = try WireFormat.protobuf.decode(MesosAgentResponse.self, from: state.bodyBytes)
        #expect(answer.type == .getState)
        #expect(answer.getState.getTasks.launchedTasks.map(\.taskID.value) == ["a"])
        #expect(answer.getState.getExecutors.executors.map(\.executorInfo.executorID.value) == ["a"])
        #expect(answer.getState.getExecutors.completedExecutors.map(\.executorInfo.executorID.value) == ["t1"])
        #expect(answer.getState.getFrameworks.frameworks.count == 1)
      }
    }

    @Test func theMetricsOfTheOperatorAPIAreThoseOfTheEndpoint() async throws {
      try await Cluster.run { cluster in
        let call = try await post(cluster, cluster.agent, #"{"type": "GET_METRICS"}"#)
        let metrics = try WireFormat.json.decode(MesosAgentResponse.self, from: call.bodyBytes).getMetrics.metrics
        let snapshot = Data(try await cluster.get(cluster.agent, "/metrics/snapshot").body.readableBytesView)
        let names = try #require(try JSONSerialization.jsonObject(with: snapshot) as? [String: Double]).keys.sorted()
        #expect(metrics.map(\.name) == names && names.contains("containerizer/fetcher/cache_size_total_bytes"))
      }
    }

    @Test func containersAreToldWithStatusAndUsage() async throws {
      try await withTasks { cluster, framework in
        let call = #"{"type": "GET_CONTAINERS", "get_containers": {"show_nested": true, "show_standalone": true}}"#
        let answer = try WireFormat.json.decode(
          MesosAgentResponse.self, from: try await post(cluster, cluster.agent, call).bodyBytes)
        let container = try #require(answer.getContainers.containers.first)
        #expect(answer.getContainers.containers.count == 1 && container.executorID.value == "a")
        #expect(container.frameworkID.value == framework.id && container.containerStatus.executorPid > 0)
        #expect(container.containerStatus.containerID == container.containerID)
        #expect(container.resourceStatistics.timestamp > 0 && container.resourceStatistics.memRssBytes > 0)

        let id = container.containerID.value
        for (query, count) in [
          ("container_id=\(id)", 1), ("container_id=other", 0), ("framework_id=\(framework.id)", 1),
          ("framework_id=\(framework.id)&executor_id=a", 1), ("framework_id=\(framework.id)&executor_id=b", 0),
        ] {
          let listed = String(buffer: try await cluster.get(cluster.agent, "/containers?\(query)").body)
          #expect(listed.components(separatedBy: #""container_id":"\#(id)""#).count == count + 1, "\(query)")
        }
        for query in ["container_id=\(id)&executor_id=a", "executor_id=a"] {
          #expect(try await cluster.get(cluster.agent, "/containers?\(query)").status == .badRequest)
        }
      }
    }

    /// Exchange 208.
    @Test func theLoggingLevelIsSetForAWhile() async throws {
      try await Cluster.run { cluster in
        func level(_ endpoint: Endpoint) async throws -> String {
          let answer = try await post(cluster, endpoint, #"{"type": "GET_LOGGING_LEVEL"}"#)
          return String(buffer: answer.body).replacingOccurrences(
            of: #"{"type":"GET_LOGGING_LEVEL","get_logging_level":"#, with: "")
        }
        func set(_ level: Int, _ nanoseconds: Int) -> String {
          #"{"type": "SET_LOGGING_LEVEL", "set_logging_level": {"level": \#(level), "duration": {"nanoseconds": \#(nanoseconds)}}}"#
        }
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let lines = { cluster.master.program.log.split(separator: "requests resources").count - 1 }
        try await framework.send(.request) { $0.request = .init() }
        for endpoint in [cluster.master.endpoint, cluster.agent] {
          let answer = try await post(cluster, endpoint, set(1, 600_000_000_000))
          #expect(answer.status == .ok && answer.body.readableBytes == 0)
          #expect(try await level(endpoint) == #"{"level":1}}"#)
          if endpoint == cluster.master.endpoint {
            // What a call is answered comes before its line, and what the next one is answered after it.
            #expect(lines() == 0)
            try await framework.send(.request) { $0.request = .init() }
            try await eventually("the line is there") { lines() == 1 }
          }
          _ = try await post(cluster, endpoint, set(2, 1_000_000))
          try await eventually("the level is back") { try await level(endpoint) == #"{"level":0}}"# }
        }
        try await framework.send(.request) { $0.request = .init() }
        _ = try await level(cluster.master.endpoint)
        #expect(lines() == 1)
      }
    }

    @Test func whatCanNotBeAnsweredIsRefused() async throws {
      try await Cluster.run { cluster in
        for (call, status, text) in [
          (#"{"type": "NOPE"}"#, 400, "Failed to validate agent::Call: Expecting 'type' to be present"),
          (
            #"{"type": "SET_LOGGING_LEVEL"}"#, 400,
            "Failed to validate agent::Call: Expecting 'set_logging_level' to be present"
          ),
          (#"{"type": "PRUNE_IMAGES"}"#, 501, "This agent does not know the call PRUNE_IMAGES"),
          ("{", 400, "Failed to parse body into JSON: syntax error at line 1 near: "),
        ] {
          let answer = try await post(cluster, cluster.agent, call)
          #expect(answer.status.code == status && String(buffer: answer.body) == text, "\(call)")
        }
        #expect(try await cluster.get(cluster.agent, "/api/v1").status == .methodNotAllowed)
      }
    }
  }
}
