/// What kind of address an alias points to, with the number that OpenCAP gives it.
///
/// `check(_:)` decides whether text is a right address of that kind on the main network.
package enum AddressType: Int, Sendable, CaseIterable {
    case p2pkh = 100
    case p2sh = 101
    case segwit = 102
    case paymentCode = 103
    case bitcoinCashP2PKH = 200
    case bitcoinCashP2SH = 201
    case cashAddr = 202
    case nano = 300
}

extension AddressType {
    /// The longest address that any type has, in characters: a payment code. Nothing longer is looked at, so that a
    /// megabyte costs no more than a character.
    package static let maximumLength = 116

    /// Checks the whole address: characters, prefix, length, checksum, version, network. Nothing is trimmed or
    /// repaired, because the address is handed on exactly as it was sent.
    package func check(_ address: String) throws(AddressError) {
        guard !address.isEmpty else { throw AddressError(reason: .empty, type: self) }
        guard address.utf8.count <= Self.maximumLength else { throw AddressError(reason: .tooLong, type: self) }
        let characters = Array(address.utf8)
        do {
            try check(characters)
        } catch {
            // An address of another type is right in itself; saying so helps more than what does not fit.
            let others = Self.allCases.filter { $0.accepts(characters) }
            let other = others.first { $0.currency == currency } ?? others.first
            throw AddressError(reason: other.map { .otherType($0) } ?? error, type: self)
        }
    }

    /// Every type that this is a right address of. Bitcoin and Bitcoin Cash share their older formats, so there may be
    /// two.
    package static func types(accepting address: String) -> [AddressType] {
        guard address.utf8.count <= maximumLength else { return [] }
        let characters = Array(address.utf8)
        return allCases.filter { $0.accepts(characters) }
    }

    private func accepts(_ characters: [UInt8]) -> Bool {
        do {
            try check(characters)
            return true
        } catch {
            return false
        }
    }

    private func check(_ characters: [UInt8]) throws(AddressError.Reason) {
        switch self {
        // Bitcoin Cash kept Bitcoin's formats and version bytes when it split off.
        case .p2pkh, .bitcoinCashP2PKH: try LegacyAddress.check(characters, version: LegacyAddress.publicKeyHash)
        case .p2sh, .bitcoinCashP2SH: try LegacyAddress.check(characters, version: LegacyAddress.scriptHash)
        case .segwit: try SegWitAddress.check(characters)
        case .paymentCode: try PaymentCode.check(characters)
        case .cashAddr: try CashAddress.check(characters)
        case .nano: try NanoAddress.check(characters)
        }
    }
}

extension AddressType {
    /// A currency that OpenCAP has address types for.
    package enum Currency: Sendable, CaseIterable {
        case bitcoin, bitcoinCash, nano
    }

    package var currency: Currency {
        switch self {
        case .p2pkh, .p2sh, .segwit, .paymentCode: .bitcoin
        case .bitcoinCashP2PKH, .bitcoinCashP2SH, .cashAddr: .bitcoinCash
        case .nano: .nano
        }
    }

    /// What people call such an address, with its article: "a Bitcoin SegWit address".
    package var title: String {
        switch self {
        case .p2pkh: "a Bitcoin P2PKH address"
        case .p2sh: "a Bitcoin P2SH address"
        case .segwit: "a Bitcoin SegWit address"
        case .paymentCode: "a BIP 47 payment code"
        case .bitcoinCashP2PKH: "a Bitcoin Cash P2PKH address in the older format"
        case .bitcoinCashP2SH: "a Bitcoin Cash P2SH address in the older format"
        case .cashAddr: "a Bitcoin Cash CashAddr address"
        case .nano: "a Nano address"
        }
    }
}
