import GatehouseClient
import GatehouseJSON
import GatehouseOpenCAP

extension PaymentAddress {
    /// The addresses of an answer to `GET /v1/addresses`, those of known types that are wanted, each checked.
    ///
    /// - Returns: ordered by type.
    /// - Throws: `.unexpectedAnswer`, `.invalidAddress`.
    static func checked(
        _ body: [UInt8], _ isWanted: (GatehouseClient.AddressType) -> Bool
    ) throws(ResolverError) -> [PaymentAddress] {
        var value = try json(body)
        // go-server puts the JSON into a string of JSON.
        if let inner = value.string { value = try json(Array(inner.utf8)) }
        guard let entries = value.array ?? (value.object == nil ? nil : [value]) else {
            throw .unexpectedAnswer("it is no array of addresses")
        }
        var addresses: [PaymentAddress] = []
        for entry in entries {
            let address: PaymentAddress
            do throws(GatehouseError) { address = try PaymentAddress(entry) } catch {
                guard case .unexpectedAnswer(let reason) = error else { throw .unexpectedAnswer("\(error)") }
                throw .unexpectedAnswer(reason)
            }
            guard let type = GatehouseOpenCAP.AddressType(rawValue: address.type.rawValue), isWanted(address.type)
            else {
                continue
            }
            do throws(AddressError) { try type.check(address.address) } catch {
                throw .invalidAddress(type: address.type, reason: "\(error)")
            }
            // Of two, nobody knows which one is meant.
            guard !addresses.contains(where: { $0.type == address.type }) else {
                throw .unexpectedAnswer("there are two addresses of type \(address.type.rawValue)")
            }
            addresses.append(address)
        }
        return addresses.sorted { $0.type.rawValue < $1.type.rawValue }
    }

    private static func json(_ octets: [UInt8]) throws(ResolverError) -> JSONValue {
        do throws(JSONError) { return try JSONValue(parsing: octets) } catch {
            throw .unexpectedAnswer("it is not JSON: \(error)")
        }
    }
}
