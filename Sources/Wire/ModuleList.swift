extension MesosModuleList {
  /// What the endpoint /modules answers as JSON, as a message: the call GET_MODULES has the same content.
  ///
  /// - Parameter json: written by the daemon itself; of anything else nothing comes.
  public init(ofEndpoint json: [UInt8]) {
    self = (try? WireFormat.json.decode(Self.self, from: json)) ?? Self()
  }
}
