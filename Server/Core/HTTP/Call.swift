package import GatehouseJSON
package import GatehouseMessages
package import HTTPTypes

/// One request as a handler sees it: routed, with the limits of the connection already held.
package struct Call: Sendable {
    /// As its client sent it.
    var original: OriginalRequest
    /// Whether its credential is a signature.
    let isSigned: Bool
    /// The part after `?` as it came; nil when there was no `?`.
    package let query: String?
    /// The network that limits are counted for: /32 of an IPv4 and /64 of an IPv6 client.
    package let network: Network
    /// The segments that stood at the `{…}` places of the route, percent-decoded, in order.
    package let parameters: [String]
    /// The whole body, when the route reads one or the request is signed.
    package let body: [UInt8]
    /// Whether the route reads it.
    let readsBody: Bool
    /// Whether the peer is a proxy that the operator trusts.
    let isFromProxy: Bool
    /// Whether the peer itself is a program on this machine.
    let isFromLoopback: Bool

    /// Whether a person on this machine makes the call: no proxy hands it on, and no page of elsewhere whose name was made to
    /// lead here.
    var isFromThisMachine: Bool {
        guard isFromLoopback, !isFromProxy else { return false }
        let host = original.hostName
        let isForwarded = headers.contains { field in
            let name = field.name.canonicalName
            return name.hasPrefix("x-forwarded") || Self.forwardingNames.contains(name)
        }
        return !isForwarded && (host == "localhost" || IPAddress(host)?.isLoopback == true)
    }

    private static let forwardingNames: Set<String> = [
        "forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-original-host", "true-client-ip",
        "cf-connecting-ip", "fastly-client-ip",
    ]

    package var headers: HTTPFields { original.headers }

    /// The members of the query, decoded.
    ///
    /// - Throws: `Problem.invalidQuery` when one of `names` occurs twice or is not decodable. Members that nobody asked for are ignored.
    package func queryMembers(_ names: String...) throws(Problem) -> [String: String] {
        try Self.members(names, in: query ?? "", .invalidQuery, "query")
    }

    /// The members of the body as a form (WHATWG URL, application/x-www-form-urlencoded). Members that nobody asked for are
    /// ignored.
    ///
    /// - Throws: `Problem.unsupportedMediaType`; `.invalidForm` when one of `names` occurs twice or is not decodable.
    package func formMembers(_ names: String...) throws(Problem) -> [String: String] {
        guard isForm else {
            throw .unsupportedMediaType.saying("Send the body as application/x-www-form-urlencoded.")
        }
        guard let text = String(validating: body, as: UTF8.self) else {
            throw .invalidForm.saying("The body is not valid UTF-8.")
        }
        return try Self.members(names, in: text, .invalidForm, "form")
    }

    /// Whether the body says that it is a form.
    package var isForm: Bool { headers[.contentType].map(MediaType.isForm) ?? false }

    private static func members(
        _ names: [String], in text: String, _ problem: Problem, _ what: String
    ) throws(Problem) -> [String: String] {
        var found: [String: String] = [:]
        // By octets: to compare a character, all of its combining marks are sorted.
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                .map { Substring($0) }
            guard let given = PercentEncoding.decodeForm(parts[0]) else {
                throw problem.saying("The \(what) is not percent-encoded UTF-8.")
            }
            guard let name = names.first(where: { isSameText($0, given) }) else { continue }
            guard let value = PercentEncoding.decodeForm(parts.count > 1 ? parts[1] : "") else {
                throw problem.saying("The \(what) member \(name) is not percent-encoded UTF-8.")
            }
            guard found.updateValue(value, forKey: name) == nil else {
                throw problem.saying("The \(what) member \(name) is given twice.")
            }
        }
        return found
    }

    /// The body as a JSON object.
    ///
    /// A missing `Content-Type`, `application/json`, `application/*+json` and `application/json+fhir` are read as JSON.
    ///
    /// - Throws: `Problem.unsupportedMediaType`, `.invalidJSON` with the reason, `.wrongType` for JSON that is no object.
    package func jsonObject() throws(Problem) -> JSONValue {
        let value = try json()
        guard value.object != nil else { throw .wrongType.saying("The body must be a JSON object.") }
        return value
    }

    /// The body as JSON of any kind.
    ///
    /// - Throws: `Problem.unsupportedMediaType`, `.invalidJSON` with the reason.
    func json() throws(Problem) -> JSONValue {
        if let contentType = headers[.contentType], !MediaType.isJSON(contentType) { throw .unsupportedMediaType }
        let value: JSONValue
        do { value = try JSONValue(parsing: body) } catch {
            throw .invalidJSON.saying("The body is not valid JSON: \(error)")
        }
        return value
    }

    /// The body as a JSON object that has no other members than these, as the paths below `/api` want it.
    ///
    /// - Throws: as `jsonObject()`; `Problem.unknownMember` with the member's name.
    package func jsonObject(only names: String...) throws(Problem) -> JSONValue {
        let value = try jsonObject()
        if let other = value.object?.first(where: { member in !names.contains { isSameText($0, member.name) } }) {
            throw .unknownMember.saying("The member \"\(other.name)\" is not known here.")
        }
        return value
    }
}

