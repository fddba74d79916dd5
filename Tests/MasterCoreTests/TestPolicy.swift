import Allocation
import CTepui

/// A policy whose cycle is a closure.
final class TestPolicy: AllocationPolicy {
  typealias View = UnsafePointer<tepui_allocation_view>
  typealias Sink = UnsafePointer<tepui_grant_sink>

  let id = "org.test.policy"
  var script: (View, Sink) -> AllocationOutcome = TestPolicy.greedy

  /// What it says of everybody.
  var reasons: [(text: String, count: UInt64)] = []

  func allocate(_ view: View, _ sink: Sink) -> AllocationOutcome { script(view, sink) }

  func explain(_ view: View, _ claimant: UInt32) -> [(text: String, count: UInt64)] { reasons }

  /// Gives all of each candidate to the first claimant that may have it.
  static func greedy(_ view: View, _ sink: Sink) -> AllocationOutcome {
    for candidate in 0..<Int(view.pointee.candidate_count) {
      let agent = view.pointee.candidates[candidate]
      for index in 0..<Int(view.pointee.active_count) {
        let claimant = view.pointee.active[index]
        if tepui_may_offer(view, claimant, agent) != 0,
          sink.pointee.grant(sink.pointee.context, agent, claimant, nil) == TEPUI_OK
        {
          break
        }
      }
    }
    return .done
  }

  /// Gives what is there to one claimant after the other, until nothing is left.
  static func exhaustive(_ view: View, _ sink: Sink) -> AllocationOutcome {
    for candidate in 0..<Int(view.pointee.candidate_count) {
      let agent = view.pointee.candidates[candidate]
      for index in 0..<Int(view.pointee.active_count) {
        let claimant = view.pointee.active[index]
        if tepui_may_offer(view, claimant, agent) != 0 {
          _ = sink.pointee.grant(sink.pointee.context, agent, claimant, nil)
        }
      }
    }
    return .done
  }
}
