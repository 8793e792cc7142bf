import ArgumentParser
import Foundation
import GatehouseClient

@main
enum Main {
    /// Exit codes: 0 done, 1 refused or failed, 2 usage.
    static func main() async {
        do {
            var command = try Root.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            exit(report(error))
        }
    }

    private static func report(_ error: any Error) -> Int32 {
        switch Root.exitCode(for: error) {
        case .success:
            print(Root.fullMessage(for: error))
            return 0
        case .validationFailure:
            writeToStandardError(Root.fullMessage(for: error) + "\n")
            return 2
        default:
            writeToStandardError("gatehouse-client: \(error)\n")
            if case GatehouseError.invalidServer = error { return 2 }
            return 1
        }
    }
}

func writeToStandardError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatehouse-client", abstract: "A Gatehouse server from the command line.",
        subcommands: [Resolve.self, SetAddress.self])
}

struct ServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server, such as https://id.example.org.", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("PEM file of the authorities to trust.", valueName: "file"))
    var caFile: String?

    func gatehouse(credential: Credential? = nil) throws -> Gatehouse {
        guard let server else {
            throw ValidationError("--server is needed: finding the server of an alias by DNS is not there yet.")
        }
        return try Gatehouse(server: server, credential: credential, transport: LibcurlTransport(caFile: caFile))
    }
}

struct Resolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the payment addresses of an alias.",
        discussion: "Quote the alias, because of the $: gatehouse-client resolve 'alice$example.com' --server https://…"
    )

    @Argument(help: "An alias such as 'alice$example.com'.")
    var alias: String
    @Option(help: ArgumentHelp("Only the address of this type, such as 100.", valueName: "number"))
    var type: Int?
    @Flag(help: "Print JSON.")
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
            let entries = addresses.map {
                "{\"address_type\":\($0.type.rawValue),\"address\":\(quoted($0.address)),\"extensions\":\($0.extensions.json)}"
            }
            print("[\(entries.joined(separator: ","))]")
        } else {
            for entry in addresses {
                print(
                    "\(entry.type.rawValue)  \(entry.address)" + (entry.extensions.nickname.map { "  (\($0))" } ?? ""))
            }
        }
        if addresses.isEmpty {
            writeToStandardError("gatehouse-client: \(alias) has no address\(type.map { " of type \($0)" } ?? "")\n")
            throw ExitCode(1)
        }
    }

    private func quoted(_ text: String) -> String {
        String(decoding: (try? JSONEncoder().encode(text)) ?? Data(), as: UTF8.self)
    }
}

struct SetAddress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Set a payment address of one's own alias.",
        discussion: "Asks for the password at a terminal unless --password-file names one.")

    @Argument(help: "One's own alias.")
    var alias: String
    @Argument(help: "The address.")
    var address: String
    @Option(help: ArgumentHelp("What kind of address it is, such as 100.", valueName: "number"))
    var type: Int
    @Option(help: ArgumentHelp("A file whose first line is the password; - for standard input.", valueName: "file"))
    var passwordFile: String?
    @OptionGroup var options: ServerOptions

    func run() async throws {
        let credential = Credential.password(name: alias, password: try password())
        try await options.gatehouse(credential: credential).setAddress(address, type: AddressType(rawValue: type))
        print("\(alias) resolves to \(address) (type \(type)).")
    }

    private func password() throws -> String {
        guard let passwordFile else {
            guard isatty(STDIN_FILENO) == 1, let text = unsafe getpass("Password: ") else {
                throw ValidationError("Name a file with --password-file, or - for standard input.")
            }
            return unsafe String(cString: text)
        }
        let data =
            passwordFile == "-"
            ? try FileHandle.standardInput.readToEnd() : FileManager.default.contents(atPath: passwordFile)
        guard let text = data.map({ String(decoding: $0, as: UTF8.self) }) else {
            throw ValidationError("The file \(passwordFile) cannot be read.")
        }
        return String(text.prefix { !$0.isNewline })
    }
}
