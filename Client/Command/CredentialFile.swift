import ArgumentParser
import Foundation
import GatehouseClient

/// Where a sign-in is kept between commands.
struct CredentialFile: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the sign-in is kept, for its owner alone. (default: ~/.config/gatehouse/credential.json)",
            valueName: "file"))
    var credentialFile: String?

    /// - Parameter making: makes the folder of the default file.
    func store(making: Bool = false) throws -> FileCredentialStore {
        if let credentialFile { return FileCredentialStore(path: credentialFile) }
        return FileCredentialStore(path: try ConfigurationFolder.path(making: making) + "/credential.json")
    }

    /// A client of the server that was signed in to, and the name that signed in; nil when nobody is signed in.
    func gatehouse(_ connection: ConnectionOptions) throws -> (gatehouse: Gatehouse, name: String)? {
        let store = try store()
        guard let kept = try store.load() else { return nil }
        // Whoever said --insecure-http at login has said it for this sign-in.
        let gatehouse = try Gatehouse(
            server: kept.server, store: store, transport: connection.transport, insecureHTTP: true)
        return (gatehouse, kept.name)
    }
}

/// What is kept between commands is here, unless a file is named.
enum ConfigurationFolder {
    /// - Parameter making: makes it when it is not there.
    static func path(making: Bool) throws -> String {
        let environment = ProcessInfo.processInfo.environment
        let folder: String
        // Relative paths do not count (XDG Base Directory Specification).
        if let configuration = environment["XDG_CONFIG_HOME"], configuration.hasPrefix("/") {
            folder = configuration + "/gatehouse"
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            folder = home + "/.config/gatehouse"
        } else {
            throw ValidationError("There is no home folder: name a file for what has to be kept.")
        }
        if making {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        return folder
    }
}

/// How commands for whoever is signed in find server and sign-in.
struct SignedInOptions: ParsableArguments {
    @OptionGroup var credentialFile: CredentialFile
    @OptionGroup var connection: ConnectionOptions

    /// - Throws: `GatehouseError.signInRequired` when nobody is.
    func gatehouse() throws -> (gatehouse: Gatehouse, name: String) {
        guard let signedIn = try credentialFile.gatehouse(connection) else { throw GatehouseError.signInRequired(nil) }
        return signedIn
    }
}
