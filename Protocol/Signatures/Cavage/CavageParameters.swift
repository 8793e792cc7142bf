/// The grammar of what stands in `Authorization: Signature` and in `Signature` (RFC 9110 §11.2,
/// draft-cavage-http-signatures-12 §2.1): `name=value`, with commas between.
struct CavageParameters {
    /// A fair client sends seven at most.
    private static let maximumCount = 16

    struct Parameter {
        /// In lower case.
        let name: [UInt8]
        let value: [UInt8]
    }

    private(set) var parameters: [Parameter] = []

    /// - Throws: `.malformed`; `.duplicateParameter` for a second one of any name.
    init(parsing octets: [UInt8]) throws(SignatureRefusal) {
        var rest = octets[...]
        while true {
            // Empty elements count for nothing (RFC 9110 §5.6.1.2).
            rest = rest.drop { $0.isBlank || $0 == UInt8(ascii: ",") }
            guard !rest.isEmpty else { return }
            let name = Array(rest.prefix(while: \.isTokenOctet)).map(\.lowercased)
            guard !name.isEmpty else { throw Self.malformed("a parameter without a name") }
            rest = rest.dropFirst(name.count).drop(while: \.isBlank)
            guard rest.popFirst() == UInt8(ascii: "=") else { throw Self.malformed("\(text(name)) without a value") }
            rest = rest.drop(while: \.isBlank)
            let value: [UInt8]
            if rest.first == UInt8(ascii: "\"") {
                value = try Self.quotedString(&rest, of: name)
            } else {
                value = Array(rest.prefix(while: \.isTokenOctet))
                guard !value.isEmpty else { throw Self.malformed("\(text(name)) without a value") }
                rest = rest.dropFirst(value.count)
            }
            guard self[name] == nil else { throw SignatureRefusal(.duplicateParameter(text(name))) }
            guard parameters.count < Self.maximumCount else { throw Self.malformed("too many parameters") }
            parameters.append(Parameter(name: name, value: value))
            rest = rest.drop(while: \.isBlank)
            guard rest.isEmpty || rest.first == UInt8(ascii: ",") else {
                throw Self.malformed("something after the value of \(text(name))")
            }
        }
    }

    /// - Parameter name: in lower case.
    subscript(name: some Sequence<UInt8>) -> [UInt8]? { parameters.first { $0.name.elementsEqual(name) }?.value }

    /// RFC 9110 §5.6.4; `rest` begins with the quote and ends up after the closing one.
    private static func quotedString(
        _ rest: inout ArraySlice<UInt8>, of name: [UInt8]
    ) throws(SignatureRefusal) -> [UInt8] {
        rest.removeFirst()
        var value: [UInt8] = []
        while let octet = rest.popFirst() {
            switch octet {
            case UInt8(ascii: "\""): return value
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst(), isText(escaped) else {
                    throw malformed("\(text(name)) with a broken escape")
                }
                value.append(escaped)
            default:
                guard isText(octet) else { throw malformed("\(text(name)) with a control character") }
                value.append(octet)
            }
        }
        throw malformed("\(text(name)) without its closing quote")
    }

    private static func isText(_ octet: UInt8) -> Bool { octet == 0x09 || (octet >= 0x20 && octet != 0x7F) }

    private static func malformed(_ what: String) -> SignatureRefusal { SignatureRefusal(.malformed(what)) }
}
