import ArgumentParser
import FoundationEssentials
import Wire

/// The flag `--domain` of masters and agents: JSON, or a file with it, as in Mesos' docs/fault-domains.md.
public enum DomainFlag {
  /// - Throws: `ValidationError` that says what is wrong.
  public static func parse(_ flag: String) throws -> MesosDomainInfo {
    let example = #"{"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "rack1"}}}"#
    let domain: MesosDomainInfo
    do {
      domain = try WireFormat.json.decode(MesosDomainInfo.self, from: Array(try json(flag).utf8))
    } catch let refusal as WireRefusal {
      throw ValidationError("--domain: \(refusal.text); give something like \(example)")
    }
    // A domain of another kind may come to be; none that says nothing.
    guard domain.hasFaultDomain else {
      throw ValidationError("--domain: `domain` must define `fault_domain`, as in \(example)")
    }
    return domain
  }

  private static func json(_ flag: String) throws -> String {
    if flag.drop(while: \.isWhitespace).hasPrefix("{") { return flag }
    let path = flag.hasPrefix("file://") ? String(flag.dropFirst("file://".count)) : flag
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw ValidationError("--domain: the file \(path) cannot be read; give JSON or a file with it")
    }
    return text
  }
}
