// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "SignIn",
    platforms: [.macOS(.v15)],
    dependencies: [
        // An app names the URL and a version; without traits the server and its frameworks are not fetched.
        .package(name: "gatehouse", path: "../../..", traits: [])
    ],
    targets: [
        .executableTarget(
            name: "SignIn", dependencies: [.product(name: "GatehouseClient", package: "gatehouse")], path: ".",
            sources: ["SignIn.swift"])
    ],
    swiftLanguageModes: [.v6]
)
