import CTepui
import Glibc
import ModuleHost

extension Check {
  static let isolatorChecks: [Check] = [
    Check(name: "starts on any machine or says what is missing") { subject in
      var notes: [String] = []
      for controllers in [[], ["cpu"], ["memory"], SampleContainer.controllers] {
        do throws(ModuleError) {
          _ = try subject.makeIsolator(node: SampleContainer.node(controllers))
        } catch {
          let having = controllers.isEmpty ? "no controllers" : "only \(controllers.joined(separator: ", "))"
          try require(
            error.code == .create && !error.message.hasSuffix("without a reason"),
            "on a machine with \(having) it refuses to start without a text")
          try require(
            controllers != SampleContainer.controllers,
            "it does not start on a machine with all controllers: \(error.message)")
          notes.append("with \(having): \(error.message)")
        }
      }
      return notes
    },
    Check(name: "starts and ends with any allowed parameters") { subject in
      try subject.playParameters { (parameters) throws(ModuleError) in
        let isolator = try subject.makeIsolator(parameters, node: SampleContainer.node())
        _ = try? isolator.plan(SampleContainer.usual, running: false)
      }
    },
    Check(name: "walks parameters by their size") { subject in
      let plans = try [0, 40].map { padding in
        try subject.makeIsolator(node: SampleContainer.node(), padding: padding)
          .plan(SampleContainer.usual, running: false)
      }
      try require(plans[0] == plans[1], "with parameters that a later host has made larger its plan differs")
      return []
    },
    Check(name: "plans a usual container, and its changes while it runs") { subject in
      let isolator = try subject.isolator()
      _ = try isolator.plan(SampleContainer.usual, running: false)
      var running = SampleContainer.usual
      running.pid = getpid()
      running.requests = [.init(name: "cpus", value: 4000), .init(name: "mem", value: 4_096_000)]
      _ = try isolator.plan(running, running: true)
      return []
    },
    Check(name: "plans nothing that is never allowed, for random containers") { subject in
      let isolator = try subject.isolator()
      var refused = 0
      for seed in subject.seeds {
        let container = SampleContainer.random(seed)
        for running in [false, true] {
          let before = isolator.refusalCount
          do {
            _ = try isolator.plan(container, running: running)
          } catch {
            try require(isolator.refusalCount == before, "seed \(seed): \(error)")
            refused += 1
          }
        }
      }
      return refused == 0 ? [] : ["it refuses \(refused) of \(2 * subject.rounds) random containers"]
    },
    Check(name: "plans the same for the same container") { subject in
      let first = try subject.isolator()
      let second = try subject.isolator()
      for seed in subject.seeds {
        let container = SampleContainer.random(seed)
        let plans = [first, second, first].map { isolator in
          Result { () throws(IsolatorFailure) in try isolator.plan(container, running: false) }
        }
        try require(
          plans[0] == plans[1] && plans[1] == plans[2],
          "seed \(seed): asked again, or in another instance, it plans otherwise for the same container")
      }
      return []
    },
    Check(name: "measures whatever a cgroup says") { subject in
      let isolator = try subject.isolator()
      for content in SampleContainer.cgroupContents {
        let before = isolator.refusalCount
        _ = try? isolator.usage(SampleContainer.usual, cgroup: FixedContent(content: content))
        // Garbage in a file is nobody's fault; what comes of it must still be a number.
        try require(
          isolator.refusalCount == before || content != SampleContainer.usualContent,
          "it reports what is no statistic: a field without a name, or a number that is negative or not finite")
      }
      return []
    },
    Check(name: "keeps no sink and answers on its own thread only") { subject in
      let isolator = try subject.isolator()
      for seed in subject.seeds {
        let container = SampleContainer.random(seed)
        _ = try? isolator.plan(container, running: false)
        _ = try? isolator.usage(container, cgroup: FixedContent(content: SampleContainer.usualContent))
        for step in [LifecycleStep.prepare, .isolate, .recover, .cleanup] { try? isolator.perform(step, container) }
      }
      try require(
        isolator.sinkMisuse.foreign == 0, "it called a sink from another thread than the one that called the module")
      try require(isolator.sinkMisuse.late == 0, "it called a sink after the function had returned that got it")
      return []
    },
    Check(name: "lives through every order of a container's steps") { subject in
      let isolator = try subject.isolator()
      let orders: [[LifecycleStep]] = [
        [.prepare, .isolate, .cleanup], [.prepare, .cleanup], [.recover, .cleanup],
        [.prepare, .isolate, .recover, .cleanup],
      ]
      var notes: Set<String> = []
      for (index, steps) in (orders + orders).enumerated() {
        var container = SampleContainer.usual
        container.id = "check-\(index)"
        container.pid = getpid()
        for step in steps {
          do { try isolator.perform(step, container) } catch { notes.insert("\(error)") }
        }
      }
      return notes.sorted()
    },
  ]
}

extension Subject {
  fileprivate func isolator() throws(ModuleError) -> LoadedIsolator {
    try makeIsolator(node: SampleContainer.node())
  }
}

private struct FixedContent: CgroupReading {
  let content: String?
  func read(_ file: String) -> String? { content }
}