extension JSONValue {
    /// The string member `name`.
    ///
    /// - Throws: `Problem.missingMember`, `Problem.wrongType`, both with the member's name.
    package func requireString(_ name: String) throws(Problem) -> String {
        guard let member = self[name] else { throw .missingMember.saying("The member \"\(name)\" is missing.") }
        guard let text = member.string else {
            throw .wrongType.saying("The member \"\(name)\" must be a string.")
        }
        return text
    }

    /// The string member `name`, nil when it is not there.
    package func optionalString(_ name: String) throws(Problem) -> String? {
        self[name] == nil ? nil : try requireString(name)
    }

    /// The member `name`, true or false, nil when it is not there.
    package func optionalFlag(_ name: String) throws(Problem) -> Bool? {
        guard let member = self[name] else { return nil }
        guard let flag = member.bool else {
            throw .wrongType.saying("The member \"\(name)\" must be true or false.")
        }
        return flag
    }

    /// The whole number `name`.
    package func requireInteger(_ name: String) throws(Problem) -> Int64 {
        guard let member = self[name] else { throw .missingMember.saying("The member \"\(name)\" is missing.") }
        guard case .number(let number) = member, let value = number.int64 else {
            throw .wrongType.saying("The member \"\(name)\" must be a whole number.")
        }
        return value
    }
}

enum MediaType {
    /// Whether a `Content-Type` means JSON: `application/json`, `application/*+json` or the `application/json+fhir` of FHIR DSTU2.
    static func isJSON(_ contentType: String) -> Bool {
        let type = contentType.prefix { $0 != ";" }.trimmingSpaces().lowercased()
        return type == "application/json" || type == "application/json+fhir"
            || (type.hasPrefix("application/") && type.hasSuffix("+json"))
    }
}

extension MediaType {
    /// Whether an `Accept` asks for JSON by name.
    static func namesJSON(_ accept: String?) -> Bool {
        accept?.split(separator: ",").contains { isJSON(String($0)) } ?? false
    }

    static func isForm(_ contentType: String) -> Bool {
        contentType.prefix { $0 != ";" }.trimmingSpaces().lowercased() == "application/x-www-form-urlencoded"
    }
}

extension String {
    /// Of a request target: what stands before its first `?`, and what stands after it.
    var pathAndQuery: (path: Substring, query: Substring?) {
        guard let mark = utf8.firstIndex(of: UInt8(ascii: "?")) else { return (self[...], nil) }
        return (self[..<mark], self[utf8.index(after: mark)...])
    }
}

extension StringProtocol where SubSequence == Substring {
    /// Without spaces and tabs at both ends (RFC 9110 §5.6.3).
    func trimmingSpaces() -> Substring {
        let all = self[...]
        let isKept: (UInt8) -> Bool = { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        guard let first = all.utf8.firstIndex(where: isKept), let last = all.utf8.lastIndex(where: isKept) else {
            return ""
        }
        return all[first..<all.utf8.index(after: last)]
    }
}

enum PercentEncoding {
    /// Decodes `%XX`; nil when an escape is broken or the octets are not UTF-8.
    static func decode(_ text: some StringProtocol) -> String? { decode(text.utf8, plusIsSpace: false) }

    /// The same for a query member, where `+` is a space (WHATWG URL, application/x-www-form-urlencoded).
    static func decodeForm(_ text: some StringProtocol) -> String? { decode(text.utf8, plusIsSpace: true) }

    /// One segment of a path: everything but the unreserved characters of RFC 3986 §2.3 becomes `%XX`.
    static func encode(_ text: String) -> String {
        var encoded: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.append(octet)
            default: encoded += [UInt8(ascii: "%"), digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func decode(_ encoded: some Sequence<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        var octets = encoded.makeIterator()
        while let octet = octets.next() {
            switch octet {
            case UInt8(ascii: "%"):
                guard let high = octets.next().flatMap(hexadecimal), let low = octets.next().flatMap(hexadecimal) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(octet)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
