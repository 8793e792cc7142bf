import GatehouseCryptography
import HTTPSignatures

/// A request with its signature, ready to be sent once.
public struct SignedRequest: Sendable {
    /// All of it, as it goes out.
    public let request: TransportRequest
    /// The header lines that signing added, in their order.
    public let added: [(name: String, value: String)]
    /// When it says that it was made, in Unix seconds.
    public let created: Int64
    /// What was signed, a line for each covered component.
    public let signingString: SigningString

    /// What a signature was made over, as octets and line by line.
    public struct SigningString: Sendable {
        /// One covered component.
        public struct Line: Sendable, Equatable {
            /// What is covered: a field, `(request-target)`, or an identifier of RFC 9421, without its quotes when it has no
            /// parameters.
            public let component: String
            /// The line as it was signed, without the line's end.
            public let octets: [UInt8]
            /// The first 8 octets of its SHA-256, in hexadecimal, as `Signature-Base-Digests` has them.
            public var digest: String {
                Digest.sha256(octets).prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            }
        }

        /// All of it.
        public let octets: [UInt8]
        /// In their order.
        public var lines: [Line] {
            // No value holds a line feed.
            octets.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
                Line(component: Self.component(of: line), octets: Array(line))
            }
        }

        /// What stands before the value: `name: …`, or `"name";parameters: …`, where a parameter may hold anything in quotes.
        private static func component(of line: ArraySlice<UInt8>) -> String {
            var isQuoted = false
            var isEscaped = false
            let end = line.firstIndex { octet in
                switch octet {
                case _ where isEscaped: isEscaped = false
                case UInt8(ascii: "\\") where isQuoted: isEscaped = true
                case UInt8(ascii: "\""): isQuoted.toggle()
                case UInt8(ascii: ":"): return !isQuoted
                default: break
                }
                return false
            }
            let name = String(decoding: line[..<(end ?? line.endIndex)], as: UTF8.self)
            guard name.hasPrefix("\""), name.hasSuffix("\""), !name.contains(";") else { return name }
            return String(name.dropFirst().dropLast())
        }
    }
}

extension SignedRequest: CustomStringConvertible, CustomReflectable {
    /// Method and URL.
    public var description: String { request.description }
    /// Nothing, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension SigningPolicy {
    /// What a server asked for beyond what was signed, where that can be done.
    struct Demand: Equatable {
        /// To be covered besides.
        var covering: [String] = []
        var label = "sig1"
        var nonce: String?
        var tag: String?
        var wantsExpires = false
    }

    /// Covered by signatures of draft-cavage, which have no nonce.
    static let nonceField = "signature-nonce"

    /// How long a signature counts that has an end, in seconds: as long as our servers take one without.
    private static let lifetime: Int64 = 300

    /// Signs a request.
    ///
    /// - Parameters:
    ///   - unsigned: without fields that only a signature has.
    ///   - body: measured and hashed; nil for none.
    ///   - now: Unix seconds by the server's clock.
    /// - Throws: `.invalidArgument` when the key does not sign or something cannot be covered.
    func sign(
        _ unsigned: TransportRequest, _ body: RequestBody?, now: Int64, demand: Demand = Demand()
    ) throws(GatehouseError) -> SignedRequest {
        var request = unsigned
        request.mayBeRepeated = false
        for name in Self.ownFields where request.header(name) != nil {
            throw .invalidArgument("\(name) is the signature's own: it cannot be given.")
        }
        let hasContent = body != nil || SignaturePolicy.expectsContent(request.method)
        var names =
            switch family {
            case .cavage:
                SignaturePolicy().requiredHeaders(method: request.method, readsBody: hasContent) + [Self.nonceField]
            case .rfc9421: SignaturePolicy().requiredComponents(hasContent: hasContent)
            }
        // RFC 9421 takes the authority from it, and what is signed shall be what libcurl sends.
        Self.give("host", to: &request, body, now)
        for name in names { Self.give(name, to: &request, body, now) }
        for name in demand.covering {
            Self.give(name, to: &request, body, now)
            if !names.contains(name) { names.append(name) }
        }
        for given in covering {
            let name = given.hasPrefix("\"") ? given : given.lowercased()
            if hasContent || name == "date" { Self.give(name, to: &request, body, now) }
            // A field that this request does not have; what else cannot be covered is an error.
            let isField = !name.hasPrefix("\"") && !name.hasPrefix("@") && !name.hasPrefix("(")
            guard !names.contains(name), !isField || request.header(name) != nil else { continue }
            names.append(name)
        }
        do {
            switch family {
            case .cavage(let form, let pathHandling):
                try signCavage(&request, names, form, pathHandling, now)
            case .rfc9421(let tag):
                let parameters = SignatureParameters(
                    created: now, expires: demand.wantsExpires ? now + Self.lifetime : nil,
                    nonce: demand.nonce ?? SystemRandom.identifier(), keyID: key.id, tag: demand.tag ?? tag)
                let components = try names.map { name throws(SignatureRefusal) in try MessageComponent(name) }
                let signature = try MessageSignature.sign(
                    request.signable(), covering: components, parameters: parameters, label: demand.label, with: key)
                request.headers.append(("Signature-Input", signature.signatureInput))
                request.headers.append(("Signature", signature.signature))
            }
            return SignedRequest(
                request: request, added: Array(request.headers.dropFirst(unsigned.headers.count)), created: now,
                signingString: .init(octets: try signingString(of: request)))
        } catch let error as SignatureRefusal {
            throw .invalidArgument("The request cannot be signed. \(error)")
        } catch {
            throw .invalidArgument("The request cannot be signed. \(error)")
        }
    }

