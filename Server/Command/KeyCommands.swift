import ArgumentParser
import GatehouseCore
import GatehouseJSON
import GatehouseMessages
import HTTPSignatures

struct KeyCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Manage the keys with which programs sign their requests.",
        discussion: """
            A signature (draft-cavage-http-signatures, RFC 9421) counts as its account wherever a token would, as far as the \
            scopes of the key go. A key without scopes opens only /hello_… and /verify. All of this counts at the next \
            request, also beside a running server. A new password for the account revokes its keys.
            """,
        subcommands: [Add.self, List.self, Rotate.self, Revoke.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key; prints JSON with its id and, once, its secret.",
            discussion: """
                SCOPE is a role of the account (admin, staff, owner, alias), the same with :read for GET and HEAD only, \
                introspect, or manage (keys, sessions, passwords, roles: all that makes somebody the account). None implies \
                another.

                The secret's characters, as printed, are the octets of the key. With --public-key only the other side can \
                sign.
                """)

        @Option(help: ArgumentHelp("The account that its signatures count as.", valueName: "name"))
        var account: String
        @Option(help: ArgumentHelp("What requests call it (keyId). Without: made up.", valueName: "id"))
        var id: String?
        @Option(
            help: ArgumentHelp(
                "\(SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"),
            transform: algorithm(named:))
        var algorithm: SignatureAlgorithm = .hmacSHA256
        @Option(
            help: ArgumentHelp("What it may be used for; may be repeated.", valueName: "scope"),
            transform: scope(named:))
        var scope: [KeyScope] = []
        @Option(
            help: ArgumentHelp("strict: the same GET counts once only, as everything else does.", valueName: "strict"))
        var replay: Replay?
        @Option(
            help: ArgumentHelp("When it ends, such as 2027-01-31T23:59:59Z. Without: never.", valueName: "time"),
            transform: time(named:))
        var expires: Int64?
        @Flag(help: "Tell its owner, when a signature is wrong, which line of what was signed is another here.")
        var debug = false
        @OptionGroup var source: KeyMaterialSource
        @OptionGroup var store: StoreOptions

        func validate() throws {
            if source.publicKey == nil && !algorithm.isShared {
                throw ValidationError("\(algorithm.rawValue) needs --public-key.")
            }
        }

        func run() async throws {
            let name: AccountName
            do { name = try AccountName(account) } catch { throw Refusal(reason: "--account: \(error)", exitCode: 2) }
            let material = try source.material(for: algorithm)
            var plan = APIKeys.Plan()
            plan.id = id
            plan.scopes = Set(scope)
            plan.isStrict = replay == .strict
            plan.isDebug = debug
            plan.expiresAt = expires
            let entry = try await store.withStore { [plan] store in
                try await store.keys.add(
                    plan, material, of: try await store.accounts.id(of: name), by: .commandLine)
            }
            try printJSON(entry.json(showing: material))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the keys that sign requests.")
        @Option(help: ArgumentHelp("Only those of this account.", valueName: "name"))
        var account: String?
        @Flag(help: "Print JSON.")
        var json = false
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let name = try account.map { text in
                do { return try AccountName(text) } catch { throw Refusal(reason: "--account: \(error)", exitCode: 2) }
            }
            let (keys, accounts) = try await store.withStore { store in
                var only: String?
                if let name { only = try await store.accounts.id(of: name) }
                let keys = try await store.keys.list()
                return (keys.filter { $0.account == only ?? $0.account }, try await store.accounts.list())
            }
            if json { return try printJSON(.array(keys.map(\.json))) }
            guard !keys.isEmpty else {
                return try writeLine("There are no keys; make one with `gatehouse key add --account NAME`.")
            }
            let names = Dictionary(uniqueKeysWithValues: accounts.map { ($0.id, $0.name) })
            try printTable(
                [["ID", "ACCOUNT", "ALGORITHM", "SCOPES", "LAST USED", "STATE"]]
                    + keys.map { key in
                        [
                            key.id, names[key.account] ?? key.account, key.algorithm,
                            key.scopes.isEmpty ? "-" : key.scopes.words.joined(separator: ","),
                            key.lastUsedAt.map(RFC3339.text) ?? "never", key.state,
                        ]
                    })
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a key a new secret, or a new public key; prints JSON with the secret, once.",
            discussion: "What it was before counts beside the new one for a day, or as --overlap says.")
        @Argument(help: "The key's id.")
        var id: String
        @Option(
            help: ArgumentHelp(
                "How long what it was before still counts; 0 when others may know it.",
                valueName: "seconds"))
        var overlap: Int64 = APIKeys.overlap
        @OptionGroup var source: KeyMaterialSource
        @OptionGroup var store: StoreOptions

        func validate() throws {
            guard (0...APIKeys.longestOverlap).contains(overlap) else {
                throw ValidationError("--overlap is from 0 to \(APIKeys.longestOverlap).")
            }
        }

        func run() async throws {
            let (entry, made) = try await store.withStore { store in
                let keys = try await store.keys
                let algorithm = try algorithm(named: try await keys.require(id).algorithm)
                guard source.publicKey != nil || algorithm.isShared else {
                    throw Refusal(reason: "\(id) is for \(algorithm.rawValue), which needs --public-key.", exitCode: 2)
                }
                let made = try source.material(for: algorithm)
                return (try await keys.rotate(id, to: made, overlap: overlap, by: .commandLine), made)
            }
            try printJSON(entry.json(showing: made))
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a key: what it signs is refused from the next request on.")
        @Argument(help: "The key's id.")
        var id: String
        @OptionGroup var store: StoreOptions

        func run() async throws {
            try await store.withStore { try await $0.keys.revoke(id, by: .commandLine) }
            try writeLine("\(id) is revoked.")
        }
    }

    enum Replay: String, ExpressibleByArgument { case strict, `default` }
}

