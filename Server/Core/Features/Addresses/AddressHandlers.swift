import GatehouseJSON
import GatehouseMessages
import GatehouseOpenCAP
import HTTPTypes

/// Turns HTTP into calls on `Addresses` and back; decides nothing itself.
struct AddressHandlers: Sendable {
    let addresses: Addresses
    let limit: NetworkLimit
    let clock: Clock
    /// `Cache-Control` of look-ups.
    let cacheControl: String

    /// `GET /v1/addresses?alias=…[&address_type=…]`
    @Sendable func lookUp(_ call: Call, _: Anyone) async throws -> Answer {
        let query = try call.queryMembers("alias", "address_type")
        guard let text = query["alias"] else { throw Problem.invalidQuery.saying("Name an alias with ?alias=.") }
        let alias = try Alias(checking: text)
        let type = try query["address_type"].map(AddressType.init(checking:))

        try limit.requireRoom(for: call.network, at: clock.now())
        let listing: Addresses.Listing
        do { listing = try await addresses.lookUp(alias) } catch let problem as Problem {
            limit.count(call.network, at: clock.now())
            throw problem
        }
        let body: [UInt8]
        if let type {
            guard let found = listing.addresses.first(where: { $0.type == Int64(type.rawValue) }) else {
                throw Problem.addressNotSet
            }
            body = Self.json(of: [found], isArray: false)
        } else {
            body = Self.json(of: listing.addresses, isArray: true)
        }
        var answer = Answer.json(body)
        answer.headers[.cacheControl] = cacheControl
        answer.tag(listing.version, for: call)
        return answer
    }

    /// `PUT /v1/addresses`
    @Sendable func set(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        guard caller.account.alias != nil else { throw Problem.noAlias }
        let address = try PaymentAddress(try call.jsonObject(), faults: addresses.faults)
        try await addresses.set(address, of: caller.account.id, by: caller.account.actor)
        return .emptyObject
    }

    /// `DELETE /v1/addresses/{address_type}`
    @Sendable func delete(_ call: Call, _ caller: SignedIn) async throws -> Answer {
        guard caller.account.alias != nil else { throw Problem.noAlias }
        try await addresses.delete(
            try AddressType(checking: call.parameters[0]), of: caller.account.id, by: caller.account.actor)
        return .emptyObject
    }

    /// Straight to octets: a look-up is the hottest path, and the extensions are JSON already.
    private static func json(
        of addresses: [(type: Int64, address: String, extensions: String)], isArray: Bool
    ) -> [UInt8] {
        var writer = JSONWriter(reserving: 160 * addresses.count + 2)
        if isArray { writer.raw("[") }
        for (index, entry) in addresses.enumerated() {
            if index > 0 { writer.raw(",") }
            writer.raw("{\"address_type\":")
            writer.integer(entry.type)
            writer.raw(",\"address\":")
            writer.string(entry.address)
            writer.raw(",\"extensions\":")
            writer.raw(entry.extensions)
            writer.raw("}")
        }
        if isArray { writer.raw("]") }
        return writer.bytes
    }
}

extension Alias {
    /// - Throws: `Problem.invalidAlias` with the reason.
    init(checking text: String) throws(Problem) {
        do { self = try Alias(text) } catch { throw .invalidAlias.saying(error.description) }
    }
}

extension AddressType {
    /// - Throws: `Problem.invalidAddressType` for anything but the plain number of a known type.
    init(checking text: String) throws(Problem) {
        guard let number = Int64(text), String(number) == text, let type = AddressType(number: number) else {
            throw .invalidAddressType.saying("\"\(text.prefix(20))\" is not a known address type.")
        }
        self = type
    }
}
