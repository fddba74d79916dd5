@_exported import CTepui

/// A policy: who is offered what.
///
/// A module is a library with one such type and its entry function:
///
///     @c(tepui_module_entry)
///     public func entry(host: HostPointer, module: ModulePointer, error: ErrorPointer) -> tepui_status {
///       export(MyPolicy.self, host, module, error)
///     }
///
/// A policy is a function of its parameters and of the views that it has seen: it reads no clock, no random source, no
/// file and no environment. All calls come from one thread. `tepui/allocator.h` has the whole contract.
public protocol Allocator {
  /// Who this module is.
  static var descriptor: Descriptor { get }

  /// Throw a `Failure` to keep the master from starting, with its text.
  init(parameters: Parameters, log: Log) throws

  /// One cycle: goes through `view.candidates` and offers what is free. Neither the view nor the grants may be kept.
  ///
  /// Grants made before an error is thrown stand; the error is logged and counted under the module's name.
  mutating func allocate(_ view: AllocationView, _ grants: Grants) throws
}

/// A policy that can also say why somebody is offered something or nothing.
public protocol ExplainingAllocator: Allocator {
  /// Gives reasons for where a claimant stands, when an operator asks. The view is of this moment, between cycles, and
  /// has no candidates.
  ///
  /// Only what is the policy's: the host itself tells of filters, quotas and the other things that it keeps. Reasons
  /// given before an error is thrown stand, and the error is shown.
  func explain(_ claimant: Claimant, _ view: AllocationView, _ reasons: Reasons) throws
}

/// Where reasons go. Must not be kept after `explain` returns.
public struct Reasons {
  let sink: UnsafePointer<tepui_reason_sink>

  /// A few words for an operator, at most 200 bytes, and the number that they speak of: `("claimants before it", 3)`.
  public func give(_ words: String, _ count: some BinaryInteger) {
    _ = withText(words) { sink.pointee.reason?(sink.pointee.context, $0, UInt64(clamping: count)) }
  }
}

/// Why something could not be done, in the operator's words.
public struct Failure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
