import CTepui

/// Where decisions go. Must not be kept after `allocate` returns.
public struct Grants {
  @usableFromInline let sink: UnsafePointer<tepui_grant_sink>

  public enum Answer: Sendable {
    /// The live columns of the view show it.
    case granted
    /// Nobody's fault: below the minimum size of an offer, or the role is at its quota. Another claimant may get it.
    case refused
    /// What can never be; counted and logged under the module's name.
    case invalid
  }

  /// Offers all that is free on an agent.
  @inlinable @discardableResult
  public func offer(_ agent: Agent, to claimant: Claimant) -> Answer { grant(agent, claimant, nil) }

  /// Offers `amounts`, in thousandths, one for each kind of the view.
  @inlinable @discardableResult
  public func offer(_ agent: Agent, to claimant: Claimant, amounts: [Int64]) -> Answer {
    amounts.withUnsafeBufferPointer { grant(agent, claimant, $0.baseAddress) }
  }

  @inlinable
  func grant(_ agent: Agent, _ claimant: Claimant, _ amounts: UnsafePointer<Int64>?) -> Answer {
    switch sink.pointee.grant?(sink.pointee.context, agent.id, claimant.id, amounts) {
    case TEPUI_OK: .granted
    case TEPUI_REFUSED: .refused
    default: .invalid
    }
  }
}
