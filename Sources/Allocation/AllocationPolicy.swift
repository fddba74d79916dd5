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
}

/// How a cycle of a policy ended.
public enum AllocationOutcome: Equatable, Sendable {
  case done
  /// The policy gave up; the text says why.
  case failed(String)
}
