// swift-tools-version: 6.2
import PackageDescription

// Warnings stop a build in CI. On the command line `-warnings-as-errors` clashes with the `-suppress-warnings`
// that the package manager passes to dependencies, so each of our targets says it itself.
let warnings: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .strictMemorySafety(),
    ] + warnings

/// A product of another package that the SDK does without. Who turns the trait off does not even fetch that package
/// (Docs/Decisions/0006-the-sdk-alone.md).
func outside(_ name: String, _ package: String) -> Target.Dependency {
    .product(name: name, package: package, condition: .when(traits: ["Server"]))
}

// Products of other packages, named once.
let argumentParser = outside("ArgumentParser", "swift-argument-parser")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: [Target.Dependency] = [
    outside("Hummingbird", "hummingbird"),
    outside("HummingbirdCore", "hummingbird"),
]
let logging = outside("Logging", "swift-log")
let nio: [Target.Dependency] = [
    outside("NIOCore", "swift-nio"),
    outside("NIOPosix", "swift-nio"),
    outside("NIOConcurrencyHelpers", "swift-nio"),
    outside("NIOHTTP1", "swift-nio"),
    outside("NIOSSL", "swift-nio-ssl"),
    outside("NIOTLS", "swift-nio"),
    outside("NIOHTTPTypes", "swift-nio-extras"),
    outside("NIOHTTPTypesHTTP1", "swift-nio-extras"),
]
let lifecycle: [Target.Dependency] = [
    outside("ServiceLifecycle", "swift-service-lifecycle"),
    outside("UnixSignals", "swift-service-lifecycle"),
]
let mustache = outside("Mustache", "swift-mustache")
/// Both ends need them, and the SDK fetches them (Docs/Decisions/0006-the-sdk-alone.md).
let structuredFields = Target.Dependency.product(
    name: "RawStructuredFieldValues", package: "swift-http-structured-headers")
let yams = outside("Yams", "yams")

func library(
    _ name: String, _ path: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [],
    resources: [Resource]? = nil
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, exclude: exclude, resources: resources,
        swiftSettings: settings)
}

func command(
    _ name: String, _ path: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
    packageAccess: Bool = true
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: path, exclude: exclude, packageAccess: packageAccess,
        swiftSettings: settings)
}

func tests(_ name: String, _ path: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: settings)
}

