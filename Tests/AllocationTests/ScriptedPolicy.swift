import Allocation
import CTepui

/// A policy whose cycle is a closure.
final class ScriptedPolicy: AllocationPolicy {
  typealias View = UnsafePointer<tepui_allocation_view>

  let id = "org.test.scripted"
  var cycles = 0
  private let script: (View, Granter) -> AllocationOutcome

  init(_ script: @escaping (View, Granter) -> AllocationOutcome) {
    self.script = script
  }

  /// Gives all of each candidate to the first claimant that may have it.
  static func greedy() -> ScriptedPolicy {
    ScriptedPolicy { view, granter in
      for agent in view.candidateList {
        for claimant in view.activeList where tepui_may_offer(view, claimant, agent) != 0 {
          if granter.grant(agent, claimant) == TEPUI_OK { break }
        }
      }
      return .done
    }
  }

  func allocate(_ view: View, _ sink: UnsafePointer<tepui_grant_sink>) -> AllocationOutcome {
    cycles += 1
    return script(view, Granter(sink: sink, kinds: Int(view.pointee.kinds)))
  }
}

struct Granter {
  let sink: UnsafePointer<tepui_grant_sink>
  let kinds: Int

  /// `amounts` in thousandths by kind, filled up with zeros; nil for everything.
  @discardableResult
  func grant(_ agent: UInt32, _ claimant: UInt32, _ amounts: [Int64]? = nil) -> tepui_status {
    guard let amounts else { return sink.pointee.grant(sink.pointee.context, agent, claimant, nil) }
    let row = amounts + Array(repeating: 0, count: max(0, kinds - amounts.count))
    return row.withUnsafeBufferPointer { sink.pointee.grant(sink.pointee.context, agent, claimant, $0.baseAddress) }
  }
}

extension UnsafePointer<tepui_allocation_view> {
  var candidateList: [UInt32] {
    Array(UnsafeBufferPointer(start: pointee.candidates, count: Int(pointee.candidate_count)))
  }
  var activeList: [UInt32] { Array(UnsafeBufferPointer(start: pointee.active, count: Int(pointee.active_count))) }

  func row(_ table: UnsafePointer<Int64>, _ id: UInt32) -> [Int64] {
    Array(UnsafeBufferPointer(start: tepui_row(self, table, id), count: Int(pointee.kinds)))
  }

  func name(_ what: Int32, _ id: UInt32) -> String {
    let text = pointee.name(pointee.context, UInt32(what), id)
    let bytes = UnsafeRawBufferPointer(start: text.bytes, count: Int(text.length))
    return String(decoding: bytes, as: UTF8.self)
  }
}
