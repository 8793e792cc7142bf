import ArgumentParser
import Foundation
import GatehouseClient

/// The server and how to reach it.
struct ServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server, such as https://id.example.org.", valueName: "url"))
    var server: String?
    @Option(help: ArgumentHelp("PEM file of the authorities to trust instead of the system's.", valueName: "file"))
    var caFile: String?
    @Flag(help: "Take http:// for another machine too; others can then read passwords and tokens.")
    var insecureHttp = false

    func validate() throws {
        if server == nil {
            throw ValidationError("--server is needed: finding the server of an alias by DNS is not there yet.")
        }
        if let caFile, !FileManager.default.isReadableFile(atPath: caFile) {
            throw ValidationError("The file \(caFile) cannot be read.")
        }
    }

    func gatehouse(credential: Credential? = nil) throws -> Gatehouse {
        try Gatehouse(
            server: server ?? "", credential: credential, transport: LibcurlTransport(caFile: caFile),
            insecureHTTP: insecureHttp)
    }
}
