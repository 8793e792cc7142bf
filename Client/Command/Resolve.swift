import ArgumentParser
import Foundation
import GatehouseClient

/// `gatehouse-client resolve ALIAS`
struct Resolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the payment addresses of an alias.",
        discussion: "Quote the alias, because of the $: gatehouse-client resolve 'alice$example.com' --server https://…"
    )

    @Argument(help: "An alias such as 'alice$example.com'.")
    var alias: String
    @Option(help: ArgumentHelp("Only the address of this type, such as 100.", valueName: "number"))
    var type: Int?
    @Flag(help: "Print a JSON array.")
    var json = false
    @OptionGroup var options: ServerOptions

    func run() async throws {
        let gatehouse = try options.gatehouse()
        let addresses: [PaymentAddress]
        if let type {
            addresses = try await gatehouse.address(of: alias, type: AddressType(rawValue: type)).map { [$0] } ?? []
        } else {
            addresses = try await gatehouse.addresses(of: alias)
        }
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

    /// The address as the server words it.
    private static func json(_ address: PaymentAddress) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let text = String(decoding: try encoder.encode(address.address), as: UTF8.self)
        return
            "{\"address_type\":\(address.type.rawValue),\"address\":\(text),\"extensions\":\(address.extensions.json)}"
    }
}
