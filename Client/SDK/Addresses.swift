import GatehouseJSON
import HTTPTypes

/// The kind of a payment address, by its OpenCAP number.
public struct AddressType: RawRepresentable, Sendable, Hashable {
    /// The number in `address_type`.
    public let rawValue: Int

    /// Any number; the server decides whether it knows it.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// 100
    public static let bitcoinP2PKH = AddressType(rawValue: 100)
    /// 101
    public static let bitcoinP2SH = AddressType(rawValue: 101)
    /// 102
    public static let bitcoinSegWit = AddressType(rawValue: 102)
    /// 103
    public static let paymentCode = AddressType(rawValue: 103)
    /// 200
    public static let bitcoinCashP2PKH = AddressType(rawValue: 200)
    /// 201
    public static let bitcoinCashP2SH = AddressType(rawValue: 201)
    /// 202
    public static let cashAddr = AddressType(rawValue: 202)
    /// 300
    public static let nano = AddressType(rawValue: 300)
}

/// What the owner says about an address: an object of JSON.
public struct Extensions: Sendable, Equatable {
    /// The object as compact JSON text.
    public let json: String

    /// No members.
    public static let none = Extensions(unchecked: "{}")

    /// - Parameters:
    ///   - nickname: shown to whoever pays.
    ///   - avatar: an https URL of a picture.
    public init(nickname: String? = nil, avatar: String? = nil) {
        var members: [JSONValue.Member] = []
        if let nickname { members.append(.init(name: "nickname", value: .string(nickname))) }
        if let avatar { members.append(.init(name: "avatar", value: .string(avatar))) }
        self.init(unchecked: String(decoding: JSONValue.object(members).bytes(), as: UTF8.self))
    }

    /// - Parameter json: an object with any members.
    /// - Throws: `GatehouseError.unexpectedAnswer` when it is no JSON object.
    public init(json: String) throws {
        guard let value = try? JSONValue(parsing: Array(json.utf8)), value.object != nil else {
            throw GatehouseError.unexpectedAnswer("extensions must be a JSON object")
        }
        self.init(unchecked: json)
    }

    /// The member `nickname`, when it is a string.
    public var nickname: String? { value["nickname"]?.string }
    /// The member `avatar`, when it is a string.
    public var avatar: String? { value["avatar"]?.string }

    init(unchecked json: String) { self.json = json }

    var value: JSONValue { (try? JSONValue(parsing: Array(json.utf8))) ?? [:] }
}

/// One payment address of an alias.
public struct PaymentAddress: Sendable, Equatable {
    /// What kind of address it is.
    public let type: AddressType
    /// As its owner wrote it.
    public let address: String
    /// What its owner says about it.
    public let extensions: Extensions

    init(_ value: JSONValue) throws {
        guard let type = value["address_type"]?.int64, let address = value["address"]?.string else {
            throw GatehouseError.unexpectedAnswer("an address has no address_type or address")
        }
        self.type = AddressType(rawValue: Int(type))
        self.address = address
        extensions = Extensions(unchecked: String(decoding: (value["extensions"] ?? [:]).bytes(), as: UTF8.self))
    }
}

extension Gatehouse {
    /// All addresses of an alias, ordered by type (`GET /v1/addresses`). Needs no credential.
    ///
    /// - Throws: `GatehouseError`; code `unknown_alias`, `invalid_alias`.
    public func addresses(of alias: String) async throws -> [PaymentAddress] {
        let answer = try json(
            try await send(Call(method: .get, target: "/v1/addresses?alias=\(Percent.encode(alias))")))
        guard let entries = answer.array else { throw GatehouseError.unexpectedAnswer("the answer is no array") }
        return try entries.map(PaymentAddress.init)
    }

    /// The address of one type; nil when the alias has none. Needs no credential.
    ///
    /// - Throws: `GatehouseError`; code `unknown_alias`, `invalid_alias`, `invalid_address_type`.
    public func address(of alias: String, type: AddressType) async throws -> PaymentAddress? {
        let target = "/v1/addresses?alias=\(Percent.encode(alias))&address_type=\(type.rawValue)"
        do {
            return try PaymentAddress(try json(try await send(Call(method: .get, target: target))))
        } catch let error as GatehouseError where error.code == "address_not_set" {
            return nil
        }
    }

    /// Creates or replaces an address of one's own alias (`PUT /v1/addresses`).
    ///
    /// - Parameter extensions: nil keeps what is there; `.none` clears it.
    /// - Throws: `GatehouseError`; code `invalid_address` with the reason, `no_alias`.
    public func setAddress(_ address: String, type: AddressType, extensions: Extensions? = nil) async throws {
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
    /// - Throws: `GatehouseError`; code `address_not_set`, `no_alias`.
    public func deleteAddress(type: AddressType) async throws {
        // Sent twice, the second would be told that there is none.
        _ = try await send(
            Call(
                method: .delete, target: "/v1/addresses/\(type.rawValue)", authorization: .token, isRepeatable: false))
    }
}

enum Percent {
    /// For a value in a query: everything but unreserved characters (RFC 3986 §2.3).
    static func encode(_ text: String) -> String {
        var encoded = ""
        for octet in text.utf8 {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(octet))
            default: encoded += "%" + (octet < 16 ? "0" : "") + String(octet, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
