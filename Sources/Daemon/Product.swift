/// What the programs say of themselves.
public enum Product {
  /// Of Tepui.
  public static let version = "0.1.0"

  /// The Mesos release whose API we speak. Clients split it at the dots and read integers (protocol fact 153).
  public static let mesosVersion = "1.11.0"
}
