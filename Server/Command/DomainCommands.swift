import ArgumentParser
import GatehouseCore
import GatehouseJSON
import GatehouseOpenCAP

struct DomainCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domain", abstract: "Host domains.",
        subcommands: [Add.self, Set.self, List.self, RotateSecret.self, Remove.self])

    /// What `add` and `set` take alike.
    struct Choices: ParsableArguments {
        @Option(
            help: ArgumentHelp(
                "A further host name of the server for this domain, beside those that it has; may be repeated.",
                valueName: "host"))
        var host: [String] = []
        @Option(
            help: ArgumentHelp(
                "The account that may manage its aliases, its settings and its secret.", valueName: "name"))
        var owner: String?
        @Option(
            help: ArgumentHelp(
                "Who makes its aliases, besides admins and the owner: nobody (operator), who has its secret (secret), or anybody (open).",
                valueName: "policy"))
        var signUp: SignUpPolicy?
        @Option(
            help: ArgumentHelp(
                "An origin whose pages may call the server under its hosts, such as https://app.example.com; may be repeated, and what is given is the whole list.",
                valueName: "url"))
        var allowedOrigin: [String] = []
        @Option(
            help: ArgumentHelp(
                "A number of a kind of payment address that its aliases may set (100 Bitcoin P2PKH, 101 Bitcoin P2SH, 102 Bitcoin SegWit, 103 BIP-47 payment code, 200 Bitcoin Cash P2PKH, 201 Bitcoin Cash P2SH, 202 CashAddr, 300 Nano); may be repeated, and what is given is the whole list.",
                valueName: "number"))
        var addressType: [AddressType] = []

        func hosts() throws -> [DomainName] { try DomainCommands.names(host, of: "--host") }

        func ownerName() throws -> AccountName? {
            try owner.map { owner in
                do { return try AccountName(owner) } catch { throw Refusal(reason: "--owner: \(error)", exitCode: 2) }
            }
        }

        func settings() throws -> DomainSettings {
            let origins = try allowedOrigin.map { text in
                guard let origin = WebOrigin(text) else {
                    throw Refusal(reason: "--allowed-origin \(text): \(WebOrigin.expectation)", exitCode: 2)
                }
                return origin
            }
            return DomainSettings(
                signUp: signUp, allowedOrigins: origins.isEmpty ? nil : .init(origins),
                addressTypes: addressType.isEmpty ? nil : .some(.init(addressType)))
        }
    }

    private static func names(_ texts: [String], of option: String) throws -> [DomainName] {
        try texts.map { text in
            do { return try DomainName(text) } catch {
                throw Refusal(reason: "\(option) \(text): \(error)", exitCode: 2)
            }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Host a domain; prints its secret, alone, once.",
            discussion:
                "With the secret, aliases of the domain can be made (POST /v1/users, POST /private/user), unless --sign-up is operator."
        )

        @Argument(help: "The domain, such as example.com.")
        var domain: String
        @OptionGroup var choices: Choices
        @Option(help: ArgumentHelp("Bring a secret along; - for standard input.", valueName: "file"))
        var secretFile: String?
        @Flag(help: "Take a secret below 256 bits.")
        var allowWeak = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try DomainName(domain)
            let (hosts, owner, settings) = (try choices.hosts(), try choices.ownerName(), try choices.settings())
            let secret =
                try secretFile.map {
                    try DomainSecret(broughtAlong: try SecretFile.firstLine(of: $0), allowWeak: allowWeak)
                } ?? .random()
            try writeLine(
                try await store.withStore(makesStore: true) {
                    try await $0.domains.add(
                        name, hosts: hosts, owner: owner, secret: secret, settings: settings, by: .commandLine)
                })
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change what is chosen for a domain; it counts at the next request.",
            discussion: """
                What is not named stays as it is. --host adds to the hosts that the domain has; --allowed-origin and --address-type \
                replace what was there. Either all of it is changed or, after a mistake, nothing.
                """)

        @Argument(help: "The domain.")
        var domain: String
        @OptionGroup var choices: Choices
        @Option(help: ArgumentHelp("A host name to take away; may be repeated.", valueName: "host"))
        var removeHost: [String] = []
        @Flag(help: "Take the owner away.")
        var noOwner = false
        @Flag(help: "Let no pages of other origins call the server under its hosts.")
        var noAllowedOrigins = false
        @Flag(help: "Let its aliases set addresses of every type.")
        var allAddressTypes = false
        @OptionGroup var store: StoreOptions

        func validate() throws {
            for (isContradiction, words) in [
                (noOwner && choices.owner != nil, "--owner and --no-owner"),
                (noAllowedOrigins && !choices.allowedOrigin.isEmpty, "--allowed-origin and --no-allowed-origins"),
                (allAddressTypes && !choices.addressType.isEmpty, "--address-type and --all-address-types"),
            ] where isContradiction {
                throw ValidationError("\(words) contradict each other.")
            }
            let changesLists = !(choices.host + removeHost + choices.allowedOrigin).isEmpty
            let changesOthers = choices.owner != nil || choices.signUp != nil || !choices.addressType.isEmpty
            guard changesLists || changesOthers || noOwner || noAllowedOrigins || allAddressTypes else {
                throw ValidationError("Name what to change, such as --sign-up operator.")
            }
        }

        func run() async throws {
            let name = try DomainName(domain)
            let (added, removed) = (try choices.hosts(), try DomainCommands.names(removeHost, of: "--remove-host"))
            let owner: AccountName?? = if noOwner { .some(nil) } else { try choices.ownerName().map { .some($0) } }
            var settings = try choices.settings()
            if noAllowedOrigins { settings.allowedOrigins = [] }
            if allAddressTypes { settings.addressTypes = .some(nil) }
            try await store.withStore { [settings] in
                try await $0.domains.change(
                    name, owner: owner, hosts: .these(added: added, removed: removed), settings: settings,
                    by: .commandLine)
            }
            try writeLine("\(name.text) is set.")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the hosted domains.")
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let (domains, aliases) = try await store.withStore {
                (try await $0.domains.list(), try await $0.domains.aliasCounts())
            }
            if json {
                try printJSON(
                    .array(
                        domains.map { domain in
                            let count = JSONValue.number(JSONNumber(aliases[domain.name] ?? 0))
                            return .object(
                                (domain.json.object ?? []) + [JSONValue.Member(name: "aliases", value: count)])
                        }))
            } else if domains.isEmpty {
                try writeLine("No domain is hosted yet; add one with `gatehouse domain add DOMAIN`.")
            } else {
                try printTable(
                    [["DOMAIN", "HOSTS", "OWNER", "ALIASES", "SIGN-UP", "TYPES", "ORIGINS", "STATE"]]
                        + domains.map {
                            [
                                $0.name, Self.cell($0.hosts), $0.owner ?? "-", String(aliases[$0.name] ?? 0),
                                $0.hosted.signUp.rawValue,
                                $0.hosted.addressTypes.map { Self.cell($0.numbers.map { String($0) }) } ?? "all",
                                Self.cell($0.hosted.allowedOrigins.sorted()), $0.state.rawValue,
                            ]
                        })
            }
        }

        private static func cell(_ items: [String]) -> String { items.isEmpty ? "-" : items.joined(separator: ",") }
    }

    struct RotateSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace a domain's secret; prints the new one, alone, once. The old one is refused from then on."
        )
        @Argument(help: "The domain.")
        var domain: String
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try DomainName(domain)
            try writeLine(try await store.withStore { try await $0.domains.rotateSecret(of: name, by: .commandLine) })
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop hosting a domain; deletes its aliases and their addresses.")
        @Argument(help: "The domain.")
        var domain: String
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try DomainName(domain)
            try await store.withStore { try await $0.domains.remove(name, by: .commandLine) }
            try writeLine("\(name.text) is no longer hosted.")
        }
    }
}

extension SignUpPolicy: ExpressibleByArgument {}

extension AddressType: ExpressibleByArgument {
    /// What help and mistakes offer.
    public static var allValueStrings: [String] { allCases.map { String($0.rawValue) } }
}
