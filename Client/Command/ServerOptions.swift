import ArgumentParser
import Foundation
import GatehouseClient

/// The server and how to reach it.
struct ServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server, such as https://id.example.org.", valueName: "url"))
    var server: String?
    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Take http:// for another machine too; others can then read passwords and tokens.")
    var insecureHttp = false

    func requireServer() throws -> String {
        guard let server else {
            throw ValidationError("--server is needed.")
        }
        return server
    }

    func gatehouse(
        credential: Credential? = nil, signingInAt door: SignInDoor = .openCAP,
        store: any CredentialStore = MemoryCredentialStore()
    ) throws -> Gatehouse {
        try Gatehouse(
            server: try requireServer(), credential: credential, signingInAt: door, store: store,
            transport: connection.transport, insecureHTTP: insecureHttp)
    }
}

/// Whom to trust.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("PEM file of the authorities to trust instead of the system's.", valueName: "file"))
    var caFile: String?

    func validate() throws {
        if let caFile, !FileManager.default.isReadableFile(atPath: caFile) {
            throw ValidationError("The file \(caFile) cannot be read.")
        }
    }

    var transport: LibcurlTransport { LibcurlTransport(caFile: caFile) }
}