func cLibrary(_ name: String, _ path: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: path, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "gatehouse",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "gatehouse", targets: ["GatehouseCommand"]),
        .executable(name: "gatehouse-client", targets: ["GatehouseClientCommand"]),
        .executable(name: "gatehouse-conformance", targets: ["GatehouseConformanceCommand"]),
        .executable(name: "gatehouse-benchmarks", targets: ["GatehouseBenchmarks"]),
        .library(name: "GatehouseAuth", targets: ["GatehouseAuth"]),
        .library(name: "GatehouseAuthRemote", targets: ["GatehouseAuthRemote"]),
        .library(name: "GatehouseClient", targets: ["GatehouseClient", "HTTPSignatures"]),
        .library(name: "GatehouseResolver", targets: ["GatehouseResolver", "GatehouseClient"]),
        .library(name: "HTTPSignatures", targets: ["HTTPSignatures"]),
        .library(name: "WebTokens", targets: ["WebTokens"]),
    ],
    traits: [
        .trait(
            name: "Server",
            description: "Everything but the SDK, HTTPSignatures and WebTokens: off for who needs only these."),
        .default(enabledTraits: ["Server"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-http-structured-headers.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        // Without its trait for swift-configuration, which our settings do not use (Docs/Decisions/0002-settings.md).
        .package(
            url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: ["FullFoundation"]),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/yams.git", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // Protocol: what both ends of the wire share.
        cLibrary("CGatehouseOpenSSL", "Protocol/CLibraries/COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
        cLibrary("CGatehouseCurl", "Protocol/CLibraries/CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        library("GatehouseCryptography", "Protocol/Cryptography", ["CGatehouseOpenSSL"]),
        library("GatehouseJSON", "Protocol/JSON"),
        library("WebTokens", "Protocol/Tokens", ["GatehouseCryptography", "GatehouseJSON"]),
        library("HTTPSignatures", "Protocol/Signatures", ["GatehouseCryptography", structuredFields]),
        library("GatehouseOpenCAP", "Protocol/OpenCAP", ["GatehouseCryptography"]),
        library("GatehouseMessages", "Protocol/Messages", ["GatehouseJSON", httpTypes]),
        library("GatehouseTransfer", "Protocol/Transfer", ["CGatehouseCurl", httpTypes]),
        cLibrary("CGatehouseCAres", "Protocol/CLibraries/CAres", pkgConfig: "libcares", apt: "libc-ares-dev"),
        library("GatehouseDNS", "Protocol/DNS", ["CGatehouseCAres"]),

        // Server.
        cLibrary("CGatehouseSQLite", "Server/CLibraries/CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
        cLibrary("CGatehouseSodium", "Server/CLibraries/CSodium", pkgConfig: "libsodium", apt: "libsodium-dev"),
        cLibrary("CGatehouseArgon2", "Server/CLibraries/CArgon2", pkgConfig: "libargon2", apt: "libargon2-dev"),
        cLibrary("CGatehouseCrypt", "Server/CLibraries/CCrypt", pkgConfig: "libcrypt", apt: "libcrypt-dev"),
        cLibrary("CGatehousePSL", "Server/CLibraries/CPSL", pkgConfig: "libpsl", apt: "libpsl-dev"),
        cLibrary("CGatehouseQREncode", "Server/CLibraries/CQREncode", pkgConfig: "libqrencode", apt: "libqrencode-dev"),
        cLibrary("CGatehouseZlib", "Server/CLibraries/CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        .systemLibrary(name: "CGatehouseClock", path: "Server/CLibraries/CClock"),
        library("GatehouseQRCode", "Server/QRCode", ["CGatehouseQREncode", "CGatehouseZlib"]),
        library("GatehousePublicSuffixes", "Server/PublicSuffixes", ["CGatehousePSL"]),
        library("GatehouseStorage", "Server/Storage", exclude: ["README.md"]),
        library("GatehouseSQLite", "Server/SQLite", ["GatehouseStorage", "CGatehouseSQLite"], exclude: ["README.md"]),
        library(
            "GatehousePasswords", "Server/Passwords",
            ["CGatehouseArgon2", "CGatehouseCrypt", "CGatehouseSodium", "GatehouseCryptography"],
            exclude: ["COMMON-PASSWORDS.md"]),
        library(
            "GatehouseAuth", "Server/Auth",
            [
                "GatehouseMessages", "GatehouseJSON", "GatehouseCryptography", "HTTPSignatures", "WebTokens", httpTypes,
                logging, outside("NIOCore", "swift-nio"),
            ] + hummingbird, exclude: ["README.md"]),
        library(
            "GatehouseAuthRemote", "Server/AuthRemote",
            ["GatehouseAuth", "GatehouseTransfer", "WebTokens", httpTypes, logging]),
        library(
            "GatehouseCore", "Server/Core",
            [
                "GatehouseStorage", "GatehousePasswords", "GatehouseMessages", "GatehouseOpenCAP", "GatehouseJSON",
                "GatehouseQRCode", "GatehouseCryptography", "GatehouseTransfer", "GatehouseDNS",
                "GatehousePublicSuffixes",
                "HTTPSignatures", "WebTokens", httpTypes, logging, mustache, yams,
            ] + hummingbird + nio + lifecycle,
            // In the binary, so that there is one file to deploy.
            resources: [.embedInCode("Mail/Templates"), .embedInCode("Pages/Templates")]),
        command(
            "GatehouseCommand", "Server/Command",
            [
                "GatehouseCore", "GatehouseDNS", "GatehouseSQLite", "GatehouseStorage", "GatehousePasswords",
                "GatehouseCryptography",
                "GatehouseMessages", "GatehouseOpenCAP", "GatehouseJSON", "GatehouseTransfer", "HTTPSignatures",
                "WebTokens", "CGatehouseClock", argumentParser, httpTypes, logging,
            ] + lifecycle),

        // Client.
        library(
            "GatehouseClient", "Client/SDK",
            ["GatehouseTransfer", "GatehouseCryptography", "GatehouseJSON", "HTTPSignatures", httpTypes]),
        library(
            "GatehouseResolver", "Client/Resolver",
            [
                "GatehouseClient", "GatehouseDNS", "GatehouseJSON", "GatehouseOpenCAP", "GatehouseTransfer", httpTypes,
            ]),
        command(
            "GatehouseClientCommand", "Client/Command",
            ["GatehouseClient", "GatehouseResolver", "GatehouseMessages", "HTTPSignatures", argumentParser]),

        // Conformance.
        library(
            "GatehouseScenarios", "Conformance/Scenarios",
            resources: [
                .copy("ampho"), .copy("api"), .copy("cap"), .copy("cavage"), .copy("idm"), .copy("opencap"),
                .copy("rfc9421"),
            ]),
        library(
            "GatehouseRunner", "Conformance/Runner",
            [
                "GatehouseTransfer", "GatehouseJSON", "HTTPSignatures", "WebTokens", "GatehouseCryptography", httpTypes,
                yams,
            ]),
        library("GatehouseTours", "Conformance/Tours", ["GatehouseClient", "GatehouseRunner", "HTTPSignatures"]),
        command(
            "GatehouseConformanceCommand", "Conformance/Command",
            [
                "GatehouseMessages", "GatehouseRunner", "GatehouseScenarios", "GatehouseTours", "GatehouseTransfer",
                argumentParser,
            ]),

        // Apps of somebody else, built here so that the frameworks are not built twice: they see what is public only.
        command(
            "GatehouseNotesExample", "Docs/Examples/Notes", ["GatehouseAuth", "GatehouseAuthRemote"] + hummingbird,
            exclude: ["README.md"], packageAccess: false),
        command(
            "GatehouseHelloExample", "Docs/Examples/Hello", ["GatehouseAuth", "HTTPSignatures"] + hummingbird,
            exclude: ["README.md"], packageAccess: false),

        // Tests: one folder per target.
        library(
            "GatehouseTestSupport", "Tests/Support", ["HTTPSignatures", "GatehouseJSON"], exclude: ["MailServer"]),
        command("GatehouseStorageProbe", "Tests/StorageProbe", ["GatehouseSQLite", "GatehouseStorage"]),
        command(
            "GatehouseInteropProbe", "Tests/Interop", ["WebTokens", "HTTPSignatures", "GatehouseJSON"],
            exclude: [
                "README.md", "cavage.py", "common.py", "requirements-cavage.txt", "requirements.txt", "rfc9421.py",
                "seed_client.py", "tokens.py",
            ]),
        tests(
            "ConformanceTests", "Tests/Conformance",
            [
                "GatehouseRunner", "GatehouseTours", "GatehouseScenarios", "GatehouseConformanceCommand",
                "GatehouseTestSupport", "GatehouseTransfer", "GatehouseOpenCAP", "GatehouseJSON",
                "GatehouseCryptography", "HTTPSignatures", "WebTokens",
            ], exclude: ["Golden"]),
        command(
            "GatehouseBenchmarks", "Tests/Benchmarks",
            [
                "CGatehouseArgon2", "CGatehouseOpenSSL", "CGatehouseSodium", "CGatehouseSQLite", "GatehouseCore",
                "GatehouseCryptography",
                "GatehouseJSON", "GatehouseOpenCAP", "GatehousePasswords", "GatehouseSQLite", "GatehouseStorage",
                "GatehouseTransfer", "HTTPSignatures",
                "WebTokens", httpTypes, logging,
            ] + lifecycle, exclude: ["import.sh", "mongoexport.py", "no-faults.sh"]),
        tests(
            "ArchitectureTests", "Tests/Architecture", ["GatehouseTestSupport"]),
        tests(
            "AuthTests", "Tests/Auth",
            [
                "GatehouseAuth", "GatehouseAuthRemote", "GatehouseMessages", "GatehouseTransfer", "GatehouseJSON",
                "GatehouseCryptography", "HTTPSignatures", "WebTokens", "GatehouseTestSupport", httpTypes, logging,
                outside("NIOCore", "swift-nio"),
            ] + hummingbird + lifecycle),
        tests(
            "ClientTests", "Tests/Client",
            [
                "GatehouseClient", "GatehouseClientCommand", "GatehouseTransfer", "GatehouseJSON", "HTTPSignatures",
                "GatehouseCryptography", "GatehouseTestSupport",
            ]),
        tests(
            "CoreTests", "Tests/Core",
            [
                "GatehouseCore", "GatehouseSQLite", "GatehouseStorage", "GatehousePasswords", "GatehouseMessages",
                "GatehouseOpenCAP", "GatehouseJSON", "GatehouseCryptography", "GatehouseTransfer", "HTTPSignatures",
                "GatehouseDNS", "WebTokens", "GatehouseTestSupport", httpTypes, logging,
                outside("NIOCore", "swift-nio"),
            ] + lifecycle),
        tests("CryptographyTests", "Tests/Cryptography", ["GatehouseCryptography"]),
        tests("DNSTests", "Tests/DNS", ["GatehouseDNS", "GatehouseTestSupport"]),
        tests(
            "HTTPSignaturesTests", "Tests/Signatures",
            ["HTTPSignatures", "GatehouseCryptography", "GatehouseJSON", "GatehouseTestSupport"]),
        tests("JSONTests", "Tests/JSON", ["GatehouseJSON"]),
        tests("OpenCAPTests", "Tests/OpenCAP", ["GatehouseOpenCAP", "GatehouseJSON", "GatehouseTestSupport"]),
        tests("PasswordsTests", "Tests/Passwords", ["GatehousePasswords"]),
        tests("QRCodeTests", "Tests/QRCode", ["GatehouseQRCode", "GatehouseTestSupport"]),
        tests(
            "ResolverTests", "Tests/Resolver",
            ["GatehouseResolver", "GatehouseClient", "GatehouseDNS", "GatehouseJSON", "GatehouseTestSupport"]),
        tests("StorageTests", "Tests/Storage", ["GatehouseStorage", "GatehouseSQLite", "GatehouseStorageProbe"]),
        // Whole programs, as their users start them.
        tests(
            "SystemTests", "Tests/System",
            [
                "GatehouseCommand", "GatehouseClientCommand", "GatehouseConformanceCommand", "GatehouseClient",
                "GatehouseNotesExample", "GatehouseHelloExample", "GatehouseTransfer", "GatehouseJSON",
                "GatehouseRunner", "GatehouseTestSupport", "HTTPSignatures", httpTypes,
                // To put into the outbox what no request would.
                "GatehouseCore", "GatehouseCryptography", "GatehouseSQLite", "GatehouseStorage",
            ]),
        tests(
            "TransferTests", "Tests/Transfer",
            ["GatehouseTransfer", "GatehouseTestSupport", "GatehouseJSON", httpTypes]),
        tests(
            "WebTokensTests", "Tests/Tokens",
            ["WebTokens", "GatehouseCryptography", "GatehouseJSON", "GatehouseTestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
