import ArgumentParser
import GatehouseClient

/// `gatehouse-client login NAME`
struct Login: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sign in and stay signed in.",
        discussion: """
            Asks for the password at a terminal unless --password-file names a file. The commands sessions, end-session, \
            change-password, whoami, token and those for one's own addresses work for whoever is signed in, until logout. Processes that share the file \
            share the sign-in; whoever can read it is signed in too.
            """)

    @Argument(help: "An alias, in quotes because of the $, or an e-mail address.")
    var name: String
    @OptionGroup var password: PasswordSource
    @Option(help: "Where the server has its sign-in.")
    var prefix = "/api/security"
    @OptionGroup var credentialFile: CredentialFile
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard prefix.hasPrefix("/"), prefix.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValidationError("--prefix is a path such as /api/security.")
        }
    }

    func run() async throws {
        _ = try server.requireServer()
        let store = try credentialFile.store(making: true)
        let gatehouse = try server.gatehouse(signingInAt: .ampho(prefix: prefix), store: store)
        try await gatehouse.signIn(name: name, password: try password.password())
        Terminal.write("Signed in to \(gatehouse.server) as \(name). The sign-in is kept in \(store.path).")
    }
}

/// `gatehouse-client logout`
struct Logout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sign out: end the session and forget it.",
        discussion: "The sign-in is forgotten even when the server cannot be told.")

    @OptionGroup var options: SignedInOptions

    func run() async throws {
        let (gatehouse, name) = try options.gatehouse()
        try await gatehouse.signOut()
        Terminal.write("Signed out of \(gatehouse.server), \(name).")
    }
}
