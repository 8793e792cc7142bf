import ArgumentParser
import Foundation
import GatehouseClient
import GatehouseResolver

/// `gatehouse-client resolve ALIAS`
struct Resolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the payment addresses of an alias.",
        discussion: """
            Quote the alias, because of the $: gatehouse-client resolve 'alice$example.com'

            Without --server it asks the hosts that the alias's domain names in DNS (SRV record of _opencap._tcp), over https only, \
            and keeps their names: when the domain names other hosts later, nobody is asked unless you say --accept-new-host. \
            Exit code 1 too when the domain offers no OpenCAP, and when an address is wrong.
            """)

    @Argument(help: "An alias such as 'alice$example.com'.")
    var alias: String
    @Option(help: ArgumentHelp("Only the address of this type, such as 100.", valueName: "number"))
    var type: Int?
    @Flag(help: "Print a JSON array.")
    var json = false
    @OptionGroup var options: ServerOptions
    @OptionGroup var discovery: DiscoveryOptions

    func validate() throws {
        if options.server != nil, discovery.isUsed {
            throw ValidationError("--dns-server, --hosts-file and --accept-new-host are for look-ups without --server.")
        }
        if options.server == nil, options.insecureHttp {
            throw ValidationError("--insecure-http is for --server: hosts that DNS names are asked over https only.")
        }
    }

    func run() async throws {
        let addresses = try await options.server == nil ? found() : asked()
        if json {
            print("[\(try addresses.map(Self.json).joined(separator: ","))]")
        } else {
            for entry in addresses {
                let nickname = entry.extensions.nickname.map { "  (\($0))" } ?? ""
                Terminal.write("\(entry.type.rawValue)  \(entry.address)\(nickname)")
            }
        }
        if addresses.isEmpty {
            Terminal.writeError("gatehouse-client: \(alias) has no address\(type.map { " of type \($0)" } ?? "").")
            throw ExitCode(1)
        }
    }

    private func asked() async throws -> [PaymentAddress] {
        let gatehouse = try options.gatehouse()
        guard let type else { return try await gatehouse.addresses(of: alias) }
        return try await gatehouse.address(of: alias, type: AddressType(rawValue: type)).map { [$0] } ?? []
    }

    private func found() async throws -> [PaymentAddress] {
        let resolver = try discovery.resolver(options.connection)
        guard let type else { return try await resolver.resolve(alias) }
        return try await resolver.resolve(alias, type: AddressType(rawValue: type)).map { [$0] } ?? []
    }

    /// The address as the server words it.
    private static func json(_ address: PaymentAddress) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let text = String(decoding: try encoder.encode(address.address), as: UTF8.self)
        return
            "{\"address_type\":\(address.type.rawValue),\"address\":\(text),\"extensions\":\(address.extensions.json)}"
    }
}

/// How the server of an alias is found.
struct DiscoveryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Ask this name server, such as 192.0.2.1 or [::1]:5353, not those of the system. Can be repeated.",
            valueName: "address"))
    var dnsServer: [String] = []
    @Option(
        help: ArgumentHelp(
            "Where the hosts of each domain are kept, for their owner alone. (default: ~/.config/gatehouse/hosts.json)",
            valueName: "file"))
    var hostsFile: String?
    @Flag(help: "Take the hosts that the domain names now, in place of those that were kept.")
    var acceptNewHost = false

    var isUsed: Bool { !dnsServer.isEmpty || hostsFile != nil || acceptNewHost }

    func resolver(_ connection: ConnectionOptions) throws -> AliasResolver {
        let path = try hostsFile ?? ConfigurationFolder.path(making: true) + "/hosts.json"
        let acceptsNewHost = acceptNewHost
        return try AliasResolver(
            nameServers: dnsServer.isEmpty ? nil : dnsServer, caFile: connection.caFile, pins: FilePinStore(path: path)
        ) { change in
            guard acceptsNewHost else { return false }
            Terminal.writeError(
                "gatehouse-client: \(change.domain) names \(change.found.joined(separator: ", ")) now, not \(change.known.joined(separator: ", ")) as before."
            )
            return true
        }
    }
}
