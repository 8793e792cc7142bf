/// What is covered of a message beside its fields (RFC 9421 §2.2).
enum DerivedComponent: String {
    case method = "@method"
    case targetURI = "@target-uri"
    case authority = "@authority"
    case scheme = "@scheme"
    case requestTarget = "@request-target"
    case path = "@path"
    case query = "@query"
    case queryParameter = "@query-param"
    case status = "@status"

    /// - Throws: why the message has no such component.
    func value(
        of message: SignableMessage, _ parameters: [MessageComponent.Parameter]
    ) throws(Unsuitable) -> [UInt8] {
        switch message.start {
        case .response(let status, _):
            guard self == .status else { throw Unsuitable("it belongs to requests") }
            return Array(String(status).utf8)
        case .request(let method, let target, let scheme, let authority):
            let scheme = target.scheme ?? scheme
            switch self {
            case .method: return method
            case .status: throw Unsuitable("it belongs to responses")
            case .scheme: return scheme
            case .authority:
                let authority = try Self.authority(of: message, target, authority)
                return Self.normalised(authority, scheme)
            case .targetURI:
                if target.scheme != nil { return target.octets }
                let authority = try Self.authority(of: message, target, authority)
                return scheme + Array("://".utf8) + authority + (target.authority == nil ? target.pathAndStar : [])
            case .requestTarget: return target.octets
            case .path: return target.path.isEmpty ? [UInt8(ascii: "/")] : target.path
            case .query: return [UInt8(ascii: "?")] + (target.query ?? [])
            case .queryParameter:
                for case .name(let name) in parameters { return try Self.member(name, of: target.query ?? []) }
                throw Unsuitable("it has no name")
            }
        }
    }

    struct Unsuitable: Error {
        let why: String
        init(_ why: String) { self.why = why }
    }

    // MARK: @authority

    private static func authority(
        of message: SignableMessage, _ target: RequestTarget, _ given: [UInt8]?
    ) throws(Unsuitable) -> [UInt8] {
        if let given { return given }
        if let authority = target.authority { return authority }
        let hosts = message.lines(Array("host".utf8))
        guard hosts.count == 1, let host = try? FieldValue.canonical(hosts[0], of: Array("host".utf8)), !host.isEmpty
        else { throw Unsuitable("it does not say once which host it is for") }
        return host
    }

    /// In lower case, and without the port that the scheme means anyway (RFC 9421 §2.2.3).
    private static func normalised(_ authority: [UInt8], _ scheme: [UInt8]) -> [UInt8] {
        let authority = authority.map(\.lowercased)
        let port = scheme == Array("https".utf8) ? ":443" : scheme == Array("http".utf8) ? ":80" : nil
        guard let port, authority.suffix(port.utf8.count).elementsEqual(port.utf8) else { return authority }
        return Array(authority.dropLast(port.utf8.count))
    }

    // MARK: @query-param

    /// RFC 9421 §2.2.8: decoded as a form, found by its encoded name, and encoded again.
    private static func member(_ name: String, of query: [UInt8]) throws(Unsuitable) -> [UInt8] {
        var found: [UInt8]?
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let end = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard encoded(pair[..<end]).elementsEqual(name.utf8) else { continue }
            guard found == nil else { throw Unsuitable("the query has it twice") }
            found = encoded(pair[end...].dropFirst())
        }
        guard let found else { throw Unsuitable("the query does not have it") }
        return found
    }

    /// What a form has, percent-encoded but for letters, digits and `*-._` (WHATWG URL, §1.3).
    private static func encoded(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = octets
        while var octet = rest.popFirst() {
            if octet == UInt8(ascii: "+") {
                octet = 0x20
            } else if octet == UInt8(ascii: "%"), let high = rest.first?.hexValue,
                let low = rest.dropFirst().first?.hexValue
            {
                octet = high << 4 | low
                rest = rest.dropFirst(2)
            }
            switch octet {
            case _ where octet.isLetter || octet.isDigit, UInt8(ascii: "*"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"):
                result.append(octet)
            default:
                let digits = Array("0123456789ABCDEF".utf8)
                result += [UInt8(ascii: "%"), digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            }
        }
        return result
    }
}

extension RequestTarget {
    /// What follows the authority in the target URI (RFC 9110 §7.1): nothing for `*`.
    fileprivate var pathAndStar: [UInt8] { octets == [UInt8(ascii: "*")] ? [] : octets }
}

extension UInt8 {
    fileprivate var hexValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
