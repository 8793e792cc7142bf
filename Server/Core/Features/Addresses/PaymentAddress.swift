import GatehouseJSON
import GatehouseMessages
package import GatehouseOpenCAP

/// An address that passed every check of its type, with what its owner says about it.
package struct PaymentAddress: Sendable {
    package let type: AddressType
    /// As sent.
    package let address: String
    /// Compact JSON of an object; nil leaves what is stored.
    package let extensions: String?

    /// Octets of `extensions` as compact JSON.
    static let maximumExtensions = 4096

    /// - Parameter address: one that passed the checks of its type.
    init(type: AddressType, address: String) {
        self.type = type
        self.address = address
        extensions = nil
    }

    /// Reads the body of `PUT /v1/addresses`.
    ///
    /// - Throws: `Problem.missingMember`, `.wrongType`, `.invalidAddressType`, `.invalidAddress` with the reason, `.invalidExtensions`.
    init(_ body: JSONValue, faults: Faults) throws(Problem) {
        let number = try body.requireInteger("address_type")
        guard let type = AddressType(number: number) else {
            throw .invalidAddressType.saying("\(number) is not a known address type.")
        }
        let address = try body.requireString("address")
        do { try type.check(address) } catch {
            if !faults.overlook(error) { throw .invalidAddress.saying(error.description) }
        }
        self.type = type
        self.address = address
        extensions = try body["extensions"].map { value throws(Problem) in try Self.checked(value) }
    }

    private static func checked(_ extensions: JSONValue) throws(Problem) -> String {
        guard extensions.object != nil else { throw .wrongType.saying("The member \"extensions\" must be an object.") }
        let bytes = extensions.bytes()
        guard bytes.count <= maximumExtensions else {
            throw .invalidExtensions.saying("The extensions are larger than 4 KiB.")
        }
        if let avatar = extensions["avatar"] {
            guard let url = avatar.string, isHTTPS(url) else {
                throw .invalidExtensions.saying("The extension \"avatar\" must be an https URL.")
            }
        }
        if let nickname = extensions["nickname"], nickname.string == nil {
            throw .invalidExtensions.saying("The extension \"nickname\" must be a string.")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isHTTPS(_ url: String) -> Bool {
        guard url.prefix(8).lowercased() == "https://", url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return false
        }
        let authority = url.dropFirst(8).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return Authority(authority) != nil
    }
}

extension AddressType {
    init?(number: Int64) {
        guard let small = Int(exactly: number) else { return nil }
        self.init(rawValue: small)
    }
}

extension Faults {
    fileprivate func overlook(_ error: AddressError) -> Bool {
        #if DEBUG
        return error.reason == .checksum && active.contains(.addressChecksumUnchecked)
        #else
        return false
        #endif
    }
}
