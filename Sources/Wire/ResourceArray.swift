import Resources

extension WireFormat {
  /// Reads a JSON array of resources, as flags and forms have it. Throws a text that says what is wrong.
  public static func resources(json text: String) throws(ResourceError) -> [MesosResource] {
    // One message at a time is what the JSON mapping reads: this one holds nothing but resources.
    let message = "{\"resources\":\(text)}"
    do {
      return try WireFormat.json.decode(MesosOffer.Operation.Unreserve.self, from: [UInt8](message.utf8)).resources
    } catch {
      throw ResourceError(error.text)
    }
  }
}
