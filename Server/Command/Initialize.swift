import ArgumentParser
import GatehouseCore

struct Initialize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make the first admin.",
        discussion: """
            Works only while there is no admin. Without --password-file it asks for the password at a terminal, and otherwise \
            makes one and prints it once.

            With --reopen it makes nobody, but opens the page /init of the server for 15 minutes, also when there is an admin, \
            and prints the set-up code that the page asks for.
            """)

    @Option(help: ArgumentHelp("The admin's e-mail address.", valueName: "email"))
    var username: String?
    @Flag(help: "Open /init for 15 minutes instead, and print the code for it.")
    var reopen = false
    @OptionGroup var source: PasswordSource
    @OptionGroup var store: StoreOptions

    func validate() throws {
        guard reopen != (username != nil) else {
            throw ValidationError("Give --username EMAIL or --reopen, one of the two.")
        }
        guard !reopen || source.passwordFile == nil else {
            throw ValidationError("--password-file does not go with --reopen: the page asks for the password.")
        }
    }

    func run() async throws {
        guard let username else {
            return try writeLine(try await store.withStore { try await $0.setUp.reopen() })
        }
        try await UserCommands.make(
            try AccountName(username), alias: nil, roles: [.admin], source: source, store: store, onlyAsFirstAdmin: true
        )
    }
}
