import Foundation
import Testing
import Transport
import Wire

extension ClusterTests {
  /// What the daemons show of sandboxes and logs.
  @MainActor @Suite struct Files {
    private func call(_ cluster: Cluster, _ endpoint: Endpoint, _ json: String) async throws -> Response {
      try await cluster.http.send(
        ClientRequest(
          .POST, endpoint, "/api/v1", headers: ["Content-Type": "application/json"], body: [UInt8](json.utf8)))
    }

    private func list(_ path: String) -> String { #"{"type": "LIST_FILES", "list_files": {"path": "\#(path)"}}"# }
    private func read(_ path: String, _ rest: String = #""offset": 0"#) -> String {
      #"{"type": "READ_FILE", "read_file": {"path": "\#(path)", \#(rest)}}"#
    }

    /// Exchanges 206 and 207.
    @Test func whatIsNotThereIsNotFoundWithoutAWord() async throws {
      try await Cluster.run { cluster in
        for endpoint in [cluster.master.endpoint, cluster.agent] {
          for json in [list("/nope"), read("/nope", #""offset": 0, "length": 6"#)] {
            let answer = try await call(cluster, endpoint, json)
            #expect(answer.status == .notFound && answer.body.readableBytes == 0)
            #expect(answer.headers.first(name: "Content-Type") == "text/plain; charset=utf-8")
          }
        }
        for (type, body) in [("LIST_FILES", "list_files"), ("READ_FILE", "read_file")] {
          let answer = try await call(cluster, cluster.master.endpoint, #"{"type": "\#(type)"}"#)
          #expect(
            String(buffer: answer.body) == "Failed to validate master::Call: Expecting '\(body)' to be present")
        }
      }
    }

    @Test func logsAreShownWhenTheyAreFiles() async throws {
      try await Cluster.run { cluster in
        for (endpoint, path) in [(cluster.master.endpoint, "/master/log"), (cluster.agent, "/slave/log")] {
          let answer = try await call(cluster, endpoint, read(path, #""offset": 0, "length": 1000"#))
          let log: Data
          if path == "/master/log" {
            log = try WireFormat.json.decode(MesosMasterResponse.self, from: answer.bodyBytes).readFile.data
          } else {
            log = try WireFormat.json.decode(MesosAgentResponse.self, from: answer.bodyBytes).readFile.data
          }
          #expect(String(decoding: log, as: UTF8.self).contains("listening on 127.0.0.1:\(endpoint.port)"))
          let whole = try await cluster.get(endpoint, "/files/download?path=\(path)")
          #expect(whole.status == .ok && String(buffer: whole.body).contains("listening on"))
          let debug = try await cluster.get(endpoint, "/files/debug")
          #expect(String(buffer: debug.body).contains(#""\#(path)":"\#(cluster.directory)/"#))
        }
      }
    }

    @Test func sandboxesAreShownByAllTheirPathsAndNothingElseIs() async throws {
      try await Cluster.run { cluster in
        let framework = TestFramework(cluster)
        try await framework.subscribe()
        let script =
          "echo hello; mkdir logs; echo inner > logs/app; ln -s logs/app current; ln -s /etc/passwd secret; "
          + "truncate -s 100M big; printf end >> big; sleep 1000"
        try await framework.launch(["t"], on: try await framework.offer(), script)
        let latest = "/frameworks/\(framework.id)/executors/t/runs/latest"
        try await eventually("the task has written") {
          let part = try await cluster.http.send(
            ClientRequest(
              .GET, cluster.agent, "/files/download?path=\(latest)/big", headers: ["Range": "bytes=104857600-"]))
          return String(buffer: part.body) == "end"
        }

        let answer = try await call(cluster, cluster.agent, list(latest))
        let infos = try WireFormat.json.decode(MesosAgentResponse.self, from: answer.bodyBytes).listFiles.fileInfos
        let names = ["big", "current", "logs", "secret", "stderr", "stdout"]
        #expect(infos.map(\.path) == names.map { "\(latest)/\($0)" })
        #expect(infos.map { $0.mode & S_IFMT } == [S_IFREG, S_IFREG, S_IFDIR, S_IFLNK, S_IFREG, S_IFREG])
        #expect(infos.map(\.size).first == 100 << 20 + 3 && infos.allSatisfy { $0.hasMtime && $0.uid == "root" })

        let debug = try await cluster.get(cluster.agent, "/files/debug")
        let paths = try JSONDecoder().decode([String: String].self, from: Data(debug.bodyBytes))
        let sandbox = try #require(paths[latest])
        #expect(paths.filter { $0.value == sandbox }.count == 3 && paths[sandbox] == sandbox)
        for path in paths.filter({ $0.value == sandbox }).keys {
          let stdout = try await call(cluster, cluster.agent, read("\(path)/stdout"))
          let read = try WireFormat.json.decode(MesosAgentResponse.self, from: stdout.bodyBytes).readFile
          #expect(String(decoding: read.data, as: UTF8.self).contains("hello\n") && Int(read.size) == read.data.count)
        }

        for target in ["/files/browse", "/files/read", "/files/download"] {
          for rest in ["secret", "../../../../../../../../meta", "../.."] {
            let refused = try await cluster.get(cluster.agent, "\(target)?path=\(latest)/\(rest)&offset=0")
            #expect(refused.status == .badRequest)
            #expect(String(buffer: refused.body) == "'\(sandbox)/\(rest)' is inaccessible.\n")
          }
        }

        // More than an agent would want to hold.
        let before = try cluster.mostResidentBytes(of: "agent0")
        let big = try await cluster.get(cluster.agent, "/files/download?path=\(latest)/big")
        #expect(big.body.readableBytes == 100 << 20 + 3 && big.bodyBytes.suffix(4) == [0] + Array("end".utf8))
        #expect(try cluster.mostResidentBytes(of: "agent0") - before < 40 << 20)
        try await framework.send(.teardown)
      }
    }
  }
}
