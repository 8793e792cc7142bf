import GatehouseJSON
import HTTPTypes

extension Gatehouse {
    /// All addresses of an alias, ordered by type (`GET /v1/addresses`). Needs no credential.
    ///
    /// - Throws: code `unknown_alias`, `invalid_alias`.
    public func addresses(of alias: String) async throws(GatehouseError) -> [PaymentAddress] {
        let response = try await send(Call(method: .get, target: "/v1/addresses?alias=\(Percent.encode(alias))"))
        guard let entries = try response.json().array else { throw .unexpectedAnswer("it is no array") }
        var addresses: [PaymentAddress] = []
        for entry in entries { addresses.append(try PaymentAddress(entry)) }
        return addresses
    }

    /// The address of one type; nil when the alias has none. Needs no credential.
    ///
    /// - Throws: code `unknown_alias`, `invalid_alias`, `invalid_address_type`.
    public func address(of alias: String, type: AddressType) async throws(GatehouseError) -> PaymentAddress? {
        let target = "/v1/addresses?alias=\(Percent.encode(alias))&address_type=\(type.rawValue)"
        let found: PaymentAddress
        do throws(GatehouseError) {
            found = try PaymentAddress(try await send(Call(method: .get, target: target)).json())
        } catch {
            guard error.code == "address_not_set" else { throw error }
            return nil
        }
        // Money sent to an address of another kind would be lost.
        guard found.type == type else { throw .unexpectedAnswer("the address is of another type") }
        return found
    }

    /// Creates or replaces an address of one's own alias (`PUT /v1/addresses`).
    ///
    /// - Parameter extensions: nil keeps what is there; `.none` clears it.
    /// - Throws: code `invalid_address` with the reason, `no_alias`.
    public func setAddress(
        _ address: String, type: AddressType, extensions: Extensions? = nil
    ) async throws(GatehouseError) {
        var members: [JSONValue.Member] = [
            .init(name: "address_type", value: .number(JSONNumber(Int64(type.rawValue)))),
            .init(name: "address", value: .string(address)),
        ]
        if let extensions { members.append(.init(name: "extensions", value: extensions.value)) }
        _ = try await send(
            Call(method: .put, target: "/v1/addresses", body: .object(members), authorization: .token))
    }

    /// Deletes the address of one type of one's own alias (`DELETE /v1/addresses/{address_type}`).
    ///
    /// - Throws: code `address_not_set`, `no_alias`.
    public func deleteAddress(type: AddressType) async throws(GatehouseError) {
        _ = try await send(
            Call(
                method: .delete, target: "/v1/addresses/\(type.rawValue)", authorization: .token,
                doneCode: "address_not_set"))
    }
}