/// What a key is made of; never from the command line, where others could read it.
struct KeyMaterialSource: ParsableArguments {
    @Option(help: ArgumentHelp("Bring a secret along, the first line; - for standard input.", valueName: "file"))
    var secretFile: String?
    @Flag(help: "Take a secret below 256 bits; each start of the server then warns.")
    var allowWeak = false
    @Option(help: ArgumentHelp("The public half of a pair, in PEM; - for standard input.", valueName: "file"))
    var publicKey: String?

    func validate() throws {
        if secretFile != nil && publicKey != nil {
            throw ValidationError("A key has either --secret-file or --public-key.")
        }
        if allowWeak && secretFile == nil { throw ValidationError("--allow-weak goes with --secret-file.") }
    }

    /// - Throws: `Problem` for a public key, `Refusal` for a secret that cannot be taken.
    func material(for algorithm: SignatureAlgorithm) throws -> APIKeyMaterial {
        if let publicKey {
            return try APIKeyMaterial(publicKey: Array(try SecretFile.contents(of: publicKey)), algorithm: algorithm)
        }
        guard let secretFile else { return .random(algorithm) }
        let secret = Array(try SecretFile.firstLine(of: secretFile).utf8)
        do { return try APIKeyMaterial(secret: secret, algorithm: algorithm, allowsWeak: allowWeak) } catch {
            let isOnlyWeak = (try? APIKeyMaterial(secret: secret, algorithm: algorithm, allowsWeak: true)) != nil
            throw Refusal(reason: error.title + (isOnlyWeak ? " --allow-weak takes it all the same." : ""))
        }
    }
}

extension APIKeyEntry {
    /// What there is to know about it before it is used.
    fileprivate var state: String {
        var parts: [String] = []
        if let expiresAt { parts.append("ends \(RFC3339.text(expiresAt))") }
        if isWeak { parts.append("weak secret") }
        if isDebug { parts.append("debug") }
        if isStrict { parts.append("strict") }
        if let previousUntil { parts.append("old secret until \(RFC3339.text(previousUntil))") }
        return parts.isEmpty ? "-" : parts.joined(separator: ", ")
    }
}

private func algorithm(named name: String) throws -> SignatureAlgorithm {
    guard let algorithm = SignatureAlgorithm(rawValue: name) else {
        throw ValidationError("There is no algorithm \(name).")
    }
    return algorithm
}

private func scope(named name: String) throws -> KeyScope {
    guard let scope = KeyScope(name) else { throw ValidationError("There is no scope \(name).") }
    return scope
}

func time(named text: String) throws -> Int64 {
    guard let time = RFC3339.microseconds(text) else {
        throw ValidationError("\(text) is no time such as 2027-01-31T23:59:59Z.")
    }
    return time
}