    private func signCavage(
        _ request: inout TransportRequest, _ names: [String], _ form: CavageSignature.Form,
        _ pathHandling: PathHandling, _ now: Int64
    ) throws {
        let value = try CavageSignature.sign(
            request.signable(pathHandling), covering: names, created: names.contains("(created)") ? now : nil,
            expires: names.contains("(expires)") ? now + Self.lifetime : nil, with: key)
        switch form {
        case .authorization: request.headers.append(("Authorization", "Signature \(value)"))
        case .signature: request.headers.append(("Signature", value))
        }
    }

    /// Read back from the request, so it is what a receiver makes of it.
    private func signingString(of request: TransportRequest) throws(SignatureRefusal) -> [UInt8] {
        switch family {
        case .cavage(_, let pathHandling):
            let message = request.signable(pathHandling)
            return try CavageSignature(of: message).signingString(of: message)
        case .rfc9421:
            let message = request.signable()
            return try MessageSignature.all(of: message).first?.base(of: message) ?? []
        }
    }

    // MARK: Fields

    /// What is made for a signature, and by nobody else.
    private static let ownFields = [
        "Host", "Date", "Content-Length", "Digest", "Content-Digest", "Signature-Nonce", "Authorization", "Signature",
        "Signature-Input",
    ]

    /// Whether `give` can make it.
    static func canGive(_ name: String) -> Bool {
        ["host", "date", "content-length", "content-type", "digest", "content-digest", nonceField].contains(name)
    }

    /// Adds a field that has to be covered, when the request lacks it and it can be made.
    private static func give(_ name: String, to request: inout TransportRequest, _ body: RequestBody?, _ now: Int64) {
        guard canGive(name), request.header(name) == nil else { return }
        let digest = { body?.sha256 ?? Digest.sha256([]) }
        let line =
            switch name {
            case "host": ("Host", URLParts(request.url).host)
            case "date": ("Date", HTTPDate.text(now))
            case "content-length": ("Content-Length", "\(body?.length ?? 0)")
            case "content-type": ("Content-Type", "application/octet-stream")
            case "digest": ("Digest", BodyDigest.digest.value(ofDigest: digest(), .sha256))
            case "content-digest": ("Content-Digest", BodyDigest.contentDigest.value(ofDigest: digest(), .sha256))
            default: ("Signature-Nonce", SystemRandom.identifier())
            }
        request.headers.append(line)
    }
}

/// A URL that this library made, in parts.
struct URLParts {
    let scheme: String
    /// As it stands in `Host`: without the port that the scheme means anyway (RFC 9110 §4.2.3).
    let host: String
    /// Path and query.
    let target: String

    init(_ url: String) {
        let isSecure = url.hasPrefix("https://")
        scheme = isSecure ? "https" : "http"
        let rest = url.dropFirst(scheme.utf8.count + 3)
        let authority = rest.prefix { $0 != "/" }
        let port = isSecure ? ":443" : ":80"
        host = String(authority.hasSuffix(port) ? authority.dropLast(port.utf8.count) : authority)
        target = String(rest.dropFirst(authority.count))
    }
}

extension TransportRequest {
    /// As a signature sees it.
    func signable(_ pathHandling: SigningPolicy.PathHandling = .asSent) -> SignableMessage {
        let parts = URLParts(url)
        let target: String
        switch pathHandling {
        case .asSent: target = parts.target
        case .flaskCavage:
            let path = parts.target.prefix { $0 != "?" }
            var query = parts.target.dropFirst(path.count)
            while query.hasSuffix("?") { query.removeLast() }
            target = Percent.decode(path) + (["GET", "HEAD", "DELETE"].contains(method) ? query : "")
        }
        return .request(
            method: method, target: target, scheme: parts.scheme, authority: parts.host,
            fields: headers.map { SignableMessage.Field($0.name, $0.value) })
    }
}
