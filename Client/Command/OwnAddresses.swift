import ArgumentParser
import GatehouseClient

/// Who signs in to change addresses.
struct OwnerOptions: ParsableArguments {
    @Argument(help: "One's own alias, in quotes because of the $.")
    var alias: String
    @Option(help: ArgumentHelp("What kind of address it is, such as 100.", valueName: "number"))
    var type: Int
    @OptionGroup var password: PasswordSource
    @OptionGroup var credentialFile: CredentialFile
    @OptionGroup var server: ServerOptions

    static let discussion = """
        Whoever has signed in as this alias with the command login needs neither --server nor a password. Else it asks for the \
        password at a terminal, unless --password-file names one.
        """

    func gatehouse() throws -> Gatehouse {
        if password.passwordFile == nil, server.server == nil,
            let signedIn = try credentialFile.gatehouse(server.connection),
            signedIn.name.lowercased() == alias.lowercased()
        {
            return signedIn.gatehouse
        }
        // Before anybody is asked for a password.
        _ = try server.requireServer()
        return try server.gatehouse(credential: .password(name: alias, password: try password.password()))
    }
}

/// `gatehouse-client set-address ALIAS --type T ADDRESS`
struct SetAddress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Set a payment address of one's own alias.",
        discussion: OwnerOptions.discussion)

    @OptionGroup var owner: OwnerOptions
    @Argument(help: "The address.")
    var address: String

    func run() async throws {
        try await owner.gatehouse().setAddress(address, type: AddressType(rawValue: owner.type))
        Terminal.write("\(owner.alias) resolves to \(address) (type \(owner.type)).")
    }
}

/// `gatehouse-client delete-address ALIAS --type T`
struct DeleteAddress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a payment address of one's own alias away.",
        discussion: OwnerOptions.discussion)

    @OptionGroup var owner: OwnerOptions

    func run() async throws {
        try await owner.gatehouse().deleteAddress(type: AddressType(rawValue: owner.type))
        Terminal.write("\(owner.alias) has no address of type \(owner.type) any more.")
    }
}
