// swift-tools-version: 6.2
// swift build -c release; tepui-module check .build/release/lib@NAME@.so
import PackageDescription

/// The Swift SDK: `pkg-config --variable=swiftsdk tepui` says where it is.
let sdk = Context.environment["TEPUI_SDK"] ?? "@SDK@"

let package = Package(
  name: "@NAME@",
  products: [.library(name: "@NAME@", type: .dynamic, targets: ["@TYPE@"])],
  dependencies: [.package(name: "tepui-sdk", path: sdk)],
  targets: [
    .target(
      name: "@TYPE@", dependencies: [.product(name: "TepuiModule", package: "tepui-sdk")],
      // Only the entry function is visible.
      linkerSettings: [.unsafeFlags(["-Xlinker", "--version-script=\(sdk)/module.map"])])
  ])
