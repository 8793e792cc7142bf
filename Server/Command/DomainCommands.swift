import ArgumentParser
import GatehouseCore
import GatehouseJSON
import GatehouseOpenCAP

struct DomainCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domain", abstract: "Host domains.",
        subcommands: [Add.self, List.self, RotateSecret.self, Remove.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Host a domain; prints its secret, alone, once.",
            discussion: "With the secret, aliases of the domain can be made (POST /v1/users).")

        @Argument(help: "The domain, such as example.com.")
        var domain: String
        @Option(
            help: ArgumentHelp("A further host name of the server for this domain; may be repeated.", valueName: "host")
        )
        var host: [String] = []
        @Option(help: ArgumentHelp("The account that may manage its aliases.", valueName: "name"))
        var owner: String?
        @Option(help: ArgumentHelp("Bring a secret along; - for standard input.", valueName: "file"))
        var secretFile: String?
        @Flag(help: "Take a secret below 256 bits.")
        var allowWeak = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try DomainName(domain)
            let hosts = try host.map { host in
                do { return try DomainName(host) } catch {
                    throw Refusal(reason: "--host \(host): \(error)", exitCode: 2)
                }
            }
            let owner = try owner.map { owner in
                do { return try AccountName(owner) } catch { throw Refusal(reason: "--owner: \(error)", exitCode: 2) }
            }
            let secret =
                try secretFile.map {
                    try DomainSecret(broughtAlong: try SecretFile.firstLine(of: $0), allowWeak: allowWeak)
                } ?? .random()
            try writeLine(
                try await store.withStore(makesStore: true) {
                    try await $0.domains.add(name, hosts: hosts, owner: owner, secret: secret, by: .commandLine)
                })
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the hosted domains.")
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let domains = try await store.withStore { try await $0.domains.list() }
            if json {
                try printJSON(
                    .array(
                        domains.map { domain in
                            [
                                "domain": .string(domain.name), "hosts": .array(domain.hosts.map(JSONValue.string)),
                                "owner": domain.owner.map(JSONValue.string) ?? .null,
                                "aliases": .number(JSONNumber(domain.aliases)),
                            ]
                        }))
            } else if domains.isEmpty {
                try writeLine("No domain is hosted yet; add one with `gatehouse domain add DOMAIN`.")
            } else {
                try printTable(
                    [["DOMAIN", "HOSTS", "OWNER", "ALIASES"]]
                        + domains.map {
                            [
                                $0.name, $0.hosts.isEmpty ? "-" : $0.hosts.joined(separator: ","), $0.owner ?? "-",
                                String($0.aliases),
                            ]
                        })
            }
        }
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
