import GatehouseCryptography
import RawStructuredFieldValues

/// What is signed (RFC 9421 §2.5).
enum SignatureBase {
    /// - Parameters:
    ///   - covered: without duplicates.
    ///   - parameters: the serialised inner list with its parameters.
    static func make(
        _ covered: [MessageComponent], parameters: [UInt8], of message: SignableMessage, _ types: StructuredFieldTypes
    ) throws(SignatureRefusal) -> [UInt8] {
        var base: [UInt8] = []
        base.reserveCapacity(512)
        for component in covered {
            base.append(contentsOf: component.identifier.utf8)
            base.append(UInt8(ascii: ":"))
            base.append(0x20)
            do { base.append(contentsOf: try value(component, of: message, types)) } catch {
                throw SignatureRefusal(error.reason, base: base)
            }
            base.append(0x0A)
        }
        base.append(contentsOf: "\"@signature-params\": ".utf8)
        base.append(contentsOf: parameters)
        return base
    }

    private static func value(
        _ component: MessageComponent, of message: SignableMessage, _ types: StructuredFieldTypes
    ) throws(SignatureRefusal) -> [UInt8] {
        var source = message
        if component.isOfRequest {
            guard case .response(_, let request) = message.start, let request else {
                throw unsuitable(component, "there is no request that it answers")
            }
            source = request
        }
        guard let derived = DerivedComponent(rawValue: component.name) else {
            return try field(component, of: source, types)
        }
        let parameters = component.parameters.filter { $0 != .req }
        switch (derived, parameters.first) {
        case (.queryParameter, .name) where parameters.count == 1: break
        case (.queryParameter, _), (_, .some): throw unsuitable(component, "it does not have these parameters")
        case (_, nil): break
        }
        let value: [UInt8]
        do { value = try derived.value(of: source, component.parameters) } catch {
            throw unsuitable(component, error.why)
        }
        try check(value, component)
        return value
    }

    private static func field(
        _ component: MessageComponent, of message: SignableMessage, _ types: StructuredFieldTypes
    ) throws(SignatureRefusal) -> [UInt8] {
        var strict = false
        var member: String?
        var inOctets = false
        var inTrailers = false
        for parameter in component.parameters {
            switch parameter {
            case .sf: strict = true
            case .key(let key): member = key
            case .bs: inOctets = true
            case .tr: inTrailers = true
            case .req: break
            case .name: throw unsuitable(component, "only @query-param has a name")
            }
        }
        // RFC 9421 §2.1: they contradict each other. `key` serialises strictly by itself.
        guard !inOctets || (!strict && member == nil) else { throw unsuitable(component, "bs excludes sf and key") }
        let values = try message.values(Array(component.name.utf8), ofTrailers: inTrailers)
        guard !values.isEmpty else { throw SignatureRefusal(.absent(component.identifier)) }
        if inOctets {
            return Array(values.map { ":\(Base64.encode($0)):" }.joined(separator: ", ").utf8)
        }
        let joined = FieldValue.joined(values)
        try check(joined, component)
        guard strict || member != nil else { return joined }
        return try structured(joined, component, member, types[component.name])
    }

    private static func structured(
        _ value: [UInt8], _ component: MessageComponent, _ member: String?, _ kind: StructuredFieldTypes.Kind?
    ) throws(SignatureRefusal) -> [UInt8] {
        guard let kind else { throw unsuitable(component, "nobody told which structured type it has") }
        guard StructuredFieldTypes.isReadable(value) else { throw unsuitable(component, "it has too many members") }
        var parser = StructuredFieldValueParser(value)
        var serializer = StructuredFieldValueSerializer()
        if let member {
            guard kind == .dictionary, let dictionary = try? parser.parseDictionaryFieldValue() else {
                throw unsuitable(component, "it is no dictionary")
            }
            guard let found = dictionary[member] else { throw SignatureRefusal(.absent(component.identifier)) }
            // A member without a value is true, which is written down here (RFC 9421 §2.1.2).
            let serialised: [UInt8]? =
                switch found {
                case .item(let item): try? serializer.writeItemFieldValue(item)
                case .innerList: try? serializer.writeListFieldValue([found])
                }
            guard let serialised else { throw unsuitable(component, "it cannot be serialised") }
            return serialised
        }
        let serialised: [UInt8]? =
            switch kind {
            case .item: (try? parser.parseItemFieldValue()).flatMap { try? serializer.writeItemFieldValue($0) }
            case .list: (try? parser.parseListFieldValue()).flatMap { try? serializer.writeListFieldValue($0) }
            case .dictionary:
                (try? parser.parseDictionaryFieldValue()).flatMap { try? serializer.writeDictionaryFieldValue($0) }
            }
        guard let serialised else { throw unsuitable(component, "it is not what its structured type says") }
        return serialised
    }

    /// RFC 9421 §2.5: a line of the base is ASCII and has no line feed.
    private static func check(_ value: [UInt8], _ component: MessageComponent) throws(SignatureRefusal) {
        guard value.allSatisfy({ $0 < 0x80 && $0 != 0x0A && $0 != 0x0D && $0 != 0 }) else {
            throw SignatureRefusal(.forbiddenOctet(component.identifier))
        }
    }

    private static func unsuitable(_ component: MessageComponent, _ why: String) -> SignatureRefusal {
        SignatureRefusal(.unsuitable(component.identifier, why))
    }
}
