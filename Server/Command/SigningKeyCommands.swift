import ArgumentParser
import GatehouseCore
import GatehouseJSON
import WebTokens

struct SigningKeyCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signing-key", abstract: "Manage the keys that sign tokens.",
        discussion: """
            A key is on standby first: published at /.well-known/jwks.json and accepted, not used. The active key signs. A \
            retired key signs no more and is accepted until the last token that it signed has expired; then the server \
            removes it. All of this counts at the next request, also beside a running server.

            A key that the server is given (--signing-key-file, GATEHOUSE_SIGNING_KEY) signs as long as it is given; the keys \
            of the store are then accepted only. When it is taken away, its tokens are refused, unless it was imported before.

            A KID that begins with a hyphen, as that of an imported key may, goes behind two of them: retire --now -- -KID.
            """,
        subcommands: [List.self, Rotate.self, Retire.self, Import.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys that sign tokens.")
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let keys = try await store.withStore { try await $0.signingKeys.list() }
            if json {
                try printJSON(.array(keys.map(\.json)))
            } else if keys.isEmpty {
                try writeLine(
                    "There are no keys yet; the server makes one when it starts, or `gatehouse signing-key rotate`.")
            } else {
                try printTable(
                    [["KID", "ALGORITHM", "STATE", "UNTIL"]]
                        + keys.map { [$0.id, $0.algorithm, $0.state.rawValue, $0.until] })
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let another key take over; the one in use retires then.",
            discussion: """
                Without KID it makes one. It is published at once and signs after --signing-key-lead-time, so that \
                everybody who keeps a copy of the published keys knows it by then. The first key of a store signs at once.
                """)
        @Argument(help: "A key on standby, such as an imported one.")
        var kid: String?
        @Option(
            help: ArgumentHelp(
                "What the new key signs with: \(JWSAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")). Without: as the key in use.",
                valueName: "name"), transform: algorithm(named:))
        var algorithm: JWSAlgorithm?
        @Flag(help: "Do not wait: sign with it from now on. For when the key in use has become known to others.")
        var now = false
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func validate() throws {
            if kid != nil && algorithm != nil {
                throw ValidationError("--algorithm is for a new key; the key KID has one.")
            }
        }

        func run() async throws {
            let key = try await store.withStore { store in
                let keys = try await store.signingKeys
                if let kid { return try await keys.activate(kid, atOnce: now, by: .commandLine) }
                return try await keys.rotate(algorithm: algorithm, atOnce: now, by: .commandLine)
            }
            if json { return try printJSON(key.json) }
            try writeLine(key.state == .active ? "\(key.id) signs tokens." : "\(key.id) is on standby, \(key.until).")
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End the use of a key; tokens that it signed stay good until they expire.",
            discussion: """
                The key in use cannot be retired: `gatehouse signing-key rotate` first. When a key has become known to \
                others, `rotate --now` and then `retire KID --now`: everybody whom it signed a token for signs in again.
                """)
        @Argument(help: "The key.")
        var kid: String
        @Flag(help: "Remove it: tokens that it signed are refused from the next request on.")
        var now = false
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let key = try await store.withStore { store -> SigningKeyEntry? in
                let keys = try await store.signingKeys
                guard now else { return try await keys.retire(kid, by: .commandLine) }
                try await keys.remove(kid, by: .commandLine)
                return nil
            }
            if json { return try printJSON(key?.json ?? ["kid": .string(kid), "state": "removed"]) }
            try writeLine(key.map { "\($0.id) is retired, \($0.until)." } ?? "\(kid) is removed.")
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring a private key along, as a JWK; it is on standby until `rotate KID`.",
            discussion: "Refused are public keys, published samples, and secrets that are short or not random.")
        @Argument(help: ArgumentHelp("A file with the JWK; - for standard input.", valueName: "file"))
        var file: String
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let text = try SecretFile.contents(of: file)
            let jwk: JWK
            do { jwk = try JWK(parsing: Array(text)) } catch { throw Refusal(reason: "\(file): \(error)") }
            let key = try await store.withStore { try await $0.signingKeys.add(jwk, by: .commandLine) }
            if json { return try printJSON(key.json) }
            try writeLine("\(key.id) is imported (\(key.state.rawValue)).")
        }
    }
}

extension SigningKeyEntry {
    /// What comes next for the key, and when.
    fileprivate var until: String {
        switch state {
        case .standby:
            if activatedAt != nil { return "behind the key that is given by a setting" }
            return activatesAt.map { "signs from \(RFC3339.text($0)) on" } ?? "waits for `rotate`"
        case .active: return isGiven ? "given by a setting" : "-"
        case .retired: return acceptedUntil.map { "accepted until \(RFC3339.text($0))" } ?? "-"
        }
    }
}

private func algorithm(named name: String) throws -> JWSAlgorithm {
    guard let algorithm = JWSAlgorithm(rawValue: name) else {
        throw ValidationError("There is no algorithm \(name).")
    }
    return algorithm
}
