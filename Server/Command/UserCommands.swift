import ArgumentParser
import GatehouseCore
import GatehouseJSON
import GatehouseOpenCAP

struct UserCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Make, list and change accounts.",
        discussion: "NAME is an e-mail address or an alias such as 'alice$example.com' (quoted, because of the $).",
        subcommands: [Add.self, List.self, SetRole.self, Disable.self, Enable.self, Delete.self, SetPassword.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all accounts.")
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let accounts = try await store.withStore { try await $0.accounts.list() }
            if json {
                try printJSON(.array(accounts.map(\.json)))
            } else if accounts.isEmpty {
                try writeLine("There are no accounts yet; make the first admin with `gatehouse init --username EMAIL`.")
            } else {
                try printTable(
                    [["NAME", "ALIAS", "ROLES", "STATE"]]
                        + accounts.map {
                            [
                                $0.name, $0.alias ?? "-", $0.roles.map(\.rawValue).joined(separator: ","),
                                $0.isDisabled ? "disabled" : "active",
                            ]
                        })
            }
        }
    }

    struct SetRole: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give an account exactly these roles.",
            discussion:
                "Roles: admin, staff. None takes both away. The roles owner and alias follow from what an account owns."
        )
        @Argument(help: "An e-mail address or an alias.")
        var name: String
        @Argument(help: ArgumentHelp("The roles.", valueName: "role"))
        var roles: [Role] = []
        @OptionGroup var store: StoreOptions

        func validate() throws {
            if let other = roles.first(where: { !Role.given.contains($0) }) {
                throw ValidationError(
                    "The role \(other.rawValue) cannot be given; it follows from what the account owns.")
            }
        }

        func run() async throws {
            let name = try AccountName(name)
            try await store.withStore { try await $0.accounts.setRoles(Set(roles), of: name, by: .commandLine) }
            try writeLine(
                "\(name) has now: \(roles.isEmpty ? "no role" : roles.map(\.rawValue).joined(separator: ", "))")
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep an account out; its sessions end and its alias is not looked up, but nothing is deleted.")
        @Argument(help: "An e-mail address or an alias.")
        var name: String
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try AccountName(name)
            try await store.withStore { try await $0.accounts.setDisabled(true, name, by: .commandLine) }
            try writeLine("\(name) is disabled.")
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled account in again.")
        @Argument(help: "An e-mail address or an alias.")
        var name: String
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try AccountName(name)
            try await store.withStore { try await $0.accounts.setDisabled(false, name, by: .commandLine) }
            try writeLine("\(name) is enabled.")
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete an account with its addresses.")
        @Argument(help: "An e-mail address or an alias.")
        var name: String
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try AccountName(name)
            try await store.withStore { try await $0.accounts.delete(name, by: .commandLine) }
            try writeLine("\(name) is deleted.")
        }
    }

    struct SetPassword: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a new password; all sessions of the account end, and its keys are revoked.")
        @Argument(help: "An e-mail address or an alias.")
        var name: String
        @OptionGroup var source: PasswordSource
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try AccountName(name)
            let (text, isMade) = try source.password()
            try await store.withStore { store in
                let password = try store.accounts.checkNewPassword(text, for: [name])
                try await store.accounts.setPassword(password, of: name, by: .commandLine)
            }
            try writeLine("The password of \(name) is set.")
            if isMade { try writeLine("Password (shown once): \(text)") }
        }
    }

    /// `init` and `user add`.
    static func make(
        _ name: AccountName, alias: Alias?, roles: Set<Role>, source: PasswordSource, store: StoreOptions,
        onlyAsFirstAdmin: Bool = false
    ) async throws {
        let (email, wantedAlias) =
            switch name {
            case .email(let email): (EmailAddress?.some(email), alias)
            case .alias(let own): (EmailAddress?.none, Alias?.some(own))
            }
        if email == nil && alias != nil {
            throw Refusal(reason: "An account has one alias; leave --alias out.", exitCode: 2)
        }
        if onlyAsFirstAdmin && email == nil {
            throw Refusal(reason: "--username must be an e-mail address.", exitCode: 2)
        }
        let (text, isMade) = try source.password()
        try await store.withStore(makesStore: true) { store in
            let names = [name] + (alias.map { [.alias($0)] } ?? [])
            let password = try store.accounts.checkNewPassword(text, for: names)
            try await store.accounts.create(
                email: email, alias: wantedAlias, password: password, roles: roles,
                onlyAsFirstAdmin: onlyAsFirstAdmin, by: .commandLine)
        }
        let given = Role.given.filter(roles.contains).map(\.rawValue).joined(separator: ", ")
        try writeLine("\(name) is made\(given.isEmpty ? "" : " (\(given))").")
        if isMade { try writeLine("Password (shown once): \(text)") }
    }
}

extension Role: ExpressibleByArgument {
    /// What help and mistakes offer.
    public static var allValueStrings: [String] { given.map(\.rawValue) }
}

func printJSON(_ value: JSONValue) throws { try writeLine(String(decoding: value.bytes(), as: UTF8.self)) }

/// Columns as wide as their widest cell; the first row is the heading.
func printTable(_ rows: [[String]]) throws {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    for row in rows {
        let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        var line = cells.joined(separator: "  ")
        while line.last == " " { line.removeLast() }
        try writeLine(line)
    }
}
