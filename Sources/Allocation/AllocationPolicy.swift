import CTepui

/// A policy as the master sees it: the one door between the books of this room and whatever decides.
///
/// `ModuleHost` implements it for a loaded module; tests implement it in Swift. The view and the sink are those of the
/// module ABI (`tepui/allocator.h`), so nothing is converted on the way to a module.
///
/// Called on the master's loop only; the pointers are valid until the call returns.
public protocol AllocationPolicy: AnyObject {
  /// The module's id, for messages: `org.tepui.drf`.
  var id: String { get }

  /// Runs one cycle. Grants are made through the sink while it runs and stand even if a failure is returned.
  func allocate(
    _ view: UnsafePointer<tepui_allocation_view>, _ sink: UnsafePointer<tepui_grant_sink>
  ) -> AllocationOutcome

  /// Why a claimant is where it is in the policy's order, in its own words and with a number each. Called between
  /// cycles, with a view that has no candidates.
  func explain(
    _ view: UnsafePointer<tepui_allocation_view>, _ claimant: UInt32
  ) -> [(text: String, count: UInt64)]

  /// How long the last cycle took.
  var lastCycleNs: Int64? { get }
}

extension AllocationPolicy {
  public func explain(
    _ view: UnsafePointer<tepui_allocation_view>, _ claimant: UInt32
  ) -> [(text: String, count: UInt64)] { [] }

  public var lastCycleNs: Int64? { nil }
}

/// How a cycle of a policy ended.
public enum AllocationOutcome: Equatable, Sendable {
  case done
  /// The policy gave up; the text says why.
  case failed(String)
}
