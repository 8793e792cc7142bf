/// Why text is not an address of the type that it was meant to be.
package struct AddressError: Error, Equatable, Sendable {
    package let reason: Reason
    /// What the address was meant to be.
    package let type: AddressType

    package init(reason: Reason, type: AddressType) {
        self.reason = reason
        self.type = type
    }

    package enum Reason: Error, Equatable, Sendable {
        case empty
        /// Longer than any address; nothing else was looked at.
        case tooLong
        /// A right address, but of that type.
        case otherType(AddressType)
        /// - Parameter position: counted from 1, in bytes.
        case invalidCharacter(position: Int)
        case mixedCase
        case wrongPrefix
        case wrongLength
        case checksum
        /// Right in itself, but for a test network.
        case testNetwork
        /// A version, kind of address or feature that the network does not know or that belongs to another currency.
        case wrongVersion
        /// Bits that carry nothing are not zero, so there would be several spellings of one address.
        case unusedBits
        /// The public key inside is not a point of the curve; nobody can have the private key.
        case invalidKey
    }
}

extension AddressError: CustomStringConvertible {
    /// A sentence for the person who typed or pasted the address. It does not repeat the address.
    package var description: String {
        switch reason {
        case .empty: "The address is empty."
        case .tooLong: "The address is too long: no address has more than \(AddressType.maximumLength) characters."
        case .otherType(let other):
            "The address is not \(type.title) (type \(type.rawValue)) but \(other.title) (type \(other.rawValue))."
        case .testNetwork: "The address is for a test network. Only addresses of the main network are accepted."
        default: "The address is not \(type.title): \(explanation)."
        }
    }

    private var explanation: String {
        switch reason {
        case .empty, .tooLong, .otherType, .testNetwork: ""
        case .invalidCharacter(let position): "it cannot have the character at position \(position)"
        case .mixedCase: "it mixes upper and lower case"
        case .wrongPrefix: "it does not begin as such an address does"
        case .wrongLength: "it is too short or too long"
        case .checksum: "its checksum does not match, so it is probably mistyped or incomplete"
        case .wrongVersion: "its version or kind is not one that can be paid to"
        case .unusedBits: "bits that must be zero are not"
        case .invalidKey: "the public key in it is not a valid one"
        }
    }
}
