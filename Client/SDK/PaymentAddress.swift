package import GatehouseJSON

/// One payment address of an alias.
public struct PaymentAddress: Sendable, Equatable {
    /// What kind of address it is.
    public let type: AddressType
    /// As its owner wrote it.
    public let address: String
    /// What its owner says about it.
    public let extensions: Extensions

    /// An address as a look-up finds it, for tests and previews.
    public init(type: AddressType, address: String, extensions: Extensions = .none) {
        self.type = type
        self.address = address
        self.extensions = extensions
    }

    package init(_ value: JSONValue) throws(GatehouseError) {
        guard let number = value["address_type"]?.int64, let address = value["address"]?.string else {
            throw .unexpectedAnswer("an address has no address_type or no address")
        }
        type = AddressType(rawValue: Int(number))
        self.address = address
        switch value["extensions"] {
        case nil, .null: extensions = .none
        case .object(let members): extensions = Extensions(.object(members))
        default: throw .unexpectedAnswer("extensions are no object")
        }
    }
}

/// What the owner says about an address: an object of JSON.
public struct Extensions: Sendable {
    let value: JSONValue

    /// No members.
    public static let none = Extensions([:])

    /// - Parameters:
    ///   - nickname: shown to whoever pays.
    ///   - avatar: an https URL of a picture.
    public init(nickname: String? = nil, avatar: String? = nil) {
        var members: [JSONValue.Member] = []
        if let nickname { members.append(.init(name: "nickname", value: .string(nickname))) }
        if let avatar { members.append(.init(name: "avatar", value: .string(avatar))) }
        self.init(.object(members))
    }

    /// - Parameter json: an object with any members.
    /// - Throws: `GatehouseError.invalidArgument` when it is no JSON object.
    public init(json: String) throws(GatehouseError) {
        guard let value = try? JSONValue(parsing: Array(json.utf8)), value.object != nil else {
            throw .invalidArgument("The extensions are no JSON object.")
        }
        self.init(value)
    }

    init(_ object: JSONValue) { value = object }

    /// The object as compact JSON text.
    public var json: String { value.text }
    /// The member `nickname`, when it is a string.
    public var nickname: String? { value["nickname"]?.string }
    /// The member `avatar`, when it is a string. Whoever wrote it chose it: check the URL before opening it.
    public var avatar: String? { value["avatar"]?.string }
}

extension Extensions: Equatable {
    /// Whether both say the same; the order of members does not count.
    public static func == (one: Extensions, other: Extensions) -> Bool { one.value.isEquivalent(to: other.value) }
}
