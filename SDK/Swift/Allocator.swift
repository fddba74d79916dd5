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

/// Why something could not be done, in the operator's words.
public struct Failure: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
