import MasterCore
import Testing
import Wire

/// What makes the check or health check of a task invalid, with the words of Mesos.
@Suite struct HealthCheckCheckTests {
  struct Case<Check: Sendable>: Sendable, CustomTestStringConvertible {
    let message: String
    let spoil: @Sendable (inout Check) -> Void
    var testDescription: String { message }

    init(_ message: String, _ spoil: @escaping @Sendable (inout Check) -> Void) {
      self.message = message
      self.spoil = spoil
    }
  }

  static let healthChecks: [Case<MesosHealthCheck>] = [
    Case("HealthCheck must specify 'type'") { $0.tcp.port = 1 },
    Case("HealthCheck must specify 'type'") {
      $0.command.value = "true"
      $0.http.port = 1
    },
    Case("'UNKNOWN' is not a valid health check type") { $0.type = .unknown },
    Case("Expecting 'command' to be set for COMMAND health check") { $0.type = .command },
    Case("Expecting 'http' to be set for HTTP health check") { $0.type = .http },
    Case("Expecting 'tcp' to be set for TCP health check") { $0.type = .tcp },
    Case("Command health check must contain 'shell command'") {
      $0.type = .command
      $0.command.user = "root"
    },
    Case("Command health check must contain 'executable path'") {
      $0.type = .command
      $0.command.shell = false
    },
    Case("Health check's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set") {
      $0.type = .command
      $0.command.value = "true"
      $0.command.environment.variables = [.with { $0.name = "A" }]
    },
    Case("Unsupported HTTP health check scheme: 'ftp'") {
      $0.type = .http
      $0.http.port = 1
      $0.http.scheme = "ftp"
    },
    Case("The path 'a' of HTTP health check must start with '/'") {
      $0.type = .http
      $0.http.port = 1
      $0.http.path = "a"
    },
    Case("Expecting 'delay_seconds' to be non-negative") { spoilTime(&$0, \.delaySeconds) },
    Case("Expecting 'interval_seconds' to be non-negative") { spoilTime(&$0, \.intervalSeconds) },
    Case("Expecting 'timeout_seconds' to be non-negative") { spoilTime(&$0, \.timeoutSeconds) },
    Case("Expecting 'grace_period_seconds' to be non-negative") { spoilTime(&$0, \.gracePeriodSeconds) },
  ]

  static let checks: [Case<MesosCheckInfo>] = [
    Case("CheckInfo must specify 'type'") { $0.tcp.port = 1 },
    Case("'UNKNOWN' is not a valid check type") { $0.type = .unknown },
    Case("Expecting 'command' to be set for COMMAND check") { $0.type = .command },
    Case("Expecting 'http' to be set for HTTP check") { $0.type = .http },
    Case("Expecting 'tcp' to be set for TCP check") { $0.type = .tcp },
    Case("Command check must contain 'shell command'") {
      $0.type = .command
      $0.command.command.user = "root"
    },
    Case("Command check must contain 'executable path'") {
      $0.type = .command
      $0.command.command.shell = false
    },
    Case("Check's `CommandInfo` is invalid: Environment variable of type 'UNKNOWN' is not allowed") {
      $0.type = .command
      $0.command.command.value = "true"
      $0.command.command.environment.variables = [
        .with {
          $0.name = "A"
          $0.type = .unknown
        }
      ]
    },
    Case("The path '' of HTTP check must start with '/'") {
      $0.type = .http
      $0.http.port = 1
      $0.http.path = ""
    },
    Case("Expecting 'delay_seconds' to be non-negative") { spoilTime(&$0, \.delaySeconds) },
    Case("Expecting 'interval_seconds' to be non-negative") { spoilTime(&$0, \.intervalSeconds) },
    Case("Expecting 'timeout_seconds' to be non-negative") { spoilTime(&$0, \.timeoutSeconds) },
  ]

  private static func spoilTime(_ check: inout MesosHealthCheck, _ field: WritableKeyPath<MesosHealthCheck, Double>) {
    check.type = .tcp
    check.tcp.port = 1
    check[keyPath: field] = -0.5
  }

  private static func spoilTime(_ check: inout MesosCheckInfo, _ field: WritableKeyPath<MesosCheckInfo, Double>) {
    check.type = .tcp
    check.tcp.port = 1
    check[keyPath: field] = -0.5
  }

  @Test(arguments: healthChecks) func aBadHealthCheckIsTaskError(example: Case<MesosHealthCheck>) throws {
    try expectError("Task uses invalid health check: \(example.message)") { example.spoil(&$0.healthCheck) }
  }

  @Test(arguments: checks) func aBadCheckIsTaskError(example: Case<MesosCheckInfo>) throws {
    try expectError("Task uses invalid check: \(example.message)") { example.spoil(&$0.check) }
  }

  private func expectError(_ message: String, _ spoil: (inout MesosTaskInfo) -> Void) throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    var task = framework.task("t", on: agent.id)
    spoil(&task)
    framework.launch([framework.offers[0].id.value], [task])
    #expect(framework.updates.map(\.message) == [message])
    #expect(framework.updates.map(\.state) == [.taskError])
    #expect(agent.launched.isEmpty)
  }

  @Test func aHealthCheckWithoutTypeGetsThatOfWhatItHolds() throws {
    let cluster = TestCluster()
    let agent = try TestAgent(cluster)
    let framework = TestFramework(cluster)
    var command = framework.task("command", on: agent.id)
    command.healthCheck.command.value = "true"
    var http = framework.task("http", on: agent.id)
    http.healthCheck.http.port = 80
    framework.launch([framework.offers[0].id.value], [command, http])
    #expect(agent.tasks.map(\.healthCheck.type) == [.command, .http])
  }
}
