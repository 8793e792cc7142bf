import ArgumentParser
import Foundation
import GatehouseClient
import HTTPSignatures

/// A request, and the key that signs it.
struct SignOptions: ParsableArguments {
    enum Family: String, ExpressibleByArgument, CaseIterable {
        case cavage, rfc9421
    }

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case authorization, signature
    }

    @Argument(help: "GET, POST, …")
    var method: String
    @Argument(help: "The whole URL, percent-encoded.")
    var url: String
    @Option(help: ArgumentHelp("A header line to send, as 'Accept: text/plain'. Repeatable.", valueName: "line"))
    var header: [String] = []
    @Option(
        help: ArgumentHelp("What to send; - for standard input. A file need not fit into memory.", valueName: "file"))
    var body: String?
    @Option(help: ArgumentHelp("What the server knows the key by.", valueName: "id"))
    var keyId: String
    @Option(
        help: ArgumentHelp(
            "A file whose first line is the shared secret; - for standard input. Asked for at a terminal without this and --private-key.",
            valueName: "file"))
    var secretFile: String?
    @Option(help: ArgumentHelp("A private key in PEM instead of a secret; - for standard input.", valueName: "file"))
    var privateKey: String?
    @Option(
        help: ArgumentHelp(
            "One of \(SignatureAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")). (default: hmac-sha256 for a secret; by its kind for a private key, of RSA rsa-pss-sha512 with rfc9421 and rsa-sha256 with cavage)",
            valueName: "name"))
    var algorithm: String?
    @Flag(help: "Take a secret of fewer than 256 bits.")
    var allowWeak = false
    @Option(help: "draft-cavage-http-signatures or RFC 9421.")
    var with = Family.rfc9421
    @Option(help: "The field that carries a signature of draft-cavage. (default: authorization)")
    var form: Form?
    @Option(
        help: ArgumentHelp(
            "What to cover beyond what always is: the name of a header line, (created), (expires), or a component of RFC 9421. Repeatable.",
            valueName: "name"))
    var covers: [String] = []
    @Flag(
        name: [.customLong("flask-cavage"), .customLong("without-query")],
        help:
            "Sign as Flask-Cavage 0.4 verifies: the path decoded, and without the query unless it is GET, HEAD or DELETE."
    )
    var flaskCavage = false
    @OptionGroup var connection: ConnectionOptions
    @Flag(help: "Send over http:// to another machine too; others can then read it.")
    var insecureHttp = false

    func validate() throws {
        guard with == .cavage || (form == nil && !flaskCavage) else {
            throw ValidationError("--form and --flask-cavage belong to --with cavage.")
        }
        guard secretFile == nil || privateKey == nil else {
            throw ValidationError("Either --secret-file or --private-key, not both.")
        }
        guard [body, secretFile, privateKey].count(where: { $0 == "-" }) < 2 else {
            throw ValidationError("Only one thing can come from standard input.")
        }
        if let algorithm, SignatureAlgorithm(rawValue: algorithm) == nil {
            throw ValidationError("\(algorithm) is no algorithm: see --help for those there are.")
        }
        _ = try (place(), lines())
        for name in covers where Self.isField(name) && !isGiven(name) {
            throw ValidationError("--covers \(name): the request has no such header line; give one with --header.")
        }
    }

    // MARK: The request

    /// A client that signs with the key.
    ///
    /// - Parameter sending: whether anything will go out, so that http:// has to be safe.
    func gatehouse(sending: Bool) throws -> Gatehouse {
        let place = try place()
        let key = try key()
        let policy: SigningPolicy =
            switch with {
            case .cavage:
                .cavage(
                    key, form: form == .signature ? .signature : .authorization, covering: covers,
                    pathHandling: flaskCavage ? .flaskCavage : .asSent)
            case .rfc9421: .rfc9421(key, covering: covers)
            }
        return try Gatehouse(
            server: place.server, credential: .signature(policy), transport: connection.transport,
            insecureHTTP: insecureHttp || !sending)
    }

    func signed(by gatehouse: Gatehouse) async throws -> SignedRequest {
        try await asArguments {
            try await gatehouse.signed(method, try place().target, headers: try lines(), body: try content())
        }
    }

    /// Sends it as the SDK does, with a second attempt where that is safe.
    func answer(of gatehouse: Gatehouse) async throws -> TransportResponse {
        try await asArguments {
            try await gatehouse.send(method, try place().target, headers: try lines(), body: try content())
        }
    }

    /// What the SDK says about the request is about what was typed.
    private func asArguments<Value>(_ work: () async throws -> Value) async throws -> Value {
        do { return try await work() } catch GatehouseError.invalidArgument(let reason) {
            throw ValidationError(reason)
        }
    }

    private func place() throws -> (server: String, target: String) {
        guard let start = url.firstRange(of: "://")?.upperBound else {
            throw ValidationError("\(url.contains("@") ? "This" : url) is no URL such as https://id.example.org/me.")
        }
        let end = url[start...].firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? url.endIndex
        let rest = String(url[end...])
        return (String(url[..<end]), rest.hasPrefix("/") ? rest : "/\(rest)")
    }

    private func lines() throws -> [(name: String, value: String)] {
        try header.map { line in
            guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
                throw ValidationError("--header '\(line)' is no line such as 'Accept: text/plain'.")
            }
            return (String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
    }

    private func content() throws -> RequestBody? {
        guard let body else { return nil }
        guard body == "-" else { return try .file(body) }
        return .octets(Array(try FileHandle.standardInput.readToEnd() ?? Data()))
    }

    private static func isField(_ name: String) -> Bool {
        !name.hasPrefix("@") && !name.hasPrefix("\"") && !name.hasPrefix("(")
    }

    /// Whether the request will have a field by that name.
    private func isGiven(_ name: String) -> Bool {
        let name = name.lowercased()
        let hasContent = body != nil || SignaturePolicy.expectsContent(method)
        let made =
            ["host", "date"] + (hasContent ? ["content-length", "content-type", "digest", "content-digest"] : [])
        let given = (try? lines().map { $0.name.lowercased() }) ?? []
        return made.contains(name) || given.contains(name)
    }

    // MARK: The key

    private func key() throws -> SignatureKey {
        do {
            let chosen = algorithm.flatMap { SignatureAlgorithm(rawValue: $0) }
            if let privateKey { return try key(inPEM: privateKey, chosen) }
            let secret = try PasswordSource.password(
                from: secretFile, orAsk: "Secret: ", "--secret-file or --private-key")
            return try SignatureKey(id: keyId, secret: secret, algorithm: chosen ?? .hmacSHA256, allowsWeak: allowWeak)
        } catch SignatureKeyError.tooShort(let bits) {
            throw ValidationError(
                "The secret has \(bits) bits, fewer than \(SignatureKey.secretSize * 8). To use it all the same, say --allow-weak."
            )
        } catch let error as SignatureKeyError {
            throw ValidationError(error.description)
        }
    }

    private func key(inPEM file: String, _ chosen: SignatureAlgorithm?) throws -> SignatureKey {
        let data =
            file == "-"
            ? try FileHandle.standardInput.readToEnd() ?? Data() : FileManager.default.contents(atPath: file)
        guard let data else { throw ValidationError("The file \(file) cannot be read.") }
        let pem = Array(data)
        if let chosen { return try SignatureKey(id: keyId, pem: pem, algorithm: chosen) }
        let candidates: [SignatureAlgorithm] = [
            .ed25519, .ecdsaP256SHA256, .ecdsaP384SHA384, with == .rfc9421 ? .rsaPSSSHA512 : .rsaSHA256,
        ]
        for candidate in candidates {
            do throws(SignatureKeyError) {
                return try SignatureKey(id: keyId, pem: pem, algorithm: candidate)
            } catch {
                guard case .wrongAlgorithm = error else { throw error }
            }
        }
        throw ValidationError("No algorithm is for this kind of key: P-256, P-384, Ed25519 and RSA sign.")
    }
}
