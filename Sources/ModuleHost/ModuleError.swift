/// Why a module, or what was configured for it, was refused: one line that names the file, what is wrong with it and
/// what to do.
public struct ModuleError: Error, Equatable, CustomStringConvertible {
  public let code: Code
  public let message: String

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }

  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// modules.json or a flag cannot be understood.
    public static let configuration = Self(description: "configuration")
    /// No policy was chosen.
    public static let noAllocator = Self(description: "no allocator")
    /// A module that was asked for is nowhere.
    public static let notFound = Self(description: "not found")
    /// The file or its directory may be written by others.
    public static let permissions = Self(description: "permissions")
    /// Not a complete shared library for this machine.
    public static let file = Self(description: "file")
    /// The dynamic linker refused it.
    public static let linking = Self(description: "linking")
    /// No entry function: a library, but not a module.
    public static let entry = Self(description: "entry")
    /// Host and module share no version of the ABI.
    public static let abi = Self(description: "abi")
    /// The module's description of itself breaks the rules of the headers.
    public static let descriptor = Self(description: "descriptor")
    /// Another module than the one that was named.
    public static let identity = Self(description: "identity")
    /// An isolator where an allocator is wanted, or the reverse.
    public static let kind = Self(description: "kind")
    /// A parameter is unknown, ill-typed or out of range.
    public static let parameter = Self(description: "parameter")
    /// The module did not want to start.
    public static let create = Self(description: "create")
  }
}
