import ArgumentParser
import GatehouseCore

struct Initialize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make the first admin.",
        discussion: """
            Works only while there is no admin. Without --password-file it asks for the password at a terminal, and otherwise \
            makes one and prints it once.
            """)

    @Option(help: ArgumentHelp("The admin's e-mail address.", valueName: "email"))
    var username: String

    @OptionGroup var source: PasswordSource
    @OptionGroup var store: StoreOptions

    func run() async throws {
        try await UserCommands.make(
            try AccountName(username), alias: nil, roles: [.admin], source: source, store: store, onlyAsFirstAdmin: true
        )
    }
}
